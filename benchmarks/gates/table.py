"""The tables of a run: error rates per gate, times of ours, who is wrong about which fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.gates.cases.model import Expect
from benchmarks.gates.peers import PEERS
from benchmarks.gates.results import OURS, CaseResult, Run
from benchmarks.tables import quantile

GATES = (OURS, *(peer.name for peer in PEERS))

LATE_POLLS = 2
"""A pass may come this many polls after the window is over."""


def error_rows(cases: Sequence[CaseResult]) -> list[Mapping[str, object]]:
    """Return one row per gate: false accepts, false refusals, time to accept."""
    rows: list[Mapping[str, object]] = []
    for gate in GATES:
        broken = [c for c in cases if c.expect is Expect.REFUSE and gate in c.gates]
        mended = [c for c in cases if c.expect is Expect.ACCEPT and gate in c.gates]
        accepts = sum(c.errs(gate) for c in broken)
        refusals = sum(c.errs(gate) for c in mended)
        times = [c.gates[gate].seconds for c in mended if c.gates[gate].accepted]
        rows.append(
            {
                "gate": gate,
                "false accepts": f"{accepts} of {len(broken)}",
                "rate": _rate(accepts, len(broken)),
                "false refusals": f"{refusals} of {len(mended)}",
                "rate ": _rate(refusals, len(mended)),
                "accepts after p50 s": _quantile(times, 0.5),
                "p95 s": _quantile(times, 0.95),
            }
        )
    return rows


def time_rows(cases: Sequence[CaseResult]) -> list[Mapping[str, object]]:
    """Return what our gate took: to its first look, to a first fail, to a pass."""
    ours = [(c, c.ours) for c in cases if c.ours is not None]
    first_looks = [o.first_look_seconds for _, o in ours]
    fails = [o.first_fail_seconds for _, o in ours if o.first_fail_seconds is not None]
    unfixed = [
        o.first_fail_seconds
        for c, o in ours
        if o.first_fail_seconds is not None and c.kind == "unfixed"
    ]
    over = [o.good_seconds - o.window_seconds for _, o in ours if o.good_seconds is not None]
    passes = [o.pass_seconds for _, o in ours if o.pass_seconds is not None]
    rows = {
        "claim to first look": first_looks,
        "claim to first fail, nothing mended": unfixed,
        "claim to first fail, all": fails,
        "claim to pass": passes,
        "pass beyond the window": over,
    }
    return [
        {
            "ours, seconds": name,
            "cases": len(values),
            "p50": _quantile(values, 0.5),
            "p95": _quantile(values, 0.95),
            "max": _quantile(values, 1.0),
        }
        for name, values in rows.items()
    ]


def late_passes(cases: Iterable[CaseResult]) -> list[CaseResult]:
    """Return the cases whose pass came more than two polls after the window was over."""
    return [
        c
        for c in cases
        if c.ours is not None
        and c.ours.good_seconds is not None
        and c.ours.good_seconds > c.ours.window_seconds + LATE_POLLS * c.ours.poll_seconds
    ]


def fault_rows(cases: Sequence[CaseResult]) -> list[Mapping[str, object]]:
    """Return one row per fault: how many of its cases each gate is wrong about."""
    rows: list[Mapping[str, object]] = []
    for fault in dict.fromkeys(c.fault for c in cases):
        mine = [c for c in cases if c.fault == fault]
        wrong = {gate: sum(c.errs(gate) for c in mine) for gate in GATES}
        rows.append({"fault": fault, "cases": len(mine), **{g: n or "." for g, n in wrong.items()}})
    return rows


def errors_of_ours(run: Run) -> list[str]:
    """Return a line for each case that our gate is wrong about, with its evidence."""
    lines: list[str] = []
    for case in run.judged:
        if not case.errs(OURS):
            continue
        what = "accepted, should be refused" if case.expect is Expect.REFUSE else "refused"
        why = "" if case.ours is None else "; ".join(case.ours.violated)
        lines.append(f"{case.id}: {what}. {case.gates[OURS].said}. {why}".rstrip(". "))
    return lines


def not_run(run: Run) -> list[str]:
    """Return a line for each case that was not judged."""
    return [f"{case.id}: {case.not_run}" for case in run.cases if case.not_run]


def _rate(wrong: int, all_of_them: int) -> str:
    return f"{100 * wrong / all_of_them:.1f} %" if all_of_them else "-"


def _quantile(values: Sequence[float], q: float) -> object:
    return quantile(values, q) if values else "-"
