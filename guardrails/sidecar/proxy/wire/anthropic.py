"""Anthropic's messages: blocks within two roles, the results of a turn together in one message.

Thought is signed and goes back as it came. Tools that the provider runs (`server_tool_use` and
their results) pass through and are no calls of the agent.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from guardrails.core.events import Usage
from guardrails.hygiene.messages import Call, Message
from guardrails.hygiene.shapes.anthropic import AnthropicShape
from guardrails.hygiene.shapes.blocks import JOINT, blocks_of, text_of
from guardrails.sidecar.proxy.wire.anthropic_stream import (
    INVALID,
    AnthropicOpening,
    AnthropicReader,
    frames_of,
)
from guardrails.sidecar.proxy.wire.anthropic_tools import offered, with_tools
from guardrails.sidecar.proxy.wire.base import NOTHING, Asked, Before, Json, Result, Turn, WireError
from guardrails.sidecar.proxy.wire.calls import ids_for, kept_of, the_object
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
from guardrails.sidecar.proxy.wire.made import Makes, anthropic_error
from guardrails.sidecar.proxy.wire.sse import frame

_SHAPE: Final = AnthropicShape()
_THOUGHT: Final = frozenset({"thinking", "redacted_thinking"})
_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "pause",
    "refusal": "refusal",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Anthropic:
    """`/v1/messages`."""

    makes: Makes = dataclasses.field(default_factory=Makes)

    @property
    def name(self) -> str:
        """`anthropic`."""
        return "anthropic"

    @property
    def listing(self) -> str:
        """`messages`."""
        return "messages"

    def asked(self, body: Json, *, before: Before = NOTHING) -> Asked:
        """Read a request.

        Raises:
            WireError: It is none.
        """
        items = conversation(body.get("messages"), "messages", roles=True, before=before)
        if not items:
            raise WireError("`messages` must hold at least one message.")
        if not field(body, "model"):
            raise WireError("`model` must name a model.")
        sound({"content": body.get("system")}, "system")
        same = before.shared(items)
        output = an_object(an_object(body.get("output_config")).get("format"))
        choice = an_object(body.get("tool_choice"))
        return Asked(
            raw=body,
            items=items,
            messages=(*before.up_to(same), *_SHAPE.read(items, start=same)),
            system=text_of(body.get("system")),
            tools=tuple(offered(body)),
            model=field(body, "model"),
            stream=body.get("stream") is True,
            structured=bool(output or body.get("output_format")),
            parallel=choice.get("disable_parallel_tool_use") is not True,
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
        """Return the body that goes upstream; usage always comes with a reply here."""
        body: Json = {**asked.raw, "messages": _in_turns(items)}
        if stream:
            body["stream"] = True
        elif "stream" in body:
            body["stream"] = False
        return body if tools is None else with_tools(body, tools)

    def items(self, turn: Turn) -> list[Json]:
        """Return a turn as one message, its thought as it came.

        A block of no text is left out, because the API refuses one; so is a turn without blocks.
        """
        blocks = [block for block in objects(turn.body.get("content")) if not _empty(block)]
        return [{"role": "assistant", "content": blocks}] if blocks else []

    def answers(
        self, results: Sequence[Result], *, note: str = "", turn: Turn | None = None
    ) -> list[Json]:
        """Return one message of the user: the results of a turn stand in one, words behind them."""
        blocks = objects(turn.body.get("content")) if turn is not None else []
        sets = {field(block, "id"): field(block, "toolset_name") for block in blocks}
        found: list[Json] = []
        for result in results:
            block: Json = {"type": "tool_result", "tool_use_id": result.call.call_id}
            if sets.get(result.call.call_id):
                block["toolset_name"] = sets[result.call.call_id]
            block["content"] = result.text
            found.append(block | ({"is_error": True} if result.error else {}))
        if note:
            found.append({"type": "text", "text": note})
        return [{"role": "user", "content": found}] if found else []

    def turn(self, body: Json) -> Turn:
        """Read a reply.

        Raises:
            WireError: It is none.
        """
        if body.get("error") or body.get("type") == "error":
            raise WireError(f"The model server failed: {told(body)}")
        if not isinstance(body.get("content"), list):
            raise WireError("The model server's reply has no `content`.")
        content = list(conversation(body["content"], "content"))
        given = (field(block, "id") for block in content if _is_call(block))
        ids = iter(ids_for(given, lambda: self.makes.fresh("toolu_")))
        mended = [{**block, "id": next(ids)} if _is_call(block) else block for block in content]
        return _turn({**body, "content": mended})

    def reader(self) -> AnthropicReader:
        """Return what puts a stream together."""
        return AnthropicReader()

    def changed(
        self, turn: Turn, *, text: str | None = None, calls: Iterable[str] | None = None
    ) -> Turn:
        """Return a turn that says something else, or has fewer calls, and ends accordingly."""
        kept = kept_of(turn, calls)
        if text is None and len(kept) == len(turn.calls):
            return turn
        content = [
            block
            for block in objects(turn.body["content"])
            if not _is_call(block) or field(block, "id") in kept
        ]
        stop: object = turn.body.get("stop_reason")
        if text is not None:
            content = _with_words(content, text)
            stop = "tool_use" if kept else "end_turn"
        elif not kept and stop == "tool_use":
            stop = "end_turn"
        body = {**turn.body, "content": content, "stop_reason": stop}
        if stop != turn.body.get("stop_reason"):
            body["stop_sequence"] = None
            body = without(body, "stop_details")
        return _turn(body)

    def rewritten(self, turn: Turn, calls: Mapping[str, str]) -> Turn:
        """Return a turn whose calls have other arguments.

        Raises:
            WireError: Arguments are no JSON object.
        """
        kept_of(turn, calls)
        content = [
            {**block, "input": the_object(calls[field(block, "id")], field(block, "id"))}
            if _is_call(block) and field(block, "id") in calls
            else block
            for block in objects(turn.body["content"])
        ]
        return _turn({**turn.body, "content": content})

    def said(self, asked: Asked, text: str, *, usage: Usage | None = None) -> Turn:
        """Return a turn that the proxy says itself.

        To an agent that waits for JSON of its schema it is a refusal with the text as its
        explanation: a parser would break on a block of prose.
        """
        spent = usage or Usage()
        words: Json = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
        if asked.structured:
            details = {"type": "refusal", "category": None, "explanation": text}
            words = {"content": [], "stop_reason": "refusal", "stop_details": details}
        return _turn(
            {
                "id": self.makes.fresh("msg_"),
                "type": "message",
                "role": "assistant",
                "model": asked.model,
                **words,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": spent.input_tokens,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": spent.output_tokens,
                },
            }
        )

    def frames(self, turn: Turn, *, asked: Asked) -> Iterator[bytes]:
        """Yield a turn as events, from `message_start` to `message_stop`."""
        del asked  # the stream of this format is the same for all
        return frames_of(turn.body)

    def opening(self, asked: Asked) -> AnthropicOpening:
        """Return the beginning of a stream whose message is not there yet."""
        return AnthropicOpening(self.said(asked, "").body)

    def ping(self) -> bytes:
        """Return the format's own event for it."""
        return frame({"type": "ping"}, name="ping")

    def failed(self, status: int, text: str) -> Json:
        """Return the body of an error."""
        return anthropic_error(status, text)

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the event at which clients raise the error."""
        return frame(anthropic_error(status, text), name="error")


def _turn(body: Json) -> Turn:
    content = objects(body["content"])
    calls = tuple(_call(block) for block in content if _is_call(block))
    stop = field(body, "stop_reason")
    explained = field(an_object(body.get("stop_details")), "explanation")
    spent = an_object(body.get("usage"))
    thought = [field(block, "thinking") for block in content if block.get("type") in _THOUGHT]
    finish = _FINISH.get(stop, stop) or "stop"
    return Turn(
        body=body,
        text=text_of(content) or explained,
        reasoning=JOINT.join(one for one in thought if one),
        calls=calls,
        usage=_usage(spent) if spent else None,
        finish="tool_calls" if calls and finish == "stop" else finish,
        message_id=field(body, "id"),
        model=field(body, "model"),
    )


def _usage(spent: Json) -> Usage:
    """Return what was read and written; what came from a cache was read too."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(
        input_tokens=sum(number(spent, name) for name in read),
        output_tokens=number(spent, "output_tokens"),
    )


