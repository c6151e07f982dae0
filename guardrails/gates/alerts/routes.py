"""Whether the alerts in scope still reach somebody: not a receiver that notifies nobody, not muted.

Read from Alertmanager's own configuration, which a reload changes without a trace in its lists.
"""

from collections.abc import Iterator

from guardrails.core.evidence import AlertRef, Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import known_rules, name_of
from guardrails.gates.alerts.routing import taken_by
from guardrails.gates.alerts.selectors import speaks_of
from guardrails.gates.alerts.suppression import label_sets
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import ReadStatus, Routing

ID = CheckId("alert-routes-kept")

CONFIGURATION = SourceRef(source="alertmanager", detail="GET /api/v2/status")

MOST_NAMED = 3
"""Alerts that lost their route; a changed default route may cost hundreds theirs."""


def judge_routes(view: View) -> list[Evidence]:
    """Judge whether each alert in scope is sent to somebody, as it was in the reference."""
    held = view.look.alertmanager
    before = next(iter(_known(view)), None)
    if held is None or before is None:
        return []
    tier = Tier.ALERTS if view.look.prometheus is not None else Tier.STATE
    witness = Witness(check=ID, at=view.look.at, tier=tier)
    if held.routing is None:
        if held.status_read.ok or held.status_read.status is ReadStatus.MISSING:
            said = held.status_read.message or "the configuration cannot be read"
            return [witness.unknown(CONFIGURATION, observed=said, expected="its routes")]
        return [witness.unread(CONFIGURATION, held.status_read)]
    now = held.routing
    if now.digest != before.digest:
        found = list(_lost(witness, view, before, now))
        if found:
            return found[:MOST_NAMED]
    changed = "changed, with the same routes" if now.digest != before.digest else "unchanged"
    return [
        witness.satisfied(CONFIGURATION, observed=changed, expected="alerts that reach somebody")
    ]


ALERT_ROUTES_KEPT = Check(id=ID, judge=judge_routes, tier=Tier.ALERTS, needs_alertmanager=True)


def _known(view: View) -> Iterator[Routing]:
    for look in (view.reference.snapshot, view.reference.start):
        if look is not None and look.alertmanager is not None and look.alertmanager.routing:
            yield look.alertmanager.routing


def _lost(witness: Witness, view: View, before: Routing, now: Routing) -> Iterator[Evidence]:
    for labels in _in_scope(view):
        why = _why_lost(labels, before, now)
        if not why:
            continue
        found = witness.violated(
            AlertRef(labels=labels),
            field="route",
            observed=f"alert {name_of(labels)} {why}",
            expected="sent to somebody, as before",
            query=CONFIGURATION.detail,
        )
        # Changed between the recording and the run: somebody else's change.
        start = view.reference.start.alertmanager if view.reference.start else None
        own = start is None or start.routing is None or _why_lost(labels, start.routing, now)
        yield found if own else aside(found)


def _why_lost(labels: dict[str, str], before: Routing, now: Routing) -> str:
    heard = {r.receiver for r in taken_by(before.root, labels)} & set(before.heard)
    taken = taken_by(now.root, labels)
    hears = {r.receiver for r in taken} & set(now.heard)
    if heard and not hears:
        receivers = ", ".join(sorted({r.receiver for r in taken}))
        return f"goes to receiver {receivers}, which notifies nobody"
    muted = {i for r in taken for i in r.intervals}
    muted -= {i for r in taken_by(before.root, labels) for i in r.intervals}
    return f"is muted by time interval ({', '.join(sorted(muted))})" if muted else ""


def _in_scope(view: View) -> Iterator[dict[str, str]]:
    """Yield the labels of the incident's alerts, then those that the rules in scope would give."""
    state = view.look.prometheus
    server = state.server.labels or {} if state is not None else {}
    for labels in label_sets(view):
        yield {**server, **labels}
    namespace = next(iter(view.scope.namespaces), "")
    for rule in known_rules(view.reference, view.look):
        if speaks_of(rule.query, view.scope.namespaces):
            yield {**server, "namespace": namespace, **rule.labels, "alertname": rule.name}
