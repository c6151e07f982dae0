"""The samples that the simulated Prometheus keeps, in memory.

Equal samples in a row are stored once with their count and spread evenly again when read, so that
thousands of gauges scraped four times a second stay small and `count_over_time` stays right.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name; the metric's name is `__name__`."""

LOOKBACK = 300.0
"""How old a sample may be for an instant query: Prometheus' default, five minutes."""
RETENTION = 3600.0
"""Seconds of history kept; longer than any window of a demo or test."""

Operator = Literal["=", "!=", "=~", "!~"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One label matcher."""

    name: str
    operator: Operator
    value: str

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether these labels pass; a missing label is the empty text."""
        actual = labels.get(self.name, "")
        match self.operator:
            case "=":
                return actual == self.value
            case "!=":
                return actual != self.value
            case "=~":
                return re.fullmatch(self.value, actual) is not None
            case "!~":
                return re.fullmatch(self.value, actual) is None


def labels_of(name: str, labels: Iterable[tuple[str, str]]) -> Labels:
    """The canonical labels of a series; empty values do not exist in Prometheus."""
    pairs = {key: value for key, value in labels if value}
    return tuple(sorted({**pairs, "__name__": name}.items()))


@dataclass(slots=True)
class _Run:
    """Equal samples in a row."""

    start: float
    end: float
    value: float | None
    """`None` is a staleness marker: the series ended here."""
    count: int = 1

    def times(self) -> Sequence[float]:
        if self.count == 1:
            return (self.start,)
        step = (self.end - self.start) / (self.count - 1)
        return [self.start + step * at for at in range(self.count - 1)] + [self.end]


@dataclass(slots=True)
class Series:
    """One series' samples."""

    labels: Labels
    runs: list[_Run] = field(default_factory=list[_Run])

    def append(self, at: float, value: float | None) -> None:
        """Add a sample; one that is not newer than the last is dropped, as out of order."""
        if self.runs:
            last = self.runs[-1]
            if at <= last.end:
                return
            if last.value == value:
                if value is not None:
                    last.end = at
                    last.count += 1
                return
        self.runs.append(_Run(at, at, value))

    def at(self, time: float) -> tuple[float, float] | None:
        """The newest sample (time, value) not after `time`, unless stale or too old."""
        index = bisect_right(self.runs, time, key=lambda run: run.start) - 1
        if index < 0:
            return None
        run = self.runs[index]
        if run.value is None:
            return None
        when = run.end if run.end <= time else max(one for one in run.times() if one <= time)
        return (when, run.value) if when > time - LOOKBACK else None

    def between(self, start: float, end: float) -> list[tuple[float, float]]:
        """Samples after `start` and up to `end`, without staleness markers."""
        found: list[tuple[float, float]] = []
        for run in self.runs:
            if run.end <= start or run.start > end or run.value is None:
                continue
            found += [(time, run.value) for time in run.times() if start < time <= end]
        return found

    def forget(self, before: float) -> None:
        """Drop what ended before a time."""
        while self.runs and self.runs[0].end < before:
            del self.runs[0]


class Tsdb:
    """All series, found by their labels when written and by metric name when read."""

    def __init__(self) -> None:
        self._series: dict[Labels, Series] = {}
        self._by_name: dict[str, dict[Labels, Series]] = {}

    def append(self, labels: Labels, at: float, value: float | None) -> None:
        """Add one sample; `None` marks the series stale."""
        series = self._series.get(labels)
        if series is None:
            if value is None:
                return
            series = self._series[labels] = Series(labels)
            self._by_name.setdefault(dict(labels)["__name__"], {})[labels] = series
        series.append(at, value)

    def select(self, matchers: Sequence[Matcher]) -> list[Series]:
        """Series that pass all matchers."""
        exact = next(
            (one.value for one in matchers if one.name == "__name__" and one.operator == "="), None
        )
        table = self._series if exact is None else self._by_name.get(exact, {})
        rest = [one for one in matchers if one.name != "__name__" or exact is None]
        if not rest:
            return list(table.values())
        found: list[Series] = []
        for labels, series in table.items():
            known = dict(labels)
            if all(one.matches(known) for one in rest):
                found.append(series)
        return found

    def forget(self, before: float) -> None:
        """Drop samples and series older than a time."""
        for labels, series in list(self._series.items()):
            series.forget(before)
            if not series.runs:
                del self._series[labels]
                del self._by_name[dict(labels)["__name__"]][labels]
