"""Metrics of the service itself, beside those of the guard: requests, decisions, store, evidence.

Labels are closed sets: routes of our table, methods, statuses, operations of a store, sources of
evidence. What a caller makes up never becomes one.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from guardrails.core.events import Event, GateReported, WatchReported
from guardrails.core.evidence import AlertRef, Evidence, ObjectRef, SourceRef
from guardrails.core.hooks import Record
from guardrails.core.ids import RunId

METHODS: Final = frozenset({"GET", "POST"})
SOURCES: Final = frozenset({"kubernetes", "prometheus", "alertmanager", "incident"})
STORE_OPERATIONS: Final = (
    *("create", "append", "snapshot", "load", "since", "find", "decision", "after", "records"),
    *("keep", "kept", "rows", "expire", "ping"),
)
OTHER: Final = "other"

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120)
"""Seconds. A decision is due within 0.01 at p99; an end may wait 120."""
_DECISION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1)
"""Seconds, without HTTP: 0.0001 in memory, some milliseconds where a disk is waited for."""
_STORE_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5)


class ServiceMetrics:
    """The service's metric families in one registry.

    Args:
        registry: Where to; the one that `PrometheusHook` was given, so that one page has both.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Histogram(
            "guarded_agent_http_request_duration_seconds",
            "Time of HTTP requests, by route, method and status.",
            ("route", "method", "status"),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "guarded_agent_http_requests_in_flight",
            "HTTP requests that are being answered, streams included.",
            registry=registry,
        )
        self._decisions = Histogram(
            "guarded_agent_decision_duration_seconds",
            "Time of one decision with its store, without HTTP, by what was asked.",
            ("asked",),
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.store_seconds = Histogram(
            "guarded_agent_store_duration_seconds",
            "Time of calls of the store of runs, by operation.",
            ("operation",),
            buckets=_STORE_BUCKETS,
            registry=registry,
        )
        self.store_errors = Counter(
            "guarded_agent_store_errors",
            "Calls of the store of runs that failed, by operation.",
            ("operation",),
            registry=registry,
        )
        self.store_conflicts = Counter(
            "guarded_agent_store_conflicts",
            "Writes that came behind another's, by operation; they are decided anew.",
            ("operation",),
            registry=registry,
        )
        self._evidence_errors = Counter(
            "guarded_agent_evidence_errors",
            "Evidence in gate reports that could not be read, by source.",
            ("source",),
            registry=registry,
        )
        self._live = Gauge(
            "guarded_agent_live_runs", "Runs that this process holds in memory.", registry=registry
        )
        for source in SOURCES:
            self._evidence_errors.labels(source)  # from 0, so that the first one is an increase
        for operation in STORE_OPERATIONS:
            self.store_errors.labels(operation)
        self._children: dict[tuple[str, str, int], Histogram] = {}
        self._by_asked = {asked: self._decisions.labels(asked) for asked in ("facts", "call")}

    def request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            route: Its template, or `other` where there is none.
            method: As it was sent.
            status: Of the answer; 499 for callers who left before.
            seconds: Until the last byte.
        """
        key = route, method if method in METHODS else OTHER, status
        child = self._children.get(key)
        if child is None:  # looking it up by its labels costs three times what counting does
            child = self._children[key] = self._requests.labels(key[0], key[1], str(status))
        child.observe(seconds)

    def decided(self, asked: str, seconds: float) -> None:
        """Count decisions that were made in one go.

        Args:
            asked: `facts` or `call`.
            seconds: For all of them.
        """
        self._by_asked[asked].observe(seconds)

    def count_live(self, count: Callable[[], float]) -> None:
        """Ask for the number of runs in memory whenever metrics are read."""
        self._live.set_function(count)

    def evidence_hook(self) -> "EvidenceHook":
        """Return a hook that counts evidence that could not be read."""
        return EvidenceHook(self._evidence_errors)


class EvidenceHook:
    """Counts unknown evidence in reports, by the source that did not tell."""

    name = "evidence"

    def __init__(self, errors: Counter) -> None:
        self._errors = errors

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Count what one report could not read."""
        del run
        match record:
            case Event(fact=GateReported(report=report) | WatchReported(report=report)):
                for fact in report.unknown:
                    self._errors.labels(source_of(fact)).inc()
            case _:
                return


def source_of(evidence: Evidence) -> str:
    """Return where evidence comes from: one of `SOURCES`, or `other`."""
    match evidence.subject:
        case ObjectRef():
            return "kubernetes"
        case AlertRef():
            return "prometheus"
        case SourceRef(source=source):
            return source if source in SOURCES else OTHER


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Write metrics in the format that a scraper asks for.

    Returns:
        The page and its content type.
    """
    if openmetrics.CONTENT_TYPE_LATEST.partition(";")[0] in accept:
        return bytes(openmetrics.generate_latest(registry)), openmetrics.CONTENT_TYPE_LATEST  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # untyped there
    return generate_latest(registry), CONTENT_TYPE_LATEST
