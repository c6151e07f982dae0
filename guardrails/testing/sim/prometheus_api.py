"""Prometheus' HTTP API over the simulated server, in the shape of 2.42 and later."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl

from guardrails.testing.sim import promql
from guardrails.testing.sim.faults import Facts, Faults
from guardrails.testing.sim.http import Request, Response, json_response, text_response
from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.prometheus import SCRAPE_SECONDS, Prometheus
from guardrails.testing.sim.promql_values import PromqlError, Sample, Value
from guardrails.testing.sim.rules import Alert, LoadedRule
from guardrails.testing.sim.stamps import to_seconds, to_text
from guardrails.testing.sim.tsdb import Labels

MAX_POINTS = 11_000
"""Per series in a range query: Prometheus' own limit."""
VERSION = "3.5.0+sim"
_EXACT = 1e15
"""Below this a float is still a whole number exactly."""
_CODES = {"bad_data": HTTPStatus.BAD_REQUEST, "execution": HTTPStatus.UNPROCESSABLE_ENTITY}


def format_value(value: float) -> str:
    """A sample's value as Prometheus writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return (
        str(int(value)) if value == int(value) and abs(value) < _EXACT else repr(value)
    )  # exact integers


def _metric(labels: Labels) -> dict[str, str]:
    return dict(labels)


def _alert(alert: Alert) -> Obj:
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state,
        "activeAt": to_text(alert.active_at),
        "value": f"{alert.value:e}",
    }


def _rule(loaded: LoadedRule) -> Obj:
    rule = loaded.rule
    found: Obj = {
        "state": loaded.state,
        "name": rule.name,
        "query": rule.expr,
        "duration": rule.for_seconds,
        "keepFiringFor": rule.keep_firing_seconds,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [_alert(alert) for alert in loaded.active()],
        "health": loaded.health,
        "evaluationTime": 0.0001,
        "type": "alerting",
        "lastEvaluation": _evaluated(loaded.evaluated_at),
    }
    if loaded.last_error:
        found["lastError"] = loaded.last_error
    return found


def _evaluated(at: float | None) -> str:
    # Go's zero time: what Prometheus sends for a rule that was never evaluated.
    return "0001-01-01T00:00:00Z" if at is None else to_text(at)


class PrometheusApi:
    """Answers requests of Prometheus' API."""

    def __init__(self, prometheus: Prometheus, *, faults: Faults) -> None:
        self._prometheus = prometheus
        self._faults = faults
        self._routes: dict[str, Callable[[Request], object]] = {
            "query": self._query,
            "query_range": self._query_range,
            "alerts": self._alerts,
            "rules": self._rules,
            "targets": self._targets,
            "series": self._series,
            "labels": self._labels,
            "status/runtimeinfo": self._runtime,
            "status/buildinfo": self._build,
            "status/config": self._config,
            "status/flags": lambda _: {"storage.tsdb.retention.time": "1h"},
            "metadata": lambda _: dict[str, object](),
            "alertmanagers": lambda _: {"activeAlertmanagers": [], "droppedAlertmanagers": []},
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        facts = Facts(server="prometheus", verb=request.method.lower(), path=request.path)

        async def answer() -> Response:
            with self._prometheus.lock:
                return self._answer(request)

        return await self._faults.serve(facts, answer)

    def _answer(self, request: Request) -> Response:
        if request.path in ("/-/ready", "/-/healthy"):
            return text_response(f"Prometheus Server is {request.path[3:].capitalize()}.\n")
        name = request.path.removeprefix("/api/v1/")
        route = self._routes.get(name)
        parts = name.split("/")
        if (
            route is None and parts[0] == "label" and parts[-1] == "values" and len(parts) == 3  # noqa: PLR2004  # label/NAME/values
        ):  # label/NAME/values
            label = parts[1]
            route = partial(self._label_values, name=label)
        if route is None or not request.path.startswith("/api/v1/"):
            return text_response("404 page not found\n", status=HTTPStatus.NOT_FOUND)
        if request.method == "POST":
            query: dict[str, list[str]] = {**request.query}
            for key, value in parse_qsl(request.body.decode(), keep_blank_values=True):
                query.setdefault(key, []).append(value)
            request = replace(request, query=query)
        try:
            return json_response({"status": "success", "data": route(request)})
        except PromqlError as error:
            body = {"status": "error", "errorType": error.kind, "error": str(error)}
            return json_response(body, status=_CODES[error.kind])

    def _time(self, request: Request, name: str, *, default: float | None = None) -> float:
        text = request.param(name)
        if not text and default is not None:
            return default
        try:
            return to_seconds(text)
        except ValueError:
            raise PromqlError(
                f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp',
                kind="bad_data",
            ) from None

    def _now(self) -> float:
        return self._prometheus.clock.now().timestamp()

    def _query(self, request: Request) -> Obj:
        at = self._time(request, "time", default=self._now())
        expression = promql.parse(request.param("query"))
        if isinstance(expression, promql.ast.MatrixSelector):
            evaluation = promql.Evaluation(tsdb=self._prometheus.tsdb, at=at, start=at, end=at)
            series, start, end = evaluation.matrix(expression)
            found = ((one.labels, one.between(start, end)) for one in series)
            rows = [
                {"metric": _metric(labels), "values": [[t, format_value(v)] for t, v in points]}
                for labels, points in found
                if points
            ]
            return {"resultType": "matrix", "result": rows}
        value = promql.evaluate(self._prometheus.tsdb, expression, at)
        if isinstance(value, list):
            result = [
                {"metric": _metric(one.labels), "value": [at, format_value(one.value)]}
                for one in value
            ]
            return {"resultType": "vector", "result": result}
        if isinstance(value, str):
            return {"resultType": "string", "result": [at, value]}
        return {"resultType": "scalar", "result": [at, format_value(value)]}

    def _query_range(self, request: Request) -> Obj:
        start, end = self._time(request, "start"), self._time(request, "end")
        text = request.param("step")
        try:
            step = float(text)
        except ValueError:
            try:
                step = promql.ast.parse_duration(text).total_seconds()
            except ValueError:
                step = 0.0
        if step <= 0 or end < start:
            raise PromqlError(
                'invalid parameter "step": zero or negative query resolution step widths are not '
                "accepted, and the end must not be before the start",
                kind="bad_data",
            )
        if (end - start) / step > MAX_POINTS:
            raise PromqlError(
                "exceeded maximum resolution of 11,000 points per timeseries", kind="bad_data"
            )
        expression = promql.parse(request.param("query"))
        rows: dict[Labels, list[list[object]]] = {}
        for count in range(int((end - start) / step) + 1):
            at = start + count * step
            value = promql.evaluate(self._prometheus.tsdb, expression, at, start=start, end=end)
            for one in _vector(value):
                rows.setdefault(one.labels, []).append([at, format_value(one.value)])
        result = [{"metric": _metric(labels), "values": values} for labels, values in rows.items()]
        return {"resultType": "matrix", "result": result}

    def _alerts(self, _: Request) -> Obj:
        return {
            "alerts": [
                _alert(alert)
                for rules in self._prometheus.groups.values()
                for loaded in rules.values()
                for alert in loaded.active()
            ]
        }

    def _rules(self, request: Request) -> Obj:
        if request.param("type") == "record":
            return {"groups": []}
        names = set(request.query.get("rule_name[]", ()))
        groups: list[Obj] = []
        for name, rules in self._prometheus.groups.items():
            chosen = [one for one in rules.values() if not names or one.rule.name in names]
            if not chosen:
                continue
            last = max((one.evaluated_at or 0.0 for one in chosen), default=0.0)
            groups.append(
                {
                    "name": name,
                    "file": f"/etc/prometheus/rules/{name}.yaml",
                    "rules": [_rule(one) for one in chosen],
                    "interval": self._prometheus.interval(name),
                    "limit": 0,
                    "evaluationTime": 0.0002,
                    "lastEvaluation": _evaluated(last or None),
                }
            )
        return {"groups": groups}

    def _targets(self, request: Request) -> Obj:
        active: list[Obj] = []
        for target in self._prometheus.targets:
            labels = {"job": target.job, "instance": f"{target.job}:8080"}
            url = f"http://{target.job}:8080/metrics"
            active.append(
                {
                    "discoveredLabels": {"__address__": f"{target.job}:8080", "job": target.job},
                    "labels": labels,
                    "scrapePool": target.job,
                    "scrapeUrl": url,
                    "globalUrl": url,
                    "lastError": "" if target.up else "connection refused",
                    "lastScrape": _evaluated(self._prometheus.scraped_at.get(target.job)),
                    "lastScrapeDuration": 0.001,
                    "health": "up" if target.up else "down",
                    "scrapeInterval": f"{SCRAPE_SECONDS * 1000:.0f}ms",
                    "scrapeTimeout": "200ms",
                }
            )
        if request.param("state") == "dropped":
            active = []
        return {"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}}

    def _selected(self, request: Request) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for text in request.query.get("match[]", ()):
            selector = promql.parse(text)
            if not isinstance(selector, promql.ast.VectorSelector):
                raise PromqlError(f"{text!r} is no series selector", kind="bad_data")
            matchers = promql.matchers_of(selector)
            found += [dict(one.labels) for one in self._prometheus.tsdb.select(matchers)]
        return found

    def _series(self, request: Request) -> list[dict[str, str]]:
        if not request.query.get("match[]"):
            raise PromqlError("no match[] parameter provided", kind="bad_data")
        return self._selected(request)

    def _all(self, request: Request) -> list[dict[str, str]]:
        if request.query.get("match[]"):
            return self._selected(request)
        return [dict(one.labels) for one in self._prometheus.tsdb.select(())]

    def _labels(self, request: Request) -> list[str]:
        return sorted({name for labels in self._all(request) for name in labels})

    def _label_values(self, request: Request, *, name: str) -> list[str]:
        return sorted({labels[name] for labels in self._all(request) if name in labels})

    def _runtime(self, _: Request) -> Obj:
        started = to_text(self._prometheus.started_at)
        return {
            "startTime": started,
            "CWD": "/",
            "reloadConfigSuccess": True,
            "lastConfigTime": started,
            "corruptionCount": 0,
            "goroutineCount": 1,
            "storageRetention": "1h",
        }

    def _build(self, _: Request) -> Obj:
        return {
            "version": VERSION,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "go1.26",
        }

    def _config(self, _: Request) -> Obj:
        jobs = "".join(f"- job_name: {one.job}\n" for one in self._prometheus.targets)
        files = "".join(
            f"- /etc/prometheus/rules/{name}.yaml\n" for name in self._prometheus.groups
        )
        return {
            "yaml": (
                f"global:\n  scrape_interval: {SCRAPE_SECONDS * 1000:.0f}ms\n"
                f"rule_files:\n{files}scrape_configs:\n{jobs}"
            )
        }


def _vector(value: Value) -> list[Sample]:
    if isinstance(value, list):
        return value
    if isinstance(value, float):
        return [Sample((), value)]
    raise PromqlError("a string cannot be queried over a range", kind="bad_data")
