import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from guardrails.core.incident import AlertMatcher
from guardrails.errors import IncidentError
from guardrails.policy.incidents import read_alert_payload

PAYLOAD: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "guard",
    "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate"},
    "commonAnnotations": {"summary": "Half of all requests fail", "runbook_url": ""},
    "externalURL": "http://alertmanager:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "HighErrorRate",
                "namespace": "shop",
                "service": "checkout",
                "prometheus": "monitoring/main",
                "prometheus_replica": "main-0",
            },
            "annotations": {"summary": "Half of all requests fail"},
            "startsAt": "2026-11-23T09:00:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": "c0ffee",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "HighErrorRate", "namespace": "old"},
            "annotations": {},
            "startsAt": "2026-11-23T08:00:00Z",
            "endsAt": "2026-11-23T08:30:00Z",
        },
    ],
}


def changed(path: tuple[str | int, ...], value: object) -> bytes:
    payload: Any = deepcopy(PAYLOAD)
    inner = payload
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return json.dumps(payload).encode()


def refused(data: bytes) -> str:
    with pytest.raises(IncidentError) as caught:
        read_alert_payload(data, source="hook.json")
    return str(caught.value)


def test_firing_alerts_make_the_incident() -> None:
    """Resolved alerts are left out, and so are labels that Prometheus adds when it sends."""
    incident = read_alert_payload(json.dumps(PAYLOAD).encode(), source="-")
    assert incident.alerts == (
        AlertMatcher(
            labels={"alertname": "HighErrorRate", "namespace": "shop", "service": "checkout"},
            starts_at=datetime(2026, 11, 23, 9, 0, 0, 123000, tzinfo=UTC),
        ),
    )
    assert incident.namespaces == ("shop",)


def test_the_annotations_make_the_task() -> None:
    """Without a task the alerts and their common annotations say what there is to do."""
    incident = read_alert_payload(changed(("truncatedAlerts",), 3), source="-")
    assert incident.task == snapshot("""\
Find out why these alerts are firing, and mend it.

- HighErrorRate (namespace=shop, service=checkout) since 2026-11-23T09:00:00.123000+00:00
- and 3 more

summary: Half of all requests fail\
""")


def test_task_and_scope_can_be_given() -> None:
    """What the caller says wins."""
    incident = read_alert_payload(
        json.dumps(PAYLOAD).encode(), source="-", task="Look.", namespaces=["a", "b"]
    )
    assert (incident.task, incident.namespaces) == ("Look.", ("a", "b"))


def test_an_alert_that_comes_twice_counts_once() -> None:
    """The same labels are the same alert."""
    alert = PAYLOAD["alerts"][0]
    incident = read_alert_payload(changed(("alerts",), [alert, alert]), source="-")
    assert len(incident.alerts) == 1


def test_an_alert_from_two_replicas_counts_once_since_its_earliest_start() -> None:
    """Prometheus replicas add a label of their own; the reference must be older than the first."""
    first = PAYLOAD["alerts"][0]
    second = {
        **first,
        "labels": {**first["labels"], "prometheus_replica": "main-1"},
        "startsAt": "2026-11-23T10:30:00+02:00",
    }
    for alerts in ([first, second], [second, first]):
        incident = read_alert_payload(changed(("alerts",), alerts), source="-")
        assert len(incident.alerts) == 1
        assert incident.began_at == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def test_a_label_that_can_be_no_namespace_is_no_scope() -> None:
    """Exporters of other systems have a `namespace` too."""
    for label in ("AWS/EC2", "../kube-system", "Shop"):
        data = changed(("alerts", 0, "labels", "namespace"), label)
        assert read_alert_payload(data, source="-").namespaces == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T09:00:00.123456789Z", datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T09:00:00+05:30", datetime(2026, 11, 23, 3, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_times_are_read_as_go_writes_them(written: str, meant: datetime | None) -> None:
    """Nanoseconds are cut, zones kept, the zero time in any zone is none."""
    data = changed(("alerts", 0, "startsAt"), written)
    assert read_alert_payload(data, source="-").began_at == meant


def test_a_zero_time_is_no_time() -> None:
    """Go writes the year 1 where nothing is known; a reference of that age does not exist."""
    data = changed(("alerts", 0, "startsAt"), "0001-01-01T00:00:00Z")
    assert read_alert_payload(data, source="-").began_at is None


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"", "hook.json: empty; an Alertmanager webhook body was expected"),
        (b'{"a"', "hook.json:1:5: not JSON: Expecting ':' delimiter"),
        (b"[]", "hook.json: an Alertmanager webhook body is an object, not a list"),
        (b"\xff\xfe", "hook.json: not UTF-8 text (byte 0)"),
        (b"[" * 100_000, "hook.json: nested too deeply"),
        (b" " * 9_000_000, "hook.json: longer than 8 MiB"),
        (
            b"{}",
            "hook.json: version: missing; send the body of Alertmanager's webhook as it is",
        ),
        (
            changed(("version",), "3"),
            (
                "hook.json: version: '3' is not read; '4' is; "
                "send the body of Alertmanager's webhook as it is"
            ),
        ),
        (b'{"version": "4"}', "hook.json: alerts: missing"),
        (changed(("alerts",), {}), "hook.json: alerts: a mapping is not a list"),
        (
            changed(("alerts",), []),
            "hook.json: alerts: no alert is firing (the list is empty); nothing to work on",
        ),
        (
            changed(("alerts", 0, "status"), "resolved"),
            "hook.json: alerts: no alert is firing (all 2 are resolved); nothing to work on",
        ),
        (
            changed(("alerts", 0, "status"), "on"),
            "hook.json: alerts[0].status: 'on' is not allowed; write 'firing' or 'resolved'",
        ),
        (
            changed(("alerts", 0, "startsAt"), "noon"),
            "hook.json: alerts[0].startsAt: 'noon' is not a time like 2026-01-31T09:00:00Z",
        ),
        (
            changed(("alerts", 0, "startsAt"), "2026-11-23T09:00:00"),
            (
                "hook.json: alerts[0].startsAt: '2026-11-23T09:00:00' is not a time with a zone; "
                "add Z or an offset"
            ),
        ),
        (
            changed(("alerts", 0, "labels", "code"), 500),
            (
                "hook.json: alerts[0].labels.code: 500 is not text "
                "(in quotes if it looks like something else)"
            ),
        ),
        (changed(("alerts", 0, "labels"), {}), "hook.json: alerts[0].labels: must not be empty"),
        (changed(("alerts", 1), 7), "hook.json: alerts[1]: 7 is not a mapping (key: value)"),
    ],
)
def test_each_malformed_payload_gives_one_line(data: bytes, trouble: str) -> None:
    """The message names the source and the JSON path."""
    assert refused(data) == trouble


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PATHS = st.sampled_from(
    [
        ("alerts",),
        ("alerts", 0),
        ("alerts", 0, "labels"),
        ("alerts", 0, "annotations"),
        ("alerts", 0, "startsAt"),
        ("commonAnnotations",),
        ("truncatedAlerts",),
        ("version",),
    ]
)


@given(PATHS, JSON)
def test_any_value_anywhere_is_read_or_refused(path: tuple[str | int, ...], value: object) -> None:
    """No payload gets any other exception out of the reader."""
    try:
        said = f"hook.json: {read_alert_payload(changed(path, value), source='hook.json').task}"
    except IncidentError as error:
        said = str(error)
    assert said.startswith(("hook.json", "namespace"))
