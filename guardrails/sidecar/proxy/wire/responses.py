"""OpenAI's Responses: items in, items out, and a server that may keep the conversation.

Calls of tools that the provider runs stand among the output with their results; they pass through
and are no calls of the agent. A request that runs in the background is refused: nobody would guard
what comes of it.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from guardrails.core.events import Usage
from guardrails.hygiene.messages import Message
from guardrails.hygiene.shapes.responses import (
    ResponsesShape,
    call_of,
    followed,
    kind_of,
    with_arguments,
    with_words,
    without_thought,
)
from guardrails.hygiene.shapes.results import SILENT, result_item
from guardrails.sidecar.proxy.wire.base import NOTHING, Asked, Before, Json, Result, Turn, WireError
from guardrails.sidecar.proxy.wire.calls import ids_for, kept_of, the_object
from guardrails.sidecar.proxy.wire.fields import (
    an_object,
    conversation,
    field,
    objects,
    told,
    without,
)
from guardrails.sidecar.proxy.wire.made import Makes, openai_error
from guardrails.sidecar.proxy.wire.responses_stream import (
    ResponsesOpening,
    ResponsesReader,
    failed_frames,
    frames_of,
)
from guardrails.sidecar.proxy.wire.responses_tools import offered, with_tools
from guardrails.sidecar.proxy.wire.responses_turn import read_turn
from guardrails.sidecar.proxy.wire.sse import COMMENT

_SHAPE: Final = ResponsesShape()
_UNFINISHED: Final = frozenset({"queued", "in_progress", "cancelled", "failed"})
_PREFIXES: Final = {"message": "msg_", "reasoning": "rs_"}
"""Kinds whose id every client relies on."""
_ECHOED: Final = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "reasoning",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
)
"""What a server repeats of the request in its reply."""


@dataclasses.dataclass(frozen=True, slots=True)
class Responses:
    """`/v1/responses`."""

    makes: Makes = dataclasses.field(default_factory=Makes)

    @property
    def name(self) -> str:
        """`responses`."""
        return "responses"

    @property
    def listing(self) -> str:
        """`input`."""
        return "input"

    def asked(self, body: Json, *, before: Before = NOTHING) -> Asked:
        """Read a request.

        Raises:
            WireError: It is none, or would run in the background.
        """
        if body.get("background"):
            raise WireError("`background` is not supported behind the guard: ask without it.")
        items = _input(body, before)
        kept = body.get("conversation")
        whole = kept if isinstance(kept, str) else field(an_object(kept), "id")
        shape = field(an_object(an_object(body.get("text")).get("format")), "type")
        return Asked(
            raw=body,
            items=items,
            messages=self.read(items),
            system=field(body, "instructions"),
            tools=tuple(offered(body)),
            model=field(body, "model"),
            stream=body.get("stream") is True,
            structured=shape in {"json_schema", "json_object"},
            parallel=body.get("parallel_tool_calls") is not False,
            previous=field(body, "previous_response_id") or whole,
        )

    def read(self, items: Sequence[Json]) -> tuple[Message, ...]:
        """Return items in the form that hygiene works on."""
        return _SHAPE.read(items)

    def write(
        self, items: Sequence[Json], kept: Sequence[Message], *, known: Sequence[Message] = ()
    ) -> list[Json]:
        """Return what hygiene left of items, in this format."""
        del known  # a turn is several items here, so they are read once more
        return _SHAPE.write(items, kept)

    def request(
        self, asked: Asked, items: Sequence[Json], *, stream: bool, tools: frozenset[str] | None
    ) -> Json:
        """Return the body that goes upstream; usage always comes with a reply here."""
        body = dict(asked.raw)
        if tuple(items) != asked.items:
            body["input"] = list(items)
        if stream:
            body["stream"] = True
        else:
            body = without(body, "stream_options") | ({"stream": False} if "stream" in body else {})
        return body if tools is None else with_tools(body, tools)

    def items(self, turn: Turn) -> list[Json]:
        """Return a turn as items.

        Thought that its server does not keep and did not encrypt cannot be sent back: the server
        would look for it in vain.
        """
        output = objects(turn.body.get("output"))
        kept = turn.body.get("store") is not False
        thought = [item for item in output if kind_of(item) == "reasoning"]
        if not kept and not all(item.get("encrypted_content") for item in thought):
            output = without_thought(output)
        return [
            {key: one for key, one in item.items() if one is not None}
            if kind_of(item) == "reasoning"
            else item
            for item in followed(output)
        ]

    def answers(
        self, results: Sequence[Result], *, note: str = "", turn: Turn | None = None
    ) -> list[Json]:
        """Return a result per call in the form of its kind, and the note as the user's."""
        output = objects(turn.body.get("output")) if turn is not None else []
        kinds = {call.call_id: kind_of(item) for item in output if (call := call_of(item))}
        found: list[Json] = []
        words: list[str] = []
        for result in results:
            kind = kinds.get(result.call.call_id, "function_call")
            found.append(result_item(kind, result.call.call_id, result.text, error=result.error))
            if kind in SILENT:
                words.append(result.text)
        said = "\n\n".join([*words, note] if note else words)
        if said:
            content = [{"type": "input_text", "text": said}]
            found.append({"type": "message", "role": "user", "content": content})
        return found

    def turn(self, body: Json) -> Turn:
        """Read a reply.

        Raises:
            WireError: It is none, or is not done.
        """
        if body.get("error"):
            raise WireError(f"The model server failed: {told(body)}")
        status = field(body, "status")
        if status in _UNFINISHED:
            raise WireError(f"The model server's reply is {status}, and only a whole one is read.")
        if not isinstance(body.get("output"), list):
            raise WireError("The model server's reply has no `output`.")
        output = conversation(body["output"], "output")
        return read_turn({**body, "output": self._mended(output)})

    def reader(self) -> ResponsesReader:
        """Return what puts a stream together."""
        return ResponsesReader()

    def changed(
        self, turn: Turn, *, text: str | None = None, calls: Iterable[str] | None = None
    ) -> Turn:
        """Return a turn that says something else, or has fewer calls, and ends accordingly."""
        kept = kept_of(turn, calls)
        if text is None and len(kept) == len(turn.calls):
            return turn
        ours = {call.call_id for call in turn.calls}
        output = [
            item
            for item in objects(turn.body["output"])
            if (call := call_of(item)) is None or call.call_id not in ours - kept
        ]
        body = without(turn.body, "output_text")
        if text is not None:
            output = [self._as_output(item) for item in with_words(output, text)]
            body |= {"status": "completed", "incomplete_details": None}
        return read_turn({**body, "output": followed(output)})

    def rewritten(self, turn: Turn, calls: Mapping[str, str]) -> Turn:
        """Return a turn whose calls have other arguments.

        Raises:
            WireError: A kind of call needs an object, and is given none.
        """
        kept_of(turn, calls)
        output = [_rewritten(item, calls) for item in objects(turn.body["output"])]
        return read_turn({**turn.body, "output": output})

    def said(self, asked: Asked, text: str, *, usage: Usage | None = None) -> Turn:
        """Return a turn that the proxy says itself; where JSON was asked for, as a refusal."""
        spent = usage or Usage()
        part: Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        if asked.structured:
            part = {"type": "refusal", "refusal": text}
        now = int(self.makes.now())
        defaults: Json = {"metadata": {}, "tool_choice": "auto", "tools": [], "instructions": None}
        body: Json = {
            "id": self.makes.fresh("resp_"),
            "object": "response",
            "created_at": now,
            "completed_at": now,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            **defaults,
            **{key: asked.raw[key] for key in _ECHOED if key in asked.raw},
            "model": asked.model,
            "parallel_tool_calls": asked.parallel,
            "output": [
                {
                    "type": "message",
                    "id": self.makes.fresh("msg_"),
                    "status": "completed",
                    "role": "assistant",
                    "content": [part],
                }
            ],
            "usage": {
                "input_tokens": spent.input_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": spent.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": spent.input_tokens + spent.output_tokens,
            },
        }
        return read_turn(body)

    def frames(self, turn: Turn, *, asked: Asked) -> Iterator[bytes]:
        """Yield a turn as events, numbered from 0."""
        del asked  # the stream of this format is the same for all
        return frames_of(turn.body)

    def opening(self, asked: Asked) -> ResponsesOpening:
        """Return the beginning of a stream whose reply is not there yet."""
        return ResponsesOpening(self.said(asked, "").body, self.makes)

    def ping(self) -> bytes:
        """Return a comment: clients' helpers take no event before the first."""
        return COMMENT

    def failed(self, status: int, text: str) -> Json:
        """Return the body of an error."""
        return openai_error(status, text)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the events at which clients raise the error."""
        return failed_frames(status, text, self.makes)

    def _mended(self, output: Sequence[Json]) -> list[Json]:
        """Fill in what clients rely on and small servers leave out."""
        calls = [item for item in output if _needs_call_id(item)]
        given = (field(item, "call_id") or field(item, "id") for item in calls)
        ids = iter(ids_for(given, lambda: self.makes.fresh("call_")))
        return [
            self._as_output({**item, "call_id": next(ids)} if _needs_call_id(item) else item)
            for item in output
        ]

    def _as_output(self, item: Json) -> Json:
        prefix = _PREFIXES.get(kind_of(item))
        found = (
            item if prefix is None or item.get("id") else {**item, "id": self.makes.fresh(prefix)}
        )
        if kind_of(item) != "message":
            return found
        content = found.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        parts = [_part(part) for part in objects(content)]
        return {"status": "completed", **found, "type": "message", "content": parts}


def _part(part: Json) -> Json:
    return {"annotations": [], **part} if part.get("type") == "output_text" else part


def _needs_call_id(item: Json) -> bool:
    return kind_of(item) in {"function_call", "custom_tool_call"}


def _input(body: Json, before: Before) -> tuple[Json, ...]:
    given: object = body.get("input")
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": given},)
    if given is not None:
        return conversation(given, "input", before=before)
    if any(body.get(name) for name in ("prompt", "previous_response_id", "conversation")):
        return ()
    raise WireError("`input` must be a text or a list of items.")


def _rewritten(item: Json, calls: Mapping[str, str]) -> Json:
    call = call_of(item)
    if call is None or call.call_id not in calls:
        return item
    arguments = calls[call.call_id]
    if kind_of(item) != "custom_tool_call":
        the_object(arguments, call.call_id)
    return with_arguments(item, arguments)
