"""Whether the incident's SLO comparisons hold, told apart from their having no data."""

from collections.abc import Sequence
from datetime import datetime

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import clears_by
from guardrails.gates.alerts.rules import INTERVAL_DEFAULT_SECONDS, left_side
from guardrails.gates.checks import Check, Scope, View, Witness
from guardrails.gates.snapshot import AlertingRule, QueryResult

SLO_ID = CheckId("slo-met")


def judge_slo(view: View) -> list[Evidence]:
    """Judge the incident's SLO comparisons."""
    look = view.look
    witness = Witness(check=SLO_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None:
        return []
    answers = {q.query: q for q in state.queries}
    return [
        _slo(witness, slo.name, slo.query, answers, view.scope) for slo in view.scope.incident.slo
    ]


SLO_MET = Check(id=SLO_ID, judge=judge_slo, tier=Tier.ALERTS, needs_prometheus=True)


def slo_queries(query: str) -> tuple[str, ...]:
    """Return what must be asked to judge a comparison: itself and, if it filters, its left side."""
    left = left_side(query)
    return (query,) if left is None else (query, left)


def _slo(
    witness: Witness, name: str, query: str, answers: dict[str, QueryResult], scope: Scope
) -> Evidence:
    subject = SourceRef(source="prometheus", detail=f"SLO {name}")
    asked = [answers.get(q) for q in slo_queries(query)]
    for answer in asked:
        if answer is None:
            return witness.unknown(subject, observed="was not asked", expected=query)
        if not answer.read.ok:
            return witness.unread(subject, answer.read)
    held = [v for v in asked[0].values if v != "NaN"] if asked[0] else []
    all_ = [v for v in asked[-1].values if v != "NaN"] if asked[-1] else []
    if not all_:
        return witness.unknown(
            subject, field=query, observed="the query returns no data", expected="a sample"
        )
    # A filter keeps the samples that hold; `bool` and plain expressions answer 0 or 1.
    fine = len(held) == len(all_) if len(asked) > 1 else all(v != "0" for v in held)
    if fine:
        return witness.satisfied(subject, field=query, observed=_shown(all_), expected=query)
    return witness.violated(
        subject,
        field=query,
        observed=_shown(all_),
        expected=query,
        query=query,
        settles_by=_slo_settles(query, scope),
        settling=f"SLO {name} to hold",
    )


def _slo_settles(query: str, scope: Scope) -> datetime | None:
    rule = AlertingRule(name="slo", query=query, interval_seconds=INTERVAL_DEFAULT_SECONDS)
    return clears_by([rule], scope)


def _shown(values: Sequence[str], most: int = 3) -> str:
    more = f" (and {len(values) - most} more)" if len(values) > most else ""
    return ", ".join(values[:most]) + more
