"""Checks over Alertmanager: an alert that is only silenced, inhibited or muted is not clear."""

from collections.abc import Iterator
from datetime import datetime

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.checks import clears_by, known_rules, name_of, names_of
from guardrails.gates.alerts.matching import takes
from guardrails.gates.alerts.rules import rules_for
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import AlertingRule, AlertmanagerState, RoutedAlert, Silence

ID = CheckId("alert-not-suppressed")

ALERTS = SourceRef(source="alertmanager", detail="GET /api/v2/alerts")
SILENCES = SourceRef(source="alertmanager", detail="GET /api/v2/silences")


def judge_suppression(view: View) -> list[Evidence]:
    """Judge what Alertmanager holds of the incident's alerts, and who silenced them."""
    look = view.look
    state = look.alertmanager
    if state is None:
        return []
    # Without Prometheus nothing here proves that an alert is clear: then it is no alert evidence.
    tier = Tier.ALERTS if look.prometheus is not None else Tier.STATE
    witness = Witness(check=ID, at=look.at, tier=tier)
    found = list(_unread(witness, state))
    if found:
        return found
    for matcher in view.scope.incident.alerts:
        found.extend(_judge_alert(witness, matcher, state, view))
    if found:
        return found
    return [witness.satisfied(ALERTS, observed="the incident names no alert to look for")]


ALERT_NOT_SUPPRESSED = Check(
    id=ID, judge=judge_suppression, tier=Tier.ALERTS, needs_alertmanager=True
)


def matchers_of(view: View) -> tuple[AlertMatcher, ...]:
    """Return the incident's alerts, under every name that their rules have now."""
    return tuple(m for alert in view.scope.incident.alerts for m in names_of(alert, view))


def label_sets(view: View) -> list[dict[str, str]]:
    """Return the labels of the incident's alerts: as it names them, and as they were seen."""
    looks = (view.reference.snapshot, view.reference.start, view.look)
    seen = [a.labels for x in looks if x and x.prometheus for a in x.prometheus.alerts]
    seen += [a.labels for x in looks if x and x.alertmanager for a in x.alertmanager.alerts]
    named = matchers_of(view)
    found = [m.labels for m in named]
    found += [labels for labels in seen if any(m.matches(labels) for m in named)]
    return [labels for i, labels in enumerate(found) if labels not in found[:i]]


def _unread(witness: Witness, state: AlertmanagerState) -> Iterator[Evidence]:
    if not state.alerts_read.ok:
        yield witness.unread(ALERTS, state.alerts_read)
    if not state.silences_read.ok:
        yield witness.unread(SILENCES, state.silences_read)


def _judge_alert(
    witness: Witness, matcher: AlertMatcher, state: AlertmanagerState, view: View
) -> Iterator[Evidence]:
    names = names_of(matcher, view)
    held = [a for a in state.alerts if any(m.matches(a.labels) for m in names)]
    # A suppressed alert says more than an active one beside it.
    held.sort(key=lambda alert: alert.state == "active")
    for alert in held[:1]:
        yield _held(witness, alert, matcher, view)
    silenced = list(_silences(witness, matcher, state, view))
    yield from silenced
    if not held and not any(e.counts for e in silenced):
        yield witness.satisfied(
            AlertRef(labels=matcher.labels),
            field="status.state",
            observed="not held, not silenced",
            expected="resolved, and no silence over it",
        )


def _held(witness: Witness, alert: RoutedAlert, matcher: AlertMatcher, view: View) -> Evidence:
    state = view.look.prometheus
    if state is not None and not state.alerts_read.ok and alert.state == "active":
        # Held here until it expires, minutes after a Prometheus that went away said so last.
        return witness.unknown(
            AlertRef(labels=alert.labels),
            field="status.state",
            observed="active, and Prometheus does not tell whether it still fires",
            expected="resolved",
            temporary=True,
        )
    return witness.violated(
        AlertRef(labels=alert.labels),
        field="status.state",
        observed=alert.state + _why(alert),
        expected="resolved",
        query=ALERTS.detail,
        settles_by=_resolves_by(matcher, view),
        settling=f"alert {name_of(alert.labels)} to resolve in Alertmanager",
    )


def _resolves_by(matcher: AlertMatcher, view: View) -> datetime | None:
    rules = rules_for(matcher, known_rules(view.reference, view.look))
    if rules or view.look.prometheus is not None:
        return clears_by(rules, view.scope)
    # What Alertmanager alone holds comes from a rule that nobody here can read; an expression
    # that says nothing is given the longest usual range.
    return clears_by([AlertingRule(name="", query="")], view.scope)


def _why(alert: RoutedAlert) -> str:
    if alert.silenced_by:
        return f" by silence {alert.silenced_by[0]}"
    if alert.inhibited_by:
        return f", inhibited by {alert.inhibited_by[0]}"
    return f", muted by {alert.muted_by[0]}" if alert.muted_by else ""


def _silences(
    witness: Witness, matcher: AlertMatcher, state: AlertmanagerState, view: View
) -> Iterator[Evidence]:
    before = {
        silence.id
        for look in (view.reference.snapshot, view.reference.start)
        if look is not None and look.alertmanager is not None
        for silence in look.alertmanager.silences
        if silence.state != "expired"
    }
    names = names_of(matcher, view)
    sets = [x for x in label_sets(view) if any(m.matches(x) for m in names)]
    for silence in state.silences:
        is_on = silence.state in {"active", "pending"}
        if not is_on or not any(covers(silence, labels) for labels in sets):
            continue
        found = witness.violated(
            AlertRef(labels=matcher.labels),
            field="silences",
            observed=f"silence {silence.id} ({silence.state}) by {silence.created_by or 'unknown'}",
            expected="no silence over the incident's alert",
            query=SILENCES.detail,
        )
        # People silence what they work on; one that was there before hides nothing new.
        yield aside(found) if silence.id in before else found


def covers(silence: Silence, labels: dict[str, str]) -> bool:
    """Tell whether a silence could cover an alert of which only some labels are known.

    Matchers over unknown labels are taken to match, and at least one known label must be named,
    so that a narrower silence than the incident's own labels is still seen.
    """
    known = [m for m in silence.matchers if m.name in labels]
    return bool(known) and all(takes(m, labels[m.name]) for m in known)
