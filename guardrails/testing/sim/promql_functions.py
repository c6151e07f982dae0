"""Functions and aggregations of PromQL, with Prometheus' own arithmetic.

`rate` extrapolates to the window's edges as Prometheus does, because rules compare it with
thresholds; histogram quantiles interpolate inside the bucket.
"""

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import pstdev  # the population one, as PromQL has it
from typing import Any

import promql_parser as ast

from guardrails.testing.sim.promql_values import PromqlError, Sample, Value, Vector, unnamed
from guardrails.testing.sim.tsdb import Labels, Series

Points = Sequence[tuple[float, float]]

_EDGE = 1.1
"""Extrapolate to the window's edge if the gap is below this many average intervals."""


def _increase(points: Points) -> float:
    total = 0.0
    for (_, before), (_, after) in pairwise(points):
        # A counter that fell was reset: what it shows now was counted since.
        total += after - before if after >= before else after
    return total


def _extrapolated(points: Points, start: float, end: float, *, counter: bool) -> float:
    first, last = points[0], points[-1]
    change = _increase(points) if counter else last[1] - first[1]
    span = last[0] - first[0]
    average = span / (len(points) - 1)
    before, after = first[0] - start, end - last[0]
    if before >= average * _EDGE:
        before = average / 2
    if counter and change > 0 and first[1] >= 0:
        # A counter cannot have been below zero at the window's start.
        before = min(before, span * first[1] / change)
    if after >= average * _EDGE:
        after = average / 2
    return change * (span + before + after) / span


def _edged(compute: Callable[[Points, float, float], float]) -> Callable[..., Vector]:
    """A function that also looks at the window's edges; it needs two samples."""

    def run(series: list[Series], start: float, end: float) -> Vector:
        found = ((one, one.between(start, end)) for one in series)
        return [
            Sample(unnamed(one.labels), compute(points, start, end))
            for one, points in found
            if len(points) > 1
        ]

    return run


def _windowed(compute: Callable[[Points], float], *, least: int = 1) -> Callable[..., Vector]:
    def run(series: list[Series], start: float, end: float) -> Vector:
        found = ((one, one.between(start, end)) for one in series)
        return [
            Sample(unnamed(one.labels), compute(points))
            for one, points in found
            if len(points) >= least
        ]

    return run


def _values(points: Points) -> list[float]:
    return [value for _, value in points]


def _instant_change(points: Points, *, counter: bool) -> float:
    (_, before), (_, after) = points[-2:]
    return after if counter and after < before else after - before


def _count_pairs(points: Points, test: Callable[[float, float], bool]) -> float:
    values = _values(points)
    return float(sum(test(a, b) for a, b in pairwise(values)))


def quantile(share: float, values: list[float]) -> float:
    """The interpolated quantile of some values."""
    if not values or math.isnan(share):
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share - 0.5)
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def _quantile_over_time(series: list[Series], start: float, end: float, share: float) -> Vector:
    return _windowed(lambda points: quantile(share, _values(points)))(series, start, end)


def _last_over_time(series: list[Series], start: float, end: float) -> Vector:
    found = ((one, one.between(start, end)) for one in series)
    return [Sample(one.labels, points[-1][1]) for one, points in found if points]


RANGE: dict[str, Callable[..., Vector]] = {
    "rate": _edged(lambda p, s, e: _extrapolated(p, s, e, counter=True) / (e - s)),
    "increase": _edged(lambda p, s, e: _extrapolated(p, s, e, counter=True)),
    "delta": _edged(lambda p, s, e: _extrapolated(p, s, e, counter=False)),
    "irate": _windowed(lambda p: _instant_change(p, counter=True) / (p[-1][0] - p[-2][0]), least=2),
    "idelta": _windowed(lambda p: _instant_change(p, counter=False), least=2),
    "changes": _windowed(lambda p: _count_pairs(p, lambda a, b: a != b)),
    "resets": _windowed(lambda p: _count_pairs(p, lambda a, b: b < a)),
    "sum_over_time": _windowed(lambda p: math.fsum(_values(p))),
    "avg_over_time": _windowed(lambda p: math.fsum(_values(p)) / len(p)),
    "min_over_time": _windowed(lambda p: min(_values(p))),
    "max_over_time": _windowed(lambda p: max(_values(p))),
    "count_over_time": _windowed(lambda p: float(len(p))),
    "present_over_time": _windowed(lambda _: 1.0),
    "stddev_over_time": _windowed(lambda p: pstdev(_values(p))),
    "last_over_time": _last_over_time,
    "quantile_over_time": _quantile_over_time,
}
"""Functions of a range vector."""


