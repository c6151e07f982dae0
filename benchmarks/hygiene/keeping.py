"""What one filter makes of one conversation: characters, facts, validity, time."""

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.hygiene.conversations import Conversation
from benchmarks.hygiene.facts import kept
from benchmarks.hygiene.rivals import PER_TOKEN, RIVALS
from benchmarks.tables import quantile

Json = dict[str, Any]

_LISTED = re.compile(r"\[also named: [^\]\n]*\]|; named in them are [^\]\n]*\]")
"""Where ours lists names without the lines in which they stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one filter made of one conversation."""

    filter: str
    source: str
    half: str
    """`tuned` or `held`: constants were chosen by looking at the first half alone."""
    before: int
    after: int
    """Characters."""
    facts: int
    kept: int
    """Facts that still stand anywhere."""
    in_place: int
    """Facts that still stand in a line of their own context, not in a list of names alone."""
    valid: bool
    milliseconds: float


def measured(name: str, one: Conversation, share: float) -> Measured:
    """Let one filter make room in one conversation.

    Args:
        name: Of a filter in `RIVALS`.
        one: The conversation.
        share: Budget, as a part of what the conversation has.
    """
    budget = int(tokens_of(one.messages) * share)
    began = time.perf_counter()
    left = RIVALS[name](one.messages, budget)
    spent = time.perf_counter() - began
    text = text_of(left)
    return Measured(
        filter=name,
        source=one.source,
        half=half_of(one.name),
        before=_characters(one.messages),
        after=_characters(left),
        facts=len(one.facts),
        kept=kept(one.facts, text),
        in_place=kept(one.facts, _LISTED.sub("", text)),
        valid=is_valid(left),
        milliseconds=spent * 1000,
    )


def summed(some: Sequence[Measured]) -> dict[str, object]:
    """Sum up what one filter made of several conversations."""
    saved = [1 - one.after / one.before for one in some]
    facts = sum(one.facts for one in some)
    whole = sum(one.before for one in some)
    return {
        "conversations": len(some),
        "saved": f"{1 - sum(one.after for one in some) / whole:.1%}",
        "saved, p50": f"{quantile(saved, 0.5):.1%}",
        "facts kept": f"{sum(one.kept for one in some) / facts:.1%}",
        "in place": f"{sum(one.in_place for one in some) / facts:.1%}",
        "valid": f"{sum(one.valid for one in some) / len(some):.0%}",
        "ms p50": quantile([one.milliseconds for one in some], 0.5),
    }


def half_of(name: str) -> str:
    """Tell in which half a conversation is, by a hash of its name."""
    return "tuned" if hashlib.sha256(name.encode()).digest()[0] % 2 == 0 else "held"


def is_valid(messages: Sequence[Json]) -> bool:
    """Tell whether each call has its result right behind it, and each result its call."""
    waiting: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                return False
            waiting.discard(str(message.get("tool_call_id")))
        elif waiting:
            return False
        else:
            waiting = {str(call["id"]) for call in message.get("tool_calls") or ()}
    return not waiting


def tokens_of(messages: Sequence[Json]) -> int:
    """Return the tokens of messages, as all filters count them here."""
    return int(_characters(messages) / PER_TOKEN)


def text_of(messages: Sequence[Json]) -> str:
    """Return all that messages say."""
    return "\n".join(map(_said, messages))


def _characters(messages: Sequence[Json]) -> int:
    return sum(len(_said(message)) for message in messages)


def _said(message: Json) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content or "")
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return text + "".join(f"{one['name']}{one['arguments']}" for one in functions)
