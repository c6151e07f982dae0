"""`python -m benchmarks.hygiene`: tokens saved, facts kept, validity and time, side by side.

Reads the folder that `GUARDRAILS_DATA` names; without one there is nothing to measure on.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hygiene.conversations import Conversation, conversations
from benchmarks.hygiene.facts import kept
from benchmarks.hygiene.rivals import PER_TOKEN, RIVALS
from benchmarks.tables import quantile, save, show

SHARE = 0.4
"""Budget of each conversation, of what it has: the goal is to save 60 %."""

LEAST_TOKENS = 1_500
"""Tokens of a conversation below which nothing needs to be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one filter made of one conversation."""

    filter: str
    source: str
    name: str
    before: int
    after: int
    """Characters."""
    facts: int
    kept: int
    valid: bool
    milliseconds: float


def main() -> int:
    """Measure, print, write."""
    options = _options()
    if options.data is None or not options.data.is_dir():
        print(
            "benchmarks.hygiene: GUARDRAILS_DATA names no folder with conversations",
            file=sys.stderr,
        )
        return 2
    found = [c for c in conversations(options.data) if _tokens(c.messages) >= LEAST_TOKENS]
    measured = [measure(name, one, options.share) for one in found for name in RIVALS]
    rows = [row(measured, name, source) for source in _sources(measured) for name in RIVALS]
    show(
        f"Filters at a budget of {options.share:.0%} ({len(found)} conversations)", rows, width=130
    )
    lost = _lost(found, options.share)
    path = save("hygiene", {"rows": rows, "lost": lost, "share": options.share})
    print(f"written: {path}")
    return 0


def measure(name: str, one: Conversation, share: float) -> Measured:
    """Let one filter make room in one conversation."""
    budget = int(_tokens(one.messages) * share)
    began = time.perf_counter()
    left = RIVALS[name](one.messages, budget)
    spent = time.perf_counter() - began
    return Measured(
        filter=name,
        source=one.source,
        name=one.name,
        before=_characters(one.messages),
        after=_characters(left),
        facts=len(one.facts),
        kept=kept(one.facts, _text(left)),
        valid=is_valid(left),
        milliseconds=spent * 1000,
    )


def row(measured: Sequence[Measured], name: str, source: str) -> dict[str, object]:
    """Sum up one filter over one source, or over all."""
    some = [m for m in measured if m.filter == name and source in {m.source, "all"}]
    saved = [1 - m.after / m.before for m in some]
    facts = sum(m.facts for m in some)
    return {
        "source": source,
        "filter": name,
        "conversations": len(some),
        "saved": f"{1 - sum(m.after for m in some) / sum(m.before for m in some):.1%}",
        "saved, p50": f"{quantile(saved, 0.5):.1%}",
        "facts kept": f"{sum(m.kept for m in some) / facts:.1%}",
        "valid": f"{sum(m.valid for m in some) / len(some):.0%}",
        "ms p50": quantile([m.milliseconds for m in some], 0.5),
    }


def is_valid(messages: Sequence[dict[str, Any]]) -> bool:
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


def _lost(found: Sequence[Conversation], share: float) -> dict[str, list[str]]:
    """Name the facts that ours lost, to look at."""
    lost: dict[str, list[str]] = {}
    for one in found:
        text = _text(RIVALS["guarded-agent"](one.messages, int(_tokens(one.messages) * share)))
        missing = [fact for fact in one.facts if fact not in text]
        if missing:
            lost[f"{one.source}/{one.name}"] = missing
    return lost


def _sources(measured: Sequence[Measured]) -> list[str]:
    return [*dict.fromkeys(m.source for m in measured), "all"]


def _tokens(messages: Sequence[dict[str, Any]]) -> int:
    return int(_characters(messages) / PER_TOKEN)


def _characters(messages: Sequence[dict[str, Any]]) -> int:
    return sum(len(_said(message)) for message in messages)


def _text(messages: Sequence[dict[str, Any]]) -> str:
    return "\n".join(_said(message) for message in messages)


def _said(message: dict[str, Any]) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content or "")
    calls = message.get("tool_calls")
    functions = [call["function"] for call in calls] if calls else []
    return text + "".join(f"{one['name']}{one['arguments']}" for one in functions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hygiene", description=__doc__)
    given = os.environ.get("GUARDRAILS_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None)
    parser.add_argument("--share", type=float, default=SHARE)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
