"""What the gate saw, in a form that is stored, shown and judged again.

A report holds everything that its verdict was computed from, so it replays from stored JSON.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.ids import CheckId, RunId
from guardrails.core.versions import version_field

REPORT_SCHEMA = 1
"""Version of the stored form of `GateReport`; raised when a reader must change."""


class EvidenceState(StrEnum):
    """What one check concluded about one subject."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class GateVerdict(StrEnum):
    """What a gate concluded. Only `pass` accepts an end."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAIL = "fail"


class Tier(StrEnum):
    """How much proof a report holds; each includes the one before."""

    STATE = "state"
    """Objects are healthy and were so for the stability time."""
    ALERTS = "alerts"
    """And the incident's alerts are clear, with their inputs present."""
    FULL = "full"
    """And all of it held over the whole window derived from the alert rules."""

    @property
    def rank(self) -> int:
        """Position among tiers, from 0."""
        return list(Tier).index(self)


class ObjectRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="object"):
    """A Kubernetes object."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class AlertRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="alert"):
    """An alert, by its labels."""

    labels: dict[str, str]


class SourceRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="source"):
    """A source of evidence as a whole: a list call, an endpoint, a query."""

    source: str
    """`kubernetes`, `prometheus`, `alertmanager`, `incident`."""
    detail: str = ""
    """Such as `list pods in shop`."""


Subject = ObjectRef | AlertRef | SourceRef


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="evidence"):
    """What one check saw of one subject."""

    check: CheckId
    state: EvidenceState
    """`unknown` never counts as satisfied."""
    subject: Subject
    field: str = ""
    """The field looked at, as kubectl would write it: `status.updatedReplicas`."""
    observed: str = ""
    expected: str = ""
    query: str = ""
    """The list, URL path or PromQL that the value came from."""
    at: datetime
    """When the source was read."""
    tier: Tier = Tier.STATE
    settles_by: datetime | None = None
    """Set on a violation that the cluster is still working off: it counts as pending until then
    (a rollout within its deadline, an alert whose range still holds old samples)."""
    settling: str = ""
    """What is being waited for, in words, when `settles_by` is set."""
    counts: bool = True
    """False for what is reported but held against nobody (broken already in the reference, or
    outside the scope)."""
    temporary: bool = False
    """On `unknown`: asking again may help (timeout, 5xx); false for a 403."""
    allowed_by: str = ""
    """On a loss that is set aside because it is wanted: who allowed it, and why."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at the world, summarized for the stability trail."""

    at: datetime
    verdict: GateVerdict
    """Judged on this look alone: `pass` here means that every counted check was satisfied."""
    state_verdict: GateVerdict
    """The same over the checks of tier `state` only."""


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long things must stay good, and why so long."""

    state_seconds: float
    """For tier `state`."""
    full_seconds: float
    """For tier `full`."""
    derived_from: str = ""
    """The rule that gave the longest part: `HighRequestErrorRate: 2m range + 3m for + …`."""


class ReferenceSource(StrEnum):
    """Where the picture of "healthy" came from."""

    SNAPSHOT = "snapshot"
    """A recorded snapshot older than the incident."""
    HISTORY = "history"
    """Revision history or last-applied annotations on the objects."""
    MANIFESTS = "manifests"
    """Declared manifests."""
    RUN_START = "run-start"
    """A snapshot from the start of the run: it already holds the fault, so it is used only to
    tell what is new."""
    NONE = "none"


class ReferenceInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which reference a report was judged against."""

    source: ReferenceSource
    taken_at: datetime | None = None
    detail: str = ""


class ChangeKind(StrEnum):
    """How an object differs between two pictures of the cluster."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


class FieldChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field then and now, cut to a readable length."""

    field: str
    """As kubectl would write it, a named entry of a list by its name:
    `spec.template.spec.containers[web].image`."""
    before: str = ""
    """Empty where there was none."""
    after: str = ""
    """Empty where there is none. Contents of ConfigMaps, commands and variables are digests."""


class ObjectChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object that was added, changed or deleted."""

    subject: ObjectRef
    kind: ChangeKind
    fields: tuple[FieldChange, ...] = ()
    """Of what was changed; the first ones, in order of their paths."""
    more_fields: int = 0
    """How many more there are."""


class ClusterChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How what is declared in the scope differs from an earlier picture. No verdict rests on it."""

    since: datetime
    """When the earlier picture was taken."""
    against: ReferenceSource
    """What it is: the reference, or the start of the run where there is no whole one."""
    objects: tuple[ObjectChange, ...] = ()
    more_objects: int = 0
    """How many more there are."""


class GateReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="gate_report"):
    """Everything that a verdict was computed from, and the verdict."""

    schema: int = version_field(REPORT_SCHEMA)
    gate: str
    claim: ClaimKind
    verdict: GateVerdict
    tier: Tier | None = None
    """The tier reached; None when not even `state` was."""
    required_tier: Tier
    reference: ReferenceInfo
    window: Window
    started_at: datetime
    ended_at: datetime
    evidence: tuple[Evidence, ...] = ()
    """The last look, whole."""
    trail: tuple[Sample, ...] = ()
    """Every look, summarized, oldest first."""
    required: tuple[CheckId, ...] = ()
    """Checks that must have evidence; one without any is unknown."""
    waiting_for: tuple[str, ...] = ()
    waiting_until: datetime | None = None
    summary: str = ""
    """One sentence for a person."""
    changes: ClusterChanges | None = None
    """None where there is nothing to compare with, and from gates that do not tell."""

    @property
    def violated(self) -> tuple[Evidence, ...]:
        """Counted evidence that is violated, in report order."""
        return tuple(e for e in self.evidence if e.counts and e.state is EvidenceState.VIOLATED)

    @property
    def allowed(self) -> tuple[Evidence, ...]:
        """Losses that a policy or a person allowed, in report order."""
        return tuple(e for e in self.evidence if e.allowed_by)

    @property
    def unknown(self) -> tuple[Evidence, ...]:
        """Counted evidence that is unknown, in report order."""
        return tuple(e for e in self.evidence if e.counts and e.state is EvidenceState.UNKNOWN)


class GateProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="progress"):
    """A gate says what it is doing while it waits."""

    run: RunId = RunId("")
    """Filled in by the session that runs the gate."""
    at: datetime
    verdict: GateVerdict
    waiting_for: tuple[str, ...] = ()
    waiting_until: datetime | None = None
    looks: int = 0
