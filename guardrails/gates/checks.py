"""What a check is: a pure rule over snapshots that returns evidence.

A check sees the reference, looks of this gate and the scope, and nothing else. It declares which
lists it reads; the gate fetches each of them once per look.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from guardrails.actions.facts.ledger import NOTHING_SEEN, Ledger
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    SourceRef,
    Subject,
    Tier,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident, Workload
from guardrails.gates.asked import HttpQuestion, ObjectQuestion
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.resources import Resource, resource_of
from guardrails.gates.snapshot import ListKey, Read, ReadStatus, Snapshot

SAID_LIMIT = 500
"""Characters of one observed or expected value: a kubelet's or server's words may be kilobytes,
and a report holds them for every object."""

STATE_SECONDS_DEFAULT = 60.0
"""As `GateSettings.stable_for`; used where a check is run outside a gate."""


TRAFFIC_FLOOR_DEFAULT = 0.5
"""As `GateSettings.traffic_floor_percent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What healthy looked like, and what the run found when it began."""

    info: ReferenceInfo
    snapshot: Snapshot | None = None
    """The healthy one, older than the incident. None when there is none: what the run found at
    its start already holds the fault and is never put here."""
    start: Snapshot | None = None
    """The start of the run; tells only what is new since."""
    partial: bool = False
    """Made from revisions or manifests: it holds only the objects that it knows, and no status.
    What else there was, or was not, cannot be told from it."""

    def knows(self, kind: str, namespace: str) -> bool:
        """Tell whether `snapshot` says which objects of a kind there were, and which not."""
        if self.snapshot is None or self.partial:
            return False
        found = self.snapshot.list_of(kind, namespace)
        return found is not None and found.read.ok


NO_REFERENCE = Reference(info=ReferenceInfo(source=ReferenceSource.NONE))
"""When nothing is known of the time before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is judged, and the facts of the run that checks may use."""

    incident: Incident
    claim: Claim | None = None
    observed: frozenset[str] = frozenset()
    """Names that the agent's own tools returned."""
    ledger: Ledger = NOTHING_SEEN
    """What they said of objects. It explains evidence, and never decides it."""
    last_write_at: datetime | None = None
    unrest_at: datetime | None = None
    """When things were last not good, or could not be told: alerts may go on firing by what was
    measured up to then."""
    scrape_seconds: float = 0.0
    """How often what the incident's rules look at is scraped."""
    quiet_seconds: float = STATE_SECONDS_DEFAULT
    """How far back a restart still counts as unrest."""
    allow_no_alert_source: bool = False
    ignored_lists: frozenset[str] = frozenset()
    """Kinds that the policy leaves unread."""
    traffic: tuple[str, ...] = ()
    """Rates of requests that the policy names, instead of those behind the rules in scope."""
    traffic_floor: float = TRAFFIC_FLOOR_DEFAULT
    """Share of the requests from before the incident that must come."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace in scope, once each, in the incident's order."""
        named = (w.namespace for w in self.incident.workloads if w.namespace)
        return tuple(dict.fromkeys((*self.incident.namespaces, *named)))

    def names(self, kind: str, name: str, namespace: str) -> bool:
        """Tell whether the incident names this workload itself."""
        return any(_is(w, kind, name, namespace) for w in self.incident.workloads)

    def is_about(self, kind: str, name: str, namespace: str) -> bool:
        """Tell whether the incident names this workload, or names none at all."""
        return not self.incident.workloads or self.names(kind, name, namespace)


def _is(workload: Workload, kind: str, name: str, namespace: str) -> bool:
    same_place = workload.namespace in ("", namespace)
    return same_place and workload.name == name and workload.kind.lower() == kind.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a check sees."""

    reference: Reference
    history: Sequence[Snapshot]
    """Looks of this gate, oldest first and never empty: the first, the one before, the latest."""
    scope: Scope

    @property
    def look(self) -> Snapshot:
        """The latest look, which is judged."""
        return self.history[-1]


Judge = Callable[[View], list[Evidence]]
"""A pure function from what is seen to evidence about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One deterministic rule, by name."""

    id: CheckId
    judge: Judge
    lists: tuple[str, ...] = ()
    """Kinds whose lists it reads, in every namespace of the scope."""
    queries: tuple[str, ...] = ()
    """PromQL that it reads the answers of, beside what the incident's alerts and SLOs ask."""
    http: tuple[HttpQuestion, ...] = ()
    """Requests that it reads the answers of."""
    objects: tuple[ObjectQuestion, ...] = ()
    """Objects, by path, that it reads beside the lists."""
    required: bool = False
    """Whether it must have evidence whatever the world holds."""
    tier: Tier = Tier.STATE
    claims: frozenset[ClaimKind] = frozenset(ClaimKind) - {ClaimKind.DIAGNOSED}
    """The claims it is run for."""
    needs_prometheus: bool = False
    needs_alertmanager: bool = False
    """Left out when no Alertmanager was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Writes evidence of one check about one look."""

    check: CheckId
    at: datetime
    tier: Tier = Tier.STATE

    def satisfied(
        self, subject: Subject, *, field: str = "", observed: str, expected: str = ""
    ) -> Evidence:
        """Say that the subject is as it should be."""
        return Evidence(
            check=self.check,
            state=EvidenceState.SATISFIED,
            subject=subject,
            field=field,
            observed=_clip(observed),
            expected=_clip(expected),
            at=self.at,
            tier=self.tier,
        )

    def violated(  # one keyword per field of the evidence
        self,
        subject: Subject,
        *,
        field: str = "",
        observed: str,
        expected: str,
        query: str = "",
        settles_by: datetime | None = None,
        settling: str = "",
    ) -> Evidence:
        """Say what is wrong, and until when the cluster may still be working it off."""
        return Evidence(
            check=self.check,
            state=EvidenceState.VIOLATED,
            subject=subject,
            field=field,
            observed=_clip(observed),
            expected=_clip(expected),
            query=query,
            at=self.at,
            tier=self.tier,
            settles_by=settles_by,
            settling=settling,
        )

    def unknown(
        self,
        subject: Subject,
        *,
        observed: str,
        expected: str = "",
        field: str = "",
        temporary: bool = False,
    ) -> Evidence:
        """Say that it cannot be told."""
        return Evidence(
            check=self.check,
            state=EvidenceState.UNKNOWN,
            subject=subject,
            field=field,
            observed=_clip(observed),
            expected=_clip(expected),
            at=self.at,
            tier=self.tier,
            temporary=temporary,
        )

    def unread(self, source: SourceRef, read: Read) -> Evidence:
        """Say that a source could not be read."""
        status = "" if read.status is ReadStatus.ERROR else f"{read.status}: "
        return self.unknown(
            source,
            observed=f"{status}{read.message}".strip(": ") or "could not be read",
            expected="a readable answer",
            temporary=read.temporary,
        )


def _clip(text: str) -> str:
    return text if len(text) <= SAID_LIMIT else f"{text[: SAID_LIMIT - 1]}…"


def refer(item: KubeObject) -> ObjectRef:
    """Name an object in evidence, with the identity of what was read."""
    return ObjectRef(
        kind=type(item).__name__,
        name=item.metadata.name,
        namespace=item.metadata.namespace,
        uid=item.metadata.uid,
        resource_version=item.metadata.resource_version,
    )


def unread_lists(witness: Witness, view: View, kinds: Sequence[str]) -> Iterator[Evidence]:
    """Yield unknown evidence for every list that the check needs and the look does not hold.

    What the policy leaves unread, and a refusal of what few grant and was not granted before, is
    named and set aside.
    """
    asked: set[ListKey] = set()
    for namespace in view.scope.namespaces:
        for kind in kinds:
            resource = resource_of(kind)
            whole = resource is not None and not resource.namespaced
            key = ListKey(kind=kind, namespace="" if whole else namespace)
            if key not in asked:
                asked.add(key)
                yield from _unread(witness, view, key, resource=resource)


def _unread(
    witness: Witness, view: View, key: ListKey, *, resource: Resource | None
) -> Iterator[Evidence]:
    source = SourceRef(source="kubernetes", detail=str(key))
    if key.kind in view.scope.ignored_lists:
        yield aside(witness.unknown(source, observed="left unread by gate.ignore_lists"))
        return
    found = view.look.list_of(key.kind, key.namespace)
    if found is None:
        yield witness.unknown(source, observed="the list was not read", expected="a readable list")
    elif not found.read.ok:
        evidence = witness.unread(source, found.read)
        refused = found.read.status is ReadStatus.FORBIDDEN
        granted = any(_was_read(past, key) for past in _pasts(view))
        may_be = resource is not None and resource.refusable and refused and not granted
        yield aside(evidence) if may_be else evidence
    elif found.read.status is ReadStatus.NOT_SERVED:
        served = any(_was_served(past, key) for past in _pasts(view))
        if served or resource is None or not resource.optional:
            yield witness.unknown(
                source, observed="the cluster does not serve this kind", expected="a list"
            )


def _pasts(view: View) -> Iterator[Snapshot]:
    # What was granted cannot be told from manifests and revisions.
    whole = None if view.reference.partial else view.reference.snapshot
    for past in (whole, view.reference.start):
        if past is not None:
            yield past


def _was_read(past: Snapshot, key: ListKey) -> bool:
    found = past.list_of(key.kind, key.namespace)
    return found is not None and found.read.ok


def _was_served(past: Snapshot, key: ListKey) -> bool:
    found = past.list_of(key.kind, key.namespace)
    return found is not None and found.read.status is ReadStatus.OK


def aside(evidence: Evidence) -> Evidence:
    """Keep evidence in the report and hold it against nobody."""
    return msgspec.structs.replace(evidence, counts=False)
