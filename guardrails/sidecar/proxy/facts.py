"""From a wire's turns and messages to facts: what the agent's model said, and what its tools gave.

Everything here is a pure function, so a turn that is read again after a restart leads to the same
facts with the same numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from guardrails.actions import catalogue
from guardrails.actions.catalogue import fault_of
from guardrails.actions.claims import read_claim, read_structured_claim
from guardrails.actions.repair import repaired_arguments, unreadable_because
from guardrails.core.claims import Claim
from guardrails.core.events import (
    TEXT_LIMIT,
    AnyFact,
    EndRequested,
    ExitKind,
    MessagePassed,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolStatus,
)
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal
from guardrails.engine import Session
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.redact import clipped
from guardrails.integrations.returned import returned_text
from guardrails.sidecar.proxy.kept import OpenCall, PlannedCall
from guardrails.sidecar.proxy.wire.base import Asked, Turn, Wire

NO_RESULT = "No result of this call came back."
"""What stands for the result of a call that the agent goes on without: it never ran, or was left
out of the history."""


def goal_of(session: Session) -> Goal:
    """Return what a run's incident asks for."""
    incident = session.state.incident
    return incident.goal if incident is not None else Goal.MITIGATION


# What the agent brings


def results_in(messages: Sequence[Message], opened: Sequence[OpenCall]) -> Iterator[AnyFact]:
    """Yield what came of calls that were let through; what is missing came to nothing.

    Args:
        messages: What is new in the history.
        opened: The calls, in order.
    """
    found = {m.call_id: m for m in reversed(messages) if m.role is Role.TOOL}
    for call in opened:
        result = found.get(call.call_id)
        failed = result is None or result.error
        yield returned_text(
            NO_RESULT if result is None else result.text,
            call_id=call.call_id,
            tool=call.tool,
            status=ToolStatus.ERROR if failed else ToolStatus.OK,
        )


def said_in(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return what a person said in the new part of a history.

    Words beside results of tools are the agent's program's own: reminders, limits, time.
    """
    if any(m.role is Role.TOOL for m in messages):
        return ()
    return tuple(m.text for m in messages if m.role is Role.USER and m.text.strip())


def passed(text: str, *, to: str) -> MessagePassed:
    """Return the fact that a person said something."""
    return MessagePassed(to=to, text=clipped(text, TEXT_LIMIT), by_person=True)


# What the model said


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTurn:
    """A model's turn, its calls read."""

    turn: Turn
    """With arguments mended."""
    reply: ModelReplied
    calls: tuple[PlannedCall, ...]


def read_turn(wire: Wire, asked: Asked, turn: Turn, *, mends: bool) -> ReadTurn:
    """Read the calls of a turn.

    Args:
        wire: The format.
        asked: The request; it has the tools.
        turn: The turn, as it came.
        mends: Whether arguments that can be read in one way only are mended.
    """
    schemas = {tool.name: tool.schema for tool in asked.tools if not tool.hosted}
    texts = {name for name, schema in schemas.items() if schema is None}
    wrong: dict[str, str] = {}
    mended: dict[str, str] = {}
    for call in turn.calls:
        if call.tool in texts or unreadable_because(call.arguments):
            continue
        found = repaired_arguments(call.arguments)
        if found is None or not found.wrong:
            continue
        if call.arguments.strip() and (turn.cut or not mends or call.tool not in schemas):
            continue
        mended[call.call_id] = found.text
        if call.arguments.strip():
            wrong[call.call_id] = found.wrong
    turn = wire.rewritten(turn, mended) if mended else turn
    specs = {
        name: catalogue.ToolSpec(name=name, parameters=schema or {})
        for name, schema in schemas.items()
    }
    whole = not any(tool.hosted for tool in asked.tools)
    calls = tuple(_planned(call, texts, specs, whole=whole) for call in turn.calls)
    return ReadTurn(turn=turn, reply=_reply(turn, calls, wrong), calls=calls)


def _planned(
    call: Call, texts: set[str], specs: Mapping[str, catalogue.ToolSpec], *, whole: bool
) -> PlannedCall:
    if call.tool in texts:
        arguments = msgspec.json.encode({"input": call.arguments}).decode()
        return PlannedCall(call_id=call.call_id, tool=call.tool, arguments=arguments)
    readable = _is_object(call.arguments)
    fault = ""
    if whole or call.tool in specs:
        found = fault_of(call.tool, call.arguments, specs)
        fault = "" if found is None else found.message
    if not readable and not fault:
        why = unreadable_because(call.arguments) or "they could not be parsed"
        fault = (
            f"The arguments of {call.tool} are no JSON object: {why}. Write them as one JSON "
            f"object."
        )
    return PlannedCall(
        call_id=call.call_id,
        tool=call.tool or "unknown",
        arguments=call.arguments if readable else clipped(call.arguments, TEXT_LIMIT),
        fault=fault,
        readable=readable,
    )


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(arguments.encode()), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _reply(turn: Turn, calls: Sequence[PlannedCall], wrong: Mapping[str, str]) -> ModelReplied:
    def stated(call: PlannedCall) -> ToolCall:
        return ToolCall(
            call_id=CallId(call.call_id),
            tool=call.tool,
            arguments=call.arguments,
            mended=wrong.get(call.call_id, ""),
        )

    return ModelReplied(
        text=clipped(turn.text, TEXT_LIMIT),
        reasoning=clipped(turn.reasoning, TEXT_LIMIT),
        tool_calls=tuple(stated(call) for call in calls if call.readable),
        invalid_tool_calls=tuple(stated(call) for call in calls if not call.readable),
        usage=turn.usage,
        finish_reason=turn.finish,
        message_id=turn.message_id,
    )


# What follows from it


def requested(call: PlannedCall) -> ToolRequested:
    """Return the fact that a call is about to run."""
    return ToolRequested(
        call_id=CallId(call.call_id), tool=call.tool, arguments=call.arguments, fault=call.fault
    )


def end_by_words(text: str, *, structured: bool, goal: Goal) -> EndRequested:
    """Return the end that a turn without calls is."""
    if not text.strip():
        return EndRequested(exit=ExitKind.EMPTY)
    kind = ExitKind.STRUCTURED if structured else ExitKind.FINAL_ANSWER
    return EndRequested(exit=kind, claim=read_claim(text, goal=goal))


def end_by_call(call: PlannedCall, *, goal: Goal) -> EndRequested:
    """Return the end that a call of a finish tool is."""
    return EndRequested(
        exit=ExitKind.FINISH_TOOL, call_id=CallId(call.call_id), claim=_claim_in(call, goal)
    )


def _claim_in(call: PlannedCall, goal: Goal) -> Claim:
    try:
        arguments = msgspec.json.decode(call.arguments.encode(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        return read_claim(call.arguments, goal=goal)
    return read_structured_claim(arguments, goal=goal)
