"""Checks over Prometheus: the incident's alerts are clear, their rules live, and nothing new fires.

A pending alert is not clear. An alert whose rule is gone, broken or not evaluated is not clear
either: it cannot fire.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.rules import (
    INTERVAL_DEFAULT_SECONDS,
    INTERVALS,
    clear_seconds,
    interval_seconds,
    rules_for,
)
from guardrails.gates.checks import Check, Reference, Scope, Witness, aside
from guardrails.gates.snapshot import (
    AlertingRule,
    FiringAlert,
    PrometheusState,
    Snapshot,
)

CLEAR_ID = CheckId("alert-clear")
RULE_ID = CheckId("alert-rule-live")
NEW_ID = CheckId("no-new-alert")
SOURCE_ID = CheckId("alert-source")

VOLATILE_LABELS = frozenset({"pod", "instance", "uid", "container_id"})
"""Labels that change when a pod is replaced, while the alert stays the same alert."""

EVALUATION_SLACK_SECONDS = 30.0
"""Allowed beside two intervals before an evaluation counts as stale: clocks differ a little and a
busy server skips an evaluation now and then."""

PROMETHEUS = SourceRef(source="prometheus", detail="GET /api/v1/alerts")
RULES = SourceRef(source="prometheus", detail="GET /api/v1/rules")


def judge_clear(
    reference: Reference,
    history: Sequence[Snapshot],
    now: datetime,  # noqa: ARG001  # the contract of a check
    scope: Scope,
) -> list[Evidence]:
    """Judge every alert of the incident: neither firing nor pending."""
    look = history[-1]
    witness = Witness(check=CLEAR_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None or not scope.incident.alerts:
        return []
    if not state.alerts_read.ok:
        return [witness.unread(PROMETHEUS, state.alerts_read)]
    rules = known_rules(reference, look)
    return [
        _clear(witness, matcher, state.alerts, rules, scope) for matcher in scope.incident.alerts
    ]


ALERT_CLEAR = Check(id=CLEAR_ID, judge=judge_clear, tier=Tier.ALERTS, needs_prometheus=True)


def _clear(
    witness: Witness,
    matcher: AlertMatcher,
    alerts: Sequence[FiringAlert],
    rules: Sequence[AlertingRule],
    scope: Scope,
) -> Evidence:
    matching = [a for a in alerts if matcher.matches(a.labels)]
    if not matching:
        return witness.satisfied(
            AlertRef(labels=matcher.labels), observed="inactive", expected="not firing, not pending"
        )
    worst = next((a for a in matching if a.state == "firing"), matching[0])
    more = f" (and {len(matching) - 1} more)" if len(matching) > 1 else ""
    since = f" since {worst.active_at:%H:%M:%S}" if worst.active_at else ""
    return witness.violated(
        AlertRef(labels=worst.labels),
        observed=f"{worst.state}{since}{more}",
        expected="not firing, not pending",
        query=PROMETHEUS.detail,
        settles_by=clears_by(rules_for(matcher, rules), scope),
        settling=f"alert {name_of(worst.labels)} to clear",
    )


def clears_by(rules: Sequence[AlertingRule], scope: Scope) -> datetime | None:
    """Return until when an alert may still fire on old samples; None when nothing was mended.

    Counted from the last write, or from when the objects were last seen unwell if that is later:
    the rule's range holds bad samples up to then.
    """
    if scope.last_write_at is None:
        return None
    began = max(scope.last_write_at, scope.state_bad_at or scope.last_write_at)
    needs = max(
        (clear_seconds(rule) for rule in rules), default=INTERVALS * INTERVAL_DEFAULT_SECONDS
    )
    return began + timedelta(seconds=needs)


def known_rules(reference: Reference, look: Snapshot) -> list[AlertingRule]:
    """Return every rule seen: loaded now, at the start of the run, or in the reference."""
    looks = (look, reference.start, reference.snapshot)
    return [rule for x in looks if x is not None and x.prometheus for rule in x.prometheus.rules]


def name_of(labels: dict[str, str]) -> str:
    """Return an alert's name for words."""
    return labels.get("alertname", "without a name")


