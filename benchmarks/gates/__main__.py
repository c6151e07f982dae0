"""`python -m benchmarks.gates`: every case, judged by every gate on a real control plane.

Prints the tables and writes JSON beside them. The exit code is 1 when our gate is wrong about a
case or a case could not be set up, 2 when a case file is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.gates.cases.expand import cases_of, chosen
from benchmarks.gates.cases.load import CaseError, Library, read_folders, shipped
from benchmarks.gates.cases.model import Case
from benchmarks.gates.live.ground import ground
from benchmarks.gates.live.running import run_cases
from benchmarks.gates.results import OURS, CaseResult, Run, write
from benchmarks.gates.table import (
    error_rows,
    errors_of_ours,
    fault_rows,
    late_passes,
    not_run,
    time_rows,
)
from benchmarks.tables import RESULTS, show
from e2e.clusters.errors import ClusterError

LANES = 8
"""Cases wait more than they work: on two cores eight lanes keep both busy."""

USAGE_ERROR = 2


def main() -> int:
    """Run, print, write; return the exit code."""
    options = _options()
    try:
        library, cases = _cases(options.cases)
    except CaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    cases = chosen(cases, options.only)
    if options.list:
        print("\n".join(f"{case.id}  {case.expect}" for case in cases))
        return 0
    if not cases:
        print("error: no case matches", file=sys.stderr)
        return USAGE_ERROR
    try:
        run = _run(options, library, cases)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    return report(run, options.output)


def report(run: Run, output: Path) -> int:
    """Print the tables, write the JSON, and return the exit code."""
    judged = list(run.judged)
    if judged:
        show("Gates", error_rows(judged))
        show("Times of our gate", time_rows(judged))
        show("Wrong about, by fault", fault_rows(judged), width=170)
    for title, lines in (
        ("ours is wrong", errors_of_ours(run)),
        ("passed late", [case.id for case in late_passes(judged)]),
        ("not run", not_run(run)),
    ):
        for line in lines:
            print(f"{title}: {line}")
    write(run, output)
    wrong = sum(case.errs(OURS) for case in judged)
    failed = len(run.cases) - len(judged)
    print(
        f"{len(judged)} of {len(run.cases)} cases judged in {run.seconds:.0f} s on {run.lanes} "
        f"lanes; ours is wrong about {wrong}; written: {output}"
    )
    return 1 if wrong or failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__)
    parser.add_argument("--cases", type=Path, help="a folder of cases, instead of the shipped ones")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="by case id")
    parser.add_argument("--lanes", type=int, default=LANES)
    parser.add_argument("--list", action="store_true", help="print the cases and run none")
    parser.add_argument("--keep-recordings", type=Path, metavar="DIR", help="keep every look there")
    parser.add_argument("--output", type=Path, default=RESULTS / "gates.json")
    return parser.parse_args()


def _cases(folder: Path | None) -> tuple[Library, list[Case]]:
    """Return the cases; those of a folder are tried with the shipped fake fixes too."""
    library = shipped()
    if folder is None:
        return library, cases_of(library)
    own = read_folders([folder])
    fakes = {**library.fakes, **own.fakes}
    merged = Library(
        faults=own.faults, fakes=fakes, manifests={**library.manifests, **own.manifests}
    )
    return merged, cases_of(merged)


def _run(options: argparse.Namespace, library: Library, cases: list[Case]) -> Run:
    began = time.monotonic()
    done = set[str]()
    # A run that is cut short leaves what it found, a case per line.
    lines = options.output.with_suffix(".jsonl")
    lines.parent.mkdir(parents=True, exist_ok=True)
    lines.unlink(missing_ok=True)

    def tell(result: CaseResult) -> None:
        done.add(result.id)
        mark = "not run" if result.not_run else "WRONG" if result.errs(OURS) else "right"
        why = result.not_run or (result.gates[OURS].said if result.errs(OURS) else "")
        print(f"[{len(done)}/{len(cases)}] {mark:7} {result.id}  {why}", flush=True)
        with lines.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")

    lanes = max(1, min(options.lanes, len(cases)))
    with ground(lanes, manifests=library.manifests, record=options.keep_recordings) as under:
        results = run_cases(under, cases, tell)
    return Run(cases=tuple(results), lanes=lanes, seconds=time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
