"""The stream of Anthropic's messages: events into a message, and a message into events."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from guardrails.sidecar.proxy.wire.base import Json, Turn, WireError
from guardrails.sidecar.proxy.wire.deltas import joined
from guardrails.sidecar.proxy.wire.fields import (
    an_object,
    as_json,
    field,
    number,
    objects,
    told,
    without,
)
from guardrails.sidecar.proxy.wire.made import anthropic_error
from guardrails.sidecar.proxy.wire.sse import data_object, frame, pieces

INVALID: Final = "INVALID_JSON"
"""Holds what a model wrote in place of a JSON object, cut off or broken. Anthropic's guide to fine
grained tool streaming names this key for handing such text back."""

_TYPED: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Blocks whose input comes in pieces."""
_GROWING: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


class AnthropicReader:
    """Puts events together."""

    def __init__(self) -> None:
        self._message: Json | None = None
        self._blocks: dict[int, _Block] = {}
        self._done = False

    def feed(self, event: str, data: str) -> None:
        """Take one event.

        Raises:
            WireError: It is none, or tells that the server failed.
        """
        if event == "ping" or not data.strip():
            return
        fields = data_object(data)
        kind = field(fields, "type") or event
        at = number(fields, "index")
        match kind:
            case "error":
                raise WireError(f"The model server failed: {told(fields)}")
            case "message_start":
                self._message = an_object(fields.get("message"))
            case "content_block_start":
                self._blocks[at] = _Block(an_object(fields.get("content_block")))
            case "content_block_delta":
                if at not in self._blocks:
                    raise WireError(f"The model server goes on with a block {at} it never began.")
                self._blocks[at].add(an_object(fields.get("delta")))
            case "message_delta":
                self._end(fields)
            case "message_stop":
                self._done = True
            case _:
                pass  # `ping`, the end of a block, and what is new

    def body(self) -> Json:
        """Return the message.

        Raises:
            WireError: The stream ended before the message did.
        """
        if self._message is None:
            raise WireError("The model server's stream ended before its message began.")
        if not self._done and not self._message.get("stop_reason"):
            raise WireError("The model server's stream ended in the middle of its message.")
        content = [self._blocks[at].whole() for at in sorted(self._blocks)]
        return {**self._message, "content": content}

    def _end(self, fields: Json) -> None:
        if self._message is None:
            raise WireError("The model server ends a message that it never began.")
        usage = {k: v for k, v in an_object(fields.get("usage")).items() if v is not None}
        spent = an_object(self._message.get("usage")) | usage
        delta = an_object(fields.get("delta"))
        known = {k: v for k, v in delta.items() if v is not None or k not in self._message}
        beside = without(fields, "type", "delta", "usage")
        self._message |= {**beside, **known, "usage": spent}


class _Block:
    def __init__(self, block: Json) -> None:
        self._block = block
        self._texts: dict[str, list[str]] = {}

    def add(self, delta: Json) -> None:
        kind = field(delta, "type")
        if kind in _GROWING:
            key = _GROWING[kind]
            self._texts.setdefault(key, []).append(field(delta, key))
        elif kind == "signature_delta":
            self._block["signature"] = field(delta, "signature")
        elif kind == "citations_delta":
            listed = objects(self._block.get("citations"))
            self._block["citations"] = [*listed, an_object(delta.get("citation"))]
        else:
            self._block = joined(self._block, without(delta, "type"))

    def whole(self) -> Json:
        found = dict(self._block)
        for key, parts in self._texts.items():
            text = "".join(parts)
            if key == "partial_json":
                found["input"] = _input(text) if text else found.get("input", {})
            else:
                found[key] = field(found, key) + text
        return found


def _input(text: str) -> Json:
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {INVALID: text}


def frames_of(body: Json) -> Iterator[bytes]:
    """Yield a message as events.

    Args:
        body: The message.
    """
    usage = an_object(body.get("usage"))
    opened: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
    start = without(body, "stop_details", "context_management") | opened
    start["usage"] = usage | {"output_tokens": 0}
    yield _event("message_start", message=start)
    yield _event("ping")
    yield from _rest(body)


class AnthropicOpening:
    """A stream that begins before its message is there.

    The counts of tokens come at the end, where clients take all of them from.

    Args:
        body: Of a message that says nothing; the one that comes gets its id.
    """

    def __init__(self, body: Json) -> None:
        self._body = body

    @property
    def continued(self) -> str:
        """Nothing: the agent sends the whole conversation."""
        return ""

    def start(self) -> bytes:
        """Return `message_start` and a ping."""
        opened: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
        message = without(self._body, "stop_details") | opened
        return _event("message_start", message=message) + self.ping()

    def ping(self) -> bytes:
        """Return the format's own event for it."""
        return _event("ping")

    def frames(self, turn: Turn) -> Iterator[bytes]:
        """Yield the message's blocks, and its end."""
        return _rest(turn.body)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the event at which clients raise the error."""
        return frame(anthropic_error(status, text), name="error")


def _rest(body: Json) -> Iterator[bytes]:
    usage = an_object(body.get("usage"))
    for at, block in enumerate(objects(body.get("content"))):
        yield from _block(block, at)
    ended = {"stop_reason", "stop_sequence", "stop_details", "container"} & body.keys()
    delta: Json = {"stop_reason": None, "stop_sequence": None} | {key: body[key] for key in ended}
    beside = {key: body[key] for key in ("context_management",) if key in body}
    spent = without(usage, "service_tier", "cache_creation", "inference_geo")
    yield _event("message_delta", delta=delta, usage={"output_tokens": 0} | spent, **beside)
    yield _event("message_stop")


def _event(kind: str, **fields: object) -> bytes:
    return frame({"type": kind, **fields}, name=kind)


def _block(block: Json, at: int) -> Iterator[bytes]:
    started, deltas = _deltas(block)
    yield _event("content_block_start", index=at, content_block=started)
    for delta in deltas:
        yield _event("content_block_delta", index=at, delta=delta)
    yield _event("content_block_stop", index=at)


def _deltas(block: Json) -> tuple[Json, list[Json]]:
    """Return how a block begins, and what follows."""
    kind = field(block, "type")
    if kind == "text":
        words = [{"type": "text_delta", "text": one} for one in pieces(field(block, "text"))]
        notes = [
            {"type": "citations_delta", "citation": one} for one in objects(block.get("citations"))
        ]
        started = {**block, "text": ""}
        return (started | {"citations": []}) if notes else started, [*words, *notes]
    if kind == "thinking":
        thought = field(block, "thinking")
        said = [{"type": "thinking_delta", "thinking": one} for one in pieces(thought)]
        signed = {"type": "signature_delta", "signature": field(block, "signature")}
        return {**block, "thinking": "", "signature": ""}, [*said, signed]
    if kind in _TYPED:
        given = an_object(block.get("input"))
        text = field(given, INVALID) if list(given) == [INVALID] else as_json(given)
        typed = [{"type": "input_json_delta", "partial_json": one} for one in ["", *pieces(text)]]
        return {**block, "input": {}}, typed
    return block, []
