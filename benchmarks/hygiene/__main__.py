"""`python -m benchmarks.hygiene`: tokens saved, facts kept, validity and time, side by side.

Reads the folder that `GUARDRAILS_DATA` names; without one there is nothing to measure on.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.hygiene import cost
from benchmarks.hygiene.conversations import Conversation, conversations
from benchmarks.hygiene.keeping import Measured, measured, summed, text_of, tokens_of
from benchmarks.hygiene.rivals import OURS, RIVALS
from benchmarks.tables import save, show

SHARE = 0.4
"""Budget of each conversation, of what it has, notes and lists of names included; the goal is to
save 60 %. All filters get the same."""

SHARES = (0.5, 0.4, 0.3, 0.2)
"""Budgets of the second table, which shows what less room costs."""

LEAST_TOKENS = 4_000
"""Tokens of a conversation that is looked at. The least budget is then 1,600 tokens at the first
table's share; instructions, task and newest turns, which always stay, fill most of a smaller one,
and no guard is run with a tenth of that."""

WIDTH = 130
Row = dict[str, object]


def main() -> int:
    """Measure, print, write."""
    options = _options()
    if options.data is None or not options.data.is_dir():
        print(
            "benchmarks.hygiene: there are no conversations to measure on. Set GUARDRAILS_DATA, or"
            " --data, to a folder with some; benchmarks/hygiene/conversations.py says which files"
            " are read.",
            file=sys.stderr,
        )
        return 2
    every = list(conversations(options.data))
    found = [one for one in every if tokens_of(one.messages) >= LEAST_TOKENS]
    if not found:
        print(f"benchmarks.hygiene: {options.data} holds none of them", file=sys.stderr)
        return 2
    results: dict[str, object] = {"share": options.share, "kept": _kept(found, options.share)}
    results["shares"] = _by_share(found)
    results["lost"] = _lost(found, options.share)
    results["cost"] = _cost(every)
    print(f"written: {save('hygiene', results)}")
    return 0


def _kept(found: Sequence[Conversation], share: float) -> list[Row]:
    """Print the filters side by side, by source and by half."""
    seen = [measured(name, one, share) for one in found for name in RIVALS]
    parts = [
        *dict.fromkeys(one.source for one in seen),
        *sorted({one.half for one in seen}, reverse=True),
        "all",
    ]
    rows = [_row(seen, name, part) for part in parts for name in RIVALS]
    show(f"Filters at a budget of {share:.0%} ({len(found)} conversations)", rows, width=WIDTH)
    return rows


def _row(seen: Sequence[Measured], name: str, part: str) -> Row:
    some = [m for m in seen if m.filter == name and part in {m.source, m.half, "all"}]
    return {"part": part, "filter": name, **summed(some)}


def _by_share(found: Sequence[Conversation]) -> list[Row]:
    """Print what less room costs."""
    rows: list[Row] = []
    for share in SHARES:
        for name in tuple(RIVALS)[1:]:
            sums = summed([measured(name, one, share) for one in found])
            rows.append({"budget": f"{share:.0%}", "filter": name, **sums})
    show("The same with less room", rows, width=WIDTH)
    return rows


def _lost(found: Sequence[Conversation], share: float) -> dict[str, list[str]]:
    """Name the facts that ours lost, to look at."""
    lost: dict[str, list[str]] = {}
    for one in found:
        text = text_of(RIVALS[OURS](one.messages, int(tokens_of(one.messages) * share)))
        missing = [fact for fact in one.facts if fact not in text]
        if missing:
            lost[f"{one.source}/{one.name}"] = missing
    return lost


def _cost(every: Sequence[Conversation]) -> list[Row]:
    """Print what filtering costs while a conversation grows."""
    rows = [cost.row(one) for one in cost.costs(every)]
    title = f"Time of a call at {cost.MESSAGES} messages, some {cost.TOKENS:,} tokens"
    show(title, rows, width=WIDTH)
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hygiene", description=__doc__)
    given = os.environ.get("GUARDRAILS_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None)
    parser.add_argument("--share", type=float, default=SHARE)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
