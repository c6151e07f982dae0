"""Prometheus, the first source of alerts: silences and restarts of Alertmanager do not fool it.

Only an answer with `status: success` and data of the right type is believed; the rest is unknown.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import anyio
import msgspec

from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.alerts.server import ServerReader
from guardrails.gates.snapshot import (
    AlertingRule,
    FiringAlert,
    JobTargets,
    PrometheusServer,
    PrometheusState,
    QueryResult,
    Read,
    ReadStatus,
)

UP = "count by (job, namespace) (up == 1)"
"""Targets that answer scrapes. Asked as a query, for a list of targets may be megabytes long."""

DOWN = "count by (job, namespace) (up == 0)"

SCRAPED = "max by (job, namespace) (timestamp(up))"

SAMPLES = "max by (job, namespace) (count_over_time(up[5m]))"

JOBS = (UP, DOWN, SCRAPED, SAMPLES)


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    labels: dict[str, str]
    state: str
    active_at: datetime | None = None


class _Alerts(msgspec.Struct, frozen=True):
    alerts: list[_Alert]


class _AlertsAnswer(msgspec.Struct, frozen=True):
    status: str
    data: _Alerts | None = None
    error: str = ""


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    query: str
    type: str = ""
    duration: float = 0.0
    keep_firing_for: float = 0.0
    labels: dict[str, str] | None = None
    health: str = ""
    last_error: str = ""
    last_evaluation: datetime | None = None


class _Group(msgspec.Struct, frozen=True):
    name: str
    rules: list[_Rule]
    file: str = ""
    interval: float = 0.0


class _Groups(msgspec.Struct, frozen=True):
    groups: list[_Group]


class _RulesAnswer(msgspec.Struct, frozen=True):
    status: str
    data: _Groups | None = None
    error: str = ""


class _Series(msgspec.Struct, frozen=True):
    value: tuple[float, str]
    metric: dict[str, str] = {}


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _QueryAnswer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: _Result | None = None
    error: str = ""
    error_type: str = ""


class PrometheusReader:
    """Reads alerts, rules and instant queries over HTTP."""

    def __init__(self, http: HttpReader) -> None:
        self._http = http
        self._server = ServerReader(http)
        self.place = http.place
        """Where it is, for messages."""

    async def read(self, *, queries: Sequence[str] = ()) -> PrometheusState:
        """Read everything at once; the slowest answer sets the time."""
        alerts: tuple[Read, tuple[FiringAlert, ...]] = (Read(), ())
        rules: tuple[Read, tuple[AlertingRule, ...]] = (Read(), ())
        server = PrometheusServer()
        answers: dict[str, QueryResult] = {}
        asked = tuple(dict.fromkeys((*queries, *JOBS)))

        async def read_alerts() -> None:
            nonlocal alerts
            alerts = await self._alerts()

        async def read_rules() -> None:
            nonlocal rules
            rules = await self._rules()

        async def read_server() -> None:
            nonlocal server
            server = await self._server.read()

        async def read_query(query: str) -> None:
            answers[query] = await self._query(query)

        async with anyio.create_task_group() as group:
            group.start_soon(read_alerts)
            group.start_soon(read_rules)
            group.start_soon(read_server)
            for query in asked:
                group.start_soon(read_query, query)
        return PrometheusState(
            alerts_read=alerts[0],
            alerts=alerts[1],
            rules_read=rules[0],
            rules=rules[1],
            queries=tuple(answers[q] for q in dict.fromkeys(queries)),
            server=server,
            jobs_read=next((answers[q].read for q in JOBS if not answers[q].read.ok), Read()),
            jobs=_jobs([answers[query] for query in JOBS]),
        )

    async def _alerts(self) -> tuple[Read, tuple[FiringAlert, ...]]:
        read, answer = await self._http.get("/api/v1/alerts", _AlertsAnswer)
        if answer is None:
            return read, ()
        if answer.status != "success" or answer.data is None:
            return _not_success("GET /api/v1/alerts", answer.status, answer.error), ()
        return read, tuple(
            FiringAlert(labels=a.labels, state=a.state, active_at=a.active_at)
            for a in answer.data.alerts
        )

    async def _rules(self) -> tuple[Read, tuple[AlertingRule, ...]]:
        # `?type=alert` would be shorter, but 2.x servers differ in which filters they heed.
        read, answer = await self._http.get("/api/v1/rules", _RulesAnswer)
        if answer is None:
            return read, ()
        if answer.status != "success" or answer.data is None:
            return _not_success("GET /api/v1/rules", answer.status, answer.error), ()
        return read, tuple(
            _rule(group, rule)
            for group in answer.data.groups
            for rule in group.rules
            if rule.type == "alerting"
        )

    async def _query(self, query: str) -> QueryResult:
        read, answer = await self._http.get("/api/v1/query", _QueryAnswer, params={"query": query})
        if answer is None:
            return QueryResult(query=query, read=read)
        if answer.status != "success" or answer.data is None:
            said = f"{answer.error_type} {answer.error}".strip()
            return QueryResult(
                query=query, read=_not_success("GET /api/v1/query", answer.status, said)
            )
        try:
            series = _series(answer.data)
        except msgspec.DecodeError as error:
            garbled = Read(
                status=ReadStatus.GARBLED, message=f"GET /api/v1/query: {error}", temporary=True
            )
            return QueryResult(query=query, read=garbled)
        return QueryResult(
            query=query,
            values=tuple(s.value[1] for s in series),
            labels=tuple(s.metric for s in series) if any(s.metric for s in series) else (),
        )


def _rule(group: _Group, rule: _Rule) -> AlertingRule:
    return AlertingRule(
        name=rule.name,
        query=rule.query,
        group=group.name,
        file=group.file,
        labels=rule.labels or {},
        for_seconds=rule.duration,
        keep_firing_seconds=rule.keep_firing_for,
        interval_seconds=group.interval,
        health=rule.health,
        last_error=rule.last_error,
        last_evaluation=rule.last_evaluation,
    )


def _jobs(answers: Sequence[QueryResult]) -> tuple[JobTargets, ...]:
    values: dict[tuple[str, str], list[float]] = {}
    for index, answer in enumerate(answers):
        for labels, value in zip(answer.labels, answer.values, strict=False):
            key = (labels.get("job", ""), labels.get("namespace", ""))
            values.setdefault(key, [0.0] * len(JOBS))[index] = float(value)
    return tuple(
        JobTargets(
            job=job,
            namespace=namespace,
            up=int(up),
            down=int(down),
            scraped_at=scraped,
            samples=int(samples),
        )
        for (job, namespace), (up, down, scraped, samples) in sorted(values.items())
    )


def _series(data: _Result) -> list[_Series]:
    if data.result_type == "scalar":
        return [_Series(value=msgspec.json.decode(data.result, type=tuple[float, str]))]
    if data.result_type == "vector":
        return msgspec.json.decode(data.result, type=list[_Series])
    raise msgspec.ValidationError(f"result type {data.result_type!r}, expected a vector or scalar")


def _not_success(what: str, status: str, error: str) -> Read:
    """A 200 without success or data: some proxies and overloaded servers answer so."""
    return Read(
        status=ReadStatus.GARBLED,
        message=f"{what}: status {status!r} without data. {error}".strip(),
        temporary=True,
    )


class Prometheus(PrometheusReader):
    """Prometheus at a URL.

    Args:
        url: Such as `http://prometheus.monitoring:9090`.
        timeout_seconds: Limit of one request.
        headers: Sent with every request, such as an Authorization header.

    Raises:
        UsageError: The URL is none.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 10.0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            HttpReader(url, name="prometheus", timeout_seconds=timeout_seconds, headers=headers)
        )