def _is_call(block: Json) -> bool:
    return block.get("type") == "tool_use"


def _call(block: Json) -> Call:
    given = an_object(block.get("input"))
    broken = field(given, INVALID) if list(given) == [INVALID] else ""
    return Call(
        call_id=field(block, "id"), tool=field(block, "name"), arguments=broken or as_json(given)
    )


def _empty(block: Json) -> bool:
    return block.get("type") == "text" and not field(block, "text").strip()


def _with_words(content: Sequence[Json], text: str) -> list[Json]:
    """Return blocks that say something else, in the place of the first words or before calls."""
    words = [at for at, block in enumerate(content) if block.get("type") == "text"]
    calls = [at for at, block in enumerate(content) if _is_call(block)]
    place = next(iter(words or calls), len(content))
    found = [block for block in content[:place] if block.get("type") != "text"]
    if text:
        found.append({"type": "text", "text": text})
    return [*found, *(block for block in content[place:] if block.get("type") != "text")]


def _in_turns(items: Sequence[Json]) -> list[Json]:
    """Return messages with the results of each turn in one.

    The API looks for them in the one message behind the turn; results of ours and of the agent may
    come as two.
    """
    found: list[Json] = []
    for item in items:
        if found and _user(found[-1]) and _user(item) and (_results(found[-1]) or _results(item)):
            found[-1] = {**found[-1], "content": _joined(found[-1], item)}
        else:
            found.append(item)
    return found


def _joined(one: Json, other: Json) -> list[Json]:
    blocks = [*blocks_of(one.get("content")), *blocks_of(other.get("content"))]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    return [*results, *(block for block in blocks if block.get("type") != "tool_result")]


def _user(item: Json) -> bool:
    return item.get("role") == "user"


def _results(item: Json) -> bool:
    return any(block.get("type") == "tool_result" for block in blocks_of(item.get("content")))
