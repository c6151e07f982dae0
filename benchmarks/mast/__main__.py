"""`python -m benchmarks.mast`: how the detectors agree with labelled runs, and what they cost.

Reads the folder that `GUARDRAILS_DATA` names. Prints tables and writes JSON; it never fails because
of a figure.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.mast.agreement import HALVES, gap_row, mode_rows, of_half, overall_rows
from benchmarks.mast.errors import error_lines
from benchmarks.mast.fates import fate_rows, halves, tagged_rows
from benchmarks.mast.gold import GoldRun, gold_files, gold_runs, sre_runs
from benchmarks.mast.labelled import labelled_rows, labelled_sets, retail_runs
from benchmarks.mast.speed import cores, flat_rows, throughput_rows
from benchmarks.mast.spread import spread_rows
from benchmarks.tables import save, show
from guardrails.batch.lines import TaggedRun, short_id
from guardrails.core.mast import MODES

WIDTH = 140
_MODES = [short_id(mode) for mode in MODES]


def main() -> int:
    """Measure, print, write."""
    options = _options()
    data: Path | None = options.data
    if data is None or not gold_files(data):
        print(
            f"benchmarks.mast: no gold file in {data or 'GUARDRAILS_DATA, which is not set'}",
            file=sys.stderr,
        )
        return 2
    tagged = {run.run_id: run for run in sre_runs(data)}
    gold = list(gold_runs(data, tagged))
    if options.errors:
        sets = {"gold SRE runs": gold, **labelled_sets(data)}
        for name, runs in sets.items():
            if options.set in name:
                print(f"== {name}")
                _print_errors(runs, options)
        return 0
    results: dict[str, object] = {
        "gold": gold_tables(gold),
        "labelled": labelled_tables(data),
        "outcomes": outcome_tables("SRE runs", list(tagged.values())),
        "retail outcomes": outcome_tables("tau-bench retail runs", retail_runs(data)),
    }
    if not options.quick:
        results["speed"] = speed_tables(data, options.jobs)
    print(f"written: {save('mast', results)}")
    return 0


def _print_errors(runs: list[GoldRun], options: argparse.Namespace) -> None:
    for line in error_lines(runs, options.errors, half=options.half, agreed=options.agreed):
        print(line)


def gold_tables(gold: list[GoldRun]) -> dict[str, object]:
    """Print and return how the detectors agree with the gold set, in both halves and in all."""
    cells = [run.cells for run in gold]
    results: dict[str, object] = {}
    for half in HALVES:
        some = of_half(cells, half)
        rows, overall = mode_rows(some, _MODES), overall_rows(some, _MODES)
        show(f"Gold SRE runs, {half} lines: {len(some)} runs", rows, width=WIDTH)
        show(f"Gold SRE runs, {half}: all modes together", overall, width=WIDTH)
        results[half] = {"modes": rows, "overall": overall}
    gap = gap_row(cells, _MODES)
    show(
        "Gold SRE runs: one half against the other; a small share by chance is a tuned half", [gap]
    )
    return {**results, "gap": gap}


def labelled_tables(data: Path) -> dict[str, object]:
    """Print and return how the detectors agree with labels of other frameworks."""
    found = labelled_rows(data)
    for half, rows in found.items():
        if rows:
            show(f"Other labelled runs, {half}: modes labelled often", rows, width=WIDTH)
    return {**found}


def outcome_tables(name: str, runs: list[TaggedRun]) -> dict[str, object]:
    """Print and return what the tags say of how runs came out."""
    results: dict[str, object] = {}
    for half, some in halves(runs).items() if runs else ():
        rows, tagged = fate_rows(some, _MODES), tagged_rows(some)
        show(f"{name}, {half}: {len(some)}, wrong against right", rows, width=WIDTH)
        show(f"{name}, {half}: tagged decisive", tagged, width=WIDTH)
        results[half] = {"ratios": rows, "decisive": tagged}
    return results


def speed_tables(data: Path, jobs: int) -> dict[str, object]:
    """Print and return what tagging costs."""
    through, flat, spread = throughput_rows(data), flat_rows(), spread_rows(data, jobs)
    show("Throughput of one process", through)
    show("The command, with one job and with several", spread, width=WIDTH)
    show("One event, all detectors, by step of a run", flat)
    return {"throughput": through, "spread": spread, "flat": flat}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mast", description=__doc__)
    given = os.environ.get("GUARDRAILS_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None)
    parser.add_argument("--errors", metavar="MODE", help="list where this mode was told wrongly")
    parser.add_argument(
        "--half",
        choices=HALVES,
        default="even",
        help="of --errors, by the gold line counted from 1; tune on one half only",
    )
    parser.add_argument("--agreed", action="store_true", help="with --errors: list hits too")
    parser.add_argument(
        "--set", default="gold", help="with --errors: part of the set's name; '' takes all"
    )
    parser.add_argument("--quick", action="store_true", help="leave out what is timed")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes of the timed part")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
