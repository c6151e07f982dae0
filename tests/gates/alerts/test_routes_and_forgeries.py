"""Where alerts go, which of them nobody's rule made, and what happened between two looks."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState, Tier
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.forged import ALERT_NOT_FORGED
from guardrails.gates.alerts.history import ALERT_HISTORY_QUIET, history_query
from guardrails.gates.alerts.inputs import ALERT_INPUTS_PRESENT, UP, carriers
from guardrails.gates.alerts.routes import ALERT_ROUTES_KEPT
from guardrails.gates.alerts.routing import matchers_in, routing_of, taken_by
from guardrails.gates.alerts.suppression import ALERT_NOT_SUPPRESSED
from guardrails.gates.alerts.targets import ALERT_TARGETS_UP
from guardrails.gates.snapshot import (
    AlertmanagerState,
    JobTargets,
    PrometheusServer,
    QueryResult,
    Read,
    ReadStatus,
    RoutedAlert,
    Silence,
    SilenceMatcher,
)

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
CONFIG = """
route:
  receiver: page
  routes:
  - {matchers: [severity="none"], receiver: nobody}
  - matchers: ['team=~"a|b"', 'severity!="info"']
    receiver: team
    continue: true
  - {match: {team: a}, receiver: archive, mute_time_intervals: [nights]}
  - match_re: {service: "pay.*"}
    routes:
    - {matchers: ['{service="pay",x!~"y"}']}
receivers:
- {name: page, webhook_configs: [{url: <secret>}]}
- {name: team, slack_configs: [{channel: a}]}
- {name: archive, email_configs: [{to: a}]}
- {name: nobody}
- {name: empty, webhook_configs: []}
"""


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({}, ["page"]),
        ({"severity": "none"}, ["nobody"]),
        ({"team": "a"}, ["team", "archive"]),
        ({"team": "b"}, ["team"]),
        ({"team": "b", "severity": "info"}, ["page"]),
        ({"service": "pay"}, ["page"]),
    ],
)
def test_routes_are_walked_as_alertmanager_does(labels: Any, receivers: Any) -> None:
    """First match wins, unless it goes on; a child without a receiver has its parent's."""
    routing = routing_of(CONFIG)
    assert routing is not None
    assert [r.receiver for r in taken_by(routing.root, labels)] == receivers
    assert routing.heard == ("archive", "page", "team")


@pytest.mark.parametrize("text", ["", "a: [", "route: 1", "[]", "receivers: []"])
def test_a_configuration_that_cannot_be_read_is_none(text: str) -> None:
    """And not an empty one."""
    assert routing_of(text) is None


def test_matchers_are_read_in_both_forms() -> None:
    """Quoted or not, one or several."""
    found = list(matchers_in('{a="b,c", d!~e.*}'))
    assert [(m.name, m.value, m.is_regex, m.is_equal) for m in found] == [
        ("a", "b,c", False, True),
        ("d", "e.*", True, False),
    ]


def routed(
    world: Any, now: str | None, *, start: str = CONFIG, healthy: str = "", **more: Any
) -> Any:
    """Judge a configuration against that of the start of the run, or of a healthy time."""
    fired = world.firing("HighRequestErrorRate", namespace="shop", team="a")
    begun = world.look(
        {},
        at=-60,
        prometheus=world.alerts(fired),
        alertmanager=AlertmanagerState(routing=routing_of(start)),
    )
    snapshot = None
    if healthy:
        state = AlertmanagerState(routing=routing_of(healthy))
        snapshot = world.look({}, at=-3600, prometheus=world.alerts(), alertmanager=state)
    state = AlertmanagerState(routing=routing_of(now) if now else None, **more)
    return world.judge(
        ALERT_ROUTES_KEPT,
        world.look({}, prometheus=world.alerts(), alertmanager=state),
        reference=world.reference(snapshot, start=begun),
        incident=world.incident(alerts=(world.ALERT,)),
    )


