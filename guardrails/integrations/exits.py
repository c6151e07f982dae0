"""By which door an agent of `create_agent` would leave, and what its history becomes then.

Reads the agent's state, which is all that its hooks are given, and tells the exits apart. Deciding
is the engine's part.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, RemoveMessage
from langgraph.graph.message import (  # pyright: ignore[reportMissingTypeStubs]  # typed, but not marked so
    REMOVE_ALL_MESSAGES,
)
from pydantic import BaseModel

from guardrails.actions.claims import read_claim, read_structured_claim
from guardrails.core.claims import Claim
from guardrails.core.decisions import Decision
from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.incident import Goal
from guardrails.engine import Session
from guardrails.hygiene.redact import clipped
from guardrails.integrations.closing import NOT_RUN, claims_success
from guardrails.integrations.holding import goal_of
from guardrails.integrations.messages import last_reply, message_text, with_repairs
from guardrails.integrations.replies import (
    OUTCOME_KEY,
    closing_message,
    feedback_message,
    is_closing,
    marked_refused,
    outcome_state,
)
from guardrails.integrations.seen import was_seen
from guardrails.integrations.surgery import surgery_on

DETAIL_LIMIT = 300
"""Characters of another middleware's closing words that go into the trace."""

Update = dict[str, Any]
"""A state update, in LangGraph's form."""


def leaving(state: Mapping[str, Any], session: Session) -> EndRequested:
    """Return the end that an agent's state amounts to.

    Args:
        state: The agent's state at its exit.
        session: The run; it knows which messages came from the model.
    """
    goal = goal_of(session)
    if session.state.stop is not None:
        return EndRequested(exit=ExitKind.BUDGET)
    structured: object = state.get("structured_response")
    if structured is not None:
        return EndRequested(exit=ExitKind.STRUCTURED, claim=claim_of(structured, goal=goal))
    reply, results = last_reply(state["messages"])
    if reply is None:
        detail = "no message of the model is left in the history"
        return EndRequested(exit=ExitKind.MIDDLEWARE_END, detail=detail)
    if not was_seen(session, "reply", reply.id):
        return EndRequested(exit=ExitKind.MIDDLEWARE_END, detail=clipped(reply.text, DETAIL_LIMIT))
    if not reply.tool_calls:
        return _without_calls(reply, goal)
    answered = {result.tool_call_id for result in results}
    if any(call["id"] not in answered for call in reply.tool_calls):
        detail = "calls of the last message were not run"
        return EndRequested(exit=ExitKind.MIDDLEWARE_END, detail=detail)
    direct = [r for r in results if was_seen(session, "direct", r.tool_call_id)]
    if direct:
        claim = read_claim(message_text(direct[-1]), goal=goal)
        return EndRequested(exit=ExitKind.DIRECT_RETURN, claim=claim)
    return EndRequested(exit=ExitKind.GRAPH_END, detail="the agent left without an answer")


def refused_calls_only(state: Mapping[str, Any], session: Session) -> AIMessage | None:
    """Return the last model message if the agent leaves on a call that the guard refused.

    A direct-return tool ends the agent even when it did not run. The refusal stands in its
    result, so the model has not had its turn yet.
    """
    reply, results = last_reply(state["messages"])
    if reply is None or not was_seen(session, "reply", reply.id):
        return None
    refused = any(was_seen(session, "blocked", r.tool_call_id) for r in results)
    return reply if refused else None


def claim_of(value: object, *, goal: Goal) -> Claim:
    """Read a claim from a structured answer of any of the types that LangChain allows."""
    if isinstance(value, str):
        return read_claim(value, goal=goal)
    if isinstance(value, BaseModel):
        return read_structured_claim(value.model_dump(mode="json"), goal=goal)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return read_structured_claim(dataclasses.asdict(value), goal=goal)
    if isinstance(value, Mapping | Sequence):
        plain = cast("Mapping[str, object] | Sequence[object]", value)
        return read_structured_claim(plain, goal=goal)
    return read_claim(str(value), goal=goal)


def refusal(state: Mapping[str, Any], decision: Decision) -> Update:
    """Return the update that sends the agent back to the model with the refusal."""
    messages: list[AnyMessage] = state["messages"]
    reply, _ = last_reply(messages)
    mark = None if reply is None else marked_refused(reply, decision)
    update: Update = {
        "messages": _grown(messages, [feedback_message(decision)], mark=mark),
        "jump_to": "model",
    }
    if state.get("structured_response") is not None:
        update["structured_response"] = None
    return update


def ending(state: Mapping[str, Any], session: Session) -> Update:
    """Return the update of a run that has its outcome.

    An end that was not accepted gets a closing message, and a structured answer whose claim was
    not accepted is taken out: code that reads only the answer must not take it for a success.
    """
    result = session.result()
    update: Update = {OUTCOME_KEY: outcome_state(result)}
    if result.outcome.accepted or result.shadow:
        return update
    messages: list[AnyMessage] = state["messages"]
    closing = [] if messages and is_closing(messages[-1]) else [closing_message(result)]
    update["messages"] = _closed(messages, closing, session)
    if claims_success(result) and state.get("structured_response") is not None:
        update["structured_response"] = None
    return update


def _closed(
    messages: list[AnyMessage], closing: list[AIMessage], session: Session
) -> list[BaseMessage]:
    """Return the update that ends a history: what was taken back goes, open calls are answered."""
    found = surgery_on(session, messages)
    if found is None:
        return _grown(messages, closing)
    session.observe(found.fact)
    return [*found.update(messages), *closing]


def _without_calls(reply: AIMessage, goal: Goal) -> EndRequested:
    if reply.invalid_tool_calls:
        names = ", ".join(call["name"] or "?" for call in reply.invalid_tool_calls)
        return EndRequested(exit=ExitKind.MALFORMED, detail=names[:DETAIL_LIMIT])
    if not reply.text.strip():
        return EndRequested(exit=ExitKind.EMPTY)
    return EndRequested(exit=ExitKind.FINAL_ANSWER, claim=read_claim(reply.text, goal=goal))


def _grown(
    messages: list[AnyMessage], more: Sequence[BaseMessage], *, mark: AIMessage | None = None
) -> list[BaseMessage]:
    """Return what to add so that every call has its result, and `more` comes last.

    Results must stand right behind their calls, so the history is written anew when something
    else came between.

    Args:
        messages: The history.
        more: What comes after it.
        mark: A message that replaces the one with its id.
    """
    repaired = with_repairs(messages, said=NOT_RUN)
    if repaired[: len(messages)] == messages:
        marks = [] if mark is None else [mark]
        return [*marks, *repaired[len(messages) :], *more]
    marked = [mark if mark is not None and m.id == mark.id else m for m in repaired]
    return [RemoveMessage(id=REMOVE_ALL_MESSAGES), *marked, *more]
