"""`python -m benchmarks.mutation`: mutants of the check functions, made and tried by mutmut.

Prints a table and writes JSON with every survivor's diff. The exit code is 1 when less than nine in
ten are killed, 2 when nothing matches or mutmut cannot run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutation.modules import modules
from benchmarks.mutation.outcomes import Mutant, Outcome, killed_share, read_outcomes, rows
from benchmarks.mutation.workspace import (
    TYPES,
    MutmutError,
    diffs_of,
    made_of,
    prepare,
    run_mutmut,
)
from benchmarks.tables import RESULTS, save, show

LEAST_KILLED = 0.9

USAGE_ERROR = 2


def main() -> int:
    """Run, print, write; return the exit code."""
    options = _options()
    targets = modules(options.only)
    if not targets:
        print("error: no module that defines a check matches", file=sys.stderr)
        return USAGE_ERROR
    RESULTS.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder: Path | None = options.workspace
        if folder is None:
            kept = tempfile.TemporaryDirectory(prefix="mutants-")
            folder = Path(stack.enter_context(kept))
        if (folder / TYPES).exists():
            targets = made_of(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            prepare(folder, targets)
        try:
            run_mutmut(folder, log=RESULTS / "mutation.log", children=options.children)
        except MutmutError as error:
            print(f"error: {error}", file=sys.stderr)
            return USAGE_ERROR
        mutants = read_outcomes(folder, targets)
        return report(mutants, folder)


def report(mutants: Sequence[Mutant], folder: Path) -> int:
    """Print the table and the survivors, write the JSON, and return the exit code."""
    left = [m for m in mutants if m.outcome in {Outcome.SURVIVED, Outcome.UNTRIED}]
    diffs = diffs_of(folder, left)
    survivors = [
        {"module": m.module, "mutant": m.name, "outcome": m.outcome, "diff": diffs[m.name]}
        for m in left
    ]
    show("Mutants of the check functions", rows(mutants), width=120)
    for one in survivors:
        print(f"{one['outcome']}: {one['mutant']}\n{one['diff']}")
    share = killed_share(mutants)
    path = save("mutation", {"killed": share, "modules": rows(mutants), "survivors": survivors})
    print(f"{100 * share:.1f} % of {len(mutants)} mutants killed; written: {path}")
    return 0 if share >= LEAST_KILLED else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="by path")
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="keep the copy of the project there; a run that was broken off goes on with it, by "
        "the sources and modules that it was made of",
    )
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
