"""The OpenTelemetry sink: a span per run, and events for what a person wants to see beside it.

Only the API is needed (`pip install 'guarded-agent[otel]'`); where the host program has set up no
SDK, nothing happens. Events go out twice: on the span, where every viewer shows them, and as log
records with the span's context, which OpenTelemetry will have instead (it began to retire the API
of span events in 2026). Either can be switched off.
"""

import logging
import threading
from collections import OrderedDict, deque
from typing import Final, Literal

try:
    from opentelemetry import _logs, context, trace
    from opentelemetry._logs import SeverityNumber
except ImportError as error:  # pragma: no cover  # tested by a process of its own
    from guardrails.errors import UsageError

    raise UsageError(
        "OpenTelemetryHook needs OpenTelemetry's API; `pip install 'guarded-agent[otel]'` brings it"
    ) from error

from guardrails.core.events import Event, GateReported, WatchReported
from guardrails.core.findings import Finding, FindingWithdrawn, Found, standing
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.mast import Weight
from guardrails.telemetry import semconv
from guardrails.telemetry.runspans import RunSpan, nanoseconds
from guardrails.telemetry.signals import (
    Signal,
    at_least_info,
    attributes_of_end,
    attributes_of_report,
    attributes_of_watch,
    signal_of,
)
from guardrails.version import VERSION

SCOPE: Final = "guardrails"
"""Name of our instrumentation scope."""

RUNS: Final = 1_024
"""Runs with an open span. A run that is paused for ever must not stay for ever; the oldest is
closed first, marked as unfinished."""

ENDED: Final = 1_024
"""Ended runs remembered: an agent may still write its report after its end was accepted."""

FINDINGS: Final = 500
"""Findings of a run kept for what stands at its end; the session keeps as many."""

Spans = Literal["run", "steps"]
"""`run`: one span for the run, one for each report of the gate. `steps`: also one for each model
turn and each tool call, for programs that do not trace these themselves."""

EventForms = Literal["both", "span", "log", "none"]

_SEVERITY = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}


class OpenTelemetryHook:
    """Traces runs. One hook serves any number of runs and threads.

    A run's span is a child of the span that is current when the run begins, if there is one. It
    does not become current itself: what the agent does is traced by whoever traces the agent.

    Example:
        ```python
        guard = Guard(gate=gate, hooks=[OpenTelemetryHook()])
        ```
    """

    name = "opentelemetry"

    def __init__(
        self,
        *,
        spans: Spans = "run",
        events: EventForms = "both",
        quotes: bool = False,
        tracer_provider: trace.TracerProvider | None = None,
        logger_provider: _logs.LoggerProvider | None = None,
    ) -> None:
        """Make the hook.

        Args:
            spans: How fine the spans are. The default leaves model turns and tool calls to the
                instrumentation that the host program has; two spans for one call mislead.
            events: Where findings, decisions and reports go: onto the run's span, into the log
                signal, both, or nowhere.
            quotes: Whether findings carry subject and quotes. They hold no secret that the guard
                knows of, but they are words of tools and models, which the conventions make
                opt-in.
            tracer_provider: Where spans go; None for the program's own.
            logger_provider: Where log records go; None for the program's own.
        """
        self._tracer = trace.get_tracer(SCOPE, VERSION, tracer_provider)
        self._logger = _logs.get_logger(SCOPE, VERSION, logger_provider)
        self._steps = spans == "steps"
        self._on_span = events in {"both", "span"}
        self._to_log = events in {"both", "log"}
        self._quotes = quotes
        self._lock = threading.Lock()
        self._open: OrderedDict[RunId, RunSpan] = OrderedDict()
        self._found: dict[RunId, tuple[Finding, ...]] = {}
        self._ended: deque[RunId] = deque(maxlen=ENDED)

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Take one record."""
        span = self._span_of(run, record)
        if span is None:
            return
        try:
            self._follow(span, run, record)
        finally:  # an exporter that fails must not keep the run's span open for ever
            if isinstance(record, RunEnded):
                self._close(run, record)

    def _follow(self, span: RunSpan, run: RunId, record: Record) -> None:
        if isinstance(record, Event):
            span.follow(record)
            self._note_report(span, record)
        elif isinstance(record, Finding | FindingWithdrawn):
            self._note_found(run, record)
        signal = signal_of(record, quotes=self._quotes)
        if signal is not None:
            self._tell(span, signal, run)

    def _span_of(self, run: RunId, record: Record) -> RunSpan | None:
        """Return the run's span, begun by its first record; None after its end."""
        with self._lock:
            if (known := self._open.get(run)) is not None:
                return known
            if run in self._ended or isinstance(record, RunEnded):
                return None
            at = record.at if isinstance(record, Event) else None
            span = RunSpan(
                self._tracer, run, at=at, steps=self._steps, context=context.get_current()
            )
            self._open[run] = span
            oldest = self._open.popitem(last=False) if len(self._open) > RUNS else None
        if oldest is not None:
            gone, left = oldest
            self._found.pop(gone, None)
            left.close(unfinished=True)
        return span

    def _note_report(self, span: RunSpan, event: Event) -> None:
        """Give a gate's work its own span: it does I/O, and nobody else traces it."""
        match event.fact:
            case GateReported(report=report):
                said = attributes_of_report(report)
                span.past(semconv.GATE_SPAN, report.started_at, report.ended_at, said)
            case WatchReported(report=report) as watched:
                said = attributes_of_watch(watched)
                span.past(semconv.WATCH_SPAN, report.started_at, report.ended_at, said)
            case _:
                pass

    def _note_found(self, run: RunId, found: Found) -> None:
        held = standing((found,), before=self._found.get(run, ()))
        self._found[run] = held[-FINDINGS:]

    def _tell(self, span: RunSpan, signal: Signal, run: RunId) -> None:
        at = span.at
        if self._on_span:
            span.event(signal.name, signal.attributes)
        if self._to_log:
            level = at_least_info(signal.level)
            self._logger.emit(
                timestamp=nanoseconds(at),
                context=span.context,
                severity_number=_SEVERITY.get(level, SeverityNumber.ERROR),
                severity_text=logging.getLevelName(level),
                body=signal.body,
                attributes={**signal.attributes, semconv.CONVERSATION_ID: run},
                event_name=signal.name,
            )

    def _close(self, run: RunId, ended: RunEnded) -> None:
        with self._lock:
            span = self._open.pop(run, None)
            found = self._found.pop(run, ())
            self._ended.append(run)
        if span is None:
            return
        span.say({**attributes_of_end(ended), **_modes(found)})
        if not ended.outcome.accepted:
            span.failed(ended.outcome.value)
        span.close(at=ended.at)


def _modes(found: tuple[Finding, ...]) -> dict[str, list[str]]:
    """Return which modes stand at the end, and which of them decide runs."""
    all_modes = sorted({one.mode.value for one in found})
    decisive = sorted({one.mode.value for one in found if one.weight is Weight.DECISIVE})
    return {
        name: modes
        for name, modes in ((semconv.MODES, all_modes), (semconv.DECISIVE, decisive))
        if modes
    }
