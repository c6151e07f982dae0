"""The state of one run: a value that the fold turns over, event by event.

It is JSON-codable, so that a session can be stored, moved and restored between any two events.
"""

from datetime import datetime

import msgspec

from guardrails.actions.facts.ledger import Ledger
from guardrails.actions.nameset import NameSet
from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim
from guardrails.core.decisions import Reason
from guardrails.core.events import ExitKind
from guardrails.core.evidence import GateReport
from guardrails.core.findings import Finding, vector_of
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Answer, Question
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.core.versions import version_field
from guardrails.detectors.registry import DetectorStates
from guardrails.engine.alignment import Alignment
from guardrails.engine.cascade import Cascade
from guardrails.engine.early import Early
from guardrails.engine.reading import Result
from guardrails.fsm.phase import Phase

STATE_SCHEMA = 5
"""Version of the stored form of a session. 2 adds the watch after a pass, 3 the machine, what was
said, and questions, 4 the ledger, first errors and signs of a cascade, 5 findings that hold and the
scene that detectors see."""

OPEN_CALLS_LIMIT = 128
"""Most tool calls remembered as running. Frameworks run a handful at a time; calls that never
return (a killed thread) must not grow the state."""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool call that was let through and has not returned."""

    call_id: CallId
    tool: str
    effect: Effect
    followed: ToolAction | None = None
    """What the ledger needs of it, bounded; None if it has nothing to say of the cluster."""


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An end that the gate is judging."""

    exit: ExitKind
    claim: Claim | None = None
    call_id: CallId | None = None


class SessionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the engine knows of one run."""

    schema: int = version_field(STATE_SCHEMA)
    run: RunId
    incident: Incident | None = None
    shadow: bool = False
    profile: str = ""
    started_at: datetime | None = None
    last_at: datetime | None = None
    paused_at: datetime | None = None
    paused_seconds: float = 0.0

    seq: int = 0
    step: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    open_calls: tuple[OpenCall, ...] = ()
    last_write_at: datetime | None = None
    names: NameSet = NameSet()
    ledger: Ledger = Ledger()
    """What tools said of objects and alerts, as far as their results were read."""
    results: tuple[Result, ...] = ()
    """Results that nobody asked about yet: `guardrails.engine.reading.read_up` reads them."""
    allowances: tuple[Allowance, ...] = ()
    """Losses that a person allowed in this run."""

    stop: Reason | None = None
    """Why the agent may take no further turn."""
    ending: Ending | None = None
    watched_since: datetime | None = None
    """When the end that is being watched passed its gate."""
    claim: Claim | None = None
    refusals: int = 0
    unknown_refusals: int = 0
    progressed: bool = True
    """False from a refusal until the agent does anything again."""
    report: GateReport | None = None

    questions: tuple[Question, ...] = ()
    """Those that nobody has answered; while there are any, nothing is changed."""
    answered: tuple[Answer, ...] = ()
    unanswered: bool = False
    """True once nobody answered in time."""
    alignment: Alignment = Alignment()
    """What the agents said they would do."""
    early: Early = Early()
    """What is needed to catch the first error of a chain."""
    cascade: Cascade = Cascade()
    """Signs of failure, taken together."""
    phase: Phase | None = None
    """Where the run stands in its machine; None without one."""
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    detail: str = ""

    findings: tuple[Finding, ...] = ()
    """Those that hold: merged, without those withdrawn, and at most 500, newest last."""
    detectors: DetectorStates = DetectorStates()

    @property
    def vector(self) -> dict[str, int]:
        """Findings that hold, by MAST id."""
        return vector_of(self.findings)

    @property
    def ended(self) -> bool:
        """True when the run has its outcome."""
        return self.outcome is not None

    def elapsed_seconds(self, now: datetime) -> float:
        """Return the time spent so far, pauses left out."""
        if self.started_at is None:
            return 0.0
        return (now - self.started_at).total_seconds() - self.paused_seconds
