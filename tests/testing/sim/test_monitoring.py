"""Prometheus and Alertmanager as their clients know them; time is virtual."""

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from guardrails.testing import AlertRule, SimCluster

CORDONED = AlertRule(
    name="Cordoned",
    expr="kube_node_spec_unschedulable == 1",
    for_seconds=10,
    interval_seconds=1,
    labels={"severity": "critical"},
    annotations={"summary": "{{ $labels.node }} takes no pods"},
)


@pytest.fixture
def prometheus(sim: SimCluster) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=sim.prometheus_url) as made:
        yield made


@pytest.fixture
def alertmanager(sim: SimCluster) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=sim.alertmanager_url) as made:
        yield made


def _cordon(sim: SimCluster, *, cordoned: bool = True) -> None:
    sim.patch("Node", "node-1", {"spec": {"unschedulable": cordoned}})


def _state(prometheus: httpx2.Client) -> list[str]:
    return [one["state"] for one in prometheus.get("/api/v1/alerts").json()["data"]["alerts"]]


def _silence(sim: SimCluster, **matcher: object) -> dict[str, object]:
    now = sim.clock.now()
    one = {"name": "alertname", "value": "Cordoned", "isRegex": False, **matcher}
    return {
        "matchers": [one],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=5)).isoformat(),
        "createdBy": "test",
        "comment": "none",
    }


def _firing(sim: SimCluster) -> None:
    sim.add_rule(CORDONED)
    _cordon(sim)
    sim.run_for(15)


def test_an_alert_waits_for_its_for(sim: SimCluster, prometheus: httpx2.Client) -> None:
    """Pending, firing after ten virtual seconds, and gone when the cause is."""
    sim.add_rule(CORDONED)
    _cordon(sim)
    sim.run_for(5)
    assert _state(prometheus) == ["pending"]
    sim.run_for(10)
    assert _state(prometheus) == ["firing"]
    _cordon(sim, cordoned=False)
    sim.run_for(3)
    assert _state(prometheus) == []


def test_a_pending_alert_reaches_nobody(sim: SimCluster, alertmanager: httpx2.Client) -> None:
    """Alertmanager hears of it only when it fires."""
    sim.add_rule(CORDONED)
    _cordon(sim)
    sim.run_for(5)
    assert alertmanager.get("/api/v2/alerts").json() == []
    sim.run_for(10)
    (alert,) = alertmanager.get("/api/v2/alerts").json()
    assert alert["annotations"] == {"summary": "node-1 takes no pods"}
    assert alert["labels"]["severity"] == "critical"


def test_a_rule_that_cannot_be_evaluated_says_so(
    sim: SimCluster, prometheus: httpx2.Client
) -> None:
    """Health `err` with the error; the other rules and the cluster go on."""
    sim.add_rule(AlertRule(name="Bad", expr='label_replace(up, "a", "$1", "job", "(")'))
    sim.add_rule(AlertRule(name="Good", expr="vector(1)"))
    sim.run_for(1)
    (group,) = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    assert {rule["name"]: rule["health"] for rule in group["rules"]} == {"Bad": "err", "Good": "ok"}


def test_a_range_query_has_a_point_per_step(sim: SimCluster, prometheus: httpx2.Client) -> None:
    """Both ends included; steps as seconds or as a duration."""
    sim.run_for(10)
    end = sim.clock.now().timestamp()
    for step in ("2", "2s"):
        params = {"query": "up", "start": str(end - 4), "end": str(end), "step": step}
        data = prometheus.get("/api/v1/query_range", params=params).json()["data"]
        assert data["resultType"] == "matrix"
        assert {len(series["values"]) for series in data["result"]} == {3}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("query", {"query": "sum("}),
        ("query", {}),
        ("query", {"query": "up", "time": "noon"}),
        ("query_range", {"query": "up", "start": "0", "end": "10"}),
        ("query_range", {"query": "up", "start": "10", "end": "0", "step": "1"}),
        ("query_range", {"query": "up", "start": "0", "end": "100000", "step": "1"}),
        ("series", {}),
    ],
)
def test_a_bad_query_is_bad_data(
    prometheus: httpx2.Client, path: str, params: dict[str, str]
) -> None:
    """400 in Prometheus' error shape."""
    answer = prometheus.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["errorType"]) == ("error", "bad_data")


def test_series_and_labels_can_be_looked_up(sim: SimCluster, prometheus: httpx2.Client) -> None:
    """By GET and by POST form, as Grafana asks."""
    sim.run_for(1)
    found = prometheus.post("/api/v1/series", data={"match[]": 'up{job="gateway"}'}).json()["data"]
    assert [one["job"] for one in found] == ["gateway"]
    assert "job" in prometheus.get("/api/v1/labels").json()["data"]
    jobs = prometheus.get("/api/v1/label/job/values").json()["data"]
    assert jobs == ["gateway", "kube-state-metrics"]
    targets = prometheus.get("/api/v1/targets").json()["data"]["activeTargets"]
    assert {one["health"] for one in targets} == {"up"}
    assert "scrape_configs" in prometheus.get("/api/v1/status/config").json()["data"]["yaml"]


