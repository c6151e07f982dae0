"""Whether the alert that always fires still does: its silence means that alerts do not arrive.

Such an alert (Watchdog, DeadMansSwitch) is known by its rule, which looks at no series, and by
having fired in the reference.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from guardrails.core.evidence import AlertRef, Evidence, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import PROMETHEUS
from guardrails.gates.alerts.selectors import selectors
from guardrails.gates.alerts.server_age import RESEND_SECONDS
from guardrails.gates.alerts.suppression import ALERTS
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.snapshot import AlertingRule, PrometheusState, Snapshot

ID = CheckId("watchdog-fires")


def always_fires(rule: AlertingRule) -> bool:
    """Tell whether a rule fires whatever happens: it looks at nothing."""
    return bool(rule.query) and not selectors(rule.query)


def judge_watchdog(view: View) -> list[Evidence]:
    """Judge whether what always fired before fires now, at both servers."""
    state = view.look.prometheus
    if state is None or not state.alerts_read.ok:
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    looks = [x for x in (view.reference.snapshot, view.reference.start) if x is not None]
    expected = dict.fromkeys(name for look in looks for name in _watchdogs(look))
    return [found for name in expected for found in _judge(witness, name, view, state)]


WATCHDOG_FIRES = Check(id=ID, judge=judge_watchdog, tier=Tier.ALERTS, needs_prometheus=True)


def _watchdogs(look: Snapshot) -> Iterator[str]:
    state = look.prometheus
    if state is None:
        return
    firing = {a.labels.get("alertname") for a in state.alerts if a.state == "firing"}
    yield from (r.name for r in state.rules if r.name in firing and always_fires(r))


def _judge(witness: Witness, name: str, view: View, state: PrometheusState) -> Iterator[Evidence]:
    subject = AlertRef(labels={"alertname": name})
    started = state.server.started_at
    if not _holds(name, (a.labels for a in state.alerts if a.state == "firing")):
        just_started = started is not None and witness.at - started < timedelta(minutes=2)
        yield witness.violated(
            subject,
            field="prometheus",
            observed="does not fire",
            expected="firing, as it always does",
            query=PROMETHEUS.detail,
            settles_by=started + timedelta(minutes=2) if started and just_started else None,
            settling=f"alert {name}, which always fires, to fire",
        )
        return
    yield witness.satisfied(subject, field="prometheus", observed="firing", expected="firing")
    yield from _in_alertmanager(witness, name, view)


def _in_alertmanager(witness: Witness, name: str, view: View) -> Iterator[Evidence]:
    held = view.look.alertmanager
    if held is None or not held.alerts_read.ok or not _arrived_before(name, view):
        return
    subject = AlertRef(labels={"alertname": name})
    if _holds(name, (a.labels for a in held.alerts)):
        yield witness.satisfied(
            subject, field="alertmanager", observed="held", expected="held, as it always is"
        )
        return
    started = held.started_at
    by = started + timedelta(seconds=RESEND_SECONDS) if started is not None else None
    yield witness.violated(
        subject,
        field="alertmanager",
        observed="fires in Prometheus and does not arrive in Alertmanager",
        expected="held, as it always is",
        query=ALERTS.detail,
        settles_by=by if by is not None and by > witness.at else None,
        settling=f"alert {name}, which always fires, to arrive in Alertmanager",
    )


def _arrived_before(name: str, view: View) -> bool:
    looks = (view.reference.snapshot, view.reference.start)
    states = [x.alertmanager for x in looks if x is not None and x.alertmanager is not None]
    return any(_holds(name, (a.labels for a in state.alerts)) for state in states)


def _holds(name: str, alerts: Iterable[dict[str, str]]) -> bool:
    return any(labels.get("alertname") == name for labels in alerts)
