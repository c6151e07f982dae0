"""Thought of earlier turns: it led to a call, and the call and its result say what came of it.

Providers that sign thought want it back for the turn that is under way, so the newest turns keep
theirs.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from guardrails.hygiene.left import Left, Removal
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.repeats import Cleaned

_TAGGED = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)\s*", re.DOTALL | re.IGNORECASE)
"""Thought within the text, as open models write it; one that was cut off never ends."""


def without_thought(messages: Sequence[Message], *, recent: int) -> Cleaned:
    """Leave out the thought of all but the newest turns.

    Args:
        messages: In order.
        recent: Assistant messages from the end that keep theirs.
    """
    assistants = [at for at, message in enumerate(messages) if message.role is Role.ASSISTANT]
    old = frozenset(assistants[: max(0, len(assistants) - max(1, recent))])
    found: list[Message] = []
    removals: list[Removal] = []
    for at, message in enumerate(messages):
        kept = _without(message) if at in old and not message.pinned else message
        found.append(kept)
        if kept is not message:
            fewer = len(message.text) + len(message.reasoning) - len(kept.text)
            removals.append(Removal(why=Left.THOUGHT, at=message.at, characters=fewer))
    return Cleaned(tuple(found), tuple(removals))


def _without(message: Message) -> Message:
    text = _TAGGED.sub("", message.text) if "<" in message.text else message.text
    if not message.reasoning and text == message.text:
        return message
    if not text and not message.calls:
        return message  # nothing else is said in it, and an empty message is refused
    return replace(message, text=text, reasoning="")
