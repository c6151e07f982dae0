"""Alerts of the incident, their rules, and what else fires."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import AlertMatcher, Slo
from guardrails.gates.alerts.checks import ALERT_CLEAR, ALERT_SOURCE, NO_NEW_ALERT
from guardrails.gates.alerts.live import ALERT_RULE_LIVE
from guardrails.gates.alerts.slo import SLO_MET, slo_queries
from guardrails.gates.snapshot import QueryResult, Read, ReadStatus

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def judged(world: Any, check: Any, state: Any, **more: Any) -> Any:
    """Judge one answer of Prometheus for the usual incident."""
    incident = more.pop("incident", world.incident(alerts=(world.ALERT,)))
    return world.judge(check, world.look({}, prometheus=state), incident=incident, **more)


def test_an_inactive_alert_is_clear(world: Any) -> None:
    """Prometheus lists pending and firing alerts only."""
    (found,) = judged(world, ALERT_CLEAR, world.alerts())
    assert found.state is SATISFIED


@pytest.mark.parametrize("state", ["firing", "pending"])
def test_without_a_write_an_active_alert_is_hard(world: Any, state: str) -> None:
    """Nothing was changed, so nothing is being worked off; pending is not clear either."""
    alerts = world.alerts(world.firing("HighRequestErrorRate", state=state))
    (found,) = judged(world, ALERT_CLEAR, alerts)
    assert (found.state, found.settles_by) == (VIOLATED, None)


def test_after_a_write_an_alert_gets_what_its_rule_needs(world: Any) -> None:
    """Range and two evaluations after the write, for the range still holds bad samples."""
    alerts = world.alerts(world.firing("HighRequestErrorRate"))
    (found,) = judged(world, ALERT_CLEAR, alerts, last_write_at=world.AT - timedelta(seconds=30))
    assert found.settles_by == world.AT + timedelta(seconds=120 + 60 - 30)
    assert "HighRequestErrorRate" in found.settling


def test_the_time_to_clear_counts_from_when_the_state_was_last_bad(world: Any) -> None:
    """A rollout that took three minutes made errors until its end."""
    alerts = world.alerts(world.firing("HighRequestErrorRate"))
    (found,) = judged(
        world,
        ALERT_CLEAR,
        alerts,
        last_write_at=world.AT - timedelta(seconds=300),
        unrest_at=world.AT - timedelta(seconds=10),
    )
    assert found.settles_by == world.AT + timedelta(seconds=170)


def test_the_rule_sees_a_mend_by_the_next_scrape(world: Any) -> None:
    """Where those are rarer than evaluations, two of these are too few."""
    alerts = world.alerts(world.firing("HighRequestErrorRate"))
    (found,) = judged(world, ALERT_CLEAR, alerts, last_write_at=world.AT, scrape_seconds=75.0)
    assert found.settles_by == world.AT + timedelta(seconds=120 + 60 + 75)


def test_an_alert_that_fires_past_its_time_is_violated(world: Any) -> None:
    """The time to clear is over, so it fires on new samples."""
    alerts = world.alerts(world.firing("HighRequestErrorRate"))
    (found,) = judged(world, ALERT_CLEAR, alerts, last_write_at=world.AT - timedelta(seconds=600))
    assert found.settles_by < world.AT


def test_alerts_that_cannot_be_read_are_unknown(world: Any) -> None:
    """No answer is not an empty answer."""
    state = world.alerts(alerts_read=world.TIMEOUT)
    for check in (ALERT_CLEAR, NO_NEW_ALERT):
        (found,) = judged(world, check, state)
        assert (found.state, found.temporary) == (UNKNOWN, True)


def test_a_live_rule_is_satisfied(world: Any) -> None:
    """Loaded, healthy, evaluated just now."""
    (found,) = judged(world, ALERT_RULE_LIVE, world.alerts())
    assert found.state is SATISFIED


@pytest.mark.parametrize(
    "change",
    [
        {"health": "err", "last_error": "many-to-many matching"},
        {"query": "sum(rate(errors_total[2m])) > 1000"},
        {"query": "vector(1) > 2"},
        {"for_seconds": 36000.0},
        {"labels": {"severity": "none"}, "query": "vector(0) > 1"},
    ],
)
def test_a_rule_that_cannot_fire_any_more_is_violated(world: Any, change: Any) -> None:
    """It was live before: deleting or breaking a rule clears its alert."""
    before = world.reference(start=world.look({}, at=-60, prometheus=world.alerts()))
    broken = world.alerts(rules=(world.rule(**change),))
    (found,) = judged(world, ALERT_RULE_LIVE, broken, reference=before)
    assert found.state is VIOLATED


@pytest.mark.parametrize(
    "change",
    [{"query": " sum( rate(errors_total[2m])  )>0 "}, {"for_seconds": 60.0}, {"group": "moved"}],
)
def test_a_rule_that_fires_as_easily_is_live(world: Any, change: Any) -> None:
    """Written otherwise, loaded from elsewhere, or quicker to fire: nothing is lost."""
    before = world.reference(start=world.look({}, at=-60, prometheus=world.alerts()))
    state = world.alerts(rules=(world.rule(**change),))
    (found,) = judged(world, ALERT_RULE_LIVE, state, reference=before)
    assert found.state is SATISFIED


def test_a_rule_is_held_to_what_fired_at_the_start(world: Any) -> None:
    """A rule that a team changed since the baseline was recorded is no trick of the run's."""
    changed = world.rule(query="sum(rate(errors_total[2m])) > 0.2")
    firing = world.alerts(world.firing("HighRequestErrorRate"), rules=(changed,))
    before = world.reference(
        world.look({}, at=-9000, prometheus=world.alerts()),
        start=world.look({}, at=-60, prometheus=firing),
    )
    quiet = world.alerts(rules=(changed,))
    (live,) = judged(world, ALERT_RULE_LIVE, quiet, reference=before)
    opened_late = world.reference(
        world.look({}, at=-9000, prometheus=world.alerts()),
        start=world.look({}, at=-1, prometheus=quiet),
    )
    (late,) = judged(world, ALERT_RULE_LIVE, quiet, reference=opened_late)
    assert (live.state, late.state) == (SATISFIED, VIOLATED)


