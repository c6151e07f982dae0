"""What a filter left out: the record behind a pointer, for reports and for a second look."""

from enum import StrEnum

import msgspec

from guardrails.hygiene.messages import Message, Role

NOTE = "[left out: "
"""Begins the line that stands where turns went."""
TAKEN_BACK = "[taken back: "
"""Begins the line that stands where a step was taken back."""


class Left(StrEnum):
    """Why something is not sent as it was."""

    REPEATED = "repeated"
    """The same call was made again later, and its newer result stands there."""
    IDENTICAL = "identical"
    """A newer result says the same, letter by letter."""
    COMPRESSED = "compressed"
    """Lines that say the same are counted."""
    THOUGHT = "thought"
    """Thought of an earlier turn."""
    TAKEN_BACK = "taken-back"
    """A step that began with an error."""
    WINDOW = "window"
    """The whole turn: there was no room."""


class Removal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was left out."""

    why: Left
    at: int
    """Place of its message in the list as it came."""
    pointer: str = ""
    """What `recall` takes to show it; empty for what cannot be asked for."""
    characters: int = 0
    """How many fewer are sent."""
    said: str = ""
    """What stands in its place."""


def pointer_of(message: Message) -> str:
    """Return the id by which a result can be asked for again: that of its call."""
    return message.call_id


def may_go(message: Message) -> bool:
    """Tell whether a message is one of the conversation that may give way to others.

    Instructions, what is pinned, and the lines that filters wrote stay. They are no turns either
    when the newest are counted: else a note would push one of those out.
    """
    stays = message.pinned or message.role is Role.SYSTEM
    return not stays and not message.text.startswith((NOTE, TAKEN_BACK))
