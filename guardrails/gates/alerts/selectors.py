"""What an expression selects: which series, by which labels, and whether it counts requests.

The rules of the incident say which metrics show its traffic, so nobody has to write them down.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import promql_parser as promql

from guardrails.gates.alerts.rules import PARSED, children

OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}

RATES = frozenset({"rate", "irate", "increase"})

ABSENCE = frozenset({"absent", "absent_over_time"})

OUTCOMES = re.compile(
    r"(^|_)(code|status|error|exception|outcome|result|response|flags?|le|quantile|severity)(_|$)"
)
"""Labels that tell how a request ended or how long it took, and not which service had it."""

REQUESTS = re.compile(r"(request|call|rpc|http|quer(y|ies)|operation|handled|message)")
FAILURES = re.compile(
    r"(error|fail|exception|timeout|retr|drop|reject|abort|cancel|restart|byte|throttl|panic)"
)
"""Counters whose fall is good news say nothing of traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One vector selector of an expression."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    """Label, operator and value."""
    range_seconds: float = 0.0
    is_rate: bool = False
    """Whether a counter is read as a rate: its series do not end while its targets live."""
    grouping: frozenset[str] = frozenset()
    """Labels that the aggregations around it keep."""
    is_absence: bool = False
    """Inside `absent`: it rightly selects nothing."""

    @property
    def namespace_of(self) -> tuple[str, str] | None:
        """Operator and value of the first matcher over `namespace`."""
        return next(((o, v) for name, o, v in self.matchers if name == "namespace"), None)


@lru_cache(maxsize=PARSED)
def selectors(query: str) -> tuple[Selector, ...]:
    """Return the selectors of an expression; none when it cannot be parsed.

    >>> [s.metric for s in selectors("sum by (pod) (rate(calls_total[2m])) > on() up")]
    ['calls_total', 'up']
    """
    try:
        return tuple(_walk(promql.parse(query), Selector(metric="")))
    except ValueError:
        return ()


def _walk(node: object, around: Selector) -> Iterator[Selector]:
    match node:
        case promql.VectorSelector():
            matchers = tuple(
                (m.name, OPERATORS.get(str(m.op), "="), m.value) for m in node.matchers.matchers
            )
            named = next((v for n, o, v in matchers if (n, o) == ("__name__", "=")), "")
            yield replace(around, metric=node.name or named, matchers=matchers)
        case promql.MatrixSelector():
            inside = replace(around, range_seconds=node.range.total_seconds())
            yield from _walk(node.vector_selector, inside)
        case promql.SubqueryExpr():
            yield from _walk(node.expr, around)
        case promql.Call():
            name = node.func.name
            inside = replace(
                around,
                is_rate=around.is_rate or name in RATES,
                is_absence=around.is_absence or name in ABSENCE,
            )
            for each in node.args:
                yield from _walk(each, inside)
        case promql.AggregateExpr():
            by = node.modifier is not None and str(node.modifier.type).endswith("By")
            kept = frozenset(node.modifier.labels) if by and node.modifier else frozenset[str]()
            yield from _walk(node.expr, replace(around, grouping=around.grouping | kept))
        case _:
            for each in children(node):
                yield from _walk(each, around)


def speaks_of(query: str, namespaces: Iterable[str]) -> bool:
    """Tell whether an expression could be about these namespaces; False when it names others."""
    named = [s.namespace_of for s in selectors(query)]
    return all(pin is None or any(_takes(pin, n) for n in namespaces) for pin in named)


def _takes(pin: tuple[str, str], namespace: str) -> bool:
    operator, value = pin
    if operator in {"=", "!="}:
        return (value == namespace) is (operator == "=")
    try:
        hit = re.fullmatch(value, namespace) is not None
    except re.error:
        return True
    return hit is (operator == "=~")


def requests_of(selector: Selector) -> str | None:
    """Return the name of the counter of all requests behind a selector, if it is about requests.

    >>> requests_of(Selector(metric="http_request_seconds_bucket", is_rate=True))
    'http_request_seconds_count'
    """
    name = selector.metric
    if name.endswith("_bucket"):
        name = name.removesuffix("_bucket") + "_count"
    if not selector.is_rate or not name.endswith(("_total", "_count")):
        return None
    return name if REQUESTS.search(name) and not FAILURES.search(name) else None


def written(metric: str, matchers: Iterable[tuple[str, str, str]]) -> str:
    """Write a selector as PromQL.

    >>> written("calls_total", [("code", "=~", "5..")])
    'calls_total{code=~"5.."}'
    """
    inside = ",".join(f"{name}{operator}{quoted(value)}" for name, operator, value in matchers)
    return f"{metric}{{{inside}}}"


def quoted(value: str) -> str:
    """Write a label's value as a PromQL string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
