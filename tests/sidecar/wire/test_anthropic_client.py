"""Anthropic's own client reads what the wire writes: whole, streamed, and through its helpers."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

LONG = "The cart pods cannot pull their image, because the tag was removed. " * 9
USER: Any = [{"role": "user", "content": "cart is down"}]
TOOLS: Any = [{"name": "kubectl", "input_schema": {"type": "object", "properties": {}}}]
THOUGHT = {"type": "thinking", "thinking": "The image looks wrong. " * 20, "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CITED = {
    "type": "text",
    "text": LONG,
    "citations": [
        {
            "type": "char_location",
            "cited_text": "tag",
            "document_index": 0,
            "document_title": "t",
            "start_char_index": 0,
            "end_char_index": 3,
        }
    ],
}
CALL = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "kubectl",
    "input": {"command": "get pods", "namespace": "shop"},
}
EMPTY_CALL = {"type": "tool_use", "id": "toolu_2", "name": "kubectl", "input": {}}


class Cause(BaseModel):
    """What an agent with a schema answers."""

    workload: str
    reason: str


@pytest.fixture
def client(server) -> Iterator[anthropic.Anthropic]:
    """Return the client, against the loopback server."""
    with anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0, timeout=20) as found:
        yield found


def reply(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": list(content),
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 4,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 2,
            "output_tokens": 9,
        },
        **fields,
    }


def ask(client: anthropic.Anthropic, **more: Any) -> Any:
    return client.messages.create(model="m", max_tokens=99, messages=USER, tools=TOOLS, **more)


def test_a_message_reads_as_it_was_said(server, client) -> None:
    """A client that does not stream gets every block and the usage with its caches."""
    server.replies = [reply(THOUGHT, HIDDEN, SEARCH, FOUND, CITED, CALL)]
    found = ask(client)
    assert [block.type for block in found.content] == [
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "web_search_tool_result",
        "text",
        "tool_use",
    ]
    assert found.stop_reason == "tool_use"
    assert found.usage.cache_read_input_tokens == 2


def test_the_stream_helper_accumulates_the_same_message(server, client) -> None:
    """Every block, its signature, citations and input, and the usage, survive the stream."""
    body = reply(THOUGHT, HIDDEN, SEARCH, FOUND, CITED, CALL, EMPTY_CALL)
    server.replies = [body, body]
    whole = ask(client)
    with client.messages.stream(model="m", max_tokens=99, messages=USER, tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert final.model_dump(exclude_none=True) == whole.model_dump(exclude_none=True)
    assert kinds.count("text") > 2
    assert kinds.count("thinking") > 1
    assert "citation" in kinds
    assert "signature" in kinds


def test_raw_events_come_in_the_servers_order(server, client) -> None:
    """The message starts, blocks open and close one by one, the end says why, the stream stops."""
    server.replies = [reply({"type": "text", "text": "I look."}, CALL)]
    events = list(ask(client, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[0].message.usage.input_tokens == 4
    assert events[-2].delta.stop_reason == "tool_use"
    assert events[-2].usage.output_tokens == 9


def test_structured_output_parses_and_the_proxy_refuses_beside_it(server, client) -> None:
    """The parser gets the object that was meant; the guard's words do not break it."""
    server.replies = [
        reply({"type": "text", "text": '{"workload":"cart","reason":"image"}'}),
        reply({"type": "text", "text": '{"workload":"cart","reason":"image"}'}),
        "The alert still fires.",
    ]
    asked: Any = {"model": "m", "max_tokens": 99, "messages": USER, "output_format": Cause}
    whole = client.messages.parse(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    refused = client.messages.parse(**asked)
    assert whole.parsed_output == Cause(workload="cart", reason="image")
    assert streamed.parsed_output == whole.parsed_output
    assert refused.parsed_output is None
    assert refused.stop_reason == "refusal"
    assert refused.stop_details is not None
    assert refused.stop_details.explanation == "The alert still fires."


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_raised_with_its_one_line(server, client, stream) -> None:
    """Before a stream and within one, the client raises what the proxy says."""
    server.replies = [(529, "The model server is overloaded.")]
    with pytest.raises(anthropic.APIStatusError, match="The model server is overloaded"):
        list(ask(client, stream=stream))


@pytest.mark.parametrize("stop", ["max_tokens", "pause_turn", "stop_sequence", "refusal"])
def test_the_reason_to_stop_comes_through(server, client, stop) -> None:
    """Streamed or not, the client sees the server's own word."""
    body = reply({"type": "text", "text": "so"}, stop_reason=stop, stop_sequence="x")
    server.replies = [body, body]
    with client.messages.stream(model="m", max_tokens=9, messages=USER) as stream:
        streamed = stream.get_final_message()
    assert ask(client).stop_reason == streamed.stop_reason == stop
    assert streamed.stop_sequence == "x"
