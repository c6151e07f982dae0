"""Checks over Prometheus: the incident's alerts are clear, and nothing new fires.

A pending alert is not clear. Whether an alert could fire at all is judged in `live.py` and
`inputs.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.changes import renamed
from guardrails.gates.alerts.rules import (
    INTERVAL_DEFAULT_SECONDS,
    INTERVALS,
    clear_seconds,
    rules_for,
)
from guardrails.gates.checks import Check, Reference, Scope, View, Witness, aside
from guardrails.gates.snapshot import (
    AlertingRule,
    FiringAlert,
    Snapshot,
)

CLEAR_ID = CheckId("alert-clear")
NEW_ID = CheckId("no-new-alert")
SOURCE_ID = CheckId("alert-source")

VOLATILE_LABELS = frozenset({"pod", "instance", "uid", "container_id"})
"""Labels that change when a pod is replaced, while the alert stays the same alert."""

PROMETHEUS = SourceRef(source="prometheus", detail="GET /api/v1/alerts")
RULES = SourceRef(source="prometheus", detail="GET /api/v1/rules")


def judge_clear(view: View) -> list[Evidence]:
    """Judge every alert of the incident: neither firing nor pending."""
    look = view.look
    witness = Witness(check=CLEAR_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None or not view.scope.incident.alerts:
        return []
    if not state.alerts_read.ok:
        return [witness.unread(PROMETHEUS, state.alerts_read)]
    rules = known_rules(view.reference, look)
    start = active_at(view.reference.start)
    return [
        _clear(
            witness,
            matcher,
            [a for m in names_of(matcher, view) for a in own_alerts(m, state.alerts, start)],
            rules,
            view.scope,
        )
        for matcher in view.scope.incident.alerts
    ]


ALERT_CLEAR = Check(id=CLEAR_ID, judge=judge_clear, tier=Tier.ALERTS, needs_prometheus=True)


def _clear(
    witness: Witness,
    matcher: AlertMatcher,
    matching: Sequence[FiringAlert],
    rules: Sequence[AlertingRule],
    scope: Scope,
) -> Evidence:
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


def names_of(matcher: AlertMatcher, view: View) -> tuple[AlertMatcher, ...]:
    """Return an alert of the incident, and itself again under each name that its rule has now."""
    looks = (view.reference.start, view.reference.snapshot)
    before = [rule for x in looks if x is not None and x.prometheus for rule in x.prometheus.rules]
    state = view.look.prometheus
    return (matcher, *renamed(matcher, before, state.rules if state is not None else ()))


def own_alerts(
    matcher: AlertMatcher, alerts: Sequence[FiringAlert], start: Sequence[dict[str, str]]
) -> list[FiringAlert]:
    """Return the alerts that are the incident's own, also after its pod was replaced.

    An alert that names a pod comes back under the name of the next one. What was active at the
    start under other labels is another pod's trouble.

    Args:
        matcher: The incident's alert.
        alerts: Those active now.
        start: The labels of those active when the run began.
    """
    lasting = {k: v for k, v in matcher.labels.items() if k not in VOLATILE_LABELS}
    renewed = AlertMatcher(labels=lasting) if "alertname" in lasting else matcher
    return [
        a
        for a in alerts
        if matcher.matches(a.labels) or (renewed.matches(a.labels) and a.labels not in start)
    ]


def active_at(look: Snapshot | None) -> list[dict[str, str]]:
    """Return the labels of what was active in a look."""
    state = look.prometheus if look is not None else None
    return [alert.labels for alert in state.alerts] if state is not None else []


def clears_by(rules: Sequence[AlertingRule], scope: Scope) -> datetime | None:
    """Return until when an alert may still fire on old samples; None when nothing was mended.

    Counted from the last write, or from the last unrest if that is later, and from the scrape
    after that: the rule's range holds bad samples up to then.
    """
    if scope.last_write_at is None:
        return None
    began = max(scope.last_write_at, scope.unrest_at or scope.last_write_at)
    needs = max(
        (clear_seconds(rule) for rule in rules), default=INTERVALS * INTERVAL_DEFAULT_SECONDS
    )
    return began + timedelta(seconds=needs + scope.scrape_seconds)


def known_rules(reference: Reference, look: Snapshot) -> list[AlertingRule]:
    """Return every rule seen: loaded now, at the start of the run, or in the reference."""
    looks = (look, reference.start, reference.snapshot)
    return [rule for x in looks if x is not None and x.prometheus for rule in x.prometheus.rules]


def name_of(labels: dict[str, str]) -> str:
    """Return an alert's name for words."""
    return labels.get("alertname", "without a name")


def judge_new(view: View) -> list[Evidence]:
    """Judge what else fires: nothing in scope that did not fire before."""
    look = view.look
    witness = Witness(check=NEW_ID, at=look.at, tier=Tier.ALERTS)
    state = look.prometheus
    if state is None:
        return []
    if not state.alerts_read.ok:
        return [witness.unread(PROMETHEUS, state.alerts_read)]
    rules = known_rules(view.reference, look)
    found = list(_new_alerts(witness, state.alerts, rules, view))
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
    view: View,
) -> Iterator[Evidence]:
    reference, scope = view.reference, view.scope
    mine = [m for matcher in scope.incident.alerts for m in names_of(matcher, view)]
    healthy = _firing_in(reference.snapshot)
    start = _firing_in(reference.start)
    active = active_at(reference.start)
    for alert in alerts:
        own = any(own_alerts(m, [alert], active) for m in mine)
        if alert.state != "firing" or own or _always_fires(alert, healthy, start):
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


def _always_fires(
    alert: FiringAlert,
    healthy: frozenset[tuple[tuple[str, str], ...]] | None,
    start: frozenset[tuple[tuple[str, str], ...]] | None,
) -> bool:
    """Tell a watchdog, by its severity and its past; whether it still fires is its own check."""
    before = (healthy or frozenset()) | (start or frozenset())
    return alert.labels.get("severity") == "none" and _fingerprint(alert.labels) in before


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


def judge_source(view: View) -> list[Evidence]:
    """Say when there is no alert source at all: then nothing can tell that the alerts are clear."""
    look = view.look
    if look.prometheus is not None:
        return []
    found = Witness(check=SOURCE_ID, at=look.at).unknown(
        SourceRef(source="prometheus"),
        observed="no Prometheus was given",
        expected="--prometheus URL, or gate.allow_no_alert_source in the policy",
    )
    return [aside(found)] if view.scope.allow_no_alert_source else [found]


ALERT_SOURCE = Check(id=SOURCE_ID, judge=judge_source)