def absent_labels(node: ast.Expr) -> Vector:
    """What `absent` returns: one sample with the labels that its selector fixes."""
    selector: Any = node.vector_selector if isinstance(node, ast.MatrixSelector) else node
    if not isinstance(selector, ast.VectorSelector):
        return [Sample((), 1.0)]
    labels = sorted(
        (one.name, one.value)
        for one in selector.matchers.matchers
        if one.op == ast.MatchOp.Equal and one.name != "__name__"
    )
    return [Sample(tuple(labels), 1.0)]


def _each(compute: Callable[..., float]) -> Callable[..., Vector]:
    def run(vector: Value, *scalars: Value) -> Vector:
        if not isinstance(vector, list):
            raise PromqlError("expected an instant vector", kind="bad_data")
        return [Sample(unnamed(one.labels), compute(one.value, *scalars)) for one in vector]

    return run


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def _to_vector(value: float) -> Vector:
    return [Sample((), value)]


def _timestamp(vector: Vector) -> Vector:
    return [Sample(unnamed(one.labels), one.at) for one in vector]


def _round(value: float, to: float = 1.0) -> float:
    return math.floor(value / to + 0.5) * to


def _histogram_quantile(share: float, vector: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for one in vector:
        known = dict(one.labels)
        bound = known.pop("le", None)
        known.pop("__name__", None)
        if bound is not None:
            key = tuple(sorted(known.items()))
            groups.setdefault(key, []).append((float(bound.replace("+Inf", "inf")), one.value))
    return [
        Sample(labels, _bucket_quantile(share, sorted(buckets)))
        for labels, buckets in groups.items()
    ]


def _bucket_quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    if (
        len(buckets) < 2 or not math.isinf(buckets[-1][0]) or not buckets[-1][1]  # noqa: PLR2004  # +Inf and one more
    ):  # +Inf and one more
        return math.nan
    rank = share * buckets[-1][1]
    index = next(at for at, (_, count) in enumerate(buckets) if count >= rank)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    low, below = (0.0, 0.0) if index == 0 else buckets[index - 1]
    high, count = buckets[index]
    return low + (high - low) * (rank - below) / (count - below) if count > below else high


def _label_replace(
    vector: Vector, target: str, replacement: str, source: str, pattern: str
) -> Vector:
    template = re.sub(r"\$(\d+)", r"\\\1", replacement)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise PromqlError(f"invalid regular expression in label_replace(): {pattern}") from error
    found: Vector = []
    for one in vector:
        labels = dict(one.labels)
        match = expression.fullmatch(labels.get(source, ""))
        if match is not None:
            value = match.expand(template)
            if value:
                labels[target] = value
            else:
                labels.pop(target, None)
        found.append(Sample(tuple(sorted(labels.items())), one.value))
    return found


def _scalar(vector: Vector) -> float:
    return vector[0].value if len(vector) == 1 else math.nan


def _sorted(*, reverse: bool) -> Callable[[Vector], Vector]:
    return lambda vector: sorted(vector, key=lambda one: one.value, reverse=reverse)


PLAIN: dict[str, Callable[..., Value]] = {
    "abs": _each(math.fabs),
    "ceil": _each(math.ceil),
    "floor": _each(math.floor),
    "round": _each(_round),
    "sqrt": _each(math.sqrt),
    "exp": _each(math.exp),
    "clamp_min": _each(max),
    "clamp_max": _each(min),
    "clamp": _each(_clamp),
    "scalar": _scalar,
    "vector": _to_vector,
    "timestamp": _timestamp,
    "sort": _sorted(reverse=False),
    "sort_desc": _sorted(reverse=True),
    "histogram_quantile": _histogram_quantile,
    "label_replace": _label_replace,
}
"""Functions of instant vectors and scalars."""

_REDUCE: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "avg": lambda values: math.fsum(values) / len(values),
    "group": lambda _: 1.0,
    "stddev": pstdev,
    "stdvar": lambda values: pstdev(values) ** 2,
}


def aggregate(name: str, labels: Labels, samples: Vector, parameter: object) -> Vector:
    """Aggregate one group.

    Raises:
        PromqlError: For an aggregation that is not supported.
    """
    reduce = _REDUCE.get(name)
    values = [one.value for one in samples]
    if reduce is not None:
        return [Sample(labels, reduce(values))]
    match name, parameter:
        case (("topk" | "bottomk"), float()):
            ordered = sorted(samples, key=lambda one: one.value, reverse=name == "topk")
            return ordered[: int(parameter)]
        case "quantile", float():
            return [Sample(labels, quantile(parameter, values))]
        case _:
            raise PromqlError(f"the simulated Prometheus does not aggregate by {name!r}")