MUTED = CONFIG.replace("receiver: team\n", "receiver: team\n    active_time_intervals: [never]\n")
TO_NOBODY = CONFIG.replace("receiver: page", "receiver: nobody").replace(
    "receivers:", "x: 1\nreceivers:"
)


def test_an_alert_whose_route_leads_to_nobody_is_violated(world: Any) -> None:
    """By the labels that it was seen with, and not only by those that the incident names."""
    found = routed(world, TO_NOBODY)
    assert {e.state for e in found} == {VIOLATED}
    assert "receiver nobody, which notifies nobody" in found[0].observed
    muted = routed(world, MUTED)
    assert "muted by time interval (active never)" in muted[0].observed


@pytest.mark.parametrize(
    "now", [CONFIG, CONFIG + "\n# changed\n", CONFIG.replace("nights", "days")]
)
def test_routes_that_lead_as_far_are_kept(world: Any, now: str) -> None:
    """Another text may do the same; a mute of one route that others beside it do not have, too."""
    found = routed(world, now)
    assert found[-1].state is (VIOLATED if "days" in now else SATISFIED)


def test_routes_that_were_changed_before_the_run_are_reported(world: Any) -> None:
    """By somebody else, between the recording and the run."""
    found = routed(world, TO_NOBODY, start=TO_NOBODY, healthy=CONFIG)
    assert {e.counts for e in found if e.state is VIOLATED} == {False}


def test_routes_that_are_not_told_any_more_are_unknown(world: Any) -> None:
    """They were known before."""
    (missing,) = routed(world, None, status_read=Read(status=ReadStatus.MISSING, message="404"))
    (failed,) = routed(world, None, status_read=world.TIMEOUT)
    assert (missing.state, failed.state) == (UNKNOWN, UNKNOWN)
    assert (missing.temporary, failed.temporary) == (False, True)


def held(world: Any, *alerts: RoutedAlert, firing: Any = (), start: Any = None) -> Any:
    """Judge what Alertmanager holds beside what Prometheus has."""
    begun = world.look({}, at=-60, prometheus=world.alerts(), alertmanager=start)
    look = world.look(
        {}, prometheus=world.alerts(*firing), alertmanager=AlertmanagerState(alerts=alerts)
    )
    return world.judge(
        ALERT_NOT_FORGED,
        look,
        reference=world.reference(start=begun),
        incident=world.incident(alerts=(world.ALERT,)),
    )


INHIBITED = RoutedAlert(
    labels={"alertname": "HighRequestErrorRate", "namespace": "shop", "cluster": "x"},
    state="suppressed",
    inhibited_by=("f1",),
)
FORGED = RoutedAlert(labels={"alertname": "ClusterDown"}, fingerprint="f1")


def test_what_inhibits_and_no_rule_makes_is_forged(world: Any) -> None:
    """The inhibited alert itself is judged elsewhere."""
    (found,) = held(world, INHIBITED, FORGED)
    assert (found.state, found.counts) == (VIOLATED, True)
    assert found.subject.labels == {"alertname": "ClusterDown"}


def test_alerts_of_others_are_reported(world: Any) -> None:
    """Loki and Grafana send alerts, too."""
    other = RoutedAlert(labels={"alertname": "LogErrors", "namespace": "shop"})
    assert [(e.state, e.counts) for e in held(world, other)] == [
        (VIOLATED, False),
        (SATISFIED, True),
    ]
    far = RoutedAlert(labels={"alertname": "LogErrors", "namespace": "other"})
    assert [e.state for e in held(world, far)] == [SATISFIED]


def test_what_prometheus_has_is_not_forged(world: Any) -> None:
    """It adds its external labels on the way, and pods change."""
    alert = RoutedAlert(
        labels={"alertname": "Slow", "namespace": "shop", "pod": "old", "cluster": "x"}
    )
    firing = (world.firing("Slow", namespace="shop", pod="new"),)
    assert [e.state for e in held(world, alert, firing=firing)] == [SATISFIED]
    before = AlertmanagerState(alerts=(FORGED,))
    assert [e.state for e in held(world, INHIBITED, FORGED, start=before)] == [SATISFIED]


