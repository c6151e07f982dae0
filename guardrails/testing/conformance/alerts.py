"""Facts of Prometheus and Alertmanager, to be held by any pair of them under test.

The suite that owns the servers says how to make one alert fire and clear; the facts watch it
travel: pending, firing, in Alertmanager, silenced, cleared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from guardrails.testing.conformance.client import HttpClient, Json, eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsUnderTest:
    """Where the two servers are, and an alert rule with a `for` that can be set off."""

    prometheus_url: str
    alertmanager_url: str
    alert: str
    """The rule's name; its `for` must be longer than one evaluation, so that pending is seen."""
    fire: Callable[[], object]
    """Break what the rule watches."""
    clear: Callable[[], object]
    """Mend it."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    patience: float = 60.0


class _Watcher:
    def __init__(self, under_test: AlertsUnderTest) -> None:
        self.prometheus = HttpClient(under_test.prometheus_url)
        self.alertmanager = HttpClient(under_test.alertmanager_url)
        self._under_test = under_test

    def close(self) -> None:
        self.prometheus.close()
        self.alertmanager.close()

    def state(self) -> str:
        """The alert's state in Prometheus; `inactive` when it is not listed."""
        body = self.prometheus.get("/api/v1/alerts").expect(200)
        assert body["status"] == "success"
        states = {
            alert["state"]
            for alert in body["data"]["alerts"]
            if alert["labels"]["alertname"] == self._under_test.alert
        }
        return "firing" if "firing" in states else "pending" if states else "inactive"

    def notified(self, **params: str) -> list[Json]:
        """The alert's instances in Alertmanager."""
        asked = {"filter": f'alertname="{self._under_test.alert}"', **params}
        found: list[Json] = self.alertmanager.get("/api/v2/alerts", **asked).expect(200)["value"]
        return found

    def until(self, look: Callable[[], bool], what: str) -> None:
        eventually(look, within=self._under_test.patience, what=what)


Fact = Callable[[AlertsUnderTest, "_Watcher"], None]


