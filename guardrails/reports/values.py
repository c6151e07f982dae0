"""What a report of a run says, whatever it is written as.

Everything is text and numbers by now; nothing here is markup. Texts come from agents, tools and
clusters, and each writer makes them harmless in its own form. Times are seconds since the run
began.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from guardrails.core.evidence import ChangeKind, EvidenceState, GateVerdict, Tier
from guardrails.core.mast import Weight
from guardrails.core.outcome import Outcome

REPORT_SCHEMA: Final = 1
"""Version of the JSON form; raised when a reader must change."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a report is made of. Every field is always there."""


class Kind(StrEnum):
    """What a line of the timeline is about."""

    START = "start"
    SAID = "said"
    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"
    FINISH = "finish"
    RESULT = "result"
    FAILED = "failed"
    """A call that came back with an error."""
    BLOCKED = "blocked"
    """A call that did not run."""
    FINDING = "finding"
    CLAIM = "claim"
    GATE = "gate"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    PERSON = "person"
    """A question, its answer, an allowance."""
    GUARD = "guard"
    """What the guard did by itself: it stopped, filtered, took back."""
    ERROR = "error"
    END = "end"


class Line(Value, frozen=True, kw_only=True):
    """One line of the timeline."""

    seconds: float
    step: int
    """Model turns so far."""
    kind: Kind
    label: str
    text: str
    more: str = ""
    """What is behind the line: a whole result, arguments, reasoning. May be long."""
    phase: str = ""
    agent: str = ""


class Stay(Value, frozen=True, kw_only=True):
    """One visit of a phase of the run's machine."""

    phase: str
    began: float
    ended: float
    turns: int
    calls: int


class Seen(Value, frozen=True, kw_only=True):
    """One piece of evidence."""

    check: str
    state: EvidenceState
    counts: bool
    subject: str
    field: str
    observed: str
    expected: str
    query: str
    at: datetime
    settling: str
    """What is waited for, where it is worked off; empty otherwise."""
    allowed_by: str
    """Who allowed this loss, and why; empty otherwise."""


class Wait(Value, frozen=True, kw_only=True):
    """What the gate waited for."""

    seconds: float
    reasons: tuple[str, ...]


class Attempt(Value, frozen=True, kw_only=True):
    """One time that somebody asked whether all is well."""

    number: int
    began: float
    ended: float
    step: int
    exit: str
    claim: str
    """Kind of the claim; empty where nothing was claimed."""
    said: str
    """The agent's words."""
    verdict: GateVerdict | None
    """None where the gate was not asked, or has not answered."""
    tier: Tier | None
    """Reached."""
    required_tier: Tier | None
    reason: str
    """Of the decision: one of `guardrails.core.decisions.Reason`."""
    told: str
    """What the model was told, or the person."""
    accepted: bool
    waits: tuple[Wait, ...]
    looks: int
    reference: str
    """What "healthy" was taken from."""
    window: str
    """How long things had to stay good, and why."""
    evidence: tuple[Seen, ...]
    """Violated first, then unknown, satisfied, and what is held against nobody."""


class ModeSeen(Value, frozen=True, kw_only=True):
    """One MAST mode."""

    mode: str
    name: str
    weight: Weight
    found: int
    """Findings that stood at the end."""
    published_failed: float | None
    """Share of failed runs of the class that show it, in the published study. None without a class,
    and where the study could not see it."""
    published_successful: float | None
    telling: bool
    """Whether it speaks for a failed run in that class."""


class Found(Value, frozen=True, kw_only=True):
    """One finding."""

    mode: str
    name: str
    why: str
    about: str
    agent: str
    steps: tuple[int, ...]
    evidence: tuple[str, ...]
    confidence: float
    weight: Weight
    judged: bool


class Change(Value, frozen=True, kw_only=True):
    """One call that changed something, or would have."""

    seconds: float
    step: int
    tool: str
    call: str
    effect: str
    status: str
    """`ok`, `error`, `blocked`, or empty where no result came."""


class FieldSeen(Value, frozen=True, kw_only=True):
    """One field of an object, then and now; empty where there was, or is, none."""

    field: str
    before: str
    after: str


class ObjectSeen(Value, frozen=True, kw_only=True):
    """One object that was added, changed or deleted."""

    subject: str
    what: ChangeKind
    fields: tuple[FieldSeen, ...]
    more_fields: int
    """How many more fields differ than are told."""


class Difference(Value, frozen=True, kw_only=True):
    """How the cluster differs at the end from what it was, whoever changed it."""

    since: datetime
    against: str
    """What it was taken from, in words."""
    objects: tuple[ObjectSeen, ...]
    more_objects: int
    """How many more objects differ than are told."""


class Filtered(Value, frozen=True, kw_only=True):
    """What the context filters left out."""

    requests: int
    """Requests that were sent shorter."""
    before: int
    """Characters of all these requests; `after` those that were sent."""
    after: int
    left: dict[str, int]
    """How many things were left out, by why."""
    taken_back: tuple[str, ...]
    """Steps that left the history, with the reason."""


class Asked(Value, frozen=True, kw_only=True):
    """A question to a person."""

    seconds: float
    text: str
    why: str
    answer: str
    """Empty where nobody answered."""
    by: str


class Costs(Value, frozen=True, kw_only=True):
    """What the run took."""

    steps: int
    tool_calls: int
    refusals: int
    input_tokens: int
    output_tokens: int
    seconds: float


class RunReport(Value, frozen=True, kw_only=True):
    """All of a run."""

    schema: int = REPORT_SCHEMA
    run: str
    began: datetime | None
    outcome: Outcome | None
    """None for a run that was cut off."""
    meaning: str
    """What the outcome means, in one sentence."""
    reason: str
    why: str
    """For a person, with the numbers."""
    task: str
    goal: str
    scope: tuple[str, ...]
    alerts: tuple[str, ...]
    model: str
    profile: str
    machine: bool
    shadow: bool
    guard_version: str
    cut_off: bool
    """True when the trace ends before the run did."""
    claim: str
    """Kind of the last claim."""
    said: str
    """The agent's words then."""
    costs: Costs
    phases: tuple[Stay, ...]
    timeline: tuple[Line, ...]
    attempts: tuple[Attempt, ...]
    modes: tuple[ModeSeen, ...]
    """All fourteen, in the taxonomy's order."""
    signature: str
    """The model whose published runs the modes are held against; empty for none."""
    findings: tuple[Found, ...]
    changes: tuple[Change, ...]
    difference: Difference | None
    """None where no gate compared."""
    losses: tuple[Seen, ...]
    """What the reference had and the end has not, those allowed too."""
    filtered: Filtered
    questions: tuple[Asked, ...]

    @property
    def last(self) -> Attempt | None:
        """The last attempt that the gate answered."""
        return next((one for one in reversed(self.attempts) if one.verdict is not None), None)

    @property
    def accepted(self) -> bool:
        """Whether the end was accepted on evidence."""
        return self.outcome is not None and self.outcome.accepted
