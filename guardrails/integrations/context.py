"""LangChain's messages for the filters: read, and written back with nothing lost.

A message that no filter changed is the object it was; a changed one is a copy, so that a graph's
state keeps what happened.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.shapes.blocks import blocks_of, with_text
from guardrails.integrations.messages import arguments_json
from guardrails.integrations.replies import MARK

_THOUGHT: Final = frozenset({"thinking", "redacted_thinking", "reasoning"})
"""Types of content blocks that hold thought."""

_SAID_APART: Final = "reasoning_content"
"""Where servers that speak OpenAI's format put it, as LangChain's integrations keep it."""


class LangChainShape:
    """Messages as LangChain's models take them."""

    def read(self, messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
        """Return the messages in our form; those of the guard are pinned."""
        return tuple(_read(message, at) for at, message in enumerate(messages))

    def write(self, messages: Sequence[BaseMessage], kept: Sequence[Message]) -> list[AnyMessage]:
        """Return what is left, as LangChain's messages."""
        found = (_write(messages[m.at], m) if m.at >= 0 else _made(m) for m in kept)
        return cast("list[AnyMessage]", list(found))


def _read(message: BaseMessage, at: int) -> Message:
    pinned = MARK in message.response_metadata
    match message:
        case AIMessage():
            return Message(
                role=Role.ASSISTANT,
                text=message.text,
                reasoning=_thought(message),
                calls=_calls(message),
                pinned=pinned,
                at=at,
            )
        case ToolMessage():
            return Message(
                role=Role.TOOL,
                text=message.text,
                call_id=message.tool_call_id,
                tool=message.name or "",
                error=message.status == "error",
                at=at,
            )
        case SystemMessage():
            return Message(role=Role.SYSTEM, text=message.text, pinned=pinned, at=at)
        case _:
            return Message(role=Role.USER, text=message.text, pinned=pinned, at=at)


def _thought(message: AIMessage) -> str:
    apart = message.additional_kwargs.get(_SAID_APART)
    if isinstance(apart, str) and apart:
        return apart
    blocks = (block for block in blocks_of(message.content) if block.get("type") in _THOUGHT)
    return "\n".join(
        str(block.get("thinking") or block.get("reasoning") or "-") for block in blocks
    )


def _calls(message: AIMessage) -> tuple[Call, ...]:
    good = (
        Call(call_id=call["id"] or "", tool=call["name"], arguments=arguments_json(call["args"]))
        for call in message.tool_calls
    )
    broken = (
        Call(call_id=call["id"] or "", tool=call["name"] or "", arguments=call["args"] or "")
        for call in message.invalid_tool_calls
    )
    return (*good, *broken)


def _write(original: BaseMessage, kept: Message) -> BaseMessage:
    read = _read(original, kept.at)
    if (read.text, read.reasoning, read.calls) == (kept.text, kept.reasoning, kept.calls):
        return original
    update: dict[str, Any] = {}
    content: object = cast("object", original.content)
    if read.text != kept.text:
        content = with_text(content, kept.text)
    if isinstance(original, AIMessage):
        if read.reasoning and not kept.reasoning:
            content = _without_thought(content)
            update["additional_kwargs"] = {
                key: value
                for key, value in original.additional_kwargs.items()
                if key != _SAID_APART
            }
        if read.calls != kept.calls:
            update |= _with_calls(original, kept)
            content = _with_blocks(content, kept)
    return original.model_copy(update={**update, "content": content})


def _with_calls(original: AIMessage, kept: Message) -> dict[str, Any]:
    """Return the calls that are left, each with the arguments that are sent."""
    wanted = {call.call_id: call for call in kept.calls}
    good = {call["id"] or "": call for call in original.tool_calls}
    broken = {call["id"] or "": call for call in original.invalid_tool_calls}
    return {
        "tool_calls": [
            {**call, "args": arguments_of(wanted[id_].arguments)}
            for id_, call in good.items()
            if id_ in wanted
        ],
        "invalid_tool_calls": [
            {**call, "args": wanted[id_].arguments}
            for id_, call in broken.items()
            if id_ in wanted and id_ not in good
        ],
    }


def arguments_of(text: str) -> dict[str, Any]:
    """Return arguments as an object; what is none stands under `input`."""
    try:
        found: object = msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"input": text}


def _with_blocks(content: object, kept: Message) -> object:
    """Keep the blocks of Anthropic's calls in step with the calls."""
    if isinstance(content, str):
        return content
    wanted = {call.call_id: call for call in kept.calls}
    found: list[dict[str, Any]] = []
    for block in blocks_of(content):
        if block.get("type") != "tool_use":
            found.append(block)
        elif (call := wanted.get(str(block.get("id") or ""))) is not None:
            found.append({**block, "input": arguments_of(call.arguments)})
    return found


def _without_thought(content: object) -> object:
    if isinstance(content, str):
        return content
    return [block for block in blocks_of(content) if block.get("type") not in _THOUGHT]


def _made(message: Message) -> BaseMessage:
    """Write a message that a filter made: a note, or the result of a call that has none."""
    if message.role is Role.TOOL:
        return ToolMessage(
            content=message.text,
            tool_call_id=message.call_id,
            name=message.tool or None,
            status="error",
        )
    return HumanMessage(content=message.text, response_metadata={MARK: {"left_out": True}})
