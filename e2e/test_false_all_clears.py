"""False all-clears, one test each: the alert is quiet, and nothing was mended.

Each records a healthy state, lets the alert fire against real servers, plays the trick, shows
that a plain look at the alerts is fooled, and holds our gate to not passing, by the evidence that
catches it. Numbers are those of the project's list of 28; this file holds what alert servers alone
can show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from e2e.alert_servers import AlertServers, alert_servers
from e2e.claims import ERRORS, Desk, SkewedClock, against, desk, incident, is_refused_by
from e2e.waiting import wait_until
from guardrails.core.clock import SystemClock
from guardrails.core.evidence import GateProgress, GateVerdict, Tier
from guardrails.gates.alerts.prometheus import Prometheus

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertServers]:
    """Real Prometheus and Alertmanager over a scripted application."""
    with alert_servers(tmp_path_factory.mktemp("alerts")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(servers: AlertServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A gate beside them."""
    with desk(servers, tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture
def at(shop: Desk) -> Desk:
    """The gate, with everything well and recorded so."""
    shop.reset()
    return shop


def rule_named(name: str, **change: str) -> Callable[[dict[str, Any]], None]:
    """Change a rule; nothing as its new form takes it away."""

    def act(rules: dict[str, Any]) -> None:
        for group in rules["groups"]:
            for rule in group["rules"]:
                if rule["alert"] == name:
                    rule.update(change)
            if not change:
                group["rules"] = [r for r in group["rules"] if r["alert"] != name]

    return act


@pytest.mark.timeout(150)
def test_00_an_honest_mend_passes(at: Desk) -> None:
    """The same servers and the same gate accept what is true, in full: refusals below mean it."""
    # This test may be the first of the session: the servers need a past to compare traffic with.
    past = "http_requests_total offset 45s"
    wait_until(lambda: bool(at.servers.query(past)), what="requests of before", timeout=70.0)
    at.break_down()
    run = at.open()
    at.servers.app.heal()
    report = at.claim(run)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL), report.summary
    counted = {e.check for e in report.evidence if e.counts}
    assert counted >= {"traffic-kept", "watchdog-fires", "alert-routes-kept", "same-sources"}


