"""LangChain's messages for the filters: read, and written back with nothing lost.

A message that no filter changed is the object it was; a changed one is a copy, so that a graph's
state keeps what happened.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final, cast

import msgspec
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.shapes.blocks import blocks_of, with_text
from guardrails.integrations.messages import arguments_json
from guardrails.integrations.replies import MARK

_THOUGHT: Final = frozenset({"thinking", "redacted_thinking", "reasoning"})
"""Types of content blocks that hold thought."""

_SIGNED: Final = frozenset({"signature", "data", "encrypted_content", "extras"})
"""What is in a block of thought whose provider would notice a change."""

_SAID_APART: Final = "reasoning_content"
"""Where servers that speak OpenAI's format put it, as LangChain's integrations keep it."""


class LangChainShape:
    """Messages as LangChain's models take them.

    Args:
        memo: Remembers what was read of each message object. A graph hands the same objects over at
            every step; one that was changed in place since then is read anew.
    """

    def __init__(self, memo: Memo | None = None) -> None:
        self._slots = (memo or Memo()).once_each("langchain", _Slot)

    def read(self, messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
        """Return the messages in our form; those of the guard are pinned."""
        slots = self._slots
        return tuple(slots(message).read(message, at) for at, message in enumerate(messages))

    def write(self, messages: Sequence[BaseMessage], kept: Sequence[Message]) -> list[BaseMessage]:
        """Return what is left, as LangChain's messages."""
        return [self._write(messages[m.at], m) if m.at >= 0 else _made(m) for m in kept]

    def _write(self, original: BaseMessage, kept: Message) -> BaseMessage:
        read = self._slots(original).read(original, kept.at)
        return original if read is kept else _written(original, read, kept)


class _Slot:
    """What was read of one message object, and how the object looked then."""

    __slots__ = ("_known",)

    def __init__(self, message: BaseMessage) -> None:
        self._known = deepcopy(_face(message)), _read(message, 0)

    def read(self, message: BaseMessage, at: int) -> Message:
        """Return the message in our form."""
        face, (then, found) = _face(message), self._known
        if face != then:
            then, found = deepcopy(face), _read(message, at)
        elif at != found.at:
            found = replace(found, at=at)
        else:
            return found
        self._known = then, found  # at once: another thread may read the same object
        return found


def _face(message: BaseMessage) -> tuple[object, ...]:
    """Return all of a message that `_read` looks at."""
    mark = MARK in message.response_metadata
    content = cast("object", message.content)
    match message:
        case AIMessage():
            thought = message.additional_kwargs.get(_SAID_APART)
            return content, mark, message.tool_calls, message.invalid_tool_calls, thought
        case ToolMessage():
            return content, mark, message.tool_call_id, message.name, message.status
        case _:
            return content, mark


def _read(message: BaseMessage, at: int) -> Message:
    pinned = MARK in message.response_metadata
    match message:
        case AIMessage():
            return Message(
                role=Role.ASSISTANT,
                text=_text(message),
                reasoning=_thought(message),
                calls=_calls(message),
                pinned=pinned,
                at=at,
            )
        case ToolMessage():
            return Message(
                role=Role.TOOL,
                text=_text(message),
                call_id=message.tool_call_id,
                tool=message.name or "",
                error=message.status == "error",
                at=at,
            )
        case SystemMessage():
            return Message(role=Role.SYSTEM, text=_text(message), pinned=pinned, at=at)
        case _:
            return Message(role=Role.USER, text=_text(message), pinned=pinned, at=at)


def _text(message: BaseMessage) -> str:
    """Return a message's text as a plain `str`; decoders refuse LangChain's own kind of it."""
    content: object = cast("object", message.content)
    return content if isinstance(content, str) else str(message.text)


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


def _written(original: BaseMessage, read: Message, kept: Message) -> BaseMessage:
    if (read.text, read.reasoning, read.calls) == (kept.text, kept.reasoning, kept.calls):
        return original
    update: dict[str, Any] = {}
    content: object = cast("object", original.content)
    if read.text != kept.text:
        content = with_text(content, kept.text)
    if isinstance(original, AIMessage):
        if read.reasoning != kept.reasoning:
            content = _with_thought(content, kept.reasoning)
            update["additional_kwargs"] = _said_apart(original, kept.reasoning)
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


ID_OF_CALL: Final = {
    "tool_use": "id",
    "tool_call": "id",
    "invalid_tool_call": "id",
    "function_call": "call_id",
}
"""Types of content blocks that repeat a call, with where its id stands: Anthropic's, LangChain's
own, and those of OpenAI's Responses."""


def _with_blocks(content: object, kept: Message) -> object:
    """Keep blocks that repeat a call in step with the calls."""
    if isinstance(content, str):
        return content
    wanted = {call.call_id: call for call in kept.calls}
    found: list[dict[str, Any]] = []
    for block in blocks_of(content):
        key = ID_OF_CALL.get(str(block.get("type")))
        if key is None:
            found.append(block)
        elif (call := wanted.get(str(block.get(key) or ""))) is not None:
            found.append(block_with(block, call.arguments))
    return found


def block_with(block: dict[str, Any], arguments: str) -> dict[str, Any]:
    """Return a block that repeats a call, with other arguments, which are JSON text."""
    match block.get("type"):
        case "tool_use":
            plain = {key: value for key, value in block.items() if key != "partial_json"}
            return {**plain, "input": arguments_of(arguments)}
        case "function_call" | "invalid_tool_call":
            key = "arguments" if block["type"] == "function_call" else "args"
            return {**block, key: arguments}
        case _:
            return {**block, "args": arguments_of(arguments)}


def _with_thought(content: object, thought: str) -> object:
    """Return a content with another thought in it, in the first block of thought; or with none.

    A signed block stays as it is when a secret is hidden: its provider refuses a changed one, and
    the words are the model's own.
    """
    if isinstance(content, str):
        return content
    found: list[dict[str, Any]] = []
    for block in blocks_of(content):
        if block.get("type") not in _THOUGHT or (thought and not _SIGNED.isdisjoint(block)):
            found.append(block)
        elif thought:
            key = "thinking" if "thinking" in block else "reasoning"
            found.append({**block, key: thought})
            thought = ""
    return found


def _said_apart(original: AIMessage, thought: str) -> dict[str, Any]:
    """Return the fields beside the content, with another thought or with none."""
    fields = cast("dict[str, Any]", original.additional_kwargs)
    said = {_SAID_APART: thought} if thought and _SAID_APART in fields else {}
    return {key: value for key, value in fields.items() if key != _SAID_APART} | said


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
