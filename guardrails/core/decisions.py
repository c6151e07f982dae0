"""Decisions: what the guard tells an adapter.

Verdict and enforced action are separate words, as in OpenTelemetry's guardrail proposal: in
shadow mode the verdict stays what it is and the action is always `allow`.
"""

from enum import StrEnum
from typing import Literal

import msgspec

from guardrails.core.ids import CallId, RunId
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import ToolAction


class Verdict(StrEnum):
    """What the guard thinks."""

    ALLOW = "allow"
    DENY = "deny"
    MODIFY = "modify"
    WARN = "warn"
    ESCALATE = "escalate"


class EnforcedAction(StrEnum):
    """What the adapter must do."""

    ALLOW = "allow"
    BLOCK = "block"
    MODIFY = "modify"
    ESCALATE = "escalate"


class Next(StrEnum):
    """Where the run goes from here."""

    CONTINUE = "continue"
    """Go on (when the action is `block`: with `to_model` as feedback)."""
    STOP = "stop"
    """Let the agent take no further turn; bring it to the door (`EndRequested`)."""
    VERIFY = "verify"
    """Run the gate and observe its report."""
    WATCH = "watch"
    """The gate passed: keep watching, and observe how that comes out."""
    END = "end"
    """The run has its `outcome`."""


class Reason(StrEnum):
    """Why, in one machine-readable word. Also the `reason` label of logs."""

    NONE = "none"
    RUN_ENDED = "run-ended"
    EFFECT_DENIED = "effect-denied"
    EFFECT_WARNED = "effect-warned"
    WRITES_IN_FLIGHT = "writes-in-flight"
    BUDGET_STEPS = "budget-steps"
    BUDGET_TOOL_CALLS = "budget-tool-calls"
    BUDGET_TOKENS = "budget-tokens"
    BUDGET_WALL_TIME = "budget-wall-time"
    BUDGET_REFUSALS = "budget-refusals"
    CLAIM_HELD = "claim-held"
    EMPTY_ANSWER = "empty-answer"
    MALFORMED_CALL = "malformed-call"
    NO_PROGRESS = "no-progress"
    PHASE_DENIED = "phase-denied"
    """The run is in a phase that does not allow the call."""
    EVIDENCE_MISSING = "evidence-missing"
    """The agent asks to end before it looked at what an end needs."""
    BAD_CALL = "bad-call"
    """A call that its tool would not take."""
    INVENTED = "invented"
    """A change to a name that nothing and nobody gave."""
    UNREAD = "unread"
    """A change to what was never looked at."""
    MISMATCH = "mismatch"
    """The call is not what the agent said that it would do."""
    CASCADE = "cascade"
    """Failures come so thick that one follows from another."""
    STALLED = "stalled"
    """A phase's budget is spent, or nothing new comes of what the agent does."""
    OBJECTIVE_MET = "objective-met"
    """The gate passes, and the agent would go on."""
    AMBIGUOUS = "ambiguous"
    """What is meant is not clear, and nobody has said it."""
    PHASE_ENDED = "phase-ended"
    """The machine ends the run here."""
    GATE_PASSED = "gate-passed"
    GATE_FAILED = "gate-failed"
    GATE_UNKNOWN = "gate-unknown"
    GATE_PENDING = "gate-pending"
    REGRESSED = "regressed"
    NOTHING_TO_JUDGE_BY = "nothing-to-judge-by"
    GAVE_UP = "gave-up"
    ASKED_FOR_HUMAN = "asked-for-human"
    HANDED_OFF = "handed-off"
    RECURSION_LIMIT = "recursion-limit"
    ERROR = "error"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    """The service that decides cannot be reached."""


CascadeAct = Literal["", "reported", "tightened", "stopped"]
"""What the breaker of cascades did; empty for nothing."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="decision"):
    """The guard's answer to one event."""

    run: RunId
    seq: int
    """The event that it answers."""
    verdict: Verdict = Verdict.ALLOW
    action: EnforcedAction = EnforcedAction.ALLOW
    next: Next = Next.CONTINUE
    reason: Reason = Reason.NONE
    to_model: str = ""
    """Words for the model; they speak of the world, never of runs, threads or budgets."""
    to_person: str = ""
    """Words for the operator, with the numbers."""
    wait: bool = True
    """With `next == verify`: whether the gate may wait for things to settle, or looks once."""
    outcome: Outcome | None = None
    call_id: CallId | None = None
    phase: str = ""
    """The state of the machine after the event, where there is one."""
    tool_action: ToolAction | None = None
    cascade: CascadeAct = ""
    """What follows from the run's failures taken together; `to_person` says why."""
    shadow: bool = False

    @property
    def blocked(self) -> bool:
        """True when the call or the end must not go through."""
        return self.action in {EnforcedAction.BLOCK, EnforcedAction.ESCALATE}