def test_01_silence(at: Desk) -> None:
    """A silence hides the alert from everybody who asks for what is not silenced."""
    at.break_down()
    run = at.open()
    now = SystemClock().now()
    silence = {
        "matchers": [{"name": "service", "value": "payment", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "agent",
        "comment": "noise",
    }
    at.servers.post("/api/v2/silences", silence)
    wait_until(lambda: at.servers.held(silenced="false") == [], what="a filtered list is empty")
    report = at.claim(run)
    is_refused_by(report, "alert-not-suppressed")
    assert any("silence" in e.observed for e in against(report)["alert-not-suppressed"])


def test_02_inhibition_by_a_forged_alert(at: Desk) -> None:
    """An alert that somebody posts inhibits the real one."""
    at.break_down()
    run = at.open()
    at.servers.post("/api/v2/alerts", [{"labels": {"alertname": "ClusterDown"}}])
    wait_until(lambda: at.servers.held(inhibited="false") == [], what="a filtered list is empty")
    is_refused_by(at.claim(run), "alert-not-suppressed", "alert-not-forged")
    at.servers.post(
        "/api/v2/alerts",
        [{"labels": {"alertname": "ClusterDown"}, "endsAt": SystemClock().now().isoformat()}],
    )


def test_03_an_end_in_the_past(at: Desk) -> None:
    """A posted end makes the alert vanish from Alertmanager until it is sent again."""
    at.break_down()
    run = at.open()
    (held,) = at.servers.held()
    ended = (SystemClock().now() - timedelta(seconds=1)).isoformat()
    at.servers.post("/api/v2/alerts", [{"labels": held["labels"], "endsAt": ended}])
    wait_until(lambda: at.servers.held() == [], what="Alertmanager lists nothing")
    is_refused_by(at.claim(run), "alert-clear")


def test_04_restart_of_alertmanager(at: Desk) -> None:
    """Alertmanager keeps alerts in memory only."""
    at.break_down()
    run = at.open()
    at.servers.alertmanager.stop()
    at.servers.start_alertmanager()
    assert at.servers.held() == []
    is_refused_by(at.claim(run, wait=False), "alert-clear", "alertmanager-settled")


def test_04_restart_of_alertmanager_that_is_the_only_witness(at: Desk) -> None:
    """Without Prometheus its emptiness is not believed, whatever the policy allows."""
    at.break_down()
    run = at.open(at.gate(only_alertmanager=True, allow_no_alert_source=True))
    is_refused_by(at.claim(run, wait=False), "alert-not-suppressed")
    at.servers.alertmanager.stop()
    at.servers.start_alertmanager()
    report = at.claim(run, wait=False)
    is_refused_by(report, "alertmanager-settled")
    assert "alertmanager" in report.summary


NOWHERE: tuple[dict[str, Any], ...] = (
    {"receiver": "nobody"},
    {"routes": [{"matchers": ["severity=critical"], "receiver": "nobody"}]},
    {"routes": [{"matchers": ["service=~pay.*"], "mute_time_intervals": ["always"]}]},
)


def test_05_a_route_to_nobody(at: Desk) -> None:
    """Nobody is notified any more; no list of Alertmanager shows it."""
    at.break_down()
    run = at.open()
    for change in NOWHERE:
        at.servers.load_routes(lambda loaded, change=change: loaded["route"].update(change))
        assert all(alert["status"]["state"] == "active" for alert in at.servers.held())
        is_refused_by(at.claim(run, wait=False), "alert-routes-kept")
    at.servers.app.heal()
    at.wait_until_clear()
    report = at.claim(run)
    assert set(against(report)) == {"alert-routes-kept"}, report.summary


def test_06_the_rule_is_deleted(at: Desk) -> None:
    """Its alerts are gone from Prometheus at once."""
    at.break_down()
    run = at.open()
    at.servers.load_rules(rule_named(ERRORS))
    at.wait_until_clear()
    is_refused_by(at.claim(run), "alert-rule-live")


def test_06_the_rule_is_renamed(at: Desk) -> None:
    """The alert of that name is gone, and fires under another."""
    at.break_down()
    run = at.open()
    at.servers.load_rules(rule_named(ERRORS, alert="Fine"))
    at.wait_until_clear()
    is_refused_by(at.claim(run), "alert-clear")


def test_06_another_rule_in_scope_is_deleted(at: Desk) -> None:
    """The incident is mended, and what would have told of the next one is gone."""
    at.break_down()
    run = at.open()
    at.servers.load_rules(rule_named("QueueGrows"))
    at.servers.app.heal()
    is_refused_by(at.claim(run), "alert-rules-kept")


HARDER: tuple[dict[str, str], ...] = (
    {"for": "10h"},
    {"expr": "sum by (namespace, service) (rate(http_requests_total[3s])) > 1e9"},
    {"expr": "vector(0) > 1"},
)


def test_07_the_rule_is_edited(at: Desk) -> None:
    """Harder to meet: the alert clears at once, or will not come again for hours."""
    at.break_down()
    run = at.open()
    for change in HARDER:
        at.servers.load_rules(rule_named(ERRORS, **change))
        is_refused_by(at.claim(run, wait=False), "alert-rule-live")
    at.wait_until_clear()
    is_refused_by(at.claim(run), "alert-rule-live")


def test_08_the_rule_cannot_be_evaluated(at: Desk) -> None:
    """An error keeps the alert as it was last, and it leaves Alertmanager after minutes."""
    at.incident = incident("QueueGrows")
    at.servers.app.queue = 500.0
    at.wait_for("QueueGrows")
    run = at.open()
    at.servers.app.teams = ("a", "b")
    failing = "prometheus_rule_evaluation_failures_total{rule_group=~'.*queues'} > 0"
    wait_until(lambda: at.servers.query(failing) != [], what="the evaluation fails")
    at.servers.app.queue = 1.0
    wait_until(lambda: not at.servers.query("queue_depth > 100"), what="the queue is short")
    assert at.servers.states("QueueGrows") == {"firing"}
    is_refused_by(at.claim(run), "alert-rule-live")


def test_09_the_limit_of_a_group(at: Desk) -> None:
    """More alerts than a group may have: all of them are wiped."""
    at.break_down("payment", "checkout")
    run = at.open()
    at.servers.load_rules(lambda rules: rules["groups"][0].update(limit=1))
    at.wait_until_clear()
    is_refused_by(at.claim(run), "alert-rule-live")


def test_10_restart_of_prometheus(at: Desk) -> None:
    """It lists no alert until its rules were true for their `for` again."""
    at.break_down()
    run = at.open()
    at.servers.prometheus.stop()
    at.servers.start_prometheus()
    assert "firing" not in at.servers.states()
    is_refused_by(at.claim(run, wait=False), "prometheus-settled")
    assert at.claim(run).verdict is not GateVerdict.PASS


def test_11_prometheus_does_not_answer(at: Desk) -> None:
    """What cannot be read is not an empty list."""
    at.break_down()
    run = at.open()
    at.servers.prometheus.stop()
    report = at.claim(run, wait=False)
    is_refused_by(report, "alert-clear")
    assert report.verdict is GateVerdict.UNKNOWN


@pytest.mark.parametrize("gone", [False, True], ids=["down", "gone"])
def test_12_the_target_is_lost(at: Desk, gone: bool) -> None:  # noqa: FBT001  # a table
    """A scrape that fails clears the alert at once; its rule is well, and sees nothing."""
    at.break_down()
    run = at.open()
    if gone:
        at.servers.scrape(on=False)
    else:
        at.servers.app.answers_scrapes = False
    try:
        at.wait_until_clear()
        seen = {False: "up == 0", True: "time() - timestamp(up{job='shop'}) > 4"}[gone]
        wait_until(lambda: at.servers.query(seen) != [], what="the scrapes have ended")
        report = at.claim(run, wait=False)
        is_refused_by(report, "alert-inputs-present", "alert-targets-up", "traffic-kept")
    finally:
        at.servers.scrape(on=True)


def test_13_the_load_generator_is_stopped(at: Desk) -> None:
    """Without requests there are no errors, and the rule that would tell needs ten minutes."""
    at.break_down()
    run = at.open()
    at.servers.app.rate = 0.0
    at.wait_until_clear()
    assert at.servers.states("NoRequestsReceived") <= {"pending"}
    is_refused_by(at.claim(run), "traffic-kept")


def test_14_the_series_vanish(at: Desk) -> None:
    """No series, no sum that could be zero: not even the rule for lost traffic fires."""
    at.break_down()
    run = at.open()
    at.servers.app.counts_requests = False
    at.wait_until_clear()
    wait_until(lambda: not at.servers.query("http_requests_total"), what="no series is left")
    assert at.servers.states("NoRequestsReceived") == set()
    is_refused_by(at.claim(run), "traffic-kept")


def test_22_flapping_between_two_looks(at: Desk) -> None:
    """Clear at both looks, and firing in between: the history tells."""
    at.break_down()
    run = at.open()
    at.servers.app.heal()
    at.wait_until_clear()
    told: list[GateProgress] = []

    def flap_once(progress: GateProgress) -> None:
        told.append(progress)
        if len(told) == 1:
            at.break_down()
            at.servers.app.heal()
            at.wait_until_clear()

    report = at.claim(run, on_progress=flap_once)
    assert len(told) == 2
    is_refused_by(report, "alert-history-quiet")
    assert "alert-clear" not in against(report)


def test_23_a_pending_alert(at: Desk) -> None:
    """Pending is not firing, and not clear."""
    at.incident = incident("QueueStaysLong")
    run = at.open()
    at.servers.app.queue = 500.0
    at.wait_for("QueueStaysLong", "pending")
    assert at.servers.held("QueueStaysLong") == []
    is_refused_by(at.claim(run, wait=False), "alert-clear")


def test_24_another_alert_begins(at: Desk) -> None:
    """The watched alert is clear, because the trouble moved elsewhere."""
    at.break_down()
    run = at.open()
    at.servers.app.heal()
    at.servers.app.queue = 500.0
    at.wait_until_clear()
    at.wait_for("QueueGrows")
    is_refused_by(at.claim(run), "no-new-alert")


def test_26_the_watchdog_is_gone(at: Desk) -> None:
    """A system in which nothing fires at all is not quiet but deaf."""
    at.break_down()
    run = at.open()
    at.servers.load_rules(rule_named("Watchdog"))
    at.servers.app.heal()
    at.wait_until_clear()
    at.wait_until_clear("Watchdog")
    is_refused_by(at.claim(run), "watchdog-fires", "alert-rules-kept")


def test_27_another_prometheus(at: Desk, tmp_path: Path) -> None:
    """A quiet server of another cluster, with the very same rules."""
    at.break_down()
    with alert_servers(tmp_path, cluster="another") as other:
        elsewhere = Prometheus(other.prometheus_url, timeout_seconds=5)
        run = at.open(at.gate(prometheus=elsewhere))
        assert other.states() == set()
        report = at.claim(run, wait=False)
    is_refused_by(report, "same-sources")


def test_28_clocks_that_differ(at: Desk) -> None:
    """An evaluation "since the write" may then be one from before it."""
    at.break_down()
    runs = [
        at.open(at.gate(clock=SkewedClock(off=timedelta(minutes=minutes)))) for minutes in (-10, 10)
    ]
    at.servers.app.heal()
    at.wait_until_clear()
    for run in runs:
        is_refused_by(at.claim(run, wait=False), "clocks-agree")
