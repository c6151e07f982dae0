"""Whether Alertmanager holds alerts that Prometheus does not know: forged, or left over.

Others may send alerts too (Loki, Grafana, a second Prometheus), so what no rule here explains is
only held against a run where it hides the incident's alert by inhibiting it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from guardrails.core.evidence import AlertRef, Evidence, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import VOLATILE_LABELS, name_of
from guardrails.gates.alerts.suppression import ALERTS, matchers_of
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import AlertmanagerState, RoutedAlert

ID = CheckId("alert-not-forged")

LEFT_OVER = timedelta(minutes=5)
"""Alertmanager drops an alert four minutes after Prometheus sent it last, and five after anybody
sent one without an end."""


def judge_forged(view: View) -> list[Evidence]:
    """Judge whether what Alertmanager holds over the scope comes from a rule."""
    held, state = view.look.alertmanager, view.look.prometheus
    if held is None or state is None or not held.alerts_read.ok or not state.alerts_read.ok:
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    found = list(_unexplained(witness, view, held))
    if any(e.counts for e in found):
        return found
    return [
        *found,
        witness.satisfied(
            ALERTS, observed="nothing forged hides an alert", expected="alerts that rules explain"
        ),
    ]


ALERT_NOT_FORGED = Check(
    id=ID,
    judge=judge_forged,
    tier=Tier.ALERTS,
    needs_prometheus=True,
    needs_alertmanager=True,
)


def _unexplained(witness: Witness, view: View, held: AlertmanagerState) -> Iterator[Evidence]:
    state = view.look.prometheus
    known = [a.labels for a in state.alerts] if state is not None else []
    rules = {rule.name for rule in state.rules} if state is not None else set[str]()
    before = [a.labels for a in _held_before(view)]
    hiding = _hiding(view, held)
    own = matchers_of(view)
    for alert in held.alerts:
        if any(_is_same(labels, alert.labels) for labels in known) or alert.labels in before:
            continue
        hides = alert.fingerprint in hiding
        is_own = any(matcher.matches(alert.labels) for matcher in own)
        if is_own or not (hides or alert.labels.get("namespace") in view.scope.namespaces):
            # What is held of the incident's own alerts is judged by alert-not-suppressed.
            continue
        name = name_of(alert.labels)
        what = "whose rule does not fire" if name in rules else "that no rule here makes"
        found = witness.violated(
            AlertRef(labels=alert.labels),
            observed=f"held in Alertmanager, an alert {what}"
            + (", and inhibits the incident's" if hides else ""),
            expected="an alert that Prometheus has, too",
            query=ALERTS.detail,
            settles_by=_dropped_by(alert, witness.at),
            settling=f"alert {name}, which Prometheus does not have, to leave Alertmanager",
        )
        yield found if hides or name in rules else aside(found)


def _is_same(labels: dict[str, str], held: dict[str, str]) -> bool:
    """Tell whether a held alert is one of Prometheus'.

    On the way it adds its external labels, and relabelling may take some away.
    """
    return labels.get("alertname") == held.get("alertname") and all(
        held.get(name, value) == value
        for name, value in labels.items()
        if name not in VOLATILE_LABELS
    )


def _held_before(view: View) -> Iterator[RoutedAlert]:
    for look in (view.reference.snapshot, view.reference.start):
        if look is not None and look.alertmanager is not None:
            yield from look.alertmanager.alerts


def _hiding(view: View, held: AlertmanagerState) -> frozenset[str]:
    """Return the fingerprints of what inhibits an alert of the incident."""
    own = matchers_of(view)
    return frozenset(
        source
        for alert in held.alerts
        if any(matcher.matches(alert.labels) for matcher in own)
        for source in alert.inhibited_by
    )


def _dropped_by(alert: RoutedAlert, now: datetime) -> datetime | None:
    if alert.ends_at is None or alert.ends_at - now > LEFT_OVER:
        return None
    return alert.ends_at