def judge_rules(
    reference: Reference,
    history: Sequence[Snapshot],
    now: datetime,  # noqa: ARG001  # the contract of a check
    scope: Scope,
) -> list[Evidence]:
    """Judge whether the rules of the incident's alerts could fire at all."""
    look = history[-1]
    witness = Witness(check=RULE_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None or not scope.incident.alerts:
        return []
    if not state.rules_read.ok:
        return [witness.unread(RULES, state.rules_read)]
    return [_rule_live(witness, m, state, reference) for m in scope.incident.alerts]


ALERT_RULE_LIVE = Check(id=RULE_ID, judge=judge_rules, tier=Tier.ALERTS, needs_prometheus=True)


def _rule_live(
    witness: Witness, matcher: AlertMatcher, state: PrometheusState, reference: Reference
) -> Evidence:
    subject = AlertRef(labels=matcher.labels)
    loaded = rules_for(matcher, state.rules)
    broken = next((why for rule in loaded if (why := _why_dead(rule, witness.at))), None)
    if loaded and broken is None:
        return witness.satisfied(
            subject, field="rule", observed="loaded, healthy and evaluated", expected="a live rule"
        )
    observed = broken or "no such rule is loaded"
    past = (x.prometheus for x in (reference.snapshot, reference.start) if x is not None)
    was_live = any(
        rule.health == "ok" for p in past if p is not None for rule in rules_for(matcher, p.rules)
    )
    if was_live:
        return witness.violated(
            subject,
            field="rule",
            observed=observed,
            expected="loaded and healthy, as before",
            query=RULES.detail,
        )
    # A rule that was never seen alive may be being reloaded; either way it proves nothing.
    return witness.unknown(
        subject,
        field="rule",
        observed=observed,
        expected="a rule that could fire",
        temporary=bool(loaded),
    )


def _why_dead(rule: AlertingRule, at: datetime) -> str | None:
    if rule.health != "ok":
        said = f": {rule.last_error}" if rule.last_error else ""
        return f"rule {rule.name} has health {rule.health or 'unset'}{said}"
    allowed = INTERVALS * interval_seconds(rule) + EVALUATION_SLACK_SECONDS
    if rule.last_evaluation is None:
        return f"rule {rule.name} was never evaluated"
    age = (at - rule.last_evaluation).total_seconds()
    if age > allowed:
        return f"rule {rule.name} was last evaluated {age:.0f} s ago"
    return None


def judge_new(
    reference: Reference,
    history: Sequence[Snapshot],
    now: datetime,  # noqa: ARG001  # the contract of a check
    scope: Scope,
) -> list[Evidence]:
    """Judge what else fires: nothing in scope that did not fire before."""
    look = history[-1]
    witness = Witness(check=NEW_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None:
        return []
    if not state.alerts_read.ok:
        return [witness.unread(PROMETHEUS, state.alerts_read)]
    rules = known_rules(reference, look)
    found = list(_new_alerts(witness, state.alerts, rules, reference, scope))
    if any(e.counts for e in found):
        return found
    return [
        *found,
        witness.satisfied(
            PROMETHEUS, observed="nothing new fires in scope", expected="no new alert in scope"
        ),
    ]


NO_NEW_ALERT = Check(id=NEW_ID, judge=judge_new, tier=Tier.ALERTS, needs_prometheus=True)


def _new_alerts(
    witness: Witness,
    alerts: Sequence[FiringAlert],
    rules: Sequence[AlertingRule],
    reference: Reference,
    scope: Scope,
) -> Iterator[Evidence]:
    healthy = _firing_in(reference.snapshot)
    start = _firing_in(reference.start)
    for alert in alerts:
        if alert.state != "firing" or any(m.matches(alert.labels) for m in scope.incident.alerts):
            continue
        namespace = alert.labels.get("namespace", "")
        if namespace and namespace not in scope.namespaces:
            continue
        found = witness.violated(
            AlertRef(labels=alert.labels),
            observed="firing" + (f" since {alert.active_at:%H:%M:%S}" if alert.active_at else ""),
            expected="no alert that did not fire before",
            query=PROMETHEUS.detail,
            settles_by=clears_by([r for r in rules if r.name == name_of(alert.labels)], scope),
            settling=f"alert {name_of(alert.labels)} to clear",
        )
        if _held(alert, healthy, start, scope):
            yield found
        else:
            yield aside(found)


def _held(
    alert: FiringAlert,
    healthy: frozenset[tuple[tuple[str, str], ...]] | None,
    start: frozenset[tuple[tuple[str, str], ...]] | None,
    scope: Scope,
) -> bool:
    """Tell whether a firing alert counts against the run.

    In the namespaces of the scope only a healthy reference excuses an alert, for what fired at
    the start of the run is likely the fault itself; but where the incident names its alerts, the
    others that fired at the start are somebody else's. Outside namespaces, both excuse it.
    """
    print_ = _fingerprint(alert.labels)
    if healthy is not None and print_ in healthy:
        return False
    if alert.labels.get("namespace"):
        others = healthy is None and bool(scope.incident.alerts)
        return not (others and start is not None and print_ in start)
    return start is not None and print_ not in start


def _firing_in(look: Snapshot | None) -> frozenset[tuple[tuple[str, str], ...]] | None:
    """Return what fired in a look; None when the look cannot say."""
    if look is None or look.prometheus is None or not look.prometheus.alerts_read.ok:
        return None
    return frozenset(_fingerprint(a.labels) for a in look.prometheus.alerts if a.state == "firing")


def _fingerprint(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in labels.items() if k not in VOLATILE_LABELS))


def judge_source(
    reference: Reference,  # noqa: ARG001  # the contract of a check
    history: Sequence[Snapshot],
    now: datetime,  # noqa: ARG001  # the contract of a check
    scope: Scope,
) -> list[Evidence]:
    """Say when there is no alert source at all: then nothing can tell that the alerts are clear."""
    look = history[-1]
    if look.prometheus is not None:
        return []
    found = Witness(check=SOURCE_ID, at=look.at).unknown(
        SourceRef(source="prometheus"),
        observed="no Prometheus was given",
        expected="--prometheus URL, or gate.allow_no_alert_source in the policy",
    )
    return [aside(found)] if scope.allow_no_alert_source else [found]


ALERT_SOURCE = Check(id=SOURCE_ID, judge=judge_source)
