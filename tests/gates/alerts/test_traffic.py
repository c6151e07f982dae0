"""Whether the services in scope are still used, by the counters of the rules themselves."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.selectors import Selector, requests_of, selectors, speaks_of
from guardrails.gates.alerts.traffic import TRAFFIC_KEPT, healthy_at, measures, traffic_queries
from guardrails.gates.snapshot import QueryResult, Read, ReadStatus

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
ERRORS = (
    'sum by (namespace, service) (rate(http_requests_total{code=~"5..",pod!="x"}[2m]))'
    " / sum by (namespace, service) (rate(http_requests_total[2m])) > 0.05"
)
LATENCY = "histogram_quantile(0.95, sum by (le, service) (rate(http_seconds_bucket[5m]))) > 1.5"
ALL = 'sum(rate(http_requests_total{namespace=~"shop"}[120000ms]))'


def reference(world: Any, query: str = ERRORS, *, active: bool = True, **more: Any) -> Any:
    """A run that began with the alert firing for an hour."""
    alerts = (world.firing("HighRequestErrorRate", namespace="shop"),) if active else ()
    rules = (world.rule(query=query),)
    return world.reference(
        more.get("healthy"),
        start=world.look({}, at=-60, prometheus=world.alerts(*alerts, rules=rules)),
    )


@pytest.mark.parametrize(
    ("query", "labels", "measured"),
    [
        (ERRORS, {}, [
            'sum(rate(http_requests_total{pod!="x",namespace=~"shop"}[120000ms]))', ALL,
        ]),
        (ERRORS, {"service": "pay", "pod": "pay-1", "team": "a"}, [
            'sum(rate(http_requests_total{pod!="x",service="pay",namespace=~"shop"}[120000ms]))',
            'sum(rate(http_requests_total{service="pay",namespace=~"shop"}[120000ms]))',
        ]),
        (LATENCY, {}, ["sum(rate(http_seconds_count{}[300000ms]))"]),
        ("rate(http_request_errors_total[2m]) > 1", {}, []),
        ("rate(container_cpu_usage_seconds_total[2m]) > 1", {}, []),
        ("kube_pod_status_phase > 0", {}, []),
        ("not promql (", {}, []),
    ],
)  # fmt: skip
def test_requests_are_counted_as_the_rules_count_them(
    world: Any, query: str, labels: Any, measured: Any
) -> None:
    """Without what tells how they ended, and only those to the services of the alert."""
    alert = AlertMatcher(labels={"alertname": "HighRequestErrorRate", **labels})
    incident = world.incident(alerts=(alert,))
    assert [m.query for m in measures(incident, reference(world, query), None, ())] == measured


def test_other_rules_tell_where_the_incidents_do_not(world: Any) -> None:
    """If they can be narrowed to its namespaces."""
    rules = (
        world.rule("Other", query=ERRORS),
        world.rule("Wide", query=LATENCY),
        world.rule("Elsewhere", query='rate(http_requests_total{namespace="x"}[2m]) > 1'),
    )
    begun = world.reference(start=world.look({}, prometheus=world.alerts(rules=rules)))
    found = measures(world.incident(alerts=(world.ALERT,)), begun, None, ())
    assert [m.query for m in found][1:] == [ALL]
    named = measures(world.incident(), begun, None, ("sum(rate(mine[1m]))",))
    assert [(m.query, m.range_seconds) for m in named] == [("sum(rate(mine[1m]))", 60.0)]


def test_the_time_before_is_before_the_alert_could_fire(world: Any) -> None:
    """Its range, its `for` and an evaluation earlier; a healthy recording may be later."""
    incident = world.incident(alerts=(world.ALERT,))
    needs = timedelta(seconds=120 + 180 + 30 + 30)
    assert healthy_at(incident, reference(world)) == world.LONG_AGO - needs
    told = world.incident(alerts=(AlertMatcher(labels=world.ALERT.labels, starts_at=world.AT),))
    assert healthy_at(told, reference(world, active=False)) == world.AT - needs
    healthy = world.look({}, at=-3600)
    assert healthy_at(incident, reference(world, healthy=healthy)) == world.LONG_AGO
    assert healthy_at(incident, reference(world, active=False, healthy=healthy)) == healthy.at
    assert healthy_at(incident, reference(world, active=False)) is None


def judged(world: Any, now: Any, before: Any, start: Any = (), **more: Any) -> Any:
    """Judge the traffic by what the queries answer: now, before the incident, at the start."""
    incident = world.incident(alerts=(world.ALERT,))
    begun = reference(world, "sum by (namespace) (rate(http_requests_total[2m])) == 0")
    asked = traffic_queries(incident, begun, None, ())
    answers = tuple(
        QueryResult(query=q, read=a) if isinstance(a, Read) else QueryResult(query=q, values=a)
        for q, a in zip(asked, (now, before, start), strict=True)
        if a is not None
    )
    look = world.look({}, prometheus=world.alerts(queries=answers))
    (found,) = world.judge(TRAFFIC_KEPT, look, reference=begun, incident=incident, **more)
    return found


@pytest.mark.parametrize(
    ("now", "before", "state", "counts"),
    [
        (("5",), ("10",), SATISFIED, True),
        (("4.9",), ("10",), VIOLATED, True),
        ((), ("10",), VIOLATED, True),
        (("NaN",), ("10",), VIOLATED, True),
        (("0.1",), ("0.3",), VIOLATED, False),
        (("0",), ("0.3",), VIOLATED, True),
        (("0",), ("0.05",), VIOLATED, False),
        ((), (), SATISFIED, False),
    ],
    ids=["half", "less", "no series", "no number", "too few to tell", "none", "hardly any",
         "none before"],
)  # fmt: skip
def test_half_of_the_requests_must_come(
    world: Any,
    now: Any,
    before: Any,
    state: Any,
    counts: bool,  # noqa: FBT001  # a table
) -> None:
    """Where there were enough of them for that to be no chance."""
    found = judged(world, now, before)
    assert (found.state, found.counts) == (state, counts)


@pytest.mark.parametrize(
    ("now", "start", "state", "counts"),
    [
        ((), ("10",), VIOLATED, True),
        (("0",), ("0.05",), VIOLATED, False),
        (("0.1",), ("10",), SATISFIED, True),
        ((), (), SATISFIED, False),
    ],
    ids=["no series", "hardly any", "some", "none"],
)
def test_where_nothing_tells_of_before_some_of_the_starts_requests_must_come(
    world: Any,
    now: Any,
    start: Any,
    state: Any,
    counts: bool,  # noqa: FBT001  # a table
) -> None:
    """Any number will do: a storm of repeated requests is no measure."""
    found = judged(world, now, (), start)
    assert (found.state, found.counts) == (state, counts)
    if start:
        assert found.expected == f"some of the {float(start[0]):.3g} requests/s of 11:59:00"
        assert judged(world, now, (), start, traffic_floor=0.0).state is SATISFIED


def test_traffic_that_comes_back_is_waited_for(world: Any) -> None:
    """For its range, two evaluations and the callers; without a write it is hard."""
    found = judged(world, ("0",), ("10",), last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=120 + 60 + 10)
    assert judged(world, ("0",), ("10",)).settles_by is None


def test_the_policy_sets_the_floor(world: Any) -> None:
    """None at all asks for none."""
    assert judged(world, ("2",), ("10",), traffic_floor=0.2).state is SATISFIED
    assert judged(world, ("0",), ("10",), traffic_floor=0.0).state is SATISFIED


@pytest.mark.parametrize(
    ("now", "before", "counts", "temporary"),
    [
        (Read(status=ReadStatus.ERROR, message="503", temporary=True), ("1",), True, True),
        (("1",), Read(status=ReadStatus.ERROR, message="400 @ is off"), False, False),
        (("1",), Read(status=ReadStatus.FORBIDDEN, message="403"), True, False),
        (("1",), None, True, True),
        (None, ("1",), True, True),
    ],
)
def test_traffic_that_cannot_be_asked_is_unknown(
    world: Any,
    now: Any,
    before: Any,
    counts: bool,  # noqa: FBT001  # a table
    temporary: bool,  # noqa: FBT001  # a table
) -> None:
    """A server that does not know `@` cannot tell what was, and that is reported only."""
    found = judged(world, now, before)
    assert (found.state, found.counts, found.temporary) == (UNKNOWN, counts, temporary)


def test_without_a_counter_nothing_is_held_against_anybody(world: Any) -> None:
    """The report says which setting would tell."""
    look = world.look({}, prometheus=world.alerts())
    (found,) = world.judge(TRAFFIC_KEPT, look, incident=world.incident(alerts=(world.ALERT,)))
    assert (found.state, found.counts) == (UNKNOWN, False)
    assert "gate.traffic" in found.expected


@pytest.mark.parametrize(
    ("metric", "is_rate", "counter"),
    [
        ("http_requests_total", True, "http_requests_total"),
        ("http_requests_total", False, None),
        ("grpc_server_handled_total", True, "grpc_server_handled_total"),
        ("http_request_duration_seconds_bucket", True, "http_request_duration_seconds_count"),
        ("http_request_size_bytes_bucket", True, None),
        ("http_requests_failed_total", True, None),
        ("kube_pod_container_status_restarts_total", True, None),
        ("node_network_receive_packets_total", True, None),
    ],
)
def test_a_counter_of_requests_is_known_by_its_name(
    metric: str,
    is_rate: bool,  # noqa: FBT001  # a table
    counter: str | None,
) -> None:
    """And by being read as a rate."""
    assert requests_of(Selector(metric=metric, is_rate=is_rate)) == counter


def test_selectors_know_what_is_around_them() -> None:
    """Ranges, rates, groupings and absence."""
    found = selectors('sum by (a) (rate(x{b="c"}[2m])) or absent(y) or max without (d) (z)')
    assert [(s.metric, s.is_rate, s.is_absence, sorted(s.grouping)) for s in found] == [
        ("x", True, False, ["a"]),
        ("y", False, True, []),
        ("z", False, False, []),
    ]
    assert (found[0].range_seconds, found[0].matchers) == (120.0, (("b", "=", "c"),))


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("up == 0", True),
        ('up{namespace="shop"} == 0', True),
        ('up{namespace=~"shop|x"} == 0', True),
        ('up{namespace="x"} == 0', False),
        ('up{namespace!="shop"} == 0', False),
        ('up{namespace!~"kube-.*"} == 0', True),
        ('up{namespace="x"} == 0 and a', False),
    ],
)
def test_a_rule_may_speak_of_other_namespaces(query: str, about: bool) -> None:  # noqa: FBT001  # a table
    """Then it is not in scope."""
    assert speaks_of(query, ("shop",)) is about
