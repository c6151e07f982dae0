"""What the service answers with. One definition gives the type, the codec and the JSON Schema."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, cast

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim
from guardrails.core.decisions import Decision
from guardrails.core.events import Event, ExitKind
from guardrails.core.evidence import GateProgress, GateVerdict, Tier
from guardrails.core.findings import Finding
from guardrails.core.incident import Goal
from guardrails.core.mast import Weight
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Answer, Question
from guardrails.sidecar.auth.roles import Role
from guardrails.sidecar.stores.base import Record


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is open."""

    run: str
    key: str
    seq: int
    """Of its last event."""
    number: int
    """The caller's number of its last fact; the next one has one more."""
    mode: Literal["enforce", "shadow"]
    policy_digest: str
    questions: tuple[Question, ...]
    """Those that nobody has answered: until then the run only reads."""
    events: tuple[Event, ...]


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on the caller's fact of that number."""

    number: int
    decision: Decision


class DecidedFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided on facts, in their order."""

    decisions: tuple[Numbered, ...]
    number: int
    """The caller's number of the run's last fact."""
    seq: int
    """Of the run's last event."""
    events: tuple[Event, ...] | None = None
    """Those after `since`, at most 1,000; when `seq` is larger than the last one's, ask again."""


class Decided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided on one fact."""

    number: int
    decision: Decision
    seq: int
    """Of the run's last event."""
    events: tuple[Event, ...] | None = None
    """Those after `since`, at most 1,000; when `seq` is larger than the last one's, ask again."""


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """The gate is at work on the end. Ask again with the same number."""

    number: int
    decision: None = None
    progress: GateProgress | None = None
    """What it last said."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run of a list stands: what a person looks at first."""

    seq: int
    """Of the event up to which this is so."""
    mode: Literal["enforce", "shadow"]
    model: str
    task: str
    """Its first 200 characters."""
    phase: str
    """The state of its machine; empty without one."""
    step: int
    steps: int | None
    """How many it may take; None where there is no limit."""
    findings: dict[Weight, int]
    """Those that hold, by how much they say of a run's fate."""
    refusals: int
    questions: int
    """Open ones: until they are answered, nothing is changed."""
    ending: ExitKind | None
    """The end that the gate is judging."""
    progress: GateProgress | None
    """What the gate last said, where it is at work in this process."""
    outcome: Outcome | None
    reason: str
    detail: str


class RunEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run in a list."""

    run: str
    key: str
    created: datetime
    changed: datetime
    seq: int
    ended: bool
    standing: Standing | None = None
    """Where it stands, if it was asked for. An answer reads at most 100 runs anew: when this is
    missing or behind `seq`, ask again."""


class Runs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Runs, those changed last first."""

    sessions: tuple[RunEntry, ...]
    role: Role | None = None
    """The caller's; left out where nobody is asked who they are."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A budget: what is gone of it."""

    spent: float
    limit: float | None
    """None where there is no limit."""


class ReportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The last report of the gate, in short."""

    gate: str
    verdict: GateVerdict
    tier: Tier | None
    summary: str
    violated: tuple[str, ...]
    """Names of the checks."""
    unknown: tuple[str, ...]
    ended_at: datetime


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands."""

    run: str
    key: str
    created: datetime | None
    changed: datetime | None
    """When its last event happened."""
    seq: int
    number: int
    mode: Literal["enforce", "shadow"]
    profile: str
    policy_digest: str
    goal: Goal
    task: str
    phase: str
    """The state of its machine; empty without one."""
    step: int
    refusals: int
    budgets: dict[str, Spent]
    ending: ExitKind | None
    """The end that the gate is judging."""
    claim: Claim | None
    outcome: Outcome | None
    reason: str
    detail: str
    questions: tuple[Question, ...]
    unanswered: bool
    allowances: tuple[Allowance, ...]
    findings: dict[str, int]
    """How many, by MAST id."""
    report: ReportSummary | None
    progress: GateProgress | None
    """What the gate last said, where it is at work in this process."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The findings that hold, and how many of each mode."""

    findings: tuple[Finding, ...]
    vector: dict[str, int]


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    """Questions of a run."""

    questions: tuple[Question, ...]
    """Those that nobody has answered."""
    answered: tuple[Answer, ...]
    unanswered: bool
    """True once nobody answered in time."""
    seq: int


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the gate looked."""

    looked: bool
    """False when no look was due."""
    seq: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the service needs."""

    name: str
    ok: bool
    error: str
    """One line; empty when all is well."""
    seconds: float
    """How long the check took."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service can do its work now."""

    ready: bool
    checks: tuple[Checked, ...]


def stamped(records: Iterable[Record]) -> tuple[Event, ...]:
    """Return the events of records as they are stored.

    Only to be encoded: their bytes go out as they came in, without being decoded between.
    """
    return cast("tuple[Event, ...]", tuple(msgspec.Raw(record.event) for record in records))


def encoded(value: msgspec.Struct | Mapping[str, object]) -> bytes:
    """Write an answer as JSON."""
    return _encoder.encode(value)


_encoder = msgspec.json.Encoder()
