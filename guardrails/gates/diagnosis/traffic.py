"""Whether an alert complains of too few requests: then whoever stopped calling explains it too."""

import re
from collections.abc import Sequence

import promql_parser as promql

from guardrails.gates.snapshot import AlertingRule

_RATES = frozenset({"rate", "irate", "increase"})
_ABSENT = frozenset({"absent", "absent_over_time"})
_BELOW = frozenset({"<", "<="})

_NAMED_SO = re.compile(
    r"^No[A-Z]\w*|(?:Low|Missing|Lost)(?:Traffic|Requests?|Throughput)|Traffic(?:Drop|Loss|Low)\w*"
)
"""Names of such alerts, for rules that cannot be read: ITBench has `NoRequestsReceived`,
`NoRequestsOpened` and `NoDatabaseOperations`."""


def complains_of_quiet(alertname: str, rules: Sequence[AlertingRule]) -> bool:
    """Tell whether an alert fires on a want of traffic.

    Args:
        alertname: Its name.
        rules: Every rule known; where none has the name, the name alone decides.
    """
    own = [rule for rule in rules if rule.name == alertname]
    if not own:
        return _NAMED_SO.search(alertname) is not None
    return any(asks_for_more(rule.query) for rule in own)


def asks_for_more(query: str) -> bool:
    """Tell whether an expression holds while a rate is zero or low, or series are absent.

    >>> asks_for_more("sum(rate(calls_total[5m])) == 0")
    True
    >>> asks_for_more("max by (pod) (kube_pod_status_ready) == 0")
    False
    """
    try:
        return _asks(promql.parse(query))
    except ValueError:
        return False


def _asks(node: object) -> bool:
    match node:
        case promql.ParenExpr():
            return _asks(node.expr)
        case promql.Call():
            return node.func.name in _ABSENT
        case promql.BinaryExpr():
            operator = str(node.op)
            if operator in _BELOW:
                return _is_rate(node.lhs)
            if operator == "==":
                return _is_rate(node.lhs) and _is_zero(node.rhs)
            return operator in {"and", "or", "unless"} and _asks(node.lhs)
        case _:
            return False


def _is_zero(node: object) -> bool:
    return isinstance(node, promql.NumberLiteral) and node.val == 0


def _is_rate(node: object) -> bool:
    """Tell whether a value is a rate of something, and not a share of two rates."""
    match node:
        case promql.ParenExpr() | promql.AggregateExpr():
            return _is_rate(node.expr)
        case promql.Call():
            return node.func.name in _RATES or any(_is_rate(arg) for arg in node.args)
        case _:
            return False
