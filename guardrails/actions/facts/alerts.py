"""Alerts and series, as Prometheus and Alertmanager give them, and as tools list them in short."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from guardrails.actions.facts.fact import ALERT, METRIC, Place, Shown, shown
from guardrails.actions.facts.fields import EMPTY, Fields, part, rows, text

ALERTS_READ: Final = 64
SERIES_READ: Final = 16
"""Most of one output. A query that returns more is an overview, not an answer."""
_LABELS_TOLD: Final = 3

_ABOUT = (
    *("pod", "deployment", "statefulset", "daemonset", "job_name", "service", "service_name"),
    *("node", "container", "persistentvolumeclaim", "instance", "job", "entity"),
)
"""Labels that say of what an alert or series is, most telling first."""
_NEVER = frozenset({"Watchdog", "DeadMansSwitch", "InfoInhibitor"})
"""Alerts that fire when all is well; they are no news."""


def alerts_in(value: object) -> Iterator[Shown]:
    """Yield the alerts of a decoded reply; nothing if it is something else."""
    for number, fields in enumerate(_alerts(value)):
        if number >= ALERTS_READ:
            return
        found = _alert(fields)
        if found is not None:
            yield found


def series_in(value: object) -> Iterator[Shown]:
    """Yield the values of an instant vector with few series; nothing if it is something else."""
    data = part(cast("Fields", value), "data") if isinstance(value, dict) else EMPTY
    found = rows(data, "result") if text(data, "resultType") == "vector" else ()
    if len(found) > SERIES_READ:
        return
    for fields in found:
        labels, sample = part(fields, "metric"), fields.get("value")
        if text(labels, "__name__") == "ALERTS":
            yield from alerts_in([{"labels": labels, "state": labels.get("alertstate")}])
        elif isinstance(sample, list):
            values = cast("list[object]", sample)
            name = _named(text(labels, "__name__") or "query", labels)
            place = Place(METRIC, text(labels, "namespace"), name)
            yield shown(place, {"value": str(values[-1]) if values else ""})


def _alerts(value: object) -> Iterator[Fields]:
    """Find alerts in the forms that Prometheus, Alertmanager and tools give them."""
    if isinstance(value, dict):
        fields = cast("Fields", value)
        data = fields.get("data")
        inner = part(fields, "data") if isinstance(data, dict) else fields
        yield from rows(inner, "alerts")
        for group in rows(inner, "groups"):
            for rule in rows(group, "rules"):
                yield from rows(rule, "alerts")
        if isinstance(data, list):
            yield from _listed(cast("Sequence[object]", data))
    elif isinstance(value, list):
        yield from _listed(cast("Sequence[object]", value))


def _listed(items: Sequence[object]) -> Iterator[Fields]:
    for item in items:
        if isinstance(item, dict):
            fields = cast("Fields", item)
            yield fields
            yield from rows(fields, "alerts")


def _alert(fields: Fields) -> Shown | None:
    labels: Mapping[str, object] = part(fields, "labels") or _flat(fields)
    name = text(labels, "alertname")
    status = fields.get("status")
    state = text(fields, "state") or text(part(fields, "status"), "state")
    if not state and isinstance(status, str):
        state = status
    if not name or not state or name in _NEVER:
        return None
    namespace = text(labels, "namespace")
    told = {"alert-state": state, "severity": text(labels, "severity")}
    return shown(Place(ALERT, namespace, _named(name, labels)), told)


def _flat(fields: Fields) -> Fields:
    """Read labels that stand beside the state, bare or as `labels.pod`."""
    return {key.removeprefix("labels."): value for key, value in fields.items()}


def _named(name: str, labels: Fields) -> str:
    """Write a name with the labels that say of what it is: `KubePodNotReady{pod=web-1}`."""
    told = [f"{key}={value}" for key in _ABOUT if (value := text(labels, key))][:_LABELS_TOLD]
    return f"{name}{{{','.join(told)}}}" if told else name
