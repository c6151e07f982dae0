"""The spans of one run: the run's own and, where they are asked for, one for each step.

Spans are made after the fact, from the events' times. A model turn is taken to begin where the
event before it by the same agent ended, because nothing says when a model was asked.
"""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from guardrails.core.events import (
    Event,
    ModelReplied,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.ids import CallId, RunId
from guardrails.telemetry import semconv
from guardrails.telemetry.signals import Attributes, Value, kept

CALLS: Final = 256
"""Tool calls with an open span; frameworks run a handful at a time."""

AGENTS: Final = 64
"""Agents whose last event is remembered."""


class RunSpan:
    """The span of a run, with what hangs below it. Used by one thread at a time."""

    def __init__(
        self,
        tracer: Tracer,
        run: RunId,
        *,
        at: datetime | None,
        steps: bool,
        context: Context,
    ) -> None:
        """Begin the span.

        Args:
            tracer: What makes spans.
            run: The run's id.
            at: When it began; None for now.
            steps: Whether turns and calls get spans.
            context: What the run is a part of.
        """
        self._tracer = tracer
        self._run = run
        self._steps = steps
        self.at = at
        """Time of the newest event."""
        self._span = tracer.start_span(
            semconv.RUN_SPAN,
            context=context,
            attributes={
                semconv.CONVERSATION_ID: run,
                semconv.OPENINFERENCE_KIND: semconv.GUARDRAIL,
            },
            start_time=nanoseconds(at),
        )
        self.context = trace.set_span_in_context(self._span, context)
        """Where children and log records belong."""
        self._calls: OrderedDict[CallId, Span] = OrderedDict()
        self._last: OrderedDict[str, datetime] = OrderedDict()
        self._model = ""

    def follow(self, event: Event) -> None:
        """Take an event of the run."""
        self.at = event.at
        match event.fact:
            case RunStarted() as started:
                self._begun(started)
            case RunPaused():
                self.say({semconv.PAUSED: True})
            case RunResumed():
                self.say({semconv.PAUSED: False})
            case ModelReplied() as reply if self._steps:
                self._replied(event, reply)
            case ToolRequested() as call if self._steps:
                self._requested(event, call)
            case ToolReturned() as returned if self._steps:
                self._returned(event, returned)
            case _:
                pass
        if self._steps:
            self._last[event.agent] = event.at
            self._last.move_to_end(event.agent)
            if len(self._last) > AGENTS:
                self._last.popitem(last=False)

    def past(self, name: str, began: datetime, ended: datetime, said: Attributes) -> None:
        """Add a span of something that is over."""
        attributes = {**said, semconv.OPENINFERENCE_KIND: semconv.GUARDRAIL}
        self._child(name, began, SpanKind.INTERNAL, attributes).end(nanoseconds(ended))

    def event(self, name: str, said: Attributes) -> None:
        """Add an event to the run's span."""
        self._span.add_event(name, dict(said), nanoseconds(self.at))

    def say(self, said: Attributes) -> None:
        """Add attributes to the run's span."""
        self._span.set_attributes(dict(said))

    def failed(self, why: str) -> None:
        """Mark the run as one that came to nothing."""
        self._span.set_attribute(semconv.ERROR_TYPE, why)
        self._span.set_status(Status(StatusCode.ERROR, why))

    def close(self, *, at: datetime | None = None, unfinished: bool = False) -> None:
        """End the run's span, and those of calls that never came back."""
        end = nanoseconds(at or self.at)
        for span in self._calls.values():
            _lost(span, end)
        self._calls.clear()
        if unfinished:
            self.say({semconv.UNFINISHED: True})
        self._span.end(end)

    def _begun(self, started: RunStarted) -> None:
        self._model = started.model
        attributes: dict[str, Value] = {
            semconv.ADAPTER: started.adapter,
            semconv.PROFILE: started.profile,
            semconv.POLICY: started.policy_digest,
            semconv.SHADOW: started.shadow,
            **_model_attributes(started.model),
        }
        self.say(kept(attributes))

    def _replied(self, event: Event, reply: ModelReplied) -> None:
        usage = reply.usage
        model = _model_attributes(self._model)
        attributes: dict[str, Value] = {
            semconv.OPERATION: semconv.CHAT,
            semconv.STEP: event.step,
            semconv.AGENT_NAME: event.agent,
            semconv.FINISH_REASONS: [reply.finish_reason] if reply.finish_reason else [],
            **model,
        }
        if usage is not None:
            attributes[semconv.INPUT_TOKENS] = usage.input_tokens
            attributes[semconv.OUTPUT_TOKENS] = usage.output_tokens
        name = f"{semconv.CHAT} {model.get(semconv.REQUEST_MODEL, '')}".rstrip()
        began = self._last.get(event.agent) or max(self._last.values(), default=event.at)
        self._child(name, began, SpanKind.CLIENT, attributes).end(nanoseconds(event.at))

    def _requested(self, event: Event, call: ToolRequested) -> None:
        attributes: dict[str, Value] = {
            semconv.OPERATION: semconv.EXECUTE_TOOL,
            semconv.TOOL_NAME: call.tool,
            semconv.TOOL_CALL_ID: call.call_id,
            semconv.STEP: event.step,
            semconv.AGENT_NAME: event.agent,
        }
        name = f"{semconv.EXECUTE_TOOL} {call.tool}"
        again = self._calls.pop(call.call_id, None)
        if again is not None:  # the call of a paused run is requested anew
            again.end(nanoseconds(event.at))
        self._calls[call.call_id] = self._child(name, event.at, SpanKind.INTERNAL, attributes)
        if len(self._calls) > CALLS:
            _, lost = self._calls.popitem(last=False)
            _lost(lost, nanoseconds(event.at))

    def _returned(self, event: Event, returned: ToolReturned) -> None:
        span = self._calls.pop(returned.call_id, None)
        if span is None:
            return
        span.set_attribute(semconv.TOOL_STATUS, returned.status.value)
        span.set_attribute(semconv.TOOL_RESULT_SIZE, returned.size)
        if returned.status is not ToolStatus.OK:
            span.set_attribute(semconv.ERROR_TYPE, returned.status.value)
            span.set_status(Status(StatusCode.ERROR, returned.status.value))
        span.end(nanoseconds(event.at))

    def _child(self, name: str, began: datetime, kind: SpanKind, attributes: Attributes) -> Span:
        return self._tracer.start_span(
            name,
            context=self.context,
            kind=kind,
            attributes=kept({**attributes, semconv.CONVERSATION_ID: self._run}),
            start_time=nanoseconds(began),
        )


def nanoseconds(at: datetime | None) -> int | None:
    """Return a time as OpenTelemetry counts it; None, which it takes for now, stays None.

    >>> from datetime import UTC
    >>> nanoseconds(datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC))
    1000500000
    """
    if at is None:
        return None
    whole = int(at.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + at.microsecond * 1_000


def _lost(span: Span, at: int | None) -> None:
    span.set_attributes({semconv.UNFINISHED: True})
    span.end(at)


def _model_attributes(model: str) -> dict[str, Value]:
    """Return provider and name of `provider:name`, as `init_chat_model` writes it."""
    provider, colon, name = model.partition(":")
    if not colon:
        return {semconv.REQUEST_MODEL: model} if model else {}
    return {semconv.PROVIDER: provider, semconv.REQUEST_MODEL: name}
