"""Whether an alert of the incident was active between two looks: a flap that no look saw.

Prometheus keeps what its alerts did as the series `ALERTS`; its last sample tells when one was
last active, whatever happened since.
"""

from collections.abc import Iterable

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.checks import active_at, clears_by, known_rules, name_of, own_alerts
from guardrails.gates.alerts.rules import interval_seconds, rules_for
from guardrails.gates.alerts.selectors import written
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.snapshot import AlertingRule, PrometheusState, QueryResult, Snapshot

ID = CheckId("alert-history-quiet")

LOOKS_BACK = "5m"
"""Longer than the time between two looks may be before it counts as unwatched."""

FINEST_SECONDS = 0.25
"""Of the steps in which the history is searched; no rule is evaluated more often."""


def history_query(matcher: AlertMatcher, rules: Iterable[AlertingRule]) -> str:
    """Return the query for when an alert was last pending or firing, as a Unix time."""
    found = [interval_seconds(rule) for rule in rules_for(matcher, rules)]
    step = round(1000 * max(FINEST_SECONDS, min(found, default=60.0)))
    series = written("ALERTS", [(k, "=", v) for k, v in sorted(matcher.labels.items())])
    return f"max(max_over_time(timestamp({series})[{LOOKS_BACK}:{step}ms]))"


def history_queries(incident: Incident, rules: Iterable[AlertingRule]) -> tuple[str, ...]:
    """Return what must be asked to judge what the incident's alerts did between looks."""
    known = list(rules)
    return tuple(history_query(alert, known) for alert in incident.alerts)


def judge_history(view: View) -> list[Evidence]:
    """Judge whether the incident's alerts stayed inactive between the last two looks."""
    state = view.look.prometheus
    if state is None or len(view.history) < 2:  # noqa: PLR2004  # a look and the one before
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    return [
        _judge(witness, matcher, view, state, view.history[-2])
        for matcher in view.scope.incident.alerts
    ]


ALERT_HISTORY_QUIET = Check(id=ID, judge=judge_history, tier=Tier.ALERTS, needs_prometheus=True)


def _judge(
    witness: Witness,
    matcher: AlertMatcher,
    view: View,
    state: PrometheusState,
    previous: Snapshot,
) -> Evidence:
    subject = AlertRef(labels=matcher.labels)
    now, before = _answer(matcher, state), _answer(matcher, previous.prometheus)
    if now is None or before is None:
        return witness.unknown(
            SourceRef(source="prometheus", detail="the history of the alert"),
            observed="was not asked yet",
            temporary=True,
        )
    for answer in (now, before):
        if not answer.read.ok:
            source = SourceRef(source="prometheus", detail=answer.query)
            return witness.unread(source, answer.read)
    flapped = _time(now) > _time(before) and not _is_active(matcher, view, previous)
    if not flapped or _is_active(matcher, view, view.look):
        # Active now or at the look before: alert-clear says so.
        return witness.satisfied(
            subject, field="ALERTS", observed="as the looks saw it", expected="no flap in between"
        )
    rules = rules_for(matcher, known_rules(view.reference, view.look))
    return witness.violated(
        subject,
        field="ALERTS",
        observed="was active between two looks, and clear at both",
        expected="no flap in between",
        query=now.query,
        settles_by=clears_by(rules, view.scope),
        settling=f"alert {name_of(matcher.labels)} to stay clear",
    )


def _answer(matcher: AlertMatcher, state: PrometheusState | None) -> QueryResult | None:
    """Return the answer about an alert; the step in its query may differ between looks."""
    series = written("ALERTS", [(k, "=", v) for k, v in sorted(matcher.labels.items())])
    begins = f"max(max_over_time(timestamp({series})["
    answers = state.queries if state is not None else ()
    return next((a for a in answers if a.query.startswith(begins)), None)


def _time(answer: QueryResult) -> float:
    return max((float(value) for value in answer.values), default=0.0)


def _is_active(matcher: AlertMatcher, view: View, look: Snapshot) -> bool:
    alerts = look.prometheus.alerts if look.prometheus is not None else ()
    return bool(own_alerts(matcher, alerts, active_at(view.reference.start)))
