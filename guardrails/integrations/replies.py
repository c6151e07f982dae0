"""Decisions in LangChain's forms: what goes into the history, the state and the stream.

The sentences for the model come with the decision, and those about an end from
`guardrails.integrations.closing`.
"""

from typing import Any, Literal, TypedDict

import msgspec
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from guardrails.core.decisions import Decision
from guardrails.core.result import RunResult
from guardrails.engine import Session
from guardrails.engine.words import ALREADY_ENDED
from guardrails.integrations.closing import closing_words, stopped_words

OUTCOME_KEY = "guardrails_outcome"
"""State key under which a graph's result carries the typed outcome."""

MARK = "guardrails"
"""Key in a message's `response_metadata` for what the guard made of it. Providers are never sent
this field."""


class OutcomeState(TypedDict):
    """The typed outcome as plain JSON, as it stands in a graph's state."""

    outcome: str
    reason: str
    detail: str
    run: str
    verdict: str | None
    tier: str | None
    refusals: int
    work: dict[str, Any] | None
    """What was done, for whoever takes over: `WorkDone` as JSON; None without a machine."""


class StreamEvent(TypedDict):
    """What `stream_mode="custom"` shows of a decision, under the key `guardrails`.

    `guardrails.integrations.streaming` has what it shows of findings.
    """

    type: Literal["refused", "blocked", "ended", "warned"]
    """`warned`: something that was let through, or would have been held outside of shadow mode."""
    run: str
    reason: str
    message: str
    """For the person."""
    message_id: str
    """The refused answer, where there is one."""
    outcome: str | None


def outcome_state(result: RunResult) -> OutcomeState:
    """Return what a graph's state carries of a result."""
    return OutcomeState(
        outcome=str(result.outcome),
        reason=str(result.reason),
        detail=result.detail,
        run=str(result.run),
        verdict=str(result.verdict) if result.verdict else None,
        tier=str(result.tier) if result.tier else None,
        refusals=result.refusals,
        work=msgspec.to_builtins(result.work),
    )


def feedback_message(decision: Decision) -> HumanMessage:
    """Return the refusal of an end, for the model."""
    return HumanMessage(
        content=decision.to_model or ALREADY_ENDED,
        response_metadata={MARK: {"refusal": str(decision.reason)}},
    )


def blocked_message(decision: Decision, *, tool: str, call_id: str) -> ToolMessage:
    """Return the result of a call that does not run."""
    return ToolMessage(
        content=decision.to_model or ALREADY_ENDED,
        name=tool,
        tool_call_id=call_id,
        status="error",
        response_metadata={MARK: {"blocked": str(decision.reason)}},
    )


def closing_message(result: RunResult) -> AIMessage:
    """Return the last message of a run that was not accepted.

    It stands after the agent's own claim, so that whoever reads the end of the history, or takes
    its last message for the answer, does not read a claim that nobody confirmed.
    """
    return AIMessage(
        content=closing_words(result),
        response_metadata={MARK: {"outcome": str(result.outcome)}},
    )


def stopped_message(session: Session) -> AIMessage:
    """Return what stands in for a model turn when the run takes no further turns."""
    return AIMessage(content=stopped_words(session), response_metadata={MARK: {"stopped": True}})


def marked_refused(message: AIMessage, decision: Decision) -> AIMessage:
    """Return the same message with a mark, for those who read the history or the stream."""
    metadata = {**message.response_metadata, MARK: {"refused": str(decision.reason)}}
    return message.model_copy(update={"response_metadata": metadata})


def is_closing(message: object) -> bool:
    """Tell whether a message is the guard's own closing message."""
    if not isinstance(message, AIMessage):
        return False
    mark: object = message.response_metadata.get(MARK)
    return isinstance(mark, dict) and "outcome" in mark


def is_ours(part: object) -> bool:
    """Tell whether a part of the custom stream is the guard's."""
    return isinstance(part, dict) and MARK in part


def stream_event(
    session: Session,
    decision: Decision,
    *,
    kind: Literal["refused", "blocked", "ended"],
    message_id: str = "",
) -> dict[str, StreamEvent]:
    """Return what the stream writer is given."""
    event = StreamEvent(
        type=kind,
        run=str(session.run),
        reason=str(decision.reason),
        message=decision.to_person or decision.to_model,
        message_id=message_id,
        outcome=str(decision.outcome) if decision.outcome else None,
    )
    return {MARK: event}