def test_an_alert_that_has_just_ended_is_waited_for(world: Any) -> None:
    """Alertmanager drops it soon; one that is to stay for hours was posted."""
    for minutes, waits in ((4, True), (600, False)):
        alert = RoutedAlert(
            labels={"alertname": "ClusterDown"},
            fingerprint="f1",
            ends_at=world.AT + timedelta(minutes=minutes),
        )
        (found,) = held(world, INHIBITED, alert)
        assert (found.settles_by is not None) is waits


def flapped(world: Any, before: Any, now: Any, *, active: Any = (), was_active: Any = ()) -> Any:
    """Judge two looks, by when the alert was last active at each."""
    query = history_query(world.ALERT, [world.rule()])

    def look(at: float, values: Any, alerts: Any) -> Any:
        read = values if isinstance(values, Read) else Read()
        answers = () if isinstance(values, Read) else values
        result = QueryResult(query=query, read=read, values=answers)
        return world.look({}, at=at, prometheus=world.alerts(*alerts, queries=(result,)))

    return world.judge(
        ALERT_HISTORY_QUIET,
        look(-5, before, was_active),
        look(0, now, active),
        incident=world.incident(alerts=(world.ALERT,)),
    )


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        ((), (), SATISFIED),
        (("100",), ("100",), SATISFIED),
        (("100",), (), SATISFIED),
        ((), ("100",), VIOLATED),
        (("100",), ("130.5",), VIOLATED),
    ],
)
def test_a_flap_between_two_looks_is_seen(world: Any, before: Any, now: Any, state: Any) -> None:
    """The last sample of `ALERTS` moved, while both looks saw nothing."""
    (found,) = flapped(world, before, now)
    assert found.state is state


def test_what_a_look_saw_itself_is_no_flap(world: Any) -> None:
    """Then alert-clear says so."""
    alert = (world.firing("HighRequestErrorRate"),)
    for more in ({"active": alert}, {"was_active": alert}):
        assert [e.state for e in flapped(world, (), ("100",), **more)] == [SATISFIED]


def test_a_history_that_cannot_be_read_is_unknown(world: Any) -> None:
    """At either look."""
    for before, now in ((world.TIMEOUT, ()), ((), world.TIMEOUT)):
        (found,) = flapped(world, before, now)
        assert (found.state, found.temporary) == (UNKNOWN, True)


def test_the_history_is_searched_as_finely_as_the_rule_is_evaluated(world: Any) -> None:
    """For exactly the alert that the incident names."""
    alert = AlertMatcher(labels={"alertname": "HighRequestErrorRate", "service": 'a"b'})
    assert history_query(alert, [world.rule(interval_seconds=15.0)]) == (
        'max(max_over_time(timestamp(ALERTS{alertname="HighRequestErrorRate",service="a\\"b"})'
        "[5m:15000ms]))"
    )


def job(name: str, *, ago: float = 5.0, up: int = 1, down: int = 0, namespace: str = "shop") -> Any:
    """A job that was scraped some seconds ago, and every 15 s."""
    at = 1767268800.0  # World.AT
    return JobTargets(
        job=name, namespace=namespace, up=up, down=down, scraped_at=at - ago, samples=20
    )


def targets(world: Any, *now: JobTargets, healthy: Any = (), start: Any = ()) -> Any:
    """Judge the scrape jobs."""
    fed = QueryResult(query=carriers("errors_total"), values=("1",), labels=({"job": "web"},))
    begun = world.look({}, at=-60, prometheus=world.alerts(jobs=start, queries=(fed,)))
    snapshot = world.look({}, at=-3600, prometheus=world.alerts(jobs=healthy)) if healthy else None
    server = PrometheusServer(now=world.AT)
    look = world.look({}, prometheus=world.alerts(jobs=now, server=server))
    return world.judge(
        ALERT_TARGETS_UP,
        look,
        reference=world.reference(snapshot, start=begun),
        incident=world.incident(alerts=(world.ALERT,)),
    )


