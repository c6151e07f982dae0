"""Tool calls that did not parse: mended where there is one reading, answered where there is not.

A model's message is mended where it is made, before any node routes by it: LangChain hands its
callbacks the very message that the caller of the model gets. So the tool runs as if the model had
written it well, in agents of `create_agent`, in structured output and in graphs of one's own.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from langchain_core.messages import AIMessage, InvalidToolCall, ToolMessage
from langchain_core.messages import ToolCall as LangChainCall

from guardrails.actions.repair import Repaired, repaired_arguments, unreadable_because
from guardrails.core.events import TEXT_LIMIT, ToolRequested
from guardrails.core.ids import CallId
from guardrails.engine import Session
from guardrails.hygiene.shapes.blocks import blocks_of
from guardrails.integrations.context import ID_OF_CALL, block_with
from guardrails.integrations.holding import hold_unreadable
from guardrails.integrations.messages import finish_reason_of
from guardrails.integrations.replies import blocked_message
from guardrails.integrations.toolspecs import Shown, shown_to

CUT_OFF: Final = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
"""What providers say of a message that ran out of room. A brace that is missing there may have had
more arguments before it."""


def mend(message: AIMessage, shown: Shown) -> dict[str, str]:
    """Mend a model's message in place.

    Args:
        message: The message, as the provider's client read it.
        shown: The tools that the model was shown; a call of any other is left as it is.

    Returns:
        What was wrong, by the id of each call that was mended.
    """
    if not message.invalid_tool_calls:
        return {}
    cut = finish_reason_of(message) in CUT_OFF
    mended: dict[str, tuple[LangChainCall, str]] = {}
    left: list[InvalidToolCall] = []
    for call in map(_with_id, message.invalid_tool_calls):
        found = None if cut or call["name"] not in shown.specs else _read(call)
        if found is None:
            left.append(call)
        else:
            mended[call["id"] or ""] = (_call(call, found), found.wrong)
    message.invalid_tool_calls = left
    message.tool_calls = [*message.tool_calls, *(call for call, _ in mended.values())]
    if mended and not isinstance(message.content, str):
        message.content = cast("list[Any]", _blocks(message.content, mended))
    return {call_id: wrong for call_id, (_, wrong) in mended.items()}


def _with_id(call: InvalidToolCall) -> InvalidToolCall:
    """Give a call an id if it came without one: only then can it be answered."""
    return call if call["id"] else {**call, "id": f"call_{uuid.uuid4().hex}"}


def _read(call: InvalidToolCall) -> Repaired | None:
    return repaired_arguments(call["args"] or "")


def _call(call: InvalidToolCall, found: Repaired) -> LangChainCall:
    arguments = msgspec.json.decode(found.text, type=dict[str, Any])
    return LangChainCall(type="tool_call", name=call["name"] or "", args=arguments, id=call["id"])


def _blocks(content: object, mended: Mapping[str, tuple[LangChainCall, str]]) -> list[object]:
    """Keep blocks that repeat a call in step with it."""
    found: list[object] = []
    for block in blocks_of(content):
        key = ID_OF_CALL.get(str(block.get("type")))
        call = mended.get(str(block.get(key) or "")) if key else None
        if call is None:
            found.append(block)
            continue
        kind = "tool_call" if block["type"] == "invalid_tool_call" else block["type"]
        arguments = msgspec.json.encode(call[0]["args"]).decode()
        found.append(block_with({**block, "type": kind}, arguments))
    return found


def answers_to_unreadable(
    session: Session, reply: AIMessage, *, agent: str = ""
) -> list[ToolMessage] | None:
    """Answer the calls of a message that could not be read, each as a wrong call.

    Args:
        session: The run.
        reply: The model's last message.
        agent: Whose it is.

    Returns:
        An error result for each, in order; None where wrong calls are not sent back by this run's
        policy, so that the message is an end like any other.
    """
    settings = session.rules.settings
    if not reply.invalid_tool_calls or session.outcome is not None:
        return None
    if settings.hygiene.early != "reconcile" or session.state.shadow:
        return None
    shown = shown_to(session, agent=agent)
    found: list[ToolMessage] = []
    for call in reply.invalid_tool_calls:
        fact = _requested(call, shown)
        decision = hold_unreadable(session, fact, agent=agent)
        found.append(blocked_message(decision, tool=fact.tool, call_id=fact.call_id))
    return found


def _requested(call: InvalidToolCall, shown: Shown) -> ToolRequested:
    name, raw = call["name"] or "unknown", call["args"] or ""
    return ToolRequested(
        call_id=CallId(call["id"] or ""),
        tool=name,
        arguments=raw[:TEXT_LIMIT],
        fault=shown.fault(name, raw) or _unreadable(name, raw),
    )


def _unreadable(name: str, raw: str) -> str:
    why = unreadable_because(raw) or "they could not be parsed"
    return f"The arguments of {name} are no JSON object: {why}. Write them as one JSON object."