def test_a_silence_suppresses_until_it_is_expired(
    sim: SimCluster, prometheus: httpx2.Client, alertmanager: httpx2.Client
) -> None:
    """The alert fires on in Prometheus."""
    _firing(sim)
    made = alertmanager.post("/api/v2/silences", json=_silence(sim)).json()["silenceID"]
    (alert,) = alertmanager.get("/api/v2/alerts").json()
    assert (alert["status"]["state"], alert["status"]["silencedBy"]) == ("suppressed", [made])
    assert _state(prometheus) == ["firing"]
    assert alertmanager.delete(f"/api/v2/silence/{made}").status_code == 200
    (alert,) = alertmanager.get("/api/v2/alerts").json()
    assert alert["status"]["state"] == "active"


def test_a_silence_ends_by_itself(sim: SimCluster, alertmanager: httpx2.Client) -> None:
    """At `endsAt`; it stays listed as expired."""
    _firing(sim)
    alertmanager.post("/api/v2/silences", json=_silence(sim))
    sim.run_for(301)
    (alert,) = alertmanager.get("/api/v2/alerts").json()
    (silence,) = alertmanager.get("/api/v2/silences").json()
    assert (alert["status"]["state"], silence["status"]["state"]) == ("active", "expired")


@pytest.mark.parametrize(
    "matcher", [{"value": "(", "isRegex": True}, {"value": 1}, {"isRegex": "yes"}]
)
def test_a_malformed_silence_is_refused(
    sim: SimCluster, alertmanager: httpx2.Client, matcher: dict[str, object]
) -> None:
    """It is not kept: the alerts can still be listed."""
    _firing(sim)
    refused = alertmanager.post("/api/v2/silences", json=_silence(sim, **matcher))
    assert refused.status_code == 400
    assert len(alertmanager.get("/api/v2/alerts").json()) == 1
    assert alertmanager.get("/api/v2/silences").json() == []


@pytest.mark.parametrize(
    "posted", [{}, [{}], [{"labels": {"a": 1}}], [{"labels": {"a": "b"}, "startsAt": "noon"}]]
)
def test_a_malformed_alert_is_refused(alertmanager: httpx2.Client, posted: object) -> None:
    """It is not kept either."""
    assert alertmanager.post("/api/v2/alerts", json=posted).status_code == 400
    assert alertmanager.get("/api/v2/alerts").json() == []


def test_a_malformed_filter_is_refused(alertmanager: httpx2.Client) -> None:
    """Also a regular expression that is none."""
    for text in ("zzz", 'alertname=~"("'):
        assert alertmanager.get("/api/v2/alerts", params={"filter": text}).status_code == 400


def test_an_inhibited_alert_is_suppressed(sim: SimCluster, alertmanager: httpx2.Client) -> None:
    """By the fingerprint of whichever alert inhibits it."""
    sim.configure_alertmanager(
        "route: {receiver: default}\n"
        "receivers: [{name: default}]\n"
        "inhibit_rules:\n"
        "- source_matchers: ['severity=\"page\"']\n"
        "  target_matchers: ['severity=\"critical\"']\n"
    )
    _firing(sim)
    sim.send_alerts([{"labels": {"alertname": "Bigger", "severity": "page"}}])
    alerts = {one["labels"]["alertname"]: one for one in alertmanager.get("/api/v2/alerts").json()}
    status = alerts["Cordoned"]["status"]
    assert status["state"] == "suppressed"
    assert status["inhibitedBy"] == [alerts["Bigger"]["fingerprint"]]
    assert "inhibit_rules" in alertmanager.get("/api/v2/status").json()["config"]["original"]


def test_a_restart_of_prometheus_loses_the_state_of_alerts(
    sim: SimCluster, prometheus: httpx2.Client
) -> None:
    """Nothing fires at first: `for` starts again."""
    _firing(sim)
    sim.restart_prometheus()
    assert _state(prometheus) == []
    sim.run_for(5)
    assert _state(prometheus) == ["pending"]


def test_a_restart_of_alertmanager_loses_alerts_and_keeps_silences(
    sim: SimCluster, alertmanager: httpx2.Client
) -> None:
    """Until Prometheus sends them again, a minute later."""
    _firing(sim)
    alertmanager.post("/api/v2/silences", json=_silence(sim))
    sim.restart_alertmanager()
    assert alertmanager.get("/api/v2/alerts").json() == []
    assert len(alertmanager.get("/api/v2/silences").json()) == 1
    sim.run_for(65)
    assert len(alertmanager.get("/api/v2/alerts").json()) == 1
