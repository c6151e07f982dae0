"""Prometheus and Alertmanager over HTTP: what is believed, and every way to fail."""

from collections.abc import Iterator

import httpx2
import pytest

from guardrails.errors import UsageError
from guardrails.gates.alerts.alertmanager import Alertmanager, AlertmanagerReader
from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.alerts.prometheus import Prometheus, PrometheusReader
from guardrails.gates.snapshot import Read, ReadStatus
from guardrails.testing import AlertRule, ManualClock, Match, Respond, SimCluster

FAILURES = [
    (Respond(status=401), ReadStatus.UNAUTHORIZED, False),
    (Respond(status=403), ReadStatus.FORBIDDEN, False),
    (Respond(status=404), ReadStatus.MISSING, False),
    (Respond(status=429), ReadStatus.ERROR, True),
    (Respond(status=503), ReadStatus.ERROR, True),
    (Respond(truncate=True), ReadStatus.UNREACHABLE, True),
    (Respond(garbage=True), ReadStatus.GARBLED, True),
    (Respond(wrong_content_type=True), ReadStatus.GARBLED, True),
    (Respond(reset=True), ReadStatus.UNREACHABLE, True),
    (Respond(empty_data=True), ReadStatus.GARBLED, True),
]


@pytest.fixture
def cluster() -> Iterator[SimCluster]:
    """A cluster with one rule that always fires."""
    with SimCluster(autorun=False, clock=ManualClock()) as made:
        made.add_rule(AlertRule(name="Watchdog", expr="vector(1)", labels={"severity": "none"}))
        made.run_for(3)
        yield made


def prometheus_over(answer: httpx2.Response) -> PrometheusReader:
    """A Prometheus that answers everything so."""
    transport = httpx2.MockTransport(lambda _: answer)
    return PrometheusReader(HttpReader("http://prom:9090", name="prom", transport=transport))


async def test_alerts_rules_and_queries_are_read(cluster: SimCluster) -> None:
    """One call brings all three, typed."""
    state = await Prometheus(cluster.prometheus_url).read(queries=["vector(7)", "1 + 1"])
    assert [(a.labels["alertname"], a.state) for a in state.alerts] == [("Watchdog", "firing")]
    assert [(r.name, r.health) for r in state.rules] == [("Watchdog", "ok")]
    assert state.rules[0].last_evaluation is not None
    assert [q.values for q in state.queries] == [("7",), ("2",)]


async def test_a_query_that_fails_is_no_answer(cluster: SimCluster) -> None:
    """Prometheus' own words say why."""
    state = await Prometheus(cluster.prometheus_url).read(queries=["sum("])
    (answer,) = state.queries
    assert not answer.read.ok
    assert answer.values == ()
    assert state.alerts_read.ok


@pytest.mark.parametrize(("respond", "status", "temporary"), FAILURES)
async def test_every_failure_of_prometheus_is_a_status(
    cluster: SimCluster,
    respond: Respond,
    status: ReadStatus,
    temporary: bool,  # noqa: FBT001  # a table
) -> None:
    """An answer without success and data is not an empty one."""
    cluster.faults.add(Match(server="prometheus"), respond)
    state = await Prometheus(cluster.prometheus_url, timeout_seconds=5).read(queries=["up"])
    reads: list[Read] = [state.alerts_read, state.rules_read, state.queries[0].read]
    assert {(r.status, r.temporary) for r in reads} == {(status, temporary)}
    assert (state.alerts, state.rules) == ((), ())


@pytest.mark.parametrize(("respond", "status", "temporary"), FAILURES)
async def test_every_failure_of_alertmanager_is_a_status(
    cluster: SimCluster,
    respond: Respond,
    status: ReadStatus,
    temporary: bool,  # noqa: FBT001  # a table
) -> None:
    """Both of its lists fail by themselves."""
    cluster.faults.add(Match(server="alertmanager"), respond)
    state = await Alertmanager(cluster.alertmanager_url, timeout_seconds=5).read()
    reads = [state.alerts_read, state.silences_read]
    assert {(r.status, r.temporary) for r in reads} == {(status, temporary)}


async def test_alertmanager_holds_what_prometheus_sent(cluster: SimCluster) -> None:
    """Active, and read without any filter."""
    state = await Alertmanager(cluster.alertmanager_url).read()
    assert [(a.labels["alertname"], a.state) for a in state.alerts] == [("Watchdog", "active")]
    assert state.silences_read.ok


async def test_servers_that_are_down_are_unreachable(cluster: SimCluster) -> None:
    """Connection refused is temporary."""
    prometheus = Prometheus(cluster.prometheus_url)
    alertmanager = Alertmanager(cluster.alertmanager_url)
    cluster.stop("prometheus")
    cluster.stop("alertmanager")
    reads = [(await prometheus.read()).alerts_read, (await alertmanager.read()).alerts_read]
    assert [(r.status, r.temporary) for r in reads] == [(ReadStatus.UNREACHABLE, True)] * 2


async def test_a_slow_answer_is_a_timeout(cluster: SimCluster) -> None:
    """The limit is for the whole answer."""
    cluster.faults.add(Match(server="prometheus"), Respond(delay=30))
    state = await Prometheus(cluster.prometheus_url, timeout_seconds=0.2).read()
    assert state.alerts_read.status is ReadStatus.TIMEOUT


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success"},
        {"status": "success", "data": None},
        {"status": "success", "data": {}},
        {"status": "success", "data": {"alerts": None}},
        {"status": "error", "data": {"alerts": []}},
        {"status": "success", "data": {"alerts": [{"state": "firing"}]}},
        [],
        None,
    ],
)
async def test_only_success_with_typed_data_is_believed(body: object) -> None:
    """Each of these was taken for "no alerts" by some tool."""
    state = await prometheus_over(httpx2.Response(200, json=body)).read()
    assert state.alerts_read.status is ReadStatus.GARBLED


async def test_an_empty_list_of_alerts_is_an_answer() -> None:
    """Nothing fires, and Prometheus says so."""
    answer = httpx2.Response(200, json={"status": "success", "data": {"alerts": []}})
    state = await prometheus_over(answer).read()
    assert state.alerts_read.ok


async def test_headers_go_with_every_request() -> None:
    """Such as a bearer token, which no representation shows."""
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200, json=[])

    http = HttpReader(
        "http://am:9093/prefix/",
        name="am",
        headers={"Authorization": "Bearer s3cret"},
        transport=httpx2.MockTransport(answer),
    )
    assert (await AlertmanagerReader(http).read()).alerts_read.ok
    assert set(seen) == {"Bearer s3cret"}
    assert "s3cret" not in repr(http)


@pytest.mark.parametrize("url", ["", "prom:9090", "ftp://prom", "http://", "/api"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """With the way to write one."""
    with pytest.raises(UsageError, match="is not a URL"):
        Prometheus(url)
