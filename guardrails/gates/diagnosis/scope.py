"""Which alerts a diagnosis must explain: the incident's own, with all labels that are known.

An incident may give an alert by its name alone; the sources know what it is about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardrails.core.evidence import SourceRef
from guardrails.gates.alerts.checks import VOLATILE_LABELS, own_alerts
from guardrails.gates.checks import View
from guardrails.gates.snapshot import FiringAlert, Read, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsInScope:
    """What must be explained, what is only mentioned, and what hid."""

    own: tuple[Mapping[str, str], ...]
    others: tuple[Mapping[str, str], ...]
    """Firing beside them in the same namespaces."""
    unread: tuple[tuple[SourceRef, Read], ...]
    """Sources that may have known more."""


def alerts_in_scope(view: View) -> AlertsInScope:
    """Gather the alerts of an incident.

    When the incident names no alert, whatever fires in its namespaces and did not in the
    reference is its own.
    """
    active = list(_active(view))
    start = view.reference.start
    began = [a.labels for a in _of(start)] if start is not None else []
    own: list[Mapping[str, str]] = []
    for matcher in view.scope.incident.alerts:
        matching = own_alerts(matcher, active, began)
        firing = [a for a in matching if a.state == "firing"] or matching
        own += [a.labels for a in firing] or [matcher.labels]
    places = view.scope.namespaces
    fresh = [
        a.labels
        for a in active
        if a.state == "firing" and _place(a.labels) in places and not _fired_before(a.labels, view)
    ]
    others: list[Mapping[str, str]] = [labels for labels in fresh if labels not in own]
    if not view.scope.incident.alerts:
        own, others = others, []
    return AlertsInScope(own=_once(own), others=_once(others), unread=tuple(_unread(view)))


def _place(labels: Mapping[str, str]) -> str:
    return labels.get("exported_namespace") or labels.get("namespace", "")


def _active(view: View) -> Iterator[FiringAlert]:
    for look in (view.look, view.reference.start):
        if look is not None:
            yield from _of(look)


def _of(look: Snapshot) -> Iterator[FiringAlert]:
    yield from look.prometheus.alerts if look.prometheus is not None else ()
    for alert in look.alertmanager.alerts if look.alertmanager is not None else ():
        yield FiringAlert(labels=alert.labels, state="firing")


def _fired_before(labels: Mapping[str, str], view: View) -> bool:
    before = view.reference.snapshot
    lasting = _lasting(labels)
    return before is not None and any(_lasting(a.labels) == lasting for a in _of(before))


def _lasting(labels: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in labels.items() if k not in VOLATILE_LABELS}


def _once(alerts: list[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    return tuple({tuple(sorted(labels.items())): labels for labels in alerts}.values())


def _unread(view: View) -> Iterator[tuple[SourceRef, Read]]:
    prometheus, alertmanager = view.look.prometheus, view.look.alertmanager
    if prometheus is not None and not prometheus.alerts_read.ok:
        yield SourceRef(source="prometheus", detail="GET /api/v1/alerts"), prometheus.alerts_read
    if prometheus is None and alertmanager is not None and not alertmanager.alerts_read.ok:
        yield (
            SourceRef(source="alertmanager", detail="GET /api/v2/alerts"),
            alertmanager.alerts_read,
        )
