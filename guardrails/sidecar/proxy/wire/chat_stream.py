"""The stream of chat completions: chunks into a reply, and a reply into chunks.

Servers differ most here. Calls come in pieces by index or whole in one chunk, with the index left
out or 0 for all, with the name or id in every piece; the last chunk may lack a finish reason.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardrails.sidecar.proxy.wire.base import Json, Turn, WireError
from guardrails.sidecar.proxy.wire.deltas import joined
from guardrails.sidecar.proxy.wire.fields import an_object, as_json, field, objects, told, without
from guardrails.sidecar.proxy.wire.made import openai_error
from guardrails.sidecar.proxy.wire.sse import data_object, frame, pieces

DONE: Final = "[DONE]"
_GROWING: Final = ("reasoning_content", "reasoning", "content", "refusal")
"""Texts of a message that come in pieces, in the order in which they are said."""


class ChatReader:
    """Puts chunks together."""

    def __init__(self) -> None:
        self._top: Json = {}
        self._beside: Json = {}
        """What stood beside the choices of the last chunk: in most streams, the same in each."""
        self._choices: dict[int, _Choice] = {}
        self._done = False

    def feed(self, event: str, data: str) -> None:
        """Take one chunk.

        Raises:
            WireError: It is none, or tells that the server failed.
        """
        stripped = data.strip()
        if stripped == DONE:
            self._done = True
            return
        if not stripped:
            return
        chunk = data_object(data)
        if event == "error" or chunk.get("error"):
            raise WireError(f"The model server failed: {told(chunk)}")
        choices = objects(chunk.pop("choices", None))
        if chunk != self._beside:
            self._beside, top = chunk, self._top
            known = {key: one for key, one in chunk.items() if one is not None or key not in top}
            top |= without(known, "object", "obfuscation")
        for choice in choices:
            at: object = choice.get("index")
            index = at if isinstance(at, int) else 0
            self._choices.setdefault(index, _Choice(index)).add(choice)

    def body(self) -> Json:
        """Return the reply.

        Raises:
            WireError: The stream ended before the reply did.
        """
        if not self._choices:
            raise WireError("The model server's stream ended before it said anything.")
        if not self._done and not all(one.finished for one in self._choices.values()):
            raise WireError("The model server's stream ended in the middle of its reply.")
        choices = [self._choices[index].whole() for index in sorted(self._choices)]
        return {**self._top, "object": "chat.completion", "choices": choices}


class _Choice:
    def __init__(self, index: int) -> None:
        self._index = index
        self._rest: Json = {}
        self._message: Json = {"role": "assistant", "content": None}
        self._texts: dict[str, list[str]] = {}
        self._calls = _Calls()

    @property
    def finished(self) -> bool:
        return bool(self._rest.get("finish_reason"))

    def add(self, choice: Json) -> None:
        rest = without(choice, "index", "delta", "finish_reason")
        if rest:
            self._rest = joined(self._rest, rest)
        if choice.get("finish_reason"):
            self._rest["finish_reason"] = choice["finish_reason"]
        for key, value in an_object(choice.get("delta")).items():
            if key == "tool_calls":
                for call in objects(value):
                    self._calls.add(call)
            elif key in _GROWING and isinstance(value, str):
                self._texts.setdefault(key, []).append(value)
            elif key == "role":
                self._message["role"] = value or "assistant"
            else:
                self._message = joined(self._message, {key: value})

    def whole(self) -> Json:
        message = self._message | {key: "".join(parts) for key, parts in self._texts.items()}
        calls = self._calls.whole()
        if calls:
            message["tool_calls"] = calls
            message["content"] = message.get("content") or None
        finish: object = self._rest.get("finish_reason") or ("tool_calls" if calls else "stop")
        rest = without(self._rest, "finish_reason")
        return {"index": self._index, "message": message, **rest, "finish_reason": finish}


class _Calls:
    """The calls of a choice, as they come."""

    def __init__(self) -> None:
        self._calls: list[Json] = []
        self._texts: list[list[str]] = []
        self._by_index: dict[int, int] = {}
        """The place of the newest call with an index."""

    def add(self, delta: Json) -> None:
        place = self._place(delta)
        have = self._calls[place]
        kind = "custom" if isinstance(delta.get("custom"), Mapping) else "function"
        inner = an_object(delta.get(kind))
        key = "input" if kind == "custom" else "arguments"
        given: object = inner.get(key)
        if given is not None:
            self._texts[place].append(given if isinstance(given, str) else as_json(given))
            if len(inner) == 1 and kind in have and delta.keys() <= {"index", kind}:
                return  # nothing but more of its arguments, as in nearly all deltas
        named = an_object(have.get(kind))
        name, more = field(named, "name"), field(inner, "name")
        rest = joined(without(named, key), without(inner, key, "name"))
        found = joined(have, without(delta, kind, "index"))
        found[kind] = rest | {"name": name if more == name else name + more}
        self._calls[place] = found

    def whole(self) -> list[Json]:
        found: list[Json] = []
        for call, texts in zip(self._calls, self._texts, strict=True):
            kind = "custom" if "custom" in call else "function"
            key = "input" if kind == "custom" else "arguments"
            inner = an_object(call.get(kind)) | {key: "".join(texts)}
            found.append({**call, "type": field(call, "type") or kind, kind: inner})
        return found

    def _place(self, delta: Json) -> int:
        """Return where a delta belongs.

        One with another id begins another call, even at an index that is taken: some servers give
        every parallel call the index 0.
        """
        at: object = delta.get("index")
        given = field(delta, "id")
        if isinstance(at, int):
            place = self._by_index.get(at)
        elif given:
            same = (n for n, call in enumerate(self._calls) if field(call, "id") == given)
            place = next(same, None)
        else:
            place = len(self._calls) - 1 if self._calls else None
        if place is not None:
            have = field(self._calls[place], "id")
            if not given or not have or have == given:
                return place
        self._calls.append({})
        self._texts.append([])
        place = len(self._calls) - 1
        self._by_index[at if isinstance(at, int) else place] = place
        return place


def frames_of(body: Json, *, usage: bool) -> Iterator[bytes]:
    """Yield a reply as chunks, from the role to `[DONE]`.

    Args:
        body: Of a `chat.completion`.
        usage: Whether a chunk with the usage comes last.
    """
    yield from _chunks(body, _head(body, usage=usage), usage=usage)


class ChatOpening:
    """A stream that begins before its reply is there.

    Args:
        body: Of a reply that says nothing; the one that comes gets its id and time.
        usage: Whether a chunk with the usage comes last.
    """

    def __init__(self, body: Json, *, usage: bool) -> None:
        self._body = body
        self._usage = usage

    @property
    def continued(self) -> str:
        """Nothing: the agent sends the whole conversation."""
        return ""

    def start(self) -> bytes:
        """Return the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": None})

    def ping(self) -> bytes:
        """Return a chunk in which nothing is said."""
        return self._chunk({})

    def frames(self, turn: Turn) -> Iterator[bytes]:
        """Yield the reply's chunks under the id of this stream."""
        known = {key: self._body[key] for key in ("id", "created")}
        head = _head(turn.body | known, usage=self._usage)
        return _chunks(turn.body, head, usage=self._usage, begun=True)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the chunk at which clients raise the error."""
        return frame(openai_error(status, text))

    def _chunk(self, delta: Json) -> bytes:
        head = _head(self._body, usage=self._usage)
        return frame(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def _head(body: Json, *, usage: bool) -> Json:
    head = without(body, "choices", "usage", "object") | {"object": "chat.completion.chunk"}
    return head | {"usage": None} if usage else head


def _chunks(body: Json, head: Json, *, usage: bool, begun: bool = False) -> Iterator[bytes]:
    for choice in objects(body.get("choices")):
        index = choice.get("index", 0)
        # Clients join what comes twice, a role as well: it is not said again.
        for delta, beside in itertools.islice(_deltas(choice), int(begun), None):
            yield frame(head | {"choices": [{"index": index, "delta": delta, **beside}]})
    if usage:
        yield frame(head | {"choices": [], "usage": body.get("usage")})
    yield f"data: {DONE}\n\n".encode()


def _deltas(choice: Json) -> Iterator[tuple[Json, Json]]:
    """Yield deltas, each with what stands beside it in its choice."""
    message = an_object(choice.get("message"))
    opened: Json = {"finish_reason": None}
    logprobs: Json = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
    rest = without(choice, "index", "message", "finish_reason", "logprobs")
    unknown = without(message, "role", "tool_calls", *_GROWING)
    first: Json = {"role": message.get("role") or "assistant"}
    yield first | ({"content": ""} if isinstance(message.get("content"), str) else {}), opened
    for key in _GROWING:
        value: object = message.get(key)
        if isinstance(value, str):
            for piece in pieces(value):
                beside = opened | (logprobs if key in {"content", "refusal"} else {})
                logprobs = logprobs if key not in {"content", "refusal"} else {}
                yield {key: piece}, beside
        elif value is not None:
            yield {key: value}, opened  # parts, as some servers give them
    if any(value is not None for value in unknown.values()):
        yield {key: value for key, value in unknown.items() if value is not None}, opened
    for at, call in enumerate(objects(message.get("tool_calls"))):
        yield from ((delta, opened) for delta in _call_deltas(call, at))
    yield {}, rest | logprobs | {"finish_reason": choice.get("finish_reason")}


def _call_deltas(call: Json, at: int) -> Iterator[Json]:
    kind = "custom" if isinstance(call.get("custom"), Mapping) else "function"
    inner = an_object(call.get(kind))
    key = "input" if kind == "custom" else "arguments"
    opened: dict[str, Any] = {**call, "index": at, kind: inner | {key: ""}}
    yield {"tool_calls": [opened]}
    for piece in pieces(field(inner, key)):
        yield {"tool_calls": [{"index": at, kind: {key: piece}}]}
