"""The stream of Responses: numbered events into a reply, and a reply into numbered events."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardrails.sidecar.proxy.wire.base import Json, Turn, WireError
from guardrails.sidecar.proxy.wire.fields import an_object, field, number, objects, told, without
from guardrails.sidecar.proxy.wire.made import Makes, openai_error
from guardrails.sidecar.proxy.wire.sse import data_object, frame, pieces

_LAST: Final = frozenset({"response.completed", "response.incomplete"})
_CALLS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
"""Kinds of calls whose text is streamed: the field that grows, and the event's name."""


class ResponsesReader:
    """Puts events together. The last one holds the whole reply, with most servers."""

    def __init__(self) -> None:
        self._items: dict[int, Json] = {}
        self._open: set[int] = set()
        self._reply: Json | None = None

    def feed(self, event: str, data: str) -> None:
        """Take one event.

        Raises:
            WireError: It is none, or tells that the server failed.
        """
        if not data.strip() or data.strip() == "[DONE]":
            return
        fields = data_object(data)
        kind = field(fields, "type") or event
        at = number(fields, "output_index")
        response = an_object(fields.get("response"))
        if kind in {"error", "response.failed"} or (not kind and fields.get("error")):
            body = response if kind == "response.failed" else fields
            raise WireError(f"The model server failed: {told(body)}")
        if kind == "response.output_item.added":
            self._open.add(at)
        elif kind == "response.output_item.done":
            self._open.discard(at)
            self._items[at] = an_object(fields.get("item"))
        elif kind in _LAST:
            self._reply = response

    def body(self) -> Json:
        """Return the reply.

        Raises:
            WireError: The stream ended before the reply did.
        """
        if self._reply is None:
            raise WireError("The model server's stream ended in the middle of its reply.")
        if self._reply.get("output"):
            return self._reply
        if self._open and field(self._reply, "status") != "incomplete":
            raise WireError(f"The model server never ended its output item {min(self._open)}.")
        # Servers that keep nothing may leave the items out of the last event.
        return {**self._reply, "output": [self._items[at] for at in sorted(self._items)]}


class _Numbered:
    """Numbers events as they are written."""

    def __init__(self) -> None:
        self._next = 0

    def event(self, kind: str, **fields: object) -> bytes:
        number = self._next
        self._next += 1
        return frame({"type": kind, **fields, "sequence_number": number}, name=kind)


def frames_of(body: Json) -> Iterator[bytes]:
    """Yield a reply as events, from `response.created` to the one that ends it."""
    write = _Numbered()
    begun = _begun(body)
    yield write.event("response.created", response=begun)
    yield write.event("response.in_progress", response=begun)
    yield from _rest(write, body)


