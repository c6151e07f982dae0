"""Whether the rules of the incident's alerts could fire at all, as they did before.

An alert whose rule is gone, broken or made harder to meet clears at once and proves nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import AlertRef, Evidence, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.changes import lost, why_broken
from guardrails.gates.alerts.checks import RULES
from guardrails.gates.alerts.rules import INTERVALS, interval_seconds, rules_for
from guardrails.gates.checks import Check, Reference, View, Witness
from guardrails.gates.snapshot import AlertingRule, PrometheusState

ID = CheckId("alert-rule-live")

EVALUATION_SLACK_SECONDS = 30.0
"""Allowed beside two intervals before an evaluation counts as stale: clocks differ a little and a
busy server skips an evaluation now and then."""

EXPECTED = "loaded, healthy and as easy to meet as before"


def judge_rules(view: View) -> list[Evidence]:
    """Judge whether the rules of the incident's alerts could fire at all."""
    look = view.look
    witness = Witness(check=ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None or not view.scope.incident.alerts:
        return []
    if not state.rules_read.ok:
        return [witness.unread(RULES, state.rules_read)]
    return [_judge(witness, m, state, view) for m in view.scope.incident.alerts]


ALERT_RULE_LIVE = Check(id=ID, judge=judge_rules, tier=Tier.ALERTS, needs_prometheus=True)


def _judge(witness: Witness, matcher: AlertMatcher, state: PrometheusState, view: View) -> Evidence:
    subject = AlertRef(labels=matcher.labels)
    before = _before(matcher, view.reference)
    loaded = rules_for(matcher, state.rules) or [
        rule for rule in state.rules if any(not lost(old, [rule]) for old in before)
    ]
    gone = "" if loaded else "no such rule is loaded"
    gone = gone or next((why for old in before if (why := lost(old, state.rules))), "")
    gone = gone or next((why_broken(r) for r in loaded if r.health not in {"ok", "unknown"}), "")
    if gone and before:
        return witness.violated(
            subject, field="rule", observed=gone, expected=EXPECTED, query=RULES.detail
        )
    # Not evaluated: the server has just started, or hangs. It proves nothing, and is no fault.
    now = state.server.now or witness.at
    idle = next((why for rule in loaded if (why := _why_idle(rule, now))), "")
    if gone or idle:
        return witness.unknown(
            subject,
            field="rule",
            observed=gone or idle,
            expected="a rule that could fire",
            temporary=bool(loaded),
        )
    return _evaluated_since(witness, subject, loaded, view) or witness.satisfied(
        subject, field="rule", observed="loaded, healthy and evaluated", expected="a live rule"
    )


def _evaluated_since(
    witness: Witness, subject: AlertRef, loaded: Sequence[AlertingRule], view: View
) -> Evidence | None:
    """Say that a rule has not seen the world since it was last changed."""
    written = view.scope.last_write_at
    late = [r for r in loaded if written and r.last_evaluation and r.last_evaluation <= written]
    if not late or written is None:
        return None
    needs = INTERVALS * interval_seconds(late[0]) + EVALUATION_SLACK_SECONDS
    return witness.violated(
        subject,
        field="lastEvaluation",
        observed=f"rule {late[0].name} was last evaluated before the last change",
        expected="an evaluation since",
        query=RULES.detail,
        settles_by=written + timedelta(seconds=needs),
        settling=f"rule {late[0].name} to be evaluated after the last change",
    )


def _before(matcher: AlertMatcher, reference: Reference) -> list[AlertingRule]:
    """Return the rules that would have fired.

    The start of the run tells best, if the alert was active then. Else (a gate that is opened
    only when all is done) the recorded snapshot does.
    """
    start = reference.start.prometheus if reference.start else None
    healthy = reference.snapshot.prometheus if reference.snapshot else None
    active = start is not None and any(matcher.matches(a.labels) for a in start.alerts)
    for state in (start, healthy) if active else (healthy, start):
        found = [] if state is None else rules_for(matcher, state.rules)
        live = [rule for rule in found if rule.health == "ok"]
        if live:
            return live
    return []


def _why_idle(rule: AlertingRule, at: datetime) -> str | None:
    if rule.health != "ok" or rule.last_evaluation is None:
        return f"rule {rule.name} was not evaluated yet"
    allowed = INTERVALS * interval_seconds(rule) + EVALUATION_SLACK_SECONDS
    age = (at - rule.last_evaluation).total_seconds()
    if age > allowed:
        return f"rule {rule.name} was last evaluated {age:.0f} s ago, by this machine's clock"
    return None
