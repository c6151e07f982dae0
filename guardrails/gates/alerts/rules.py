"""What an alerting rule implies in time: how long it needs to clear, and to prove itself clear.

Read from the rule's own PromQL, so that a window is as long as the rules in scope need and no
longer. Also takes SLO comparisons apart, to tell "does not hold" from "no data".
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache

import promql_parser as promql

from guardrails.core.evidence import Window
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.snapshot import AlertingRule
from guardrails.policy.durations import format_duration
from guardrails.policy.models import GateSettings

INTERVALS = 2
"""Evaluations that must pass: one that sees the last sample of before, and one that does not."""

INTERVAL_DEFAULT_SECONDS = 60.0
"""Prometheus' own default, for a group that does not say."""

UNPARSED_RANGE_SECONDS = 300.0
"""Taken for the range of an expression that cannot be parsed: 5 m is the longest range of the
rules that ITBench and kube-prometheus use for workloads."""

COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


def lookback_seconds(query: str) -> float:
    """Return how far back an expression looks: its longest chain of ranges and offsets.

    >>> lookback_seconds("max_over_time(rate(errors_total[2m] offset 1m)[5m:30s]) > 0")
    480.0
    """
    try:
        return _lookback(promql.parse(query))
    except ValueError:
        return UNPARSED_RANGE_SECONDS


def _lookback(node: object) -> float:
    match node:
        case promql.MatrixSelector():
            return node.range.total_seconds() + _lookback(node.vector_selector)
        case promql.VectorSelector():
            return _seconds(node.offset)
        case promql.SubqueryExpr():
            return _lookback(node.expr) + _seconds(node.range) + _seconds(node.offset)
        case _:
            return max((_lookback(child) for child in children(node)), default=0.0)


def children(node: object) -> Iterator[object]:
    """Yield the expressions directly inside one."""
    match node:
        case promql.BinaryExpr():
            yield from (node.lhs, node.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr():
            yield node.expr
        case promql.Call():
            yield from node.args
        case _:
            return


def _seconds(value: timedelta | None) -> float:
    # A negative offset looks ahead, which never makes the past shorter.
    return max(0.0, value.total_seconds()) if value is not None else 0.0


def metrics_of(query: str) -> tuple[str, ...]:
    """Return the names of the metrics that an expression reads, once each.

    >>> metrics_of('sum(rate(errors_total[2m])) / sum(rate(calls_total[2m])) > 0.1')
    ('errors_total', 'calls_total')
    """
    try:
        return tuple(dict.fromkeys(_metrics(promql.parse(query))))
    except ValueError:
        return ()


def _metrics(node: object) -> Iterator[str]:
    match node:
        case promql.VectorSelector():
            if node.name:
                yield node.name
        case promql.MatrixSelector():
            yield from _metrics(node.vector_selector)
        case promql.SubqueryExpr():
            yield from _metrics(node.expr)
        case _:
            for child in children(node):
                yield from _metrics(child)


PARSED = 4096
"""Expressions kept parsed: each rule is compared with each other at every look, and a large
Prometheus has a thousand."""


@lru_cache(maxsize=PARSED)
def canonical(query: str) -> str:
    """Return an expression without the differences that mean nothing, such as spaces."""
    try:
        return str(promql.parse(query))
    except ValueError:
        return " ".join(query.split())


def interval_seconds(rule: AlertingRule) -> float:
    """Return the evaluation interval of a rule's group."""
    return rule.interval_seconds or INTERVAL_DEFAULT_SECONDS


def clear_seconds(rule: AlertingRule) -> float:
    """Return how long a rule may still fire after its cause is gone."""
    lookback = lookback_seconds(rule.query)
    return lookback + rule.keep_firing_seconds + INTERVALS * interval_seconds(rule)


def proof_seconds(rule: AlertingRule) -> float:
    """Return how long a rule must stay quiet to prove that its cause is gone."""
    return clear_seconds(rule) + rule.for_seconds


def rules_for(matcher: AlertMatcher, rules: Iterable[AlertingRule]) -> list[AlertingRule]:
    """Return the rules that could give an alert its labels."""
    return [rule for rule in rules if _could_make(rule, matcher)]


def _could_make(rule: AlertingRule, matcher: AlertMatcher) -> bool:
    name = matcher.labels.get("alertname")
    if name is not None and rule.name != name:
        return False
    return all(
        matcher.labels.get(label, value) == value
        for label, value in rule.labels.items()
        if "{{" not in value
    )


RESEND_SECONDS = 60.0
"""Prometheus tells Alertmanager of a firing alert again this often (`--rules.alert.resend-delay`):
so long may an Alertmanager that was emptied know nothing of it."""


def window_for(
    incident: Incident,
    rules: Iterable[AlertingRule],
    settings: GateSettings,
    *,
    only_alertmanager: bool = False,
) -> Window:
    """Derive how long things must stay good.

    Args:
        incident: Its alerts say which rules are in scope.
        rules: Every rule known: those loaded now and those of the reference, so that shortening
            a rule does not shorten its proof.
        settings: `window` may fix the length; `stable_for` is the least.
        only_alertmanager: No Prometheus was given, so no rule is known either.
    """
    if only_alertmanager:
        return Window(
            state_seconds=settings.stable_for + RESEND_SECONDS,
            full_seconds=settings.stable_for + RESEND_SECONDS,
            derived_from="the policy's gate.stable_for + 1m, for Alertmanager is the only witness",
        )
    if isinstance(settings.window, float):
        return Window(
            state_seconds=settings.stable_for,
            full_seconds=max(settings.window, settings.stable_for),
            derived_from="the policy's gate.window",
        )
    known = list(rules)
    wanted = [rule for alert in incident.alerts for rule in rules_for(alert, known)]
    longest = max(wanted, key=proof_seconds, default=None)
    if longest is None or proof_seconds(longest) <= settings.stable_for:
        return Window(
            state_seconds=settings.stable_for,
            full_seconds=settings.stable_for,
            derived_from="the policy's gate.stable_for",
        )
    return Window(
        state_seconds=settings.stable_for,
        full_seconds=proof_seconds(longest),
        derived_from=_explain(longest),
    )


def _explain(rule: AlertingRule) -> str:
    parts = [
        (lookback_seconds(rule.query), "range"),
        (rule.for_seconds, "for"),
        (rule.keep_firing_seconds, "keep_firing_for"),
    ]
    said = [f"{format_duration(s)} {what}" for s, what in parts if s]
    said.append(f"{INTERVALS} evaluations of {format_duration(interval_seconds(rule))}")
    return f"{rule.name}: " + " + ".join(said)


def left_side(query: str) -> str | None:
    """Return what a comparison compares, when it is one that filters against a number.

    A sample that fails such a comparison is dropped from the answer, so an empty answer may mean
    "does not hold" or "no data". The left side alone tells which.

    >>> left_side("sum(rate(errors_total[1m])) / sum(rate(all_total[1m])) < 0.01")
    'sum(rate(errors_total{}[1m])) / sum(rate(all_total{}[1m]))'
    """
    try:
        node: object = promql.parse(query)
    except ValueError:
        return None
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    if not isinstance(node, promql.BinaryExpr):
        return None
    left, whole, right = str(node.lhs), str(node), str(node.rhs)
    operator = whole[len(left) : len(whole) - len(right)].strip()
    is_filter = operator in COMPARISONS and isinstance(node.rhs, promql.NumberLiteral)
    return left if is_filter else None
