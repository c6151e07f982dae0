"""Events: what happened in a run, one fact each, ordered, immutable, JSON-codable.

Adapters state a `Fact`; the session stamps it into an `Event` (order, time, step). The engine
folds events and never sees anything else, so a stored trace replays to the same decisions.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim
from guardrails.core.evidence import GateReport
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Answer, Question
from guardrails.core.toolaction import ToolAnnotations

EVENT_SCHEMA = 5
"""Version of the stored form of events; raised when a reader must change. 2 adds the watch after a
pass, 3 the machine of a run and questions to a person, 4 filtered contexts, faults of calls and
steps that were taken back, 5 words between agents and plans. Older traces are read as they were."""

TEXT_LIMIT = 16_000
"""Longest text kept in one fact, in characters; the digest still covers the whole text. One tool
result of a public SRE agent is 2-8 kB (median), so this keeps nearly all of them whole."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the sealed union of facts."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool call as the model wrote it."""

    call_id: CallId
    tool: str
    arguments: str = "{}"
    """JSON text."""
    mended: str = ""
    """What was wrong with the arguments as the model wrote them, where they could be read in one
    way only and were mended; empty if nothing was."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one model turn, as the provider reported them."""

    input_tokens: int = 0
    output_tokens: int = 0


class RunStarted(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="run_started"):
    """A session began."""

    incident: Incident
    adapter: str
    """`create_agent`, `langgraph`, `cli`, `sidecar`, `replay`."""
    model: str = ""
    profile: str = ""
    policy_digest: str = ""
    """Hash of the settings, for logs."""
    policy: str = ""
    """The settings themselves, as JSON text: a replay decides by them."""
    machine: str = ""
    """The machine that ends the run, as JSON text; empty without one."""
    shadow: bool = False
    guard_version: str = ""


class ModelReplied(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="model_replied"):
    """The model took a turn."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    invalid_tool_calls: tuple[ToolCall, ...] = ()
    """Calls that the client library could not parse; `arguments` is the raw text."""
    usage: Usage | None = None
    finish_reason: str = ""
    message_id: str = ""
    """The framework's id of the message, if it has one; keeps a turn from being counted twice."""


class NodeRan(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="node_ran"):
    """A node of a graph finished, where nothing finer of its work is visible."""

    node: str
    turn: bool = False
    """True when this counts as a step, because the graph shows no model turns at all."""


class ContextFiltered(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="context_filtered"):
    """A model was sent less than the whole history."""

    before: int
    """Characters of the history."""
    after: int
    """Characters that were sent."""
    left: dict[str, int] = {}
    """How many results, thoughts and turns were left out, by why: see `guardrails.hygiene.left`."""


class StepTakenBack(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="step_taken_back"):
    """Wrong calls left the agent's history, and one line stands in their place."""

    call_ids: tuple[CallId, ...]
    reason: str
    """What stands in the line."""
    steps: int
    """Model turns that are gone as a whole. A turn with good calls beside keeps those."""


class ToolRequested(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="tool_requested"):
    """A tool is about to run."""

    call_id: CallId
    tool: str
    arguments: str = "{}"
    """JSON text."""
    annotations: ToolAnnotations | None = None
    fault: str = ""
    """What is wrong with its form, by the tool's schema; empty if nothing is, or nobody looked."""


class ToolStatus(StrEnum):
    """How a tool call went."""

    OK = "ok"
    ERROR = "error"
    BLOCKED = "blocked"


class ToolReturned(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="tool_returned"):
    """A tool ended, well or not."""

    call_id: CallId
    tool: str
    status: ToolStatus = ToolStatus.OK
    text: str = ""
    """Clipped to `TEXT_LIMIT`."""
    digest: str = ""
    """Hash of the whole result, so that equal results are known without keeping them."""
    size: int = 0
    """Characters of the whole result."""


class AgentHandedOff(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="agent_handed_off"):
    """Control went from one agent to another."""

    to: str
    leaves_graph: bool = False
    """True for `Command(graph=PARENT)`: the agent leaves the graph that the guard stands around."""


MessageKind = Literal["task", "report", "talk"]
"""What words between agents are: something to do, what came of it, or anything else."""


class MessagePassed(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="message_passed"):
    """Words reached an agent: a task, a report on one, or talk. The event's agent said them."""

    to: str = ""
    """The agent that they reached; empty for everyone in the conversation."""
    kind: MessageKind = "talk"
    text: str = ""
    """Clipped to `TEXT_LIMIT`."""
    ref: str = ""
    """Name of the task that is given or reported on, where tasks have names."""
    budget: int | None = None
    """Tool calls that the task may take; None where nobody said."""
    by_person: bool = False
    """True when a person said it, in the course of the run."""


class PlanItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is to be done."""

    text: str
    ref: str = ""
    """Its name in messages, where it has one."""
    status: Literal["pending", "active", "done", "dropped"] = "pending"


class PlanStated(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="plan_stated"):
    """An agent's list of what is to be done, whole, as it now stands."""

    items: tuple[PlanItem, ...] = ()


class PauseReason(StrEnum):
    """Why a run stands still without having ended."""

    INTERRUPT = "interrupt"
    DRAIN = "drain"


class RunPaused(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="run_paused"):
    """The run stands still and can be resumed; this is not an end."""

    reason: PauseReason
    detail: str = ""


class RunResumed(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="run_resumed"):
    """A paused run goes on."""

    detail: str = ""


class ExitKind(StrEnum):
    """By which door the agent would leave."""

    FINAL_ANSWER = "final_answer"
    STRUCTURED = "structured"
    DIRECT_RETURN = "direct_return"
    FINISH_TOOL = "finish_tool"
    GRAPH_END = "graph_end"
    MIDDLEWARE_END = "middleware_end"
    """Another middleware ended the run (a call limit, say) without a model turn."""
    HANDOFF = "handoff"
    EMPTY = "empty"
    """The model's last message has neither text nor calls."""
    MALFORMED = "malformed"
    """The model's last message has only calls that do not parse."""
    LOOK = "look"
    """No exit: the guard itself wants to know whether all is well, and the agent may go on."""
    BUDGET = "budget"
    """A budget of the guard is spent."""
    RECURSION = "recursion"
    """The framework's recursion limit."""
    ERROR = "error"
    CANCELLED = "cancelled"


class EndRequested(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="end_requested"):
    """The agent would leave by some door. Every door leads here."""

    exit: ExitKind
    claim: Claim | None = None
    """None where nothing was claimed (a limit, an empty answer)."""
    call_id: CallId | None = None
    """The finish tool's call, when a tool is held."""
    detail: str = ""


class GateReported(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="gate_reported"):
    """The gate judged the claim."""

    report: GateReport


class WatchEnd(StrEnum):
    """How a watch after a pass came out."""

    HELD = "held"
    """The time is over, and all is as it was."""
    REGRESSED = "regressed"
    """Something that was good is violated."""
    SETTLING = "settling"
    """The time is over while something violated was still being worked off."""
    UNREAD = "unread"
    """The time is over, and what is needed could not be read at its end."""


class WatchReported(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="watch_reported"):
    """The watch over an end that had passed is over."""

    end: WatchEnd
    report: GateReport
    """Its last look."""
    seconds: float = 0.0
    """How long it was watched."""


class LossAllowed(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="loss_allowed"):
    """A person allowed a loss. Only `Guard.allow` states this; nothing that an agent wrote does."""

    allowance: Allowance


class QuestionAsked(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="question_asked"):
    """Something about the incident is not clear, and only a person can say it."""

    question: Question


class QuestionAnswered(
    Fact, frozen=True, kw_only=True, omit_defaults=True, tag="question_answered"
):
    """A person answered. Only `Guard.answer` states this; nothing that an agent wrote does."""

    answer: Answer


class QuestionsExpired(
    Fact, frozen=True, kw_only=True, omit_defaults=True, tag="questions_expired"
):
    """Nobody answered in time, or nobody could be asked; the run goes on without changes."""

    detail: str = ""


class ErrorRaised(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="error_raised"):
    """An exception left the agent."""

    error: str
    """Type name."""
    message: str = ""
    where: str = ""
    """`model`, `tool:NAME`, `graph`."""
    fatal: bool = True
    """False when the framework handed the error back to the model."""


AnyFact = (
    RunStarted
    | ModelReplied
    | NodeRan
    | ContextFiltered
    | StepTakenBack
    | ToolRequested
    | ToolReturned
    | AgentHandedOff
    | MessagePassed
    | PlanStated
    | RunPaused
    | RunResumed
    | EndRequested
    | GateReported
    | WatchReported
    | LossAllowed
    | QuestionAsked
    | QuestionAnswered
    | QuestionsExpired
    | ErrorRaised
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="event"):
    """One fact, with its place in the run."""

    run: RunId
    seq: int
    """From 1, without gaps."""
    at: datetime
    step: int = 0
    """Model turns so far, this event included."""
    agent: str = ""
    """Which agent, where a run has several."""
    fact: AnyFact
