"""OpenTelemetry spans of agents: the GenAI conventions, OpenInference, and OpenLLMetry's names.

OTLP's JSON (`resourceSpans`), whole or a line per batch, and spans as exporters for a console or
Phoenix write them, one object each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from guardrails.batch.formats.attributes import attributes_of, numbered
from guardrails.batch.formats.langgraphsteps import handed_to, step_agent, tool_result
from guardrails.batch.formats.messages import Answered, Asked, Message, message_of, usage_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.spans import Kind, Span, runs_of
from guardrails.batch.formats.values import (
    NOTHING,
    Json,
    first,
    is_object,
    items,
    obj,
    objects,
    parsed,
    text,
    when,
    word,
)
from guardrails.batch.recorded import RecordedRun

NAME = "otel"
ABOUT = "OpenTelemetry spans (resourceSpans, or spans with attributes gen_ai.*, openinference.*)"

_OPERATIONS: Final[Mapping[str, Kind]] = {
    "chat": "model",
    "text_completion": "model",
    "generate_content": "model",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "invoke_workflow": "other",
}
"""`gen_ai.operation.name`, by the conventions."""
_SPAN_KINDS: Final[Mapping[str, Kind]] = {"llm": "model", "tool": "tool", "agent": "agent"}
"""`openinference.span.kind` and OpenLLMetry's `traceloop.span.kind`, in lower case."""
_AGENT = ("gen_ai.agent.name", "agent.name", "agent_name", "graph.node.id")
_MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_SESSION = ("gen_ai.conversation.id", "session.id")
_TOOL = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
_ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "input.value",
    "traceloop.entity.input",
    "tool.parameters",
)
"""The last one holds arguments or the tool's schema, as the tracer understood the conventions."""
_RESULT = ("gen_ai.tool.call.result", "output.value", "traceloop.entity.output")
_ALL_IN = ("gen_ai.input.messages", "llm.input_messages", "input.value", "traceloop.entity.input")
_ALL_OUT = (
    *("gen_ai.output.messages", "llm.output_messages", "output.value", "traceloop.entity.output"),
)
"""Where a tracer that keeps one text of all that went in, or came out, puts it."""
_FAILED = frozenset({"2", "status_code_error", "error", "statuscode.error"})


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a batch of spans, or one span."""
    if "resourceSpans" in value or "resource_spans" in value:
        return True
    ids = "context" in value or "spanId" in value or "span_id" in value
    return ids and isinstance(value.get("attributes"), (dict, list))


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read the spans of a file, a run per trace."""
    spans = [_span(one, number) for number, one in enumerate(_all(parts), start=1)]
    yield from runs_of(spans, name=name, format_=NAME)


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


def _all(parts: Sequence[Json]) -> Iterator[Json]:
    for part in parts:
        batches = objects(part.get("resourceSpans")) or objects(part.get("resource_spans"))
        if not batches and "attributes" in part:
            yield part
        for batch in batches:
            scopes = objects(batch.get("scopeSpans")) or objects(batch.get("scope_spans"))
            for scope in scopes or objects(batch.get("instrumentationLibrarySpans")):
                yield from objects(scope.get("spans"))


def _span(span: Json, number: int) -> Span:
    given = {**_details(span), **attributes_of(span.get("attributes"))}
    context = obj(span.get("context"))
    kind = _kind(span, given)
    failed = _error(span)
    model = first(given, *_MODEL)
    outputs = tuple(_outputs(span, given, model=model)) if kind != "tool" else ()
    return Span(
        span_id=first(span, "spanId", "span_id") or first(context, "span_id") or f"span-{number}",
        parent_id=first(span, "parentSpanId", "parent_span_id", "parent_id"),
        trace_id=first(span, "traceId", "trace_id") or first(context, "trace_id"),
        kind=kind,
        agent=_agent(span, given, kind),
        begin=when(span.get("startTimeUnixNano") or span.get("start_time")),
        end=when(span.get("endTimeUnixNano") or span.get("end_time")),
        inputs=tuple(_inputs(span, given)) if kind != "tool" else (),
        outputs=outputs,
        asked=_asked(span, given) if kind == "tool" else None,
        answered=_answered(span, given, failed) if kind == "tool" else None,
        model=model,
        session=first(given, *_SESSION),
        error=failed if kind != "tool" else "",
    )


def _details(span: Json) -> dict[str, Any]:
    """Return what newer conventions keep of a model call in one event of its span."""
    for event in objects(span.get("events")):
        if event.get("name") == "gen_ai.client.inference.operation.details":
            return attributes_of(event.get("attributes"))
    return {}


def _kind(span: Json, given: Json) -> Kind:
    operation = first(given, "gen_ai.operation.name")
    if operation in _OPERATIONS:
        return _OPERATIONS[operation]
    said = first(given, "openinference.span.kind", "traceloop.span.kind", "span_kind")
    said = (said or word(span.get("span_kind"))).lower()
    if said in _SPAN_KINDS:
        return _SPAN_KINDS[said]
    if "gen_ai.tool.name" in given:
        return "tool"
    held = ("gen_ai.output.messages", "gen_ai.completion.0.content", "gen_ai.prompt.0.content")
    return "model" if any(key in given for key in held) or "llm.request.type" in given else "other"


