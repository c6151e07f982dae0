"""Rows of the tables that hold detectors against labels, with baselines that look at nothing."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.mast.cells import (
    Counts,
    Labelled,
    gap_by_chance,
    interval,
    macro_f1,
    macro_kappa,
    pooled_f1,
    pooled_kappa,
    total,
)

HALVES = ("all", "even", "odd")


def of_half(runs: Sequence[Labelled], half: str) -> list[Labelled]:
    """Return the runs of one half, or all."""
    return [run for run in runs if half in {"all", run.half}]


def mode_rows(runs: Sequence[Labelled], modes: Sequence[str]) -> list[dict[str, object]]:
    """A row per mode: how the detectors agree with the labels."""
    rows: list[dict[str, object]] = []
    for mode in modes:
        cells = [[run.cell(mode)] for run in runs]
        counts = total([cell for (cell,) in cells])
        rows.append(
            {
                "mode": mode,
                "runs": sum(counts),
                "labelled": counts.tp + counts.fn,
                "said": counts.tp + counts.fp,
                "tp": counts.tp,
                "P": shown(counts.precision),
                "R": shown(counts.recall),
                "F1": shown(counts.f1),
                "F1 95 %": ends(interval(cells, pooled_f1)),
                "κ": shown(counts.kappa),
                "κ 95 %": ends(interval(cells, pooled_kappa)),
            }
        )
    return rows


def overall_row(
    name: str,
    runs: Sequence[Labelled],
    modes: Sequence[str],
    said: frozenset[str] | None = None,
) -> dict[str, object]:
    """Sum up all modes, for the detectors or for a baseline that says the same of every run.

    Args:
        name: What to call the row.
        runs: The runs.
        modes: The modes that count.
        said: What the baseline says; None for the detectors.
    """
    cells: list[list[Counts]] = [[run.cell(mode, said) for mode in modes] for run in runs]
    counts = total([cell for run in cells for cell in run])
    return {
        "who": name,
        "cells": sum(counts),
        "P": shown(counts.precision),
        "R": shown(counts.recall),
        "micro F1": shown(counts.f1),
        "micro F1 95 %": ends(interval(cells, pooled_f1)),
        "micro κ": shown(counts.kappa),
        "micro κ 95 %": ends(interval(cells, pooled_kappa)),
        "macro F1": shown(macro_f1(cells)),
        "macro κ": shown(macro_kappa(cells)),
    }


def gap_row(runs: Sequence[Labelled], modes: Sequence[str]) -> dict[str, object]:
    """Say how far the halves lie apart, and whether chance explains it."""
    halves = [
        [[run.cell(mode) for mode in modes] for run in of_half(runs, half)] for half in HALVES[1:]
    ]
    even, odd = (pooled_kappa(half) for half in halves)
    return {
        "half": "even against odd lines",
        "κ even": shown(even),
        "κ odd": shown(odd),
        "by chance": shown(gap_by_chance(halves[0], halves[1])),
    }


def baselines(runs: Sequence[Labelled]) -> dict[str, frozenset[str]]:
    """Return what rivals say that never look at a run.

    The most frequent modes are those of the runs that are scored: the most that such a rival can
    do.
    """
    often = Counter(mode for run in runs for mode, labelled in run.labels.items() if labelled)
    three = frozenset(mode for mode, _ in often.most_common(3))
    return {
        f"always {', '.join(sorted(three))} (most frequent)": three,
        "always 3.1, 3.3": frozenset({"3.1", "3.3"}),
        "always no": frozenset[str](),
    }


def overall_rows(runs: Sequence[Labelled], modes: Sequence[str]) -> list[dict[str, object]]:
    """The detectors, and the baselines beside them."""
    return [
        overall_row("detectors", runs, modes),
        *(overall_row(name, runs, modes, said) for name, said in baselines(runs).items()),
    ]


def shown(value: float | None) -> float | None:
    """Return a figure for a table and for JSON; None where it is undefined."""
    return None if value is None else round(value, 3) + 0.0  # no negative zero


def ends(found: tuple[float, float] | None) -> str:
    """Return the two ends of an interval."""
    if found is None:
        return ""
    low, high = (round(end, 2) + 0.0 for end in found)
    return f"{low:.2f} to {high:.2f}"
