"""Checks over Alertmanager: an alert that is only silenced, inhibited or muted is not clear."""

from collections.abc import Iterator

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.checks import clears_by, known_rules, name_of
from guardrails.gates.alerts.matching import takes
from guardrails.gates.alerts.rules import rules_for
from guardrails.gates.checks import Check, Reference, Scope, View, Witness, aside
from guardrails.gates.snapshot import (
    AlertmanagerState,
    RoutedAlert,
    Silence,
    Snapshot,
)

ID = CheckId("alert-not-suppressed")

ALERTS = SourceRef(source="alertmanager", detail="GET /api/v2/alerts")
SILENCES = SourceRef(source="alertmanager", detail="GET /api/v2/silences")


def judge_suppression(view: View) -> list[Evidence]:
    """Judge what Alertmanager holds of the incident's alerts, and who silenced them."""
    look = view.look
    witness = Witness(check=ID, at=look.at, tier=Tier.ALERTS)
    state = look.alertmanager
    if state is None:
        return []
    found = list(_unread(witness, state))
    if found:
        return found
    for matcher in view.scope.incident.alerts:
        found.extend(_judge_alert(witness, matcher, look, state, view.reference, view.scope))
    if found:
        return found
    return [witness.satisfied(ALERTS, observed="the incident names no alert to look for")]


ALERT_NOT_SUPPRESSED = Check(
    id=ID, judge=judge_suppression, tier=Tier.ALERTS, needs_alertmanager=True
)


def _unread(witness: Witness, state: AlertmanagerState) -> Iterator[Evidence]:
    if not state.alerts_read.ok:
        yield witness.unread(ALERTS, state.alerts_read)
    if not state.silences_read.ok:
        yield witness.unread(SILENCES, state.silences_read)


def _judge_alert(  # private; one call
    witness: Witness,
    matcher: AlertMatcher,
    look: Snapshot,
    state: AlertmanagerState,
    reference: Reference,
    scope: Scope,
) -> Iterator[Evidence]:
    held = [a for a in state.alerts if matcher.matches(a.labels)]
    by = clears_by(rules_for(matcher, known_rules(reference, look)), scope)
    blind = look.prometheus is not None and not look.prometheus.alerts_read.ok
    for alert in held[:1]:
        if blind and alert.state == "active":
            # Held here until it expires, minutes after a Prometheus that went away said so last.
            yield witness.unknown(
                AlertRef(labels=alert.labels),
                field="status.state",
                observed="active, and Prometheus does not tell whether it still fires",
                expected="resolved",
                temporary=True,
            )
            continue
        yield witness.violated(
            AlertRef(labels=alert.labels),
            field="status.state",
            observed=alert.state + _why(alert),
            expected="resolved",
            query=ALERTS.detail,
            settles_by=by,
            settling=f"alert {name_of(alert.labels)} to resolve in Alertmanager",
        )
    silenced = list(_silences(witness, matcher, state, reference))
    yield from silenced
    if not held and not any(e.counts for e in silenced):
        yield witness.satisfied(
            AlertRef(labels=matcher.labels),
            field="status.state",
            observed="not held, not silenced",
            expected="resolved, and no silence over it",
        )


def _why(alert: RoutedAlert) -> str:
    if alert.silenced_by:
        return f" by silence {alert.silenced_by[0]}"
    if alert.inhibited_by:
        return f", inhibited by {alert.inhibited_by[0]}"
    return f", muted by {alert.muted_by[0]}" if alert.muted_by else ""


def _silences(
    witness: Witness, matcher: AlertMatcher, state: AlertmanagerState, reference: Reference
) -> Iterator[Evidence]:
    before = {
        silence.id
        for look in (reference.snapshot, reference.start)
        if look is not None and look.alertmanager is not None
        for silence in look.alertmanager.silences
        if silence.state != "expired"
    }
    for silence in state.silences:
        if silence.state not in {"active", "pending"} or not covers(silence, matcher.labels):
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
