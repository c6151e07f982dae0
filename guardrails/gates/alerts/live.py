"""Whether the rules of the incident's alerts could fire at all, as they did before.

An alert whose rule is gone, broken or made harder to meet clears at once and proves nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from guardrails.core.evidence import AlertRef, Evidence, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.checks import RULES
from guardrails.gates.alerts.rules import INTERVALS, canonical, interval_seconds, rules_for
from guardrails.gates.checks import Check, Reference, View, Witness
from guardrails.gates.snapshot import AlertingRule, PrometheusState
from guardrails.policy.durations import format_duration

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
    return [_judge(witness, m, state, view.reference) for m in view.scope.incident.alerts]


ALERT_RULE_LIVE = Check(id=ID, judge=judge_rules, tier=Tier.ALERTS, needs_prometheus=True)


def _judge(
    witness: Witness, matcher: AlertMatcher, state: PrometheusState, reference: Reference
) -> Evidence:
    subject = AlertRef(labels=matcher.labels)
    loaded = rules_for(matcher, state.rules)
    before = _before(matcher, reference)
    lost = "" if loaded and not before else _lost(loaded, before)
    lost = lost or next(_broken(loaded), "")
    if lost and before:
        return witness.violated(
            subject, field="rule", observed=lost, expected=EXPECTED, query=RULES.detail
        )
    # Not evaluated: the server has just started, or hangs. It proves nothing, and is no fault.
    idle = next((why for rule in loaded if (why := _why_idle(rule, witness.at))), "")
    if lost or idle:
        return witness.unknown(
            subject,
            field="rule",
            observed=lost or idle,
            expected="a rule that could fire",
            temporary=bool(loaded),
        )
    return witness.satisfied(
        subject, field="rule", observed="loaded, healthy and evaluated", expected="a live rule"
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


def _lost(loaded: Sequence[AlertingRule], before: Sequence[AlertingRule]) -> str:
    """Return what was taken from the rules that would have fired."""
    if not loaded:
        return "no such rule is loaded"
    for old in before:
        same = [r for r in loaded if canonical(r.query) == canonical(old.query)]
        if not same:
            return f"rule {old.name} was changed: {loaded[0].query} (it was {old.query})"
        shortest = min(rule.for_seconds for rule in same)
        if shortest > old.for_seconds:
            now, then = format_duration(shortest), format_duration(old.for_seconds)
            return f"rule {old.name} fires only after {now} (it was {then})"
    return ""


def _broken(loaded: Sequence[AlertingRule]) -> Iterator[str]:
    for rule in loaded:
        if rule.health not in {"ok", "unknown"}:
            said = f": {rule.last_error}" if rule.last_error else ""
            yield f"rule {rule.name} has health {rule.health or 'unset'}{said}"


def _why_idle(rule: AlertingRule, at: datetime) -> str | None:
    if rule.health != "ok" or rule.last_evaluation is None:
        return f"rule {rule.name} was not evaluated yet"
    allowed = INTERVALS * interval_seconds(rule) + EVALUATION_SLACK_SECONDS
    age = (at - rule.last_evaluation).total_seconds()
    if age > allowed:
        return f"rule {rule.name} was last evaluated {age:.0f} s ago, by this machine's clock"
    return None
