"""Which servers answered, since when they run, and whether their clocks can be compared."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState, Tier
from guardrails.gates.alerts.identity import CLOCKS_AGREE, SAME_SOURCES
from guardrails.gates.alerts.inputs import carriers
from guardrails.gates.alerts.server import external_labels
from guardrails.gates.alerts.server_age import ALERTMANAGER_SETTLED, PROMETHEUS_SETTLED
from guardrails.gates.snapshot import (
    AlertmanagerState,
    JobTargets,
    PrometheusServer,
    QueryResult,
    Read,
    ReadStatus,
)

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
MISSING = Read(status=ReadStatus.MISSING, message="GET /api/v1/status/runtimeinfo: 404")


def server(world: Any, **more: Any) -> Any:
    """What Prometheus says, of itself too."""
    state = {k: more.pop(k) for k in list(more) if k in {"jobs", "queries", "rules"}}
    return world.alerts(server=PrometheusServer(**more), **state)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ({"cluster": "blue"}, SATISFIED),
        ({"cluster": "blue", "region": "eu", "replica": "b"}, SATISFIED),
        ({"cluster": "green"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
    ids=["same", "one label more", "other", "none"],
)
def test_another_prometheus_proves_nothing(world: Any, now: Any, state: Any) -> None:
    """By its external labels; which of a pair answers does not matter."""
    before = world.look({}, prometheus=server(world, labels={"cluster": "blue", "replica": "a"}))
    look = world.look({}, prometheus=server(world, labels=now))
    (found,) = world.judge(SAME_SOURCES, look, reference=world.reference(before))
    assert found.state is state
    assert ("another Prometheus" in found.observed) is (state is UNKNOWN)


def test_labels_that_are_not_told_are_not_compared(world: Any) -> None:
    """Thanos and Mimir have none to tell."""
    before = world.reference(world.look({}, prometheus=server(world, labels={"cluster": "blue"})))
    assert (
        world.judge(SAME_SOURCES, world.look({}, prometheus=world.alerts()), reference=before) == []
    )


def test_another_cluster_proves_nothing(world: Any) -> None:
    """By the uid of kube-system."""
    before = world.reference(start=world.look({}, cluster="one"))
    for uid, state in (("one", SATISFIED), ("two", UNKNOWN)):
        (found,) = world.judge(SAME_SOURCES, world.look({}, cluster=uid), reference=before)
        assert (found.state, found.tier) == (state, Tier.STATE)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, SATISFIED), (-60, SATISFIED), (61, UNKNOWN), (-61, UNKNOWN)]
)
def test_clocks_may_differ_by_a_minute(world: Any, seconds: int, state: Any) -> None:
    """Past it, "after the write" means nothing."""
    at = world.AT + timedelta(seconds=seconds)
    (found,) = world.judge(CLOCKS_AGREE, world.look({}, prometheus=server(world, now=at)))
    assert found.state is state


def test_an_evaluation_ahead_of_its_own_server_is_a_skew(world: Any) -> None:
    """A rule that was evaluated in the future of the server that says so."""
    ahead = world.rule(last_evaluation=world.AT + timedelta(minutes=5))
    look = world.look({}, prometheus=server(world, now=world.AT, rules=(ahead,)))
    (found,) = world.judge(CLOCKS_AGREE, look)
    assert (found.state, found.subject.detail) == (UNKNOWN, "lastEvaluation")


def test_a_server_without_a_clock_is_not_asked(world: Any) -> None:
    """A proxy may leave out the date."""
    assert world.judge(CLOCKS_AGREE, world.look({}, prometheus=world.alerts())) == []


def settled(world: Any, state: Any, **more: Any) -> Any:
    """Judge the age of Prometheus for the usual incident, whose rule has a `for` of 3 m."""
    look = world.look({}, prometheus=state)
    (found,) = world.judge(
        PROMETHEUS_SETTLED, look, incident=world.incident(alerts=(world.ALERT,)), **more
    )
    return found


def test_a_prometheus_that_has_just_started_is_waited_for(world: Any) -> None:
    """For the `for` of the rule and two evaluations, counted by its own clock."""
    started = world.AT - timedelta(seconds=100)
    found = settled(world, server(world, started_at=started, now=world.AT))
    assert (found.state, found.settles_by) == (VIOLATED, started + timedelta(seconds=240))
    old = server(world, started_at=world.AT - timedelta(seconds=241), now=world.AT)
    assert settled(world, old).state is SATISFIED


def test_samples_from_before_a_restart_prove_nothing(world: Any) -> None:
    """For five minutes they look alive; the job must have been scraped since."""
    started = world.AT - timedelta(seconds=300)
    fed = QueryResult(query=carriers("errors_total"), values=("1",), labels=({"job": "web"},))
    for ago, state in ((301, VIOLATED), (299, SATISFIED)):
        job = JobTargets(
            job="web", up=1, scraped_at=(world.AT - timedelta(seconds=ago)).timestamp()
        )
        given = server(world, started_at=started, now=world.AT, jobs=(job,), queries=(fed,))
        found = settled(world, given)
        assert found.state is state
        assert ("web" in found.settling) is (state is VIOLATED)


def test_a_server_that_knows_no_start_time_is_reported(world: Any) -> None:
    """A 404 is not held against anybody; an answer that failed is."""
    aside = settled(world, server(world, read=MISSING))
    assert (aside.state, aside.counts) == (UNKNOWN, False)
    failed = settled(world, server(world, read=world.TIMEOUT))
    assert (failed.state, failed.counts, failed.temporary) == (UNKNOWN, True, True)


@pytest.mark.parametrize(
    ("started", "alone", "state"),
    [(-7200, False, SATISFIED), (-60, False, VIOLATED), (-7200, True, SATISFIED),
     (-119, True, VIOLATED)],
)  # fmt: skip
def test_an_alertmanager_is_waited_for_after_a_restart(
    world: Any,
    started: int,
    alone: bool,  # noqa: FBT001  # a table
    state: Any,
) -> None:
    """Two minutes after it started, if that was since the reference or it is all there is."""
    state_ = AlertmanagerState(started_at=world.AT + timedelta(seconds=started))
    prometheus = None if alone else world.alerts()
    look = world.look({}, prometheus=prometheus, alertmanager=state_)
    before = world.reference(world.look({}, at=-3600))
    (found,) = world.judge(ALERTMANAGER_SETTLED, look, reference=before)
    assert found.state is state
    assert found.tier is (Tier.STATE if alone else Tier.ALERTS)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("global:\n  external_labels:\n    a: b\n    n: 1\nrules: [\n", {"a": "b", "n": "1"}),
        ("global:\n  scrape_interval: 1m\n", {}),
        ("scrape_configs: []\n", {}),
        ("global: {external_labels: {a: b}}\n", {"a": "b"}),
        ("global:\n\t- broken", {}),
        ("", {}),
    ],
)
def test_external_labels_are_read_from_the_configuration(text: str, labels: Any) -> None:
    """From its `global` part only, whatever the rest holds."""
    assert external_labels(text) == labels
