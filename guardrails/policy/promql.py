"""Whether a text is a PromQL comparison that can say something about a service.

Such a query returns samples while the comparison holds and none while it does not, which is what
the gate asks. Forms that return samples in any case would prove nothing and are refused.
"""

from promql_parser import BinaryExpr, Expr, ParenExpr, VectorSelector, parse, walk

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
