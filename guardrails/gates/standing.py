"""What was broken before the incident is reported and held against nobody.

Only a healthy-enough reference can excuse, only outside the incident's own workloads, and only
while the object serves at least as much as it did then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.core.evidence import Evidence, EvidenceState, ObjectRef
from guardrails.core.incident import Incident
from guardrails.gates.checks import Check, Reference, Scope, aside
from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, available, territory
from guardrails.gates.reference import evidence_of
from guardrails.gates.snapshot import Snapshot

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a reference shows as broken already."""

    broken: frozenset[Key] = frozenset()
    snapshot: Snapshot | None = None

    def weigh(self, evidence: Iterable[Evidence], look: Snapshot, scope: Scope) -> list[Evidence]:
        """Return the evidence, with what was broken before set aside."""
        return [aside(e) if self._excuses(e, look, scope) else e for e in evidence]

    def _excuses(self, evidence: Evidence, look: Snapshot, scope: Scope) -> bool:
        subject = evidence.subject
        if evidence.state is not EvidenceState.VIOLATED or not isinstance(subject, ObjectRef):
            return False
        if _key(evidence, subject) not in self.broken or self.snapshot is None:
            return False
        if scope.names(subject.kind, subject.name, subject.namespace):
            return False
        return _serves(look, subject) >= _serves(self.snapshot, subject)


def standing_of(reference: Reference, incident: Incident, checks: Iterable[Check]) -> Standing:
    """Judge the reference itself, once per run."""
    if reference.snapshot is None or reference.partial:
        # Without pods and status nothing in it is well, and that excuses nobody.
        return Standing()
    evidence = evidence_of(reference.snapshot, incident, tuple(checks))
    broken = frozenset(
        _key(e, e.subject)
        for e in evidence
        if e.counts and e.state is EvidenceState.VIOLATED and isinstance(e.subject, ObjectRef)
    )
    return Standing(broken=broken, snapshot=reference.snapshot)


def _key(evidence: Evidence, subject: ObjectRef) -> Key:
    return evidence.check, subject.kind, subject.namespace, subject.name


def _serves(look: Snapshot, subject: ObjectRef) -> int:
    """Return how much an object serves; less than nothing when it is gone."""
    if subject.kind == "Service":
        net = network(look, subject.namespace)
        service = net.services.get(subject.name)
        return _GONE if service is None else len(net.ready_endpoints(service))
    land = territory(look, subject.namespace)
    if subject.kind not in WORKLOAD_LISTS:
        return 0
    workload = land.workload(subject.kind, subject.name)
    return _GONE if workload is None else available(workload)


_GONE = -1
