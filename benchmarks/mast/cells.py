"""Labelled cells and the figures made of them: precision, recall, F1, κ, with bootstrap intervals.

A cell is one run and one mode, labelled 0 or 1. Accuracy per cell is never shown: always "no" has
81 % of it on the public sets. Intervals resample runs, because the cells of one run hang together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

DRAWS = 1_000
"""Resamples of an interval; more moves its ends by less than a hundredth."""


class Counts(NamedTuple):
    """A contingency table: what was said against what is labelled."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Return the sum."""
        return Counts(*[a + b for a, b in zip(self, other, strict=True)])

    @property
    def precision(self) -> float | None:
        """Share of what was said that is labelled; None when nothing was said."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Share of what is labelled that was said; None when nothing is labelled."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; None when nothing was said nor labelled."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance (Cohen 1960); None where both sides only ever say one thing."""
        n = sum(self)
        if not n:
            return None
        agree = (self.tp + self.tn) / n
        said, labelled = (self.tp + self.fp) / n, (self.tp + self.fn) / n
        chance = said * labelled + (1 - said) * (1 - labelled)
        return None if chance == 1 else (agree - chance) / (1 - chance)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A run with its labels and with what the detectors say."""

    run_id: str
    half: str
    """`even` or `odd`, by the line of its label, counted from 1."""
    labels: dict[str, bool]
    """By mode; modes on which the annotators differ are not in it."""
    said: frozenset[str]
    """Modes with a finding."""

    def cell(self, mode: str, said: frozenset[str] | None = None) -> Counts:
        """Return one cell as counts; empty where there is no label."""
        labelled = self.labels.get(mode)
        if labelled is None:
            return Counts()
        tells = mode in (self.said if said is None else said)
        return Counts(
            tp=int(labelled and tells),
            fp=int(tells and not labelled),
            fn=int(labelled and not tells),
            tn=int(not labelled and not tells),
        )


def total(counts: Iterable[Counts]) -> Counts:
    """Add up."""
    tp = fp = fn = tn = 0
    for one in counts:
        tp, fp, fn, tn = tp + one[0], fp + one[1], fn + one[2], tn + one[3]
    return Counts(tp, fp, fn, tn)


Statistic = Callable[[Sequence[Sequence[Counts]]], float | None]
"""Makes a figure of runs, each with its cells."""


def interval(
    runs: Sequence[Sequence[Counts]], statistic: Statistic, *, draws: int = DRAWS
) -> tuple[float, float] | None:
    """Return the 95 % percentile bootstrap interval of a figure (Efron 1979).

    Args:
        runs: The cells of each run.
        statistic: The figure. Draws in which it is undefined are left out.
        draws: How many resamples.

    Returns:
        Its ends; None where fewer than half of the draws have the figure.
    """
    if not runs:
        return None
    dice = Random(len(runs))  # noqa: S311  # the same interval in every run of the benchmark
    seen: list[float] = []
    for _ in range(draws):
        value = statistic(dice.choices(runs, k=len(runs)))
        if value is not None:
            seen.append(value)
    if len(seen) < draws / 2:
        return None
    seen.sort()
    return seen[int(0.025 * len(seen))], seen[min(len(seen) - 1, int(0.975 * len(seen)))]


def gap_by_chance(
    one: Sequence[Sequence[Counts]], other: Sequence[Sequence[Counts]], *, draws: int = DRAWS
) -> float | None:
    """Return how often halves drawn by lot differ in pooled κ at least as much as these two do.

    A permutation test: small where one half was looked at while rules were made, and its figures
    are therefore too good.

    Returns:
        A share, with one added to both counts so that it is never 0; None where κ is undefined.
    """
    first, second = pooled_kappa(one), pooled_kappa(other)
    if first is None or second is None:
        return None
    dice = Random(len(one) + len(other))  # noqa: S311  # the same share in every run
    runs, wider = [*one, *other], 0
    for _ in range(draws):
        dice.shuffle(runs)
        left, right = pooled_kappa(runs[: len(one)]), pooled_kappa(runs[len(one) :])
        if left is not None and right is not None:
            wider += abs(left - right) >= abs(first - second)
    return (wider + 1) / (draws + 1)


def pooled_kappa(runs: Sequence[Sequence[Counts]]) -> float | None:
    """κ over all cells of all runs together."""
    return total([cell for run in runs for cell in run]).kappa


def pooled_f1(runs: Sequence[Sequence[Counts]]) -> float | None:
    """F1 over all cells of all runs together."""
    return total([cell for run in runs for cell in run]).f1


def per_mode(runs: Sequence[Sequence[Counts]]) -> list[Counts]:
    """Add up each mode over the runs."""
    return [total(cells) for cells in zip(*runs, strict=True)]


def macro_f1(runs: Sequence[Sequence[Counts]]) -> float | None:
    """Mean F1 over the modes that are labelled 1 at least once."""
    return _mean([one.f1 for one in per_mode(runs) if one.tp + one.fn])


def macro_kappa(runs: Sequence[Sequence[Counts]]) -> float | None:
    """Mean κ over the modes that are labelled both ways."""
    return _mean([one.kappa for one in per_mode(runs) if one.tp + one.fn and one.fp + one.tn])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
