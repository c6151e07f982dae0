"""What the wire formats share: content as a text or as blocks, and writing changes back into it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from guardrails.hygiene.messages import Message

Json = dict[str, Any]
"""A JSON object as it came in; at this edge nothing more is known of it."""

JOINT = "\n"
"""Stands between the texts of several blocks."""

TEXTS = frozenset({"text", "input_text", "output_text"})
"""Types of blocks that hold text."""


def text_of(content: object) -> str:
    """Return the text of a message's content; blocks that hold none are passed over."""
    if isinstance(content, str):
        return content
    return JOINT.join(block["text"] for block in blocks_of(content) if is_text(block))


def blocks_of(content: object) -> list[Json]:
    """Return the blocks of a content, a text as one block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, Sequence):
        return []
    return [as_object(block) for block in cast("Sequence[object]", content)]


def as_object(value: object) -> Json:
    """Return a value as an object; a text as a block of text, and anything else as an empty one."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    return {"type": "text", "text": value} if isinstance(value, str) else {}


def is_text(block: Mapping[str, Any]) -> bool:
    """Tell whether a block holds text."""
    return block.get("type", "text") in TEXTS and isinstance(block.get("text"), str)


def with_text(content: object, text: str) -> object:
    """Return a content that says something else; blocks without text stay where they are."""
    if isinstance(content, str) or content is None:
        return text
    found: list[Json] = []
    said = False
    for block in blocks_of(content):
        if not is_text(block):
            found.append(block)
        elif not said:
            found.append({**block, "text": text})
            said = True
    return found if said or not text else [*found, {"type": "text", "text": text}]


def changed(read: Message, kept: Message) -> bool:
    """Tell whether a filter changed what a message says."""
    return (
        read.text != kept.text
        or read.reasoning != kept.reasoning
        or read.calls != kept.calls
        or read.role is not kept.role
    )
