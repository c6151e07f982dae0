"""OpenTelemetry providers that keep everything in memory, made on the API alone.

The SDK is a program's choice and none of our dependencies; these stand in for it and refuse what
it refuses: an end before the beginning, a second end, attributes that no exporter takes.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import Logger, LoggerProvider
from opentelemetry.trace import SpanContext, StatusCode, TraceFlags

_ids = itertools.count(1)


def checked(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return attributes that an exporter takes: scalars, and lists of one kind of them."""
    for name, value in (attributes or {}).items():
        several = value if isinstance(value, list | tuple) else [value]
        kinds = {type(one) for one in several}
        assert len(kinds) <= 1, f"{name}: {kinds}"
        assert kinds <= {str, bool, int, float}, f"{name}: {kinds}"
    return dict(attributes or {})


@dataclass(eq=False)
class KeptSpan(trace.Span):
    """A span that is kept."""

    name: str
    kind: trace.SpanKind
    parent: SpanContext | None
    start: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any], int | None]] = field(default_factory=list)
    status: StatusCode = StatusCode.UNSET
    ended: int | None = None
    own: SpanContext = field(init=False)

    def __post_init__(self) -> None:
        known = self.parent is not None and self.parent.is_valid
        trace_id = self.parent.trace_id if self.parent is not None and known else next(_ids)
        self.own = SpanContext(trace_id, next(_ids), is_remote=False, trace_flags=TraceFlags(1))

    def end(self, end_time: int | None = None) -> None:
        assert self.ended is None, f"{self.name} ended twice"
        self.ended = self.start if end_time is None else end_time
        assert self.ended >= self.start, f"{self.name} ended before it began"

    def get_span_context(self) -> SpanContext:
        return self.own

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(checked(attributes))

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        assert self.ended is None, f"{name} after the end of {self.name}"
        self.events.append((name, checked(attributes), timestamp))

    def update_name(self, name: str) -> None:
        self.name = name

    def is_recording(self) -> bool:
        return self.ended is None

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = status.status_code

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError


class KeptSpans(trace.TracerProvider, trace.Tracer):
    """Keeps spans."""

    def __init__(self) -> None:
        self.spans: list[KeptSpan] = []
        self.scopes: list[str] = []

    def get_tracer(self, instrumenting_module_name: str, *args: Any, **kwargs: Any) -> trace.Tracer:
        self.scopes.append(instrumenting_module_name)
        return self

    def start_span(
        self,
        name: str,
        context: Any = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002  # the API's
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002  # the API's
    ) -> KeptSpan:
        above = trace.get_current_span(context).get_span_context()
        span = KeptSpan(
            name=name,
            kind=kind,
            parent=above if above.is_valid else None,
            start=0 if start_time is None else start_time,
            attributes=checked(attributes),
        )
        self.spans.append(span)
        return span

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[KeptSpan]:
        span = self.start_span(name)
        with trace.use_span(span):
            yield span
        span.end()

    def named(self, name: str) -> list[KeptSpan]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]


class KeptLogs(LoggerProvider, Logger):
    """Keeps log records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def get_logger(self, name: str, *args: Any, **kwargs: Any) -> Logger:
        return self

    def emit(self, record: Any = None, **fields: Any) -> None:
        checked(fields["attributes"])
        self.records.append(fields)

    def enabled(self, **fields: Any) -> bool:
        return True