class ResponsesOpening:
    """A stream that begins before its reply is there.

    Args:
        body: Of a reply that says nothing; the one that comes gets its id and time.
        makes: Where ids and times come from.
    """

    def __init__(self, body: Json, makes: Makes) -> None:
        self._body = _begun(body)
        self._makes = makes
        self._write = _Numbered()

    @property
    def continued(self) -> str:
        """The response's id."""
        return field(self._body, "id")

    def start(self) -> bytes:
        """Return `response.created` and `response.in_progress`."""
        return self._write.event("response.created", response=self._body) + self.ping()

    def ping(self) -> bytes:
        """Return `response.in_progress` once more."""
        return self._write.event("response.in_progress", response=self._body)

    def frames(self, turn: Turn) -> Iterator[bytes]:
        """Yield the reply's items, and its end, under the id of this stream."""
        known = {key: self._body[key] for key in ("id", "created_at")}
        return _rest(self._write, turn.body | known)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the events at which clients raise the error."""
        return _failed(self._write, status, text, self._body)


def _begun(body: Json) -> Json:
    opened: Json = {"status": "in_progress", "output": []}
    silent: Json = {"usage": None, "incomplete_details": None}
    return without(body, "completed_at", "output_text") | opened | silent


def _rest(write: _Numbered, body: Json) -> Iterator[bytes]:
    for at, item in enumerate(objects(body.get("output"))):
        yield from _item(write, item, at)
    status = "incomplete" if field(body, "status") == "incomplete" else "completed"
    yield write.event(f"response.{status}", response={**body, "status": status})


def _item(write: _Numbered, item: Json, at: int) -> Iterator[bytes]:
    kind = field(item, "type")
    started = {**item, "status": "in_progress"} if "status" in item else dict(item)
    match kind:
        case "message":
            started["content"] = []
            middle = _message(write, item, at)
        case "reasoning":
            started["summary"] = []
            if item.get("content") is not None:
                started["content"] = []
            middle = _reasoning(write, item, at)
        case "function_call" | "custom_tool_call":
            started[_CALLS[kind][0]] = ""
            middle = _call(write, item, at)
        case _:
            middle = iter(())
    yield write.event("response.output_item.added", output_index=at, item=started)
    yield from middle
    yield write.event("response.output_item.done", output_index=at, item=item)


def _message(write: _Numbered, item: Json, at: int) -> Iterator[bytes]:
    for index, part in enumerate(objects(item.get("content"))):
        where: Json = {"item_id": item.get("id"), "output_index": at, "content_index": index}
        match part.get("type"):
            case "output_text":
                yield from _text(write, part, where)
            case "refusal":
                words = field(part, "refusal")
                empty = {**part, "refusal": ""}
                yield write.event("response.content_part.added", **where, part=empty)
                for piece in pieces(words):
                    yield write.event("response.refusal.delta", **where, delta=piece)
                yield write.event("response.refusal.done", **where, refusal=words)
                yield write.event("response.content_part.done", **where, part=part)
            case _:
                yield write.event("response.content_part.added", **where, part=part)
                yield write.event("response.content_part.done", **where, part=part)


def _text(write: _Numbered, part: Json, where: Mapping[str, Any]) -> Iterator[bytes]:
    words = field(part, "text")
    logprobs = objects(part.get("logprobs"))
    empty: Json = {**part, "text": "", "annotations": [], "logprobs": []}
    yield write.event("response.content_part.added", **where, part=empty)
    first = logprobs
    for piece in pieces(words):
        yield write.event("response.output_text.delta", **where, delta=piece, logprobs=first)
        first = []
    for index, note in enumerate(objects(part.get("annotations"))):
        kind = "response.output_text.annotation.added"
        yield write.event(kind, **where, annotation_index=index, annotation=note)
    yield write.event("response.output_text.done", **where, text=words, logprobs=logprobs)
    yield write.event("response.content_part.done", **where, part=part)


def _reasoning(write: _Numbered, item: Json, at: int) -> Iterator[bytes]:
    of: Json = {"item_id": item.get("id"), "output_index": at}
    for index, part in enumerate(objects(item.get("summary"))):
        where = {**of, "summary_index": index}
        words, empty = field(part, "text"), {**part, "text": ""}
        yield write.event("response.reasoning_summary_part.added", **where, part=empty)
        for piece in pieces(words):
            yield write.event("response.reasoning_summary_text.delta", **where, delta=piece)
        yield write.event("response.reasoning_summary_text.done", **where, text=words)
        yield write.event("response.reasoning_summary_part.done", **where, part=part)
    for index, part in enumerate(objects(item.get("content"))):
        where = {**of, "content_index": index}
        words, empty = field(part, "text"), {**part, "text": ""}
        yield write.event("response.content_part.added", **where, part=empty)
        for piece in pieces(words):
            yield write.event("response.reasoning_text.delta", **where, delta=piece)
        yield write.event("response.reasoning_text.done", **where, text=words)
        yield write.event("response.content_part.done", **where, part=part)


def _call(write: _Numbered, item: Json, at: int) -> Iterator[bytes]:
    key, name = _CALLS[field(item, "type")]
    where: Json = {"item_id": field(item, "id") or field(item, "call_id"), "output_index": at}
    for piece in pieces(field(item, key)):
        yield write.event(f"{name}.delta", **where, delta=piece)
    whole: Json = {key: field(item, key)}
    if key == "arguments":
        whole["name"] = field(item, "name")
    yield write.event(f"{name}.done", **where, **whole)


def failed_frames(status: int, text: str, makes: Makes) -> bytes:
    """Return the events of a failure.

    The SDKs raise at the first, which holds an `error`; other clients wait for a response that
    failed, and hear of it in the second.
    """
    opened: Json = {
        "id": makes.fresh("resp_"),
        "object": "response",
        "created_at": int(makes.now()),
    }
    return _failed(_Numbered(), status, text, opened)


def _failed(write: _Numbered, status: int, text: str, opened: Json) -> bytes:
    error = an_object(openai_error(status, text)["error"])
    code = error["code"]
    known = code if code in {"rate_limit_exceeded", "invalid_prompt"} else "server_error"
    told: Json = {"status": "failed", "error": {"code": known, "message": text}, "output": []}
    return write.event("error", code=code, message=text, param=None, error=error) + write.event(
        "response.failed", response=opened | told
    )