@pytest.mark.parametrize("change", [{"health": "unknown"}, {"last_evaluation": None}])
def test_a_rule_that_was_not_evaluated_yet_proves_nothing(world: Any, change: Any) -> None:
    """A Prometheus that has just started is no fault of the run, and no proof either."""
    before = world.reference(start=world.look({}, at=-60, prometheus=world.alerts()))
    state = world.alerts(rules=(world.rule(**change),))
    (found,) = judged(world, ALERT_RULE_LIVE, state, reference=before)
    assert (found.state, found.temporary) == (UNKNOWN, True)


def test_the_alert_of_the_next_pod_is_the_incidents_own(world: Any) -> None:
    """Deleting the pod that an alert names does not clear the alert."""
    incident = world.incident(
        alerts=(AlertMatcher(labels={"alertname": "Slow", "namespace": "shop", "pod": "web-1"}),)
    )
    old = world.firing("Slow", namespace="shop", pod="web-1")
    other = world.firing("Slow", namespace="shop", pod="cart-1")
    start = world.look({}, at=-60, prometheus=world.alerts(old, other))
    state = world.alerts(other, world.firing("Slow", namespace="shop", pod="web-2"))
    found = {
        check.id: judged(
            world, check, state, reference=world.reference(start=start), incident=incident
        )
        for check in (ALERT_CLEAR, NO_NEW_ALERT)
    }
    (clear,) = found[ALERT_CLEAR.id]
    assert (clear.state, clear.subject.labels["pod"]) == (VIOLATED, "web-2")
    assert [e.counts for e in found[NO_NEW_ALERT.id] if e.state is VIOLATED] == [False]


def test_a_stale_evaluation_is_not_live(world: Any) -> None:
    """A rule that is no longer evaluated keeps its last state."""
    stale = world.rule(last_evaluation=world.AT - timedelta(seconds=600))
    (found,) = judged(world, ALERT_RULE_LIVE, world.alerts(rules=(stale,)))
    assert found.state is UNKNOWN
    assert "600 s ago" in found.observed


def test_a_rule_that_was_never_seen_is_unknown(world: Any) -> None:
    """Nothing can tell whether such an alert could fire at all."""
    (found,) = judged(world, ALERT_RULE_LIVE, world.alerts(rules=()))
    assert found.state is UNKNOWN


def test_rules_that_cannot_be_read_are_unknown(world: Any) -> None:
    """The rules are evidence as the alerts are."""
    (found,) = judged(world, ALERT_RULE_LIVE, world.alerts(rules_read=world.FORBIDDEN))
    assert (found.state, found.temporary) == (UNKNOWN, False)


def test_a_new_alert_in_scope_is_violated(world: Any) -> None:
    """The fix broke something else."""
    before = world.reference(start=world.look({}, at=-60, prometheus=world.alerts()))
    now = world.alerts(world.firing("KubePodNotReady", namespace="shop", pod="x"))
    (found,) = judged(world, NO_NEW_ALERT, now, reference=before)
    assert (found.state, found.counts) == (VIOLATED, True)


def test_alerts_elsewhere_and_pending_ones_are_nobodys_new_alert(world: Any) -> None:
    """Another namespace is out of scope, and pending may never fire."""
    now = world.alerts(
        world.firing("KubePodNotReady", namespace="other"),
        world.firing("KubePodNotReady", namespace="shop", state="pending"),
        world.firing("HighRequestErrorRate", namespace="shop"),
    )
    (found,) = judged(world, NO_NEW_ALERT, now)
    assert found.state is SATISFIED


