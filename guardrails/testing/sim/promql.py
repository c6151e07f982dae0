"""PromQL, the part that alert rules and SRE queries use, over the in-memory samples.

The text is parsed by `promql-parser`; what this evaluator does not know raises `PromqlError`,
which the API reports as Prometheus' `execution` error, never as an empty result.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from guardrails.testing.sim import promql_binary, promql_functions
from guardrails.testing.sim.promql_values import (
    PromqlError,
    Sample,
    Value,
    Vector,
    by_labels,
    unnamed,
    without_labels,
)
from guardrails.testing.sim.tsdb import Matcher, Operator, Series, Tsdb

_OPERATORS: dict[str, Operator] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_DEFAULT_STEP = 0.25
"""Seconds between a subquery's points when it names none: our evaluation interval."""


def parse(text: str) -> ast.Expr:
    """Parse a query.

    Raises:
        PromqlError: `bad_data` with the parser's words.
    """
    try:
        return ast.parse(text)
    except ValueError as error:
        raise PromqlError(f'invalid parameter "query": {error}', kind="bad_data") from None


def matchers_of(selector: ast.VectorSelector) -> list[Matcher]:
    """A selector's matchers, its name among them."""
    if selector.matchers.or_matchers:
        raise PromqlError("this simulated Prometheus does not evaluate `or` between matchers")
    found = [
        Matcher(name=one.name, operator=_OPERATORS[str(one.op)], value=one.value)
        for one in selector.matchers.matchers
    ]
    if selector.name:
        found.append(Matcher(name="__name__", operator="=", value=selector.name))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation at one instant."""

    tsdb: Tsdb
    at: float
    start: float
    end: float
    """The range of the query, for `@ start()` and `@ end()`."""

    def value(self, node: ast.Expr) -> Value:  # one return per node type
        """The value of an expression.

        Raises:
            PromqlError: `execution` for what is not supported.
        """
        match node:
            case ast.NumberLiteral():
                return node.val
            case ast.StringLiteral():
                return node.val
            case ast.ParenExpr():
                return self.value(node.expr)
            case ast.UnaryExpr():
                return self._negative(node)
            case ast.VectorSelector():
                return self._instant(node)
            case ast.AggregateExpr():
                return self._aggregate(node)
            case ast.BinaryExpr():
                return promql_binary.apply(node, self.value(node.lhs), self.value(node.rhs))
            case ast.Call():
                return self._call(node)
            case ast.MatrixSelector() | ast.SubqueryExpr():
                raise PromqlError(
                    'invalid expression type "range vector" for a query of one value',
                    kind="bad_data",
                )
            case _:
                raise PromqlError(f"not supported by the simulated Prometheus: {node}")

    def vector(self, node: ast.Expr) -> Vector:
        """The value of an expression that must be a vector."""
        value = self.value(node)
        if not isinstance(value, list):
            raise PromqlError("expected an instant vector, got a scalar", kind="bad_data")
        return value

    def _negative(self, node: ast.UnaryExpr) -> Value:
        value = self.value(node.expr)
        if isinstance(value, list):
            return [Sample(unnamed(one.labels), -one.value) for one in value]
        if isinstance(value, float):
            return -value
        raise PromqlError("unary minus on a string", kind="bad_data")

    def _time(self, node: Any) -> float:  # noqa: ANN401  # selectors and subqueries alike
        at = self.at
        if node.at is not None:
            kind = str(node.at.type).rpartition(".")[2]
            fixed = {"Start": self.start, "End": self.end}
            at = fixed[kind] if kind in fixed else node.at.at.timestamp()
        return at - (node.offset.total_seconds() if node.offset else 0.0)

    def _instant(self, node: ast.VectorSelector) -> Vector:
        at = self._time(node)
        found: Vector = []
        for series in self.tsdb.select(matchers_of(node)):
            sample = series.at(at)
            if sample is not None:
                found.append(Sample(series.labels, sample[1], at=sample[0]))
        return found

    def matrix(self, node: ast.Expr) -> tuple[list[Series], float, float]:
        """Range vector as (series, start, end); subqueries are evaluated into series."""
        if isinstance(node, ast.ParenExpr):
            return self.matrix(node.expr)
        if isinstance(node, ast.MatrixSelector):
            selector = node.vector_selector
            end = self._time(selector)
            length = node.range.total_seconds()
            return self.tsdb.select(matchers_of(selector)), end - length, end
        if isinstance(node, ast.SubqueryExpr):
            end = self._time(node)
            length = node.range.total_seconds() if node.range else 0.0
            return self._subquery(node, end - length, end), end - length, end
        raise PromqlError("expected a range vector", kind="bad_data")

    def _subquery(self, node: ast.SubqueryExpr, start: float, end: float) -> list[Series]:
        step = node.step.total_seconds() if node.step else _DEFAULT_STEP
        found: dict[Any, Series] = {}
        # Prometheus aligns a subquery's points to multiples of the step.
        point = math.floor(start / step) * step + step
        while point <= end:
            inner = Evaluation(tsdb=self.tsdb, at=point, start=self.start, end=self.end)
            for sample in inner.vector(node.expr):
                series = found.setdefault(sample.labels, Series(sample.labels))
                series.append(point, sample.value)
            point += step
        return [*found.values()]

    def _call(self, node: ast.Call) -> Value:
        name = node.func.name
        over_range: Callable[..., Value] | None = promql_functions.RANGE.get(name)
        arguments: list[ast.Expr] = list(node.args)
        if over_range is not None:
            series, start, end = self.matrix(arguments[-1])
            extra = [self.value(one) for one in arguments[:-1]]
            return over_range(series, start, end, *extra)
        if name == "absent_over_time":
            series, start, end = self.matrix(arguments[0])
            if any(one.between(start, end) for one in series):
                return []
            return promql_functions.absent_labels(arguments[0])
        if name == "absent":
            present = self.vector(arguments[0])
            return [] if present else promql_functions.absent_labels(arguments[0])
        if name == "time":
            return self.at
        plain = promql_functions.PLAIN.get(name)
        if plain is None:
            raise PromqlError(f"the simulated Prometheus does not have the function {name!r}")
        return plain(*[self.value(one) for one in arguments])

    def _aggregate(self, node: ast.AggregateExpr) -> Vector:
        name = str(node.op)
        groups: dict[Any, Vector] = {}
        for sample in self.vector(node.expr):
            groups.setdefault(self._group(node, sample), []).append(sample)
        parameter = node.param
        if isinstance(parameter, ast.Expr):
            parameter = self.value(parameter)
        found: Vector = []
        for labels, samples in groups.items():
            found += promql_functions.aggregate(name, labels, samples, parameter)
        return found

    @staticmethod
    def _group(node: ast.AggregateExpr, sample: Sample) -> Any:  # noqa: ANN401  # labels
        if node.modifier is None:
            return ()
        names = frozenset(node.modifier.labels)
        if node.modifier.type == ast.AggModifierType.By:
            return by_labels(sample.labels, names)
        return without_labels(sample.labels, names | {"__name__"})


def evaluate(
    tsdb: Tsdb,
    expression: ast.Expr,
    at: float,
    *,
    start: float | None = None,
    end: float | None = None,
) -> Value:
    """The value of a parsed query at an instant.

    Raises:
        PromqlError: For what is wrong or not supported.
    """
    evaluation = Evaluation(
        tsdb=tsdb, at=at, start=at if start is None else start, end=at if end is None else end
    )
    return evaluation.value(expression)
