"""A PromQL comparison from the policy. Every sample must keep to it; no sample is unknown.

Values and verdict come from one query, so the two cannot be of different instants.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import clears_by
from guardrails.gates.alerts.rules import INTERVAL_DEFAULT_SECONDS
from guardrails.gates.checks import Check, Scope, View, Witness
from guardrails.gates.custom.settling import settles_by, waiting, weighed
from guardrails.gates.snapshot import AlertingRule, QueryResult
from guardrails.policy.custom import CustomCheck
from guardrails.policy.promql import Threshold, threshold_of

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
)

SHOWN = 3
"""Samples that evidence quotes; a violation quotes those that violate."""


def promql_check(check: CustomCheck) -> Check:
    """Return the check that judges a comparison."""
    limit = _threshold(check)
    tier = Tier(check.tier or Tier.ALERTS)

    def judge(view: View) -> list[Evidence]:
        witness = Witness(check=CheckId(f"custom:{check.name}"), at=view.look.at, tier=tier)
        return [weighed(check, _judge(check, limit, witness, view))]

    return Check(
        id=CheckId(f"custom:{check.name}"),
        judge=judge,
        tier=tier,
        queries=(limit.query,),
        required=check.required,
    )


def _threshold(check: CustomCheck) -> Threshold:
    if check.promql is not None:
        return threshold_of(check.promql)
    return Threshold(
        query=(check.query or "").strip(), operator=check.op or "==", value=check.value or 0.0
    )


def _judge(check: CustomCheck, limit: Threshold, witness: Witness, view: View) -> Evidence:
    subject = SourceRef(source="prometheus", detail=check.name)
    expected = f"{limit.operator} {limit.value:g}"
    state = view.look.prometheus
    if state is None:
        return witness.unknown(subject, observed="no Prometheus was given", expected=expected)
    answer = next((q for q in state.queries if q.query == limit.query), None)
    if answer is None:
        return witness.unknown(subject, observed="was not asked", expected=expected)
    if not answer.read.ok:
        return witness.unread(subject, answer.read)
    keeps = _OPERATORS[limit.operator]
    values = [_number(text) for text in answer.values]
    wrong = [i for i, v in enumerate(values) if v is not None and not keeps(v, limit.value)]
    if wrong:
        return witness.violated(
            subject,
            field=limit.query,
            observed=_shown(answer, wrong),
            expected=expected,
            query=limit.query,
            settles_by=_settles(check, limit, view.scope),
            settling=waiting(check),
        )
    if not values or None in values:
        said = "the query returns NaN" if values else "the query returns no data"
        return witness.unknown(subject, field=limit.query, observed=said, expected=expected)
    every = range(len(values))
    return witness.satisfied(
        subject, field=limit.query, observed=_shown(answer, every), expected=expected
    )


def _settles(check: CustomCheck, limit: Threshold, scope: Scope) -> datetime | None:
    if check.settle is not None:
        return settles_by(check, scope)
    # The ranges of the query hold old samples for as long as those of a rule would.
    rule = AlertingRule(
        name=check.name, query=limit.query, interval_seconds=INTERVAL_DEFAULT_SECONDS
    )
    return clears_by([rule], scope)


def _number(text: str) -> float | None:
    """Read a sample as Prometheus writes it; None for NaN and for what is no number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _shown(answer: QueryResult, indices: Sequence[int]) -> str:
    said = [f"{answer.values[i]}{_labels(answer, i)}" for i in indices[:SHOWN]]
    more = f" (and {len(indices) - SHOWN} more)" if len(indices) > SHOWN else ""
    return ", ".join(said) + more


def _labels(answer: QueryResult, index: int) -> str:
    if index >= len(answer.labels) or not answer.labels[index]:
        return ""
    pairs = ",".join(f'{k}="{v}"' for k, v in sorted(answer.labels[index].items()))
    return f" {{{pairs}}}"
