"""Messages in one form, whatever wire or framework they come in.

Filters work on these and never see a provider's shape. Each knows its place in the list that it
came from, so that a shape can hand back what nothing changed as the very object it was given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    """Instructions of whoever built the agent; `developer` messages too."""
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    """The result of one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call, as the model wrote it."""

    call_id: str
    tool: str
    arguments: str = "{}"
    """JSON text, or whatever stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, or one part of a message that holds several results."""

    role: Role
    text: str = ""
    reasoning: str = ""
    """What the provider marks as thought; thought between `<think>` tags is in the text."""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    """Of the call that a result answers."""
    tool: str = ""
    error: bool = False
    """Whether a result is an error."""
    pinned: bool = False
    """Whether it must reach the model, whatever the budget."""
    at: int = -1
    """Its place in the list it came from, counted from 0; -1 for one that a filter made."""
    part: int = 0
    """Its place within that message, where one holds several."""
    size: int = field(init=False, compare=False, repr=False)
    """Characters that it sends: texts, thought, and calls with their arguments."""

    def __post_init__(self) -> None:
        """Count its characters once: filters ask for them again and again."""
        size = len(self.text) + len(self.reasoning)
        for call in self.calls:
            size += len(call.tool) + len(call.arguments)
        object.__setattr__(self, "size", size)


M = TypeVar("M")


class Shape(Protocol[M]):
    """A provider's or framework's form of messages."""

    def read(self, messages: Sequence[M]) -> tuple[Message, ...]:
        """Return the messages in our form, in order, with their places."""
        ...

    def write(self, messages: Sequence[M], kept: Sequence[Message]) -> list[M]:
        """Return a list in this shape.

        Args:
            messages: The list that was read. It and its members stay as they are.
            kept: What is left of it, in order. A message that came through unchanged is handed
                back as the object it was.
        """
        ...
