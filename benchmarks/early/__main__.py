"""`python -m benchmarks.early`: what is caught before it runs, and which sound steps are disturbed.

Goes through the real runs in the folder that `GUARDRAILS_DATA` names. Their own calls are taken as
sound; into each run errors are put, one at a time. Prints tables, names every false alarm and every
miss, and writes JSON.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.early.seeds import Seed, seeds
from benchmarks.early.walk import Met, met_in, specs_of
from benchmarks.hygiene.conversations import conversations
from benchmarks.tables import save, show

CALLS_SEEDED = 6
"""Calls of each run, spread evenly, at which errors are put in."""


def main() -> int:
    """Measure, print, write."""
    options = _options()
    if options.data is None or not options.data.is_dir():
        print("benchmarks.early: GUARDRAILS_DATA names no folder with runs", file=sys.stderr)
        return 2
    runs = [
        (one.source, one.name, list(met_in(one.messages))) for one in conversations(options.data)
    ]
    clean = [clean_row(source, runs) for source in (*dict.fromkeys(r[0] for r in runs), "all")]
    show("Steps of real runs", clean)
    sown = [seed for _, name, met in runs for seed in _sown(name, met)]
    seeded = [seed_row(kind, sown) for kind in (*dict.fromkeys(s.kind for s in sown), "all errors")]
    show("Put into them", seeded)
    false = [f"{name}: {_said(met)}" for _, name, found in runs for met in found if met.caught]
    missed = [f"{seed.kind}: {seed.told}" for seed in sown if seed.caught == seed.twin]
    path = save(
        "early", {"clean": clean, "seeded": seeded, "false alarms": false, "wrongly told": missed}
    )
    for line in false:
        print(f"false alarm in {line}")
    print(f"written, with every seed that was told wrongly: {path}")
    return 0


def clean_row(source: str, runs: Sequence[tuple[str, str, list[Met]]]) -> dict[str, object]:
    """Sum up the recorded calls of one source, or of all."""
    calls = [met for of, _, found in runs if source in {of, "all"} for met in found]
    caught = [met for met in calls if met.caught]
    return {
        "runs": source,
        "number": sum(source in {of, "all"} for of, _, _ in runs),
        "calls": len(calls),
        "changes": sum(met.writes for met in calls),
        "interrupted": len(caught),
        "share": f"{len(caught) / max(1, len(calls)):.2%}",
    }


def seed_row(kind: str, sown: Sequence[Seed]) -> dict[str, object]:
    """Sum up the seeds of one kind."""
    some = [s for s in sown if s.kind == kind or (kind == "all errors" and not s.twin)]
    twin = bool(some) and some[0].twin
    caught = sum(seed.caught for seed in some)
    return {
        "put in": kind,
        "is": "sound" if twin else "an error",
        "times": len(some),
        "caught": caught,
        "share": f"{caught / max(1, len(some)):.1%}",
    }


def _sown(name: str, met: Sequence[Met]) -> list[Seed]:
    dice = Random(name)  # noqa: S311  # the same seeds in every run of the benchmark
    specs = specs_of(met)
    step = max(1, len(met) // CALLS_SEEDED)
    return [seed for one in met[step - 1 :: step] for seed in seeds(one, specs, dice)]


def _said(met: Met) -> str:
    call = f"{met.call.tool} {met.call.arguments[:200]}"
    return f"{met.text[-200:]!r} | {call} | {met.decision.to_person}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.early", description=__doc__)
    given = os.environ.get("GUARDRAILS_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
