"""Anthropic's messages: blocks of text, thought, `tool_use` and `tool_result` within two roles.

The results of a turn stand together in one user message, so one message of theirs can be several of
ours. The system prompt is not among the messages.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

import msgspec

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.shapes.blocks import (
    Json,
    as_object,
    blocks_of,
    is_text,
    text_of,
    with_text,
)

_THOUGHT = frozenset({"thinking", "redacted_thinking"})


class AnthropicShape:
    """Messages as `/v1/messages` takes them."""

    def read(self, messages: Sequence[Json], *, start: int = 0) -> tuple[Message, ...]:
        """Return the messages in our form, from one on; each result is one of its own."""
        places = range(start, len(messages))
        return tuple(part for at in places for part in _read(messages[at], at))

    def write(
        self, messages: Sequence[Json], kept: Sequence[Message], *, known: Sequence[Message] = ()
    ) -> list[Json]:
        """Return what is left, in Anthropic's form: roles take turns, results come first.

        Args:
            messages: The list that was read.
            kept: What is left of it.
            known: What `read` made of the list, where that is at hand.
        """
        found: list[Json] = []
        before = {at: tuple(parts) for at, parts in groupby(known, key=attrgetter("at"))}
        for at, parts in groupby(kept, key=attrgetter("at")):
            written = _written(messages, at, list(parts), before.get(at))
            if found and found[-1]["role"] == "user" and _answers(written):
                found[-1] = _joined(found[-1], written)
            else:
                found.append(written)
        return found


def _answers(message: Json) -> bool:
    """Tell whether a message holds results: all of a turn's must stand in one."""
    blocks = blocks_of(message.get("content"))
    return any(block.get("type") == "tool_result" for block in blocks)


def _read(message: Json, at: int) -> Iterator[Message]:
    blocks = blocks_of(message.get("content"))
    if message.get("role") == "assistant":
        yield Message(
            role=Role.ASSISTANT,
            text=text_of(message.get("content")),
            reasoning="\n".join(
                _thought(block) for block in blocks if block.get("type") in _THOUGHT
            ),
            calls=tuple(_call(block) for block in blocks if block.get("type") == "tool_use"),
            at=at,
        )
        return
    part = 0
    for block in blocks:
        if block.get("type") == "tool_result":
            yield Message(
                role=Role.TOOL,
                text=text_of(block.get("content")),
                call_id=str(block.get("tool_use_id") or ""),
                error=bool(block.get("is_error")),
                at=at,
                part=part,
            )
            part += 1
    others = [block for block in blocks if block.get("type") != "tool_result"]
    if others or not part:
        role = Role.SYSTEM if message.get("role") == "system" else Role.USER
        yield Message(role=role, text=text_of(others), at=at, part=part)


def _thought(block: Json) -> str:
    return str(block.get("thinking") or block.get("data") or "")


def _call(block: Json) -> Call:
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    return Call(
        call_id=str(block.get("id") or ""), tool=str(block.get("name") or ""), arguments=arguments
    )


def _written(
    messages: Sequence[Json], at: int, parts: list[Message], known: tuple[Message, ...] | None
) -> Json:
    if at < 0:
        return _made(parts)
    original = messages[at]
    read = known or tuple(_read(original, at))
    if tuple(_bare(part) for part in parts) == tuple(_bare(part) for part in read):
        return original
    if original.get("role") == "assistant":
        return {**original, "content": _assistant(original, read[0], parts[0])}
    return {**original, "content": _user(original, parts)}


def _bare(message: Message) -> tuple[object, ...]:
    return message.text, message.reasoning, message.calls, message.call_id, message.part


def _assistant(original: Json, read: Message, kept: Message) -> object:
    wanted = {call.call_id: call for call in kept.calls}
    blocks: list[Json] = []
    for block in blocks_of(original.get("content")):
        if block.get("type") in _THOUGHT and not kept.reasoning:
            continue
        if block.get("type") == "tool_use":
            call = wanted.pop(str(block.get("id") or ""), None)
            if call is not None:
                blocks.append(_changed_call(block, call))
            continue
        blocks.append(block)
    return blocks if read.text == kept.text else with_text(blocks, kept.text)


def _changed_call(block: Json, kept: Call) -> Json:
    if _call(block).arguments == kept.arguments:
        return block
    read: object = msgspec.json.decode(kept.arguments.encode())
    return {**block, "input": as_object(read)}


def _user(original: Json, parts: list[Message]) -> list[Json]:
    blocks = blocks_of(original.get("content"))
    results = [block for block in blocks if block.get("type") == "tool_result"]
    found: list[Json] = []
    for part in parts:
        if part.role is Role.TOOL and part.part < len(results):
            block = results[part.part]
            same = text_of(block.get("content")) == part.text
            content = block.get("content")
            found.append(block if same else {**block, "content": with_text(content, part.text)})
        elif part.role is Role.TOOL:
            found.append(_result(part))
        else:
            others = [block for block in blocks if block.get("type") != "tool_result"]
            said = text_of(others)
            kept = others if said == part.text else with_text(others, part.text)
            found += cast("list[Json]", kept)
    return [block for block in found if not is_text(block) or block["text"]]


def _made(parts: list[Message]) -> Json:
    if parts[0].role is Role.ASSISTANT:
        return {"role": "assistant", "content": parts[0].text}
    blocks = [
        _result(part) if part.role is Role.TOOL else {"type": "text", "text": part.text}
        for part in parts
    ]
    return {"role": "user", "content": blocks}


def _result(part: Message) -> Json:
    return {"type": "tool_result", "tool_use_id": part.call_id, "content": part.text}


def _joined(one: Json, other: Json) -> Json:
    content: list[Any] = [*blocks_of(one.get("content")), *blocks_of(other.get("content"))]
    results = [block for block in content if block.get("type") == "tool_result"]
    rest = [block for block in content if block.get("type") != "tool_result"]
    return {**one, "content": [*results, *rest]}
