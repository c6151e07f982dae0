"""OpenAI's chat completions, and the many servers that speak them with small differences.

Servers leave out ids of calls, give arguments as objects, put thought into `reasoning_content` or
`reasoning`, end a turn of calls with `stop`: what the agent would stumble over is mended, the rest
is passed on.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from guardrails.core.events import Usage
from guardrails.hygiene.messages import Call, Message
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.sidecar.proxy.wire.base import NOTHING, Asked, Before, Json, Result, Turn, WireError
from guardrails.sidecar.proxy.wire.calls import ending, ids_for, kept_of
from guardrails.sidecar.proxy.wire.chat_stream import ChatOpening, ChatReader, frames_of
from guardrails.sidecar.proxy.wire.chat_tools import kind_of, offered, with_tools
from guardrails.sidecar.proxy.wire.fields import (
    an_object,
    as_json,
    conversation,
    field,
    number,
    objects,
    sound,
    told,
    without,
)
from guardrails.sidecar.proxy.wire.made import Makes, openai_error
from guardrails.sidecar.proxy.wire.sse import COMMENT, frame

_SHAPE: Final = OpenAIShape()
_THOUGHT: Final = ("reasoning_content", "reasoning", "reasoning_details")
_LEGACY: Final = "is not supported behind the guard: offer `tools` and answer with `tool` messages."


@dataclasses.dataclass(frozen=True, slots=True)
class Chat:
    """`/v1/chat/completions`."""

    makes: Makes = dataclasses.field(default_factory=Makes)

    @property
    def name(self) -> str:
        """`chat`."""
        return "chat"

    @property
    def listing(self) -> str:
        """`messages`."""
        return "messages"

    def asked(self, body: Json, *, before: Before = NOTHING) -> Asked:
        """Read a request.

        Raises:
            WireError: It is none, or uses functions as they were before tools.
        """
        items = conversation(body.get("messages"), "messages", roles=True, before=before)
        if not items:
            raise WireError("`messages` must hold at least one message.")
        if not field(body, "model"):
            raise WireError("`model` must name a model.")
        for name in ("functions", "function_call"):
            if body.get(name):
                raise WireError(f"`{name}` {_LEGACY}")
        same = before.shared(items)
        for at, item in enumerate(items[same:], same):
            if item.get("function_call") or item.get("role") == "function":
                raise WireError(f"A function call in `messages[{at}]` {_LEGACY}")
        shape = field(an_object(body.get("response_format")), "type")
        return Asked(
            raw=body,
            items=items,
            messages=(*before.up_to(same), *_SHAPE.read(items, start=same)),
            tools=tuple(offered(body)),
            model=field(body, "model"),
            stream=body.get("stream") is True,
            structured=shape in {"json_schema", "json_object"},
            parallel=body.get("parallel_tool_calls") is not False,
            choices=max(1, number(body, "n")),
        )

    def read(self, items: Sequence[Json]) -> tuple[Message, ...]:
        """Return items in the form that hygiene works on."""
        return _SHAPE.read(items)

    def write(
        self, items: Sequence[Json], kept: Sequence[Message], *, known: Sequence[Message] = ()
    ) -> list[Json]:
        """Return what hygiene left of items, in this format."""
        return _SHAPE.write(items, kept, known=known)

    def request(
        self, asked: Asked, items: Sequence[Json], *, stream: bool, tools: frozenset[str] | None
    ) -> Json:
        """Return the body that goes upstream; see `Wire.request`."""
        body = {**asked.raw, "messages": list(items)}
        options = an_object(body.pop("stream_options", None))
        if stream:
            body |= {"stream": True, "stream_options": {**options, "include_usage": True}}
        elif "stream" in body:
            body["stream"] = False
        return body if tools is None else with_tools(body, tools)

    def items(self, turn: Turn) -> list[Json]:
        """Return a turn as one assistant message.

        Thought goes back with calls, where DeepSeek's models need it, and never without, where
        their API refuses it.
        """
        message = without(_message(turn.body), "annotations")
        if not turn.calls:
            message = without(message, *_THOUGHT)
        if message.get("audio"):
            message["audio"] = {"id": field(an_object(message["audio"]), "id")}
        return [{key: one for key, one in message.items() if one is not None or key == "content"}]

    def answers(
        self, results: Sequence[Result], *, note: str = "", turn: Turn | None = None
    ) -> list[Json]:
        """Return a `tool` message per result, and the note as the user's."""
        del turn  # every kind of call is answered alike
        found: list[Json] = [
            {"role": "tool", "tool_call_id": result.call.call_id, "content": result.text}
            for result in results
        ]
        return [*found, {"role": "user", "content": note}] if note else found

    def turn(self, body: Json) -> Turn:
        """Read a reply.

        Raises:
            WireError: It is none.
        """
        if body.get("error"):
            raise WireError(f"The model server failed: {told(body)}")
        choices = objects(body.get("choices"))
        if not choices or not isinstance(choices[0].get("message"), Mapping):
            raise WireError("The model server's reply has no `choices[0].message`.")
        message = an_object(choices[0]["message"])
        sound(message, "choices[0].message")
        if message.get("function_call"):
            raise WireError(f"A `function_call` in the model server's reply {_LEGACY}")
        listed = objects(message.get("tool_calls"))
        if listed:
            message["tool_calls"] = self._mended(listed)
        choices[0]["message"] = message
        return _turn({**body, "choices": choices})

    def reader(self) -> ChatReader:
        """Return what puts a stream together."""
        return ChatReader()

    def changed(
        self, turn: Turn, *, text: str | None = None, calls: Iterable[str] | None = None
    ) -> Turn:
        """Return a turn that says something else, or has fewer calls, and ends accordingly."""
        kept = kept_of(turn, calls)
        message = _message(turn.body)
        left = [call for call in objects(message.get("tool_calls")) if field(call, "id") in kept]
        fewer = len(left) < len(turn.calls)
        if text is None and not fewer:
            return turn
        message = without(message, "tool_calls") | ({"tool_calls": left} if left else {})
        choice = an_object(objects(turn.body["choices"])[0])
        finish: object = choice.get("finish_reason")
        if text is not None:
            # What was said about the old words is not true of the new ones.
            message = without(message, "annotations", "audio") | {"content": text or None}
            if "refusal" in message:
                message["refusal"] = None
            if "logprobs" in choice:
                choice["logprobs"] = None
            finish = "tool_calls" if left else "stop"
        elif not left and finish in {"tool_calls", "function_call"}:
            finish = "stop"
        return _turn(
            _with_choice(turn.body, {**choice, "message": message, "finish_reason": finish})
        )

    def rewritten(self, turn: Turn, calls: Mapping[str, str]) -> Turn:
        """Return a turn whose calls have other arguments."""
        kept_of(turn, calls)
        message = _message(turn.body)
        message["tool_calls"] = [
            _with_arguments(call, calls.get(field(call, "id")))
            for call in objects(message.get("tool_calls"))
        ]
        choice = an_object(objects(turn.body["choices"])[0])
        return _turn(_with_choice(turn.body, {**choice, "message": message}))

    def said(self, asked: Asked, text: str, *, usage: Usage | None = None) -> Turn:
        """Return a turn that the proxy says itself.

        To an agent that waits for JSON of its schema it is a refusal, which the format has a field
        for: parsers hand that out as such and do not break on the prose.
        """
        spent = usage or Usage()
        content: Json = (
            {"content": None, "refusal": text}
            if asked.structured
            else {
                "content": text,
                "refusal": None,
            }
        )
        return _turn(
            {
                "id": self.makes.fresh("chatcmpl-"),
                "object": "chat.completion",
                "created": int(self.makes.now()),
                "model": asked.model,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", **content},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": spent.input_tokens,
                    "completion_tokens": spent.output_tokens,
                    "total_tokens": spent.input_tokens + spent.output_tokens,
                },
            }
        )

    def frames(self, turn: Turn, *, asked: Asked) -> Iterator[bytes]:
        """Yield a turn as chunks; with usage only if the agent asked for it."""
        return frames_of(turn.body, usage=_with_usage(asked))

    def opening(self, asked: Asked) -> ChatOpening:
        """Return the beginning of a stream whose reply is not there yet."""
        return ChatOpening(self.said(asked, "").body, usage=_with_usage(asked))

    def ping(self) -> bytes:
        """Return a comment."""
        return COMMENT

    def failed(self, status: int, text: str) -> Json:
        """Return the body of an error."""
        return openai_error(status, text)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the chunk at which clients raise the error."""
        return frame(openai_error(status, text))

    def _mended(self, calls: Sequence[Json]) -> list[Json]:
        ids = ids_for((field(call, "id") for call in calls), lambda: self.makes.fresh("call_"))
        return [_mended(call, call_id) for call, call_id in zip(calls, ids, strict=True)]


def _with_usage(asked: Asked) -> bool:
    return an_object(asked.raw.get("stream_options")).get("include_usage") is True


def _mended(call: Json, call_id: str) -> Json:
    kind = kind_of(call)
    inner = an_object(call.get(kind))
    key = "input" if kind == "custom" else "arguments"
    given: object = inner.get(key)
    if not isinstance(given, str):
        inner[key] = "" if given is None else as_json(given)
    return {**call, "id": call_id, "type": field(call, "type") or kind, kind: inner}


def _with_arguments(call: Json, arguments: str | None) -> Json:
    if arguments is None:
        return call
    kind = kind_of(call)
    key = "input" if kind == "custom" else "arguments"
    return {**call, kind: {**an_object(call.get(kind)), key: arguments}}


def _message(body: Json) -> Json:
    return an_object(objects(body["choices"])[0]["message"])


def _with_choice(body: Json, choice: Json) -> Json:
    return {**body, "choices": [choice, *objects(body["choices"])[1:]]}


def _turn(body: Json) -> Turn:
    choice = objects(body["choices"])[0]
    message = an_object(choice["message"])
    read = _SHAPE.read([message])[0]
    calls = tuple(_call(call) for call in objects(message.get("tool_calls")))
    refusal = field(message, "refusal")
    finish = ending(field(choice, "finish_reason"), calls=calls)
    spent = an_object(body.get("usage"))
    return Turn(
        body=body,
        text=read.text or refusal or field(an_object(message.get("audio")), "transcript"),
        reasoning=read.reasoning,
        calls=calls,
        usage=_usage(spent) if spent else None,
        finish="refusal" if refusal and finish == "stop" else finish,
        message_id=field(body, "id"),
        model=field(body, "model"),
    )


def _call(call: Json) -> Call:
    inner = an_object(call.get(kind_of(call)))
    arguments = field(inner, "input") if kind_of(call) == "custom" else field(inner, "arguments")
    return Call(
        call_id=field(call, "id"),
        tool=field(inner, "name"),
        arguments=arguments if kind_of(call) == "custom" else arguments or "{}",
    )


def _usage(spent: Json) -> Usage:
    return Usage(
        input_tokens=number(spent, "prompt_tokens"),
        output_tokens=number(spent, "completion_tokens"),
    )
