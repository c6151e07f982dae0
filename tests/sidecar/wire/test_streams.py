"""Streams into replies and back: nothing that matters is lost on the way."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.hygiene.messages import Call
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Json, Wire, WireError
from guardrails.sidecar.proxy.wire.sse import EventDecoder, frame

CHAT = WIRES["/v1/chat/completions"]
RESPONSES = WIRES["/v1/responses"]
ANTHROPIC = WIRES["/v1/messages"]
ASKED = {
    CHAT.name: {"stream_options": {"include_usage": True}, "messages": [{"role": "user"}]},
    RESPONSES.name: {"input": "x"},
    ANTHROPIC.name: {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9},
}
TEXT = st.text(max_size=400)
NAMES = st.text(min_size=1, max_size=12)
JSON: Any = st.dictionaries(NAMES, TEXT | st.integers(-9, 9) | st.booleans(), max_size=4)
USED = st.integers(0, 10**6)


def body_of(wire: Wire, data: bytes, cuts: Iterable[int] = ()) -> Json:
    decoder, reader, start = EventDecoder(), wire.reader(), 0
    for cut in [*sorted(cuts), len(data)]:
        for event in decoder.feed(data[start:cut]):
            reader.feed(event.name, event.data)
        start = cut
    for event in decoder.end():
        reader.feed(event.name, event.data)
    return reader.body()


def streamed(wire: Wire, body: Json) -> bytes:
    asked = wire.asked({"model": "m", **ASKED[wire.name]})
    return b"".join([wire.ping(), *wire.frames(wire.turn(body), asked=asked)])


def chunks(*given: Any, done: bool = True) -> bytes:
    found = [frame({"id": "c", "object": "chat.completion.chunk", **one}) for one in given]
    return b"".join(found) + (b"data: [DONE]\n\n" if done else b"")


def delta(*, finish: str | None = None, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


@st.composite
def chat_bodies(draw: st.DrawFn) -> Json:
    calls: list[Json] = []
    for at in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["function", "custom"]))
        key = "input" if kind == "custom" else "arguments"
        inner = {"name": draw(NAMES), key: draw(TEXT)}
        calls.append({"id": f"call_{at}", "type": kind, kind: inner})
    message: Json = {"role": "assistant", "content": draw(TEXT.filter(bool) | st.none())}
    if not calls and draw(st.booleans()):
        message["content"] = ""
    for key in ("reasoning_content", "refusal"):
        if draw(st.booleans()):
            message[key] = draw(TEXT.filter(bool))
    if draw(st.booleans()):
        message["provider_says"] = draw(JSON.filter(bool))
    if calls:
        message["tool_calls"] = calls
    finish = draw(st.sampled_from(["stop", "tool_calls", "length", "content_filter"]))
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": draw(USED), "completion_tokens": draw(USED)},
        "service_tier": "default",
    }


@st.composite
def responses_bodies(draw: st.DrawFn) -> Json:
    output: list[Json] = []
    for at in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call"]))
        item: Json = {"type": kind, "id": f"item_{at}"}
        if kind == "message":
            parts: list[Json] = [
                {"type": "output_text", "text": draw(TEXT), "annotations": []},
                {"type": "refusal", "refusal": draw(TEXT)},
                {"type": "future_part", "x": draw(JSON)},
            ]
            content = draw(st.lists(st.sampled_from(parts), max_size=2))
            item |= {"role": "assistant", "status": "completed", "content": content}
        elif kind == "reasoning":
            summary = [{"type": "summary_text", "text": draw(TEXT)}]
            item |= {"summary": draw(st.sampled_from([[], summary])), "encrypted_content": "e"}
        else:
            key = "input" if kind == "custom_tool_call" else "arguments"
            item |= {"call_id": f"call_{at}", "name": draw(NAMES), key: draw(TEXT)}
        output.append(item)
    output.append({"type": "hologram_call", "id": "h", "beams": draw(JSON)})
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": draw(st.sampled_from(["completed", "incomplete"])),
        "model": "m",
        "output": output,
        "usage": {"input_tokens": draw(USED), "output_tokens": draw(USED)},
        "new_field": draw(JSON),
    }


@st.composite
def anthropic_bodies(draw: st.DrawFn) -> Json:
    content: list[Json] = []
    for at in range(draw(st.integers(0, 4))):
        blocks: list[Json] = [
            {"type": "text", "text": draw(TEXT)},
            {"type": "text", "text": draw(TEXT), "citations": [{"type": "page", "n": 1}]},
            {"type": "thinking", "thinking": draw(TEXT), "signature": draw(NAMES)},
            {"type": "redacted_thinking", "data": draw(TEXT)},
            {"type": "tool_use", "id": f"t_{at}", "name": draw(NAMES), "input": draw(JSON)},
            {"type": "server_tool_use", "id": f"s_{at}", "name": "web", "input": draw(JSON)},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [draw(JSON)]},
            {"type": "hologram", "beams": draw(JSON)},
        ]
        content.append(draw(st.sampled_from(blocks)))
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": draw(st.sampled_from(["end_turn", "tool_use", "max_tokens", "pause_turn"])),
        "stop_sequence": draw(st.none() | NAMES),
        "usage": {
            "input_tokens": draw(USED),
            "output_tokens": draw(USED),
            "service_tier": "standard",
        },
        "container": draw(JSON),
    }


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(CHAT), chat_bodies()),
        st.tuples(st.just(RESPONSES), responses_bodies()),
        st.tuples(st.just(ANTHROPIC), anthropic_bodies()),
    ),
    st.lists(st.integers(0, 4000), max_size=8),
)
def test_a_reply_survives_its_own_stream(case, cuts) -> None:
    """Body to turn to frames to body gives what was there, wherever the bytes are cut."""
    wire, body = case
    turn = wire.turn(body)
    again = wire.turn(body_of(wire, streamed(wire, body), cuts))
    assert again == turn


@settings(max_examples=40, deadline=None)
@given(responses_bodies())
def test_deltas_of_a_response_add_up_to_its_items(body) -> None:
    """A client that never looks at the last event has read the same text and arguments."""
    said: dict[tuple[str, int], str] = {}
    decoder = EventDecoder()
    for event in decoder.feed(streamed(RESPONSES, body)):
        fields = msgspec.json.decode(event.data)
        if event.name.endswith(".delta"):
            key = (fields["item_id"], fields.get("content_index", fields.get("summary_index", 0)))
            said[key] = said.get(key, "") + fields["delta"]
    meant: dict[tuple[str, int], str] = {}
    for item in body["output"]:
        whole = item.get("arguments") or item.get("input")
        parts = item.get("content") or item.get("summary") or ([{"text": whole}] if whole else [])
        for at, part in enumerate(parts):
            text = part.get("text") or part.get("refusal")
            if text:
                meant[item["id"], at] = text
    assert said == meant


CLASSIC = chunks(
    delta(role="assistant", content=""),
    delta(content="I look."),
    delta(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"name": "get"}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '{"x":'}}]),
    delta(tool_calls=[{"index": 1, "id": "b", "type": "function", "function": {"name": "top"}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
    delta(finish="tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
)
WHOLE_CALLS_AT_INDEX_0 = chunks(
    delta(
        tool_calls=[
            {"index": 0, "id": "a", "function": {"name": "get", "arguments": '{"x":1}'}},
            {"index": 0, "id": "b", "function": {"name": "top", "arguments": ""}},
        ]
    ),
    delta(finish="stop"),
)
NO_INDEX = chunks(
    delta(tool_calls=[{"id": "a", "function": {"name": "get", "arguments": '{"x":'}}]),
    delta(tool_calls=[{"function": {"arguments": "1}"}}]),
    delta(tool_calls=[{"id": "b", "function": {"name": "top", "arguments": ""}}]),
)
REPEATED = chunks(
    delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "get", "arguments": ""}}]),
    delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "", "arguments": '{"x"'}}]),
    delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "get", "arguments": ":1}"}}]),
    delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "top", "arguments": {}}}]),
    delta(finish="tool_calls"),
    done=False,
)
AZURE = chunks(
    {"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "object": ""},
    delta(role="assistant"),
    delta(
        tool_calls=[{"index": 0, "id": "a", "function": {"name": "get", "arguments": '{"x":1}'}}]
    ),
    delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "top", "arguments": ""}}]),
    {"choices": [{"index": 0, "delta": {}, "content_filter_results": {"hate": {}}}]},
    delta(finish="tool_calls"),
)


@pytest.mark.parametrize(
    "data",
    [CLASSIC, WHOLE_CALLS_AT_INDEX_0, NO_INDEX, REPEATED, AZURE],
    ids=["classic", "index-0", "no-index", "repeated", "azure"],
)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=10))
def test_streams_of_many_chat_servers_give_the_same_two_calls(data, cuts) -> None:
    """However a server numbers and names its calls, and however the network cuts the bytes."""
    turn = CHAT.turn(body_of(CHAT, data, cuts))
    assert [(call.call_id, call.tool) for call in turn.calls] == [("a", "get"), ("b", "top")]
    assert turn.calls[0].arguments == '{"x":1}'
    assert turn.calls[1].arguments == "{}"
    assert turn.finish == "tool_calls"


def test_what_stands_beside_a_chat_reply_is_kept() -> None:
    """Usage and fields of one provider are in the body that the stream adds up to."""
    assert body_of(CHAT, CLASSIC)["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}
    azure = body_of(CHAT, AZURE)
    assert azure["prompt_filter_results"] == [{"prompt_index": 0}]
    assert azure["choices"][0]["content_filter_results"] == {"hate": {}}


def test_thought_of_open_models_is_read() -> None:
    """Deltas of `reasoning_content` add up to the thought of the turn."""
    data = chunks(
        delta(role="assistant", reasoning_content="The image "),
        delta(reasoning_content="is gone."),
        delta(content="Done.", finish="stop"),
    )
    turn = CHAT.turn(body_of(CHAT, data))
    assert (turn.reasoning, turn.text, turn.finish) == ("The image is gone.", "Done.", "stop")


ANTHROPIC_EVENTS: list[Json] = [
    {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 4}}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a"}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"command": "get'},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens"},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
]


def anthropic_stream(events: Iterable[Json]) -> bytes:
    return b"".join(frame(event, name=event["type"]) for event in events)


def test_arguments_that_were_cut_off_are_kept_as_they_were_written() -> None:
    """Half a JSON object is no object, and still reaches the guard and the agent."""
    body = body_of(ANTHROPIC, anthropic_stream(ANTHROPIC_EVENTS))
    turn = ANTHROPIC.turn(body)
    assert turn.calls == (Call(call_id="a", tool="", arguments='{"command": "get'),)
    assert turn.cut
    assert turn.usage is not None
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (4, 9)
    assert ANTHROPIC.turn(body_of(ANTHROPIC, streamed(ANTHROPIC, body))).calls == turn.calls


def test_a_response_whose_last_event_is_empty_is_put_together_from_its_items() -> None:
    """Servers that keep nothing send the items once, when each is done."""
    item = {"type": "function_call", "call_id": "a", "name": "get", "arguments": "{}"}
    data = b"".join(
        frame(event, name=event["type"])
        for event in (
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "r", "status": "completed"}},
        )
    )
    turn = RESPONSES.turn(body_of(RESPONSES, data))
    assert turn.calls == (Call(call_id="a", tool="get"),)


UNENDED = [
    (CHAT, chunks(delta(content="The cause"), done=False)),
    (CHAT, b""),
    (ANTHROPIC, anthropic_stream(ANTHROPIC_EVENTS[:4])),
    (ANTHROPIC, b""),
    (RESPONSES, frame({"type": "response.created", "response": {"id": "r"}})),
]


@pytest.mark.parametrize(("wire", "data"), UNENDED)
def test_a_stream_that_ends_early_is_no_reply(wire, data) -> None:
    """A connection that broke never passes for an answer."""
    with pytest.raises(WireError, match="stream ended"):
        body_of(wire, data)


@pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
def test_a_failure_within_a_stream_is_told_by_the_reader(wire) -> None:
    """What one proxy writes as a failure, another reads as one."""
    with pytest.raises(WireError, match="The model server failed: Too much"):
        body_of(wire, wire.failed_frame(429, "Too much"))