def test_an_alert_that_always_fires_is_not_new(world: Any) -> None:
    """A watchdog fires in the reference too; whether it still does is another check."""
    watchdog = world.alerts(world.firing("Watchdog", severity="none"))
    before = world.reference(start=world.look({}, at=-60, prometheus=watchdog))
    found = judged(world, NO_NEW_ALERT, watchdog, reference=before)
    assert [(e.state, e.counts) for e in found] == [(SATISFIED, True)]


def test_a_new_alert_without_namespace_counts(world: Any) -> None:
    """A cluster alert that began during the run is in everybody's scope."""
    before = world.reference(start=world.look({}, at=-60, prometheus=world.alerts()))
    now = world.alerts(world.firing("EtcdDown"))
    (found,) = judged(world, NO_NEW_ALERT, now, reference=before)
    assert (found.state, found.counts) == (VIOLATED, True)


def test_the_start_of_a_run_excuses_nothing_where_the_incident_names_no_alert(world: Any) -> None:
    """What fired in scope when the run began is then the incident itself."""
    fired = world.alerts(world.firing("KubePodNotReady", namespace="shop"))
    before = world.reference(start=world.look({}, at=-60, prometheus=fired))
    (found,) = judged(world, NO_NEW_ALERT, fired, reference=before, incident=world.incident())
    assert (found.state, found.counts) == (VIOLATED, True)


def test_a_chronic_alert_is_excused_by_a_healthy_reference(world: Any) -> None:
    """The pod's name changes with each replacement; the alert stays the same one."""
    old = world.alerts(world.firing("CPUThrottlingHigh", namespace="shop", pod="a"))
    new = world.alerts(world.firing("CPUThrottlingHigh", namespace="shop", pod="b"))
    before = world.reference(world.look({}, at=-3600, prometheus=old))
    found = judged(world, NO_NEW_ALERT, new, reference=before)
    assert [e.counts for e in found] == [False, True]


def test_without_prometheus_there_is_no_alert_source(world: Any) -> None:
    """Nothing then tells that alerts are clear, unless the policy does without."""
    (found,) = world.judge(ALERT_SOURCE, world.look({}))
    assert (found.state, found.counts) == (UNKNOWN, True)
    (allowed,) = world.judge(ALERT_SOURCE, world.look({}), allow_no_alert_source=True)
    assert allowed.counts is False


QUERY = "sum by (service) (rate(errors[1m])) < 0.01"


def slo(world: Any, query: str, *answers: Any, **more: Any) -> Any:
    """Judge an SLO by the answers to its queries, in order."""
    results = tuple(
        QueryResult(query=q, values=a) if isinstance(a, tuple) else QueryResult(query=q, read=a)
        for q, a in zip(slo_queries(query), answers, strict=False)
    )
    incident = world.incident(slo=(Slo(name="errors", query=query),))
    (found,) = judged(world, SLO_MET, world.alerts(queries=results), incident=incident, **more)
    return found


def test_an_slo_that_holds_everywhere_is_met(world: Any) -> None:
    """Every sample of the left side passes the comparison."""
    assert slo(world, QUERY, ("0", "0.001"), ("0", "0.001")).state is SATISFIED


def test_an_slo_that_one_sample_misses_is_violated(world: Any) -> None:
    """The filter dropped a sample, so it does not hold there."""
    found = slo(world, QUERY, ("0",), ("0", "0.4"))
    assert (found.state, found.observed) == (VIOLATED, "0, 0.4")


@pytest.mark.parametrize("values", [(), ("NaN",)])
def test_an_slo_without_data_is_unknown(world: Any, values: Any) -> None:
    """An empty answer may mean that the traffic was stopped."""
    assert slo(world, QUERY, (), values).state is UNKNOWN


def test_an_slo_whose_query_fails_is_unknown(world: Any) -> None:
    """An execution error proves nothing."""
    garbled = Read(status=ReadStatus.GARBLED, message="status error", temporary=True)
    assert slo(world, QUERY, garbled, ("1",)).state is UNKNOWN


def test_an_slo_that_answers_true_or_false(world: Any) -> None:
    """With `bool` the comparison answers 0 or 1 for each sample."""
    query = "up > bool 0"
    assert slo_queries(query) == (query,)
    assert slo(world, query, ("1", "1")).state is SATISFIED
    assert slo(world, query, ("1", "0")).state is VIOLATED


def test_an_slo_that_was_not_asked_is_unknown(world: Any) -> None:
    """A missing answer is not a good one."""
    assert slo(world, QUERY).state is UNKNOWN
