"""Whether a text is a PromQL comparison that can say something about a service.

Such a query returns samples while the comparison holds and none while it does not, which is what
the gate asks. Forms that return samples in any case would prove nothing and are refused.
"""

from dataclasses import dataclass

from promql_parser import (
    BinaryExpr,
    Expr,
    NumberLiteral,
    ParenExpr,
    UnaryExpr,
    VectorSelector,
    parse,
    walk,
)

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


def check_comparison(query: str) -> str:
    """Check an SLO query.

    Returns:
        The query, stripped.

    Raises:
        ValueError: Not PromQL, no comparison at the top, `bool` (which returns a sample either
            way), or no series in it.

    >>> check_comparison("up == 1")
    'up == 1'
    """
    text = query.strip()
    if not text:
        raise ValueError("the query is empty; write a PromQL comparison such as 'up == 1'")
    try:
        expression: Expr = parse(text)
    except ValueError as error:
        raise ValueError(f"{_clip(text)} is not PromQL: {' '.join(str(error).split())}") from error
    while isinstance(expression, ParenExpr):
        expression = expression.expr
    if not isinstance(expression, BinaryExpr) or str(expression.op) not in _COMPARISONS:
        raise ValueError(
            f"{_clip(text)} is no comparison; write one that holds when all is well, such as "
            "'rate(errors_total[5m]) < 0.01' (several are several SLOs)"
        )
    if expression.modifier is not None and expression.modifier.return_bool:
        raise ValueError(f"{_clip(text)}: 'bool' returns a sample either way; leave it out")
    if not _reads_series(expression):
        raise ValueError(f"{_clip(text)} reads no series, so it says nothing of the service")
    return text


def _reads_series(expression: Expr) -> bool:
    found: list[Expr] = []

    def note(inner: Expr) -> None:
        if isinstance(inner, VectorSelector):
            found.append(inner)

    walk(expression, note)
    return bool(found)


def _clip(text: str, limit: int = 80) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A comparison with a number, taken apart: every sample of the query must keep to it."""

    query: str
    operator: str
    value: float


def threshold_of(text: str) -> Threshold:
    """Take a comparison with a number apart, so that one query shows values and verdict.

    Raises:
        ValueError: As `check_comparison`, or neither side is a number.

    >>> threshold_of("0.1 > sum(rate(errors_total[5m]))").operator
    '<'
    """
    query = check_comparison(text)
    expression = _inside(parse(query))
    if isinstance(expression, BinaryExpr):
        operator = str(expression.op)
        if (number := _number(expression.rhs)) is not None:
            return Threshold(query=str(expression.lhs), operator=operator, value=number)
        if (number := _number(expression.lhs)) is not None:
            turned = _TURNED.get(operator, operator)
            return Threshold(query=str(expression.rhs), operator=turned, value=number)
    raise ValueError(
        f"{_clip(query)} compares two queries; compare one with a number, such as 'a - b < 0'"
    )


def check_query(query: str) -> str:
    """Check what a comparison written in parts compares.

    Returns:
        The query, stripped.

    Raises:
        ValueError: Not PromQL, a comparison itself (which drops the samples that fail), or no
            series in it.
    """
    text = query.strip()
    try:
        expression = _inside(parse(text))
    except ValueError as error:
        raise ValueError(f"{_clip(text)} is not PromQL: {' '.join(str(error).split())}") from error
    if isinstance(expression, BinaryExpr) and str(expression.op) in _COMPARISONS:
        raise ValueError(
            f"{_clip(text)} compares already; write it as promql, without op and value"
        )
    if not _reads_series(expression):
        raise ValueError(f"{_clip(text)} reads no series, so it says nothing of the service")
    return text


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _inside(expression: Expr) -> Expr:
    while isinstance(expression, ParenExpr):
        expression = expression.expr
    return expression


def _number(expression: Expr) -> float | None:
    expression = _inside(expression)
    if isinstance(expression, UnaryExpr):
        inner = _number(expression.expr)
        return None if inner is None else -inner
    return float(expression.val) if isinstance(expression, NumberLiteral) else None