def _agent(span: Json, given: Json, kind: Kind) -> str:
    """Return the agent's name; an agent's span that names none is called as the span is."""
    step = step_agent(given)
    if step is not None or kind == "tool":
        return step or ""
    named = first(given, *_AGENT)
    if named or kind != "agent":
        return named
    return first(given, "traceloop.entity.name") or word(span.get("name")).removeprefix(
        "invoke_agent "
    )


def _error(span: Json) -> str:
    status = obj(span.get("status"))
    code = first(status, "code", "status_code") or first(span, "status_code")
    if code.lower() not in _FAILED:
        return ""
    return first(status, "message", "description") or first(span, "status_message") or "error"


def _asked(span: Json, given: Json) -> Asked:
    said = word(span.get("name")).removeprefix("execute_tool ")
    arguments = next((given[key] for key in _ARGUMENTS if given.get(key) is not None), NOTHING)
    return Asked(
        call_id=first(given, "gen_ai.tool.call.id", "tool_call.id")
        or first(span, "spanId", "span_id")
        or first(obj(span.get("context")), "span_id"),
        tool=first(given, *_TOOL) or handed_to(said) or said,
        arguments=arguments,
    )


def _answered(span: Json, given: Json, failed: str) -> Answered:
    body = next((given[key] for key in _RESULT if given.get(key) is not None), "")
    told = tool_result(body)
    words = text(body) if told is None else told.text
    return Answered(
        call_id=first(given, "gen_ai.tool.call.id", "tool_call.id"),
        tool=first(given, *_TOOL) or handed_to(word(span.get("name"))),
        text=words or failed,
        failed=bool(failed) or (told is not None and told.failed),
    )


def _inputs(span: Json, given: Json) -> Iterator[Message]:
    for part in _listed(given.get("gen_ai.system_instructions")):
        words = part if isinstance(part, str) else first(obj(part), "content", "text")
        yield Message(role="system", text=words)
    listed = _listed(given.get("gen_ai.input.messages"))
    listed = listed or _messages(given, "llm.input_messages") or _messages(given, "gen_ai.prompt")
    listed = listed or [one for one in _events(span) if one.get("role") != "choice"]
    for item in listed:
        if (message := message_of(item)) is not None:
            yield message
    if not listed and (words := first(given, *_ALL_IN)):
        yield from _loose(words, role="user")


def _outputs(span: Json, given: Json, *, model: str) -> Iterator[Message]:
    listed = _listed(given.get("gen_ai.output.messages"))
    listed = listed or _messages(given, "llm.output_messages")
    listed = listed or _messages(given, "gen_ai.completion")
    listed = listed or [{**one, "role": "assistant"} for one in _events(span, choice=True)]
    usage = usage_of(
        {
            "input_tokens": given.get(
                "gen_ai.usage.input_tokens", given.get("llm.token_count.prompt")
            ),
            "output_tokens": given.get(
                "gen_ai.usage.output_tokens", given.get("llm.token_count.completion")
            ),
        }
    )
    for item in listed:
        message = message_of({"role": "assistant", **obj(item)})
        if message is not None:
            yield Message(
                role="model",
                text=message.text,
                thoughts=message.thoughts,
                calls=message.calls,
                model=model,
                usage=usage,
            )
    if not listed and (words := first(given, *_ALL_OUT)):
        yield from _loose(words, role="assistant")
    elif not listed and usage is not None:  # tracers leave words out unless they are asked for
        yield Message(role="model", model=model, usage=usage)


def _loose(value: object, *, role: str) -> Iterator[Message]:
    """Read the text that OpenInference keeps of any input or output: words, or a state."""
    found = parsed(value)
    if not is_object(found):
        yield from filter(None, [message_of({"role": role, "content": text(found)})])
        return
    for item in items(obj(found).get("messages")):
        if (message := message_of(item)) is not None:
            yield message


def _events(span: Json, *, choice: bool = False) -> Sequence[Json]:
    """Return the messages that older conventions wrote as events of a span."""
    found: list[Json] = []
    for event in objects(span.get("events")):
        name = word(event.get("name"))
        said = name.startswith("gen_ai.") and (name.endswith(".message") or name == "gen_ai.choice")
        if not said or (name == "gen_ai.choice") is not choice:
            continue
        given = attributes_of(event.get("attributes"))
        body = obj(parsed(given.get("message"))) or given
        role = name.removeprefix("gen_ai.").removesuffix(".message")
        found.append({"role": role, **body, "tool_calls": _listed(body.get("tool_calls"))})
    return found


def _listed(value: object) -> Sequence[object]:
    return items(parsed(value))


def _messages(given: Json, stem: str) -> Sequence[object]:
    return [_message(item) for item in numbered(given, stem)]


def _message(item: object) -> object:
    """Return a message of OpenInference without the prefixes of its fields."""
    found = obj(item)
    found = obj(found.get("message")) or found
    plain = {key.removeprefix("message."): value for key, value in found.items()}
    contents = [
        obj(obj(one).get("message_content")) or obj(one) for one in items(plain.get("contents"))
    ]
    calls = [obj(obj(one).get("tool_call")) or obj(one) for one in items(plain.get("tool_calls"))]
    if contents:
        plain["content"] = contents
    return {**plain, "tool_calls": calls} if calls else plain