@pytest.mark.parametrize(
    ("now", "states"),
    [
        ([job("web"), job("db")], [SATISFIED]),
        ([job("web"), job("db-v2")], [SATISFIED]),
        ([job("web")], [VIOLATED]),
        ([job("web"), job("db", up=0, down=2)], [VIOLATED]),
        ([job("web"), job("db", ago=120)], [VIOLATED]),
        ([job("web"), job("db", down=1)], [VIOLATED, SATISFIED]),
    ],
    ids=["as before", "renamed", "gone", "down", "only old samples", "one target down"],
)
def test_jobs_of_the_scope_must_answer(world: Any, now: Any, states: Any) -> None:
    """Some target of each; a single one that is down is reported."""
    elsewhere = job("far", namespace="other")
    found = targets(world, *now, healthy=(job("web"), job("db"), elsewhere))
    assert [e.state for e in found] == states
    assert [e.counts for e in found] == [len(states) == 1 or s is SATISFIED for s in states]


def test_without_a_recording_only_the_inputs_of_the_rules_count(world: Any) -> None:
    """What was scraped when the run began may be the trouble itself."""
    start = (job("web"), job("surge"))
    assert [e.state for e in targets(world, job("web"), start=start)] == [SATISFIED]
    assert [e.state for e in targets(world, job("surge"), start=start)] == [VIOLATED]
    assert targets(world, job("web")) == []


def test_targets_that_cannot_be_read_are_unknown(world: Any) -> None:
    """As every answer that did not come."""
    look = world.look({}, prometheus=world.alerts(jobs_read=world.TIMEOUT))
    (found,) = world.judge(ALERT_TARGETS_UP, look)
    assert (found.state, found.temporary) == (UNKNOWN, True)


def test_inputs_that_are_only_old_samples_prove_nothing(world: Any) -> None:
    """A target that was taken out of the configuration looks up for five minutes."""
    answers = tuple(
        QueryResult(query=q, values=("1",), labels=({"job": "web"},))
        for q in (UP, carriers("errors_total"))
    )
    begun = world.look({}, at=-60, prometheus=world.alerts(jobs=(job("web"),), queries=answers))
    for ago, state in ((5.0, SATISFIED), (90.0, UNKNOWN)):
        given = world.alerts(
            jobs=(job("web", ago=ago),), queries=answers, server=PrometheusServer(now=world.AT)
        )
        (found,) = world.judge(
            ALERT_INPUTS_PRESENT,
            world.look({}, prometheus=given),
            reference=world.reference(start=begun),
            incident=world.incident(alerts=(world.ALERT,)),
        )
        assert found.state is state


def test_a_silence_over_labels_that_only_the_alert_had_is_seen(world: Any) -> None:
    """The incident names the alert; the silence names the service."""
    fired = world.firing("HighRequestErrorRate", namespace="shop", service="pay")
    begun = world.look({}, at=-60, prometheus=world.alerts(fired))
    for service, state in (("pay", VIOLATED), ("cart", SATISFIED)):
        matchers = (SilenceMatcher(name="service", value=service),)
        quiet = AlertmanagerState(silences=(Silence(id="s", state="active", matchers=matchers),))
        (found,) = world.judge(
            ALERT_NOT_SUPPRESSED,
            world.look({}, prometheus=world.alerts(), alertmanager=quiet),
            reference=world.reference(start=begun),
            incident=world.incident(alerts=(world.ALERT,)),
        )
        assert found.state is state


def test_alertmanager_alone_gives_evidence_of_the_state_only(world: Any) -> None:
    """What it does not hold proves nothing about alerts."""
    look = world.look({}, alertmanager=AlertmanagerState())
    (found,) = world.judge(
        ALERT_NOT_SUPPRESSED, look, incident=world.incident(alerts=(world.ALERT,))
    )
    assert (found.state, found.tier) == (SATISFIED, Tier.STATE)