def an_alert_is_pending_then_fires_then_clears(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """Pending stays in Prometheus, firing reaches Alertmanager, cleared leaves both."""
    see.until(lambda: see.state() == "inactive", "the alert to be inactive at first")
    alerts.fire()
    try:
        see.until(lambda: see.state() != "inactive", "the alert to become pending")
        states = [see.state()]
        if states[0] == "pending":
            assert see.notified() == []
        see.until(lambda: see.state() == "firing", "the alert to fire")
        see.until(lambda: bool(see.notified()), "Alertmanager to hear of it")
        (*_, alert) = see.notified()
        assert alert["status"]["state"] == "active"
        assert {"fingerprint", "startsAt", "endsAt", "updatedAt", "receivers"} <= alert.keys()
        assert alert["endsAt"] > alert["startsAt"]
    finally:
        alerts.clear()
    see.until(lambda: see.state() == "inactive", "the alert to clear in Prometheus")
    see.until(lambda: see.notified() == [], "the alert to clear in Alertmanager")


def a_silence_suppresses_but_does_not_resolve(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """The alert stays firing in Prometheus; Alertmanager lists it suppressed unless told not to."""
    alerts.fire()
    try:
        see.until(lambda: bool(see.notified()), "Alertmanager to hear of the alert")
        now = alerts.now()
        silence = {
            "matchers": [
                {"name": "alertname", "value": alerts.alert, "isRegex": False, "isEqual": True}
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "conformance",
            "comment": "shows that a silence is no all-clear",
        }
        made = see.alertmanager.call("POST", "/api/v2/silences", body=silence).expect(200)
        name = made["silenceID"]
        see.until(
            lambda: all(one["status"]["state"] == "suppressed" for one in see.notified()),
            "the alert to be suppressed",
        )
        assert see.notified()[0]["status"]["silencedBy"] == [name]
        assert see.notified(silenced="false") == []
        assert see.state() == "firing"
        shown = see.alertmanager.get(f"/api/v2/silence/{name}").expect(200)
        assert shown["status"]["state"] == "active"
        see.alertmanager.call("DELETE", f"/api/v2/silence/{name}").expect(200)
        see.until(
            lambda: all(one["status"]["state"] == "active" for one in see.notified()),
            "the alert to be active again",
        )
        ended = see.alertmanager.get(f"/api/v2/silence/{name}").expect(200)
        assert ended["status"]["state"] == "expired"
    finally:
        alerts.clear()
    see.until(lambda: see.state() == "inactive", "the alert to clear")


def a_rule_tells_its_health(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """Name, query, duration, health and last evaluation of the loaded rule."""

    def look() -> bool:
        return _rule(alerts, see)["health"] == "ok"

    see.until(look, "the rule to be evaluated")
    rule = _rule(alerts, see)
    assert rule["type"] == "alerting"
    assert rule["state"] in ("inactive", "pending", "firing")
    assert rule["duration"] > 0
    assert {"query", "labels", "annotations", "alerts", "lastEvaluation"} <= rule.keys()


def _rule(alerts: AlertsUnderTest, see: _Watcher) -> Json:
    groups = see.prometheus.get("/api/v1/rules").expect(200)["data"]["groups"]
    for group in groups:
        for rule in group["rules"]:
            if rule["name"] == alerts.alert:
                found: Json = rule
                return found
    raise AssertionError(f"no rule {alerts.alert} is loaded")


def an_alert_leaves_its_history(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """`ALERTS` remembers that the alert fired after it has cleared."""
    query = f'max_over_time(ALERTS{{alertname="{alerts.alert}",alertstate="firing"}}[1h])'
    alerts.fire()
    try:
        see.until(lambda: see.state() == "firing", "the alert to fire")
    finally:
        alerts.clear()
    see.until(lambda: see.state() == "inactive", "the alert to clear")
    body = see.prometheus.get("/api/v1/query", query=query).expect(200)
    assert body["data"]["resultType"] == "vector"
    assert {sample["value"][1] for sample in body["data"]["result"]} == {"1"}


def a_query_answers_in_shape(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """Vectors, scalars, matrices, and an error for what is no PromQL."""
    vector = see.prometheus.get("/api/v1/query", query="vector(1)").expect(200)
    assert vector["status"] == "success"
    assert vector["data"]["resultType"] == "vector"
    assert vector["data"]["result"][0]["value"][1] == "1"
    scalar = see.prometheus.get("/api/v1/query", query="1 + 1").expect(200)
    assert (scalar["data"]["resultType"], scalar["data"]["result"][1]) == ("scalar", "2")
    empty = see.prometheus.get("/api/v1/query", query="no_such_series").expect(200)
    assert empty["data"] == {"resultType": "vector", "result": []}
    end = alerts.now().timestamp()
    matrix = see.prometheus.get(
        "/api/v1/query_range", query="vector(1)", start=str(end - 10), end=str(end), step="5"
    ).expect(200)
    assert matrix["data"]["resultType"] == "matrix"
    assert len(matrix["data"]["result"][0]["values"]) == 3  # noqa: PLR2004  # both ends and the middle
    wrong = see.prometheus.get("/api/v1/query", query="sum(")
    body = wrong.expect(400)
    assert (body["status"], body["errorType"]) == ("error", "bad_data")


def the_servers_say_what_they_are(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """Versions, start times, readiness, targets and Alertmanager's configuration."""
    del alerts  # any pair of servers does
    assert see.prometheus.get("/-/ready").status == 200  # noqa: PLR2004  # OK
    runtime = see.prometheus.get("/api/v1/status/runtimeinfo").expect(200)["data"]
    assert runtime["startTime"]
    assert see.prometheus.get("/api/v1/status/buildinfo").expect(200)["data"]["version"]
    targets = see.prometheus.get("/api/v1/targets", state="active").expect(200)["data"]
    assert all({"labels", "health", "lastError"} <= one.keys() for one in targets["activeTargets"])
    config = see.prometheus.get("/api/v1/status/config").expect(200)["data"]["yaml"]
    assert config.startswith("global:")
    status = see.alertmanager.get("/api/v2/status").expect(200)
    assert "route:" in status["config"]["original"]
    assert status["uptime"]
    assert status["versionInfo"]["version"]


def past_scrapes_and_alerts_can_be_asked_for(alerts: AlertsUnderTest, see: _Watcher) -> None:
    """When a target was scraped last, how often, when an alert was active, and an earlier rate."""
    alerts.fire()
    try:
        see.until(lambda: see.state() == "firing", "the alert to fire")
    finally:
        alerts.clear()
    see.until(lambda: see.state() == "inactive", "the alert to clear")
    now = alerts.now().timestamp()

    def ask(query: str) -> list[float]:
        body = see.prometheus.get("/api/v1/query", query=query).expect(200)
        return [float(sample["value"][1]) for sample in body["data"]["result"]]

    scraped = ask("max by (job, namespace) (timestamp(up))")
    assert scraped
    assert all(now - 300 < at <= now + 60 for at in scraped)
    assert all(count > 1 for count in ask("max by (job, namespace) (count_over_time(up[5m]))"))
    series = f'ALERTS{{alertname="{alerts.alert}"}}'
    (active,) = ask(f"max(max_over_time(timestamp({series})[5m:250ms]))")
    assert now - 300 < active <= now + 60
    assert ask(f"last_over_time((count(up))[5s:1s] @ {now:.0f})") == ask("count(up)")


FACTS: tuple[Fact, ...] = (
    an_alert_is_pending_then_fires_then_clears,
    a_silence_suppresses_but_does_not_resolve,
    a_rule_tells_its_health,
    an_alert_leaves_its_history,
    a_query_answers_in_shape,
    the_servers_say_what_they_are,
    past_scrapes_and_alerts_can_be_asked_for,
)
"""Every fact; the function's name says it, its docstring in a sentence."""


def run_fact(fact: Fact, alerts: AlertsUnderTest) -> None:
    """Hold the servers to one fact.

    Raises:
        AssertionError: If they do not hold it.
    """
    see = _Watcher(alerts)
    try:
        fact(alerts, see)
    finally:
        see.close()
