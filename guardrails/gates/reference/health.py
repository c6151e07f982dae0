"""Whether a recorded snapshot was well, judged by our own checks and by nothing else.

Alone, a snapshot shows what is broken. Beside an older one it also shows what was lost, which is
how a fault is seen that leaves everything "healthy": replicas at zero, a Service that is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    EvidenceState,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    SourceRef,
)
from guardrails.core.incident import Incident
from guardrails.gates.alerts.live import ALERT_RULE_LIVE
from guardrails.gates.checks import NO_REFERENCE, Check, Reference, Scope, View
from guardrails.gates.registry import CORE_LISTS, DEFAULT_CHECKS, applicable, lists_of
from guardrails.gates.snapshot import Read, Snapshot

STANDING = frozenset({ALERT_RULE_LIVE.id})
"""Checks over Prometheus that speak of what is set up, not of what happens to fire."""

Fact = tuple[str, str]
"""A check and its subject, for comparing what is wrong in two snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How snapshots are judged for one incident."""

    incident: Incident
    checks: Sequence[Check] = DEFAULT_CHECKS

    def alone(self, snapshot: Snapshot) -> "Health":
        """Judge a snapshot by itself."""
        return Health(evidence=tuple(evidence_of(snapshot, self.incident, self.checks)))

    def losses(self, newer: Snapshot, older: Snapshot, health: "Health") -> list[Evidence]:
        """Return what is wrong in the newer one when the older one is what healthy looks like.

        Args:
            newer: The one that is judged.
            older: The one that it is compared with.
            health: Of the older one: what was wrong in it already is no loss.
        """
        info = ReferenceInfo(source=ReferenceSource.SNAPSHOT)
        beside = Reference(info=info, snapshot=older)
        evidence = evidence_of(newer, self.incident, self.checks, reference=beside)
        known = {fact_of(e) for e in health.wrong}
        return [e for e in _wrong(evidence) if fact_of(e) not in known]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What our checks say of one snapshot."""

    evidence: tuple[Evidence, ...]

    @property
    def broken(self) -> list[Evidence]:
        """What is certainly wrong."""
        return [e for e in self.evidence if e.state is EvidenceState.VIOLATED and e.counts]

    @property
    def unread(self) -> list[Evidence]:
        """What could not be read, or was not there to be judged."""
        unknown = (e for e in self.evidence if e.counts and e.state is EvidenceState.UNKNOWN)
        return [e for e in unknown if _is_source(e)]

    @property
    def wrong(self) -> list[Evidence]:
        """What is wrong, and what may be, such as a workload at zero that may be meant so."""
        return _wrong(self.evidence)


def evidence_of(
    snapshot: Snapshot,
    incident: Incident,
    checks: Sequence[Check] = DEFAULT_CHECKS,
    *,
    reference: Reference = NO_REFERENCE,
) -> list[Evidence]:
    """Run the checks of objects and of what is set up over one snapshot.

    A list that it does not hold (an older version recorded it, or its policy ignored the kind)
    takes nothing from the others, unless everything rests on it.

    Args:
        snapshot: What is judged.
        incident: Gives the scope.
        checks: Those that the gate would run.
        reference: What to compare with; none by default.
    """
    asked = {found.key.kind for found in snapshot.lists}
    unasked = frozenset(set(lists_of(checks)) - asked - CORE_LISTS)
    scope = Scope(incident=incident, ignored_lists=unasked)
    view = View(reference=reference, history=(snapshot,), scope=scope)
    compared = reference.snapshot is not None
    chosen = applicable(
        checks,
        claim=ClaimKind.MITIGATED,
        has_prometheus=compared and snapshot.prometheus is not None,
        has_alertmanager=False,
    )
    return [
        evidence
        for check in chosen
        if check.lists or check.id in STANDING
        for evidence in check.judge(view)
    ]


def unread_alerts(snapshot: Snapshot) -> Read | None:
    """Return how the alerts failed to be read, if they did."""
    state = snapshot.prometheus
    reads = (state.alerts_read, state.rules_read) if state is not None else ()
    return next((read for read in reads if not read.ok), None)


def fact_of(evidence: Evidence) -> Fact:
    """Return what a fact is about, without what was observed."""
    return evidence.check, subject_of(evidence)


def subject_of(evidence: Evidence) -> str:
    """Name the subject in words."""
    match evidence.subject:
        case ObjectRef(kind=kind, name=name):
            return f"{kind} {name}"
        case AlertRef(labels=labels):
            return f"alert {labels.get('alertname', 'without a name')}"
        case SourceRef(source=source, detail=detail):
            return f"{source} {detail}".strip()


def _wrong(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [e for e in evidence if e.counts and _speaks_against(e)]


def _speaks_against(evidence: Evidence) -> bool:
    match evidence.state:
        case EvidenceState.SATISFIED:
            return False
        case EvidenceState.VIOLATED:
            return not _is_source(evidence)
        case EvidenceState.UNKNOWN:
            # A rule that was not evaluated yet, or an object that is still being read, is no loss.
            known = isinstance(evidence.subject, ObjectRef) and not evidence.temporary
            return known and not _is_source(evidence)


def _is_source(evidence: Evidence) -> bool:
    """Tell whether a fact is about reading, and not about an object.

    A namespace is where something is read from: an empty one holds nothing to judge.
    """
    match evidence.subject:
        case SourceRef():
            return True
        case ObjectRef(kind=kind):
            return kind == "Namespace"
        case AlertRef():
            return False
