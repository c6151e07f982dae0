"""From an Alertmanager webhook notification (version 4) to an `Incident`.

Alertmanager writes this JSON, not a person: keys that we do not know are let through, and what we
need is checked with the JSON path of what is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from guardrails.core.incident import AlertMatcher, Incident
from guardrails.errors import IncidentError
from guardrails.policy.document import KeyPath, dotted, kind_of
from guardrails.policy.incidentfile import known_time
from guardrails.policy.problems import lines
from guardrails.policy.scope import check_namespaces, namespaces_of
from guardrails.policy.yamlfile import load_json

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
"""Longest payload read: a group of 5,000 alerts is about 5 MB."""

_ADDED_BY_PROMETHEUS = frozenset({"prometheus", "prometheus_replica"})
"""External labels that the Prometheus Operator adds when it sends an alert. Prometheus itself does
not show them on its alerts; kept, they would match none, and none firing would look like clear."""

_LISTED = 10
"""Most alerts named in a task text; all of them stay in the incident."""


class _Received(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Alert(_Received):
    status: Literal["firing", "resolved"]
    labels: dict[str, str] = Field(min_length=1)
    annotations: dict[str, str] = Field(default_factory=dict[str, str])
    starts_at: AwareDatetime = Field(alias="startsAt")


class _Payload(_Received):
    version: Literal["4"]
    alerts: tuple[_Alert, ...]
    common_annotations: dict[str, str] = Field(
        default_factory=dict[str, str], alias="commonAnnotations"
    )
    truncated: int = Field(default=0, alias="truncatedAlerts")


def read_alert_payload(
    data: bytes, *, source: str, task: str | None = None, namespaces: Sequence[str] = ()
) -> Incident:
    """Read an Alertmanager webhook body.

    Args:
        data: The JSON.
        source: Where it came from, for messages: a file name, `-`.
        task: The task in words. None: written from the annotations that the alerts share.
        namespaces: The scope. Empty: the namespaces in the alerts' labels.

    Returns:
        An incident with the firing alerts, each once, since its earliest start; resolved ones are
        left out.

    Raises:
        IncidentError: No JSON, not version 4, or no firing alert in it; a line per trouble, each
            with its JSON path.
    """
    payload = _parse(data, source)
    firing = tuple(alert for alert in payload.alerts if alert.status == "firing")
    if not firing:
        counted = (
            f"all {len(payload.alerts)} are resolved" if payload.alerts else "the list is empty"
        )
        raise IncidentError(f"{source}: alerts: no alert is firing ({counted}); nothing to work on")
    alerts = _each_once(_matcher(alert) for alert in firing)
    return Incident(
        task=(task or "").strip() or _task(payload, firing),
        namespaces=check_namespaces(namespaces) or namespaces_of(alerts),
        alerts=alerts,
    )


def _parse(data: bytes, source: str) -> _Payload:
    if len(data) > MAX_PAYLOAD_BYTES:
        raise IncidentError(f"{source}: longer than {MAX_PAYLOAD_BYTES // 1024**2} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise IncidentError(f"{source}: not UTF-8 text (byte {problem.start})") from problem
    if not text.strip():
        raise IncidentError(f"{source}: empty; an Alertmanager webhook body was expected")
    value = load_json(text, source=source, error=IncidentError)
    if not isinstance(value, dict):
        raise IncidentError(
            f"{source}: an Alertmanager webhook body is an object, not {kind_of(value)}"
        )
    fields = cast("dict[str, object]", value)
    _check_version(fields, source)

    def locate(path: KeyPath) -> tuple[int, str]:
        return 0, f"{source}: {dotted(path)}"

    try:
        return _Payload.model_validate(fields)
    except ValidationError as problem:
        raise IncidentError("\n".join(lines(problem, _Payload, fields, locate=locate))) from None


def _check_version(fields: Mapping[str, object], source: str) -> None:
    version = fields.get("version")
    if version == "4":
        return
    said = "missing" if version is None else f"{version!r} is not read; '4' is"
    raise IncidentError(
        f"{source}: version: {said}; send the body of Alertmanager's webhook as it is"
    )


def _each_once(matchers: Iterable[AlertMatcher]) -> tuple[AlertMatcher, ...]:
    """Merge alerts that several Prometheus replicas sent: without their label they are the same."""
    found: dict[frozenset[tuple[str, str]], AlertMatcher] = {}
    for matcher in matchers:
        key = frozenset(matcher.labels.items())
        began = [m.starts_at for m in (matcher, found.get(key, matcher)) if m.starts_at]
        found[key] = AlertMatcher(labels=matcher.labels, starts_at=min(began, default=None))
    return tuple(found.values())


def _matcher(alert: _Alert) -> AlertMatcher:
    labels = {k: v for k, v in alert.labels.items() if k not in _ADDED_BY_PROMETHEUS}
    return AlertMatcher(labels=labels or dict(alert.labels), starts_at=known_time(alert.starts_at))


def _task(payload: _Payload, firing: Sequence[_Alert]) -> str:
    """Write the task from what the alerts say: their names, then the words of their rules."""
    listed = [f"- {_describe(alert)}" for alert in firing[:_LISTED]]
    hidden = len(firing) - len(listed) + payload.truncated
    if hidden > 0:
        listed.append(f"- and {hidden} more")
    words = payload.common_annotations or (firing[0].annotations if len(firing) == 1 else {})
    notes = [f"{name}: {text.strip()}" for name, text in words.items() if text.strip()]
    return "\n".join(
        [
            "Find out why these alerts are firing, and mend it.",
            "",
            *listed,
            *([""] if notes else []),
            *notes,
        ]
    )


def _describe(alert: _Alert) -> str:
    name = alert.labels.get("alertname", "alert without a name")
    rest = ", ".join(
        f"{k}={v}"
        for k, v in sorted(alert.labels.items())
        if k != "alertname" and k not in _ADDED_BY_PROMETHEUS
    )
    began = known_time(alert.starts_at)
    since = f" since {began.isoformat()}" if began else ""
    return f"{name}{f' ({rest})' if rest else ''}{since}"
