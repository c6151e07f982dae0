"""What a rule lost against an earlier form of itself: the ability to fire as easily, and be heard.

A rule is judged by what it does: another name, another file, a shorter `for` or a threshold that
is met sooner take nothing away.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import promql_parser as promql

from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.rules import PARSED, canonical, rules_for
from guardrails.gates.snapshot import AlertingRule
from guardrails.policy.durations import format_duration

MORE = frozenset({">", ">="})
LESS = frozenset({"<", "<="})


def as_easy(old: str, new: str) -> bool:
    """Tell whether an expression holds whenever an older one did, as far as their text shows.

    >>> as_easy("rate(errors_total[2m]) > 0.1", "rate(errors_total[2m]) > 0.05")
    True
    >>> as_easy("rate(errors_total[2m]) > 0.1", "rate(errors_total[2m]) > 10")
    False
    """
    if canonical(old) == canonical(new):
        return True
    before, now = _threshold(old), _threshold(new)
    if before is None or now is None or before[:2] != now[:2]:
        return False
    _, operator, then = before
    limit = now[2]
    return (operator in MORE and limit <= then) or (operator in LESS and limit >= then)


@lru_cache(maxsize=PARSED)
def _threshold(query: str) -> tuple[str, str, float] | None:
    """Return what is compared, how, and with which number."""
    try:
        node: object = promql.parse(query)
    except ValueError:
        return None
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    if not isinstance(node, promql.BinaryExpr) or not isinstance(node.rhs, promql.NumberLiteral):
        return None
    return str(node.lhs), str(node.op), node.rhs.val


def lost(old: AlertingRule, loaded: Sequence[AlertingRule]) -> str:
    """Return what an earlier rule could do that none of those loaded now can; empty when nothing.

    Args:
        old: The rule as it was.
        loaded: Every rule loaded now; one of another name may do its work.
    """
    same = [rule for rule in loaded if as_easy(old.query, rule.query)]
    if not same:
        namesake = next((rule for rule in loaded if rule.name == old.name), None)
        if namesake is None:
            return "no such rule is loaded"
        return f"rule {old.name} was changed: {namesake.query} (it was {old.query})"
    kept = [rule for rule in same if old.labels.items() <= rule.labels.items()]
    if not kept:
        name, value = next((k, v) for k, v in old.labels.items() if same[0].labels.get(k) != v)
        now = same[0].labels.get(name, "gone")
        return f"rule {old.name} has label {name} {now} (it was {value})"
    shortest = min(rule.for_seconds for rule in kept)
    if shortest > old.for_seconds:
        now, then = format_duration(shortest), format_duration(old.for_seconds)
        return f"rule {old.name} fires only after {now} (it was {then})"
    broken = [rule for rule in kept if rule.health not in {"ok", "unknown"}]
    return why_broken(broken[0]) if len(broken) == len(kept) else ""


def why_broken(rule: AlertingRule) -> str:
    """Say that a rule cannot be evaluated, and why."""
    said = f": {rule.last_error}" if rule.last_error else ""
    return f"rule {rule.name} has health {rule.health or 'unset'}{said}"


def renamed(
    matcher: AlertMatcher, before: Iterable[AlertingRule], now: Iterable[AlertingRule]
) -> tuple[AlertMatcher, ...]:
    """Return an alert under the names that its rules have now, where those are other names.

    What a rule finds is the same under any name, so an alert does not clear by being renamed.
    """
    old = rules_for(matcher, before)
    queries = {canonical(rule.query) for rule in old}
    names = {rule.name for rule in old}
    others = dict.fromkeys(
        rule.name for rule in now if rule.name not in names and canonical(rule.query) in queries
    )
    if "alertname" not in matcher.labels:
        return ()
    return tuple(
        AlertMatcher(labels={**matcher.labels, "alertname": name}, starts_at=matcher.starts_at)
        for name in others
    )
