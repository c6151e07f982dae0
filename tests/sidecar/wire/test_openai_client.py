"""OpenAI's own client reads what the wires write: whole, streamed, and through its helpers."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

LONG = "The cart pods cannot pull their image, because the tag was removed. " * 9
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "kubectl",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
                "additionalProperties": False,
            },
        },
    }
]
FLAT: Any = [{"type": "function", **TOOLS[0]["function"]}]
USER: Any = [{"role": "user", "content": "cart is down"}]


class Cause(BaseModel):
    """What an agent with a schema answers."""

    workload: str
    reason: str


@pytest.fixture
def client(server) -> Iterator[openai.OpenAI]:
    """Return the client, against the loopback server."""
    with openai.OpenAI(base_url=server.v1, api_key="k", max_retries=0, timeout=20) as found:
        yield found


def chat_body(**message: Any) -> dict[str, Any]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m-1",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


def chat_call(call_id: str, arguments: str) -> dict[str, Any]:
    function = {"name": "kubectl", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def reply(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m-1",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": list(output),
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 16,
        },
        **fields,
    }


def words(text: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], **fields}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def function(call_id: str, arguments: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": "kubectl",
        "arguments": arguments,
        "status": "completed",
    }


THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "The image looks wrong."}],
    "encrypted_content": "c2VjcmV0",
}
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "ImagePullBackOff"},
}


def test_a_chat_reply_reads_as_it_was_said(server, client) -> None:
    """A client that does not stream gets words, calls and usage."""
    server.replies = [chat_body(content="I look.", tool_calls=[chat_call("a", '{"command":"x"}')])]
    found = client.chat.completions.create(model="m", messages=USER, tools=TOOLS)
    message = found.choices[0].message
    assert message.content == "I look."
    assert message.tool_calls is not None
    assert message.tool_calls[0].id == "a"
    assert found.usage is not None
    assert found.usage.total_tokens == 16


def test_a_chat_stream_adds_up_to_the_reply(server, client) -> None:
    """Raw chunks give the same text, calls and finish reason, in several deltas."""
    calls = [chat_call("a", '{"command":"get pods"}'), chat_call("b", '{"command":"top"}')]
    server.replies = [chat_body(content=LONG, tool_calls=calls)]
    chunks = list(
        client.chat.completions.create(model="m", messages=USER, tools=TOOLS, stream=True)
    )
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == LONG
    assert sum(bool(delta.content) for delta in deltas) > 2
    arguments = ["", ""]
    for delta in deltas:
        for call in delta.tool_calls or []:
            assert call.function is not None
            arguments[call.index] += call.function.arguments or ""
    assert arguments == ['{"command":"get pods"}', '{"command":"top"}']
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_last_when_the_agent_asks_for_it(server, client) -> None:
    """The chunk with the usage has no choices, and stands behind the finish reason."""
    server.replies = [chat_body(content="done")]
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(
            model="m", messages=USER, stream=True, stream_options=options
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 11


def test_the_chat_helper_accumulates_calls_and_parses_their_arguments(server, client) -> None:
    """`chat.completions.stream` ends with parsed arguments of both parallel calls."""
    calls = [chat_call("a", '{"command":"get pods"}'), chat_call("b", '{"command":"top"}')]
    server.replies = [chat_body(content="I look.", tool_calls=calls)]
    with client.chat.completions.stream(model="m", messages=USER, tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.done") == 2
    assert "content.done" in kinds
    listed = final.choices[0].message.tool_calls or []
    assert [call.function.parsed_arguments for call in listed] == [
        {"command": "get pods"},
        {"command": "top"},
    ]


def test_the_chat_helpers_parse_structured_output(server, client) -> None:
    """`parse` and `stream` with a model class give the object that was meant."""
    body = chat_body(content='{"workload":"cart","reason":"image"}')
    server.replies = [body, body]
    whole = client.chat.completions.parse(model="m", messages=USER, response_format=Cause)
    with client.chat.completions.stream(model="m", messages=USER, response_format=Cause) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    assert whole.choices[0].message.parsed == Cause(workload="cart", reason="image")
    assert streamed.choices[0].message.parsed == whole.choices[0].message.parsed


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_proxy_says_to_a_parser_is_a_refusal(server, client, stream) -> None:
    """An agent that waits for its schema hears the guard as a refusal, not as broken JSON."""
    server.replies = ["The alert still fires."]
    if stream:
        with client.chat.completions.stream(
            model="m", messages=USER, response_format=Cause
        ) as events:
            kinds = [event.type for event in events]
            message = events.get_final_completion().choices[0].message
        assert "refusal.done" in kinds
    else:
        found = client.chat.completions.parse(model="m", messages=USER, response_format=Cause)
        message = found.choices[0].message
    assert message.parsed is None
    assert message.refusal == "The alert still fires."


def test_reasoning_and_unknown_fields_reach_a_chat_client(server, client) -> None:
    """Fields that only some servers send come through the stream whole."""
    server.replies = [
        chat_body(
            content="done",
            reasoning_content="The image is gone.",
            annotations=[{"type": "url_citation", "url_citation": {"url": "u"}}],
        )
    ]
    with client.chat.completions.stream(model="m", messages=USER) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.to_dict()["reasoning_content"] == "The image is gone."
    assert message.annotations is not None


@pytest.mark.parametrize("path", ["chat", "responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_raised_with_its_one_line(server, client, path, stream) -> None:
    """Before a stream and within one, the client raises what the proxy says."""
    server.replies = [(503, "The model server is down.")]
    create: Any = client.chat.completions.create if path == "chat" else client.responses.create
    asked = {"messages": USER} if path == "chat" else {"input": "x"}
    with pytest.raises(openai.APIError, match="The model server is down"):
        list(create(model="m", stream=stream, **asked))


def test_a_response_reads_as_it_was_said(server, client) -> None:
    """Thought, words, a hosted search and a call come in order."""
    server.replies = [reply(THOUGHT, SEARCH, words("I look."), function("a", '{"command":"x"}'))]
    found = client.responses.create(model="m", input="cart is down", tools=FLAT)
    assert [item.type for item in found.output] == [
        "reasoning",
        "web_search_call",
        "message",
        "function_call",
    ]
    assert found.output_text == "I look."
    assert found.usage is not None
    assert found.usage.input_tokens_details.cached_tokens == 3


def test_a_response_stream_has_the_servers_order(server, client) -> None:
    """Events are numbered from 0, and each item opens, grows and closes before the next."""
    note = {"type": "url_citation", "start_index": 0, "end_index": 1, "title": "t", "url": "u"}
    server.replies = [
        reply(THOUGHT, SEARCH, words(LONG, annotations=[note]), function("a", '{"command":"x"}'))
    ]
    events = list(client.responses.create(model="m", input="x", tools=FLAT, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds: list[str] = []
    for event in events:
        if not kinds or kinds[-1] != event.type:
            kinds.append(event.type)
    assert [kind.removeprefix("response.") for kind in kinds] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == LONG
    assert len(deltas) > 2


def test_the_responses_helper_ends_with_the_whole_response(server, client) -> None:
    """`responses.stream` accumulates the same items, and parses the arguments of strict tools."""
    server.replies = [reply(THOUGHT, words("I look."), function("a", '{"command":"x"}'))]
    with client.responses.stream(model="m", input="x", tools=FLAT) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert getattr(final.output[2], "parsed_arguments", None) == {"command": "x"}


def test_the_responses_helpers_parse_structured_output(server, client) -> None:
    """`parse` and `stream` give the object that was meant, and the proxy's words as a refusal."""
    body = reply(words('{"workload":"cart","reason":"image"}'))
    server.replies = [body, body, "The alert still fires."]
    whole = client.responses.parse(model="m", input="x", text_format=Cause)
    with client.responses.stream(model="m", input="x", text_format=Cause) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    refused = client.responses.parse(model="m", input="x", text_format=Cause)
    assert whole.output_parsed == Cause(workload="cart", reason="image")
    assert streamed.output_parsed == whole.output_parsed
    assert refused.output_parsed is None
    assert refused.to_dict()["output"][0]["content"][0]["refusal"] == "The alert still fires."


def test_a_response_cut_short_is_incomplete(server, client) -> None:
    """The last event of a reply that hit its limit says so."""
    server.replies = [
        reply(
            words("The cause is"),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        )
    ]
    events = list(client.responses.create(model="m", input="x", stream=True))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details is not None


def test_free_text_calls_and_unknown_items_stream(server, client) -> None:
    """A custom call grows by deltas; an item of a kind nobody knows comes as it is."""
    custom = {"type": "custom_tool_call", "id": "ct_1", "call_id": "a", "name": "sh", "input": LONG}
    future = {"type": "hologram_call", "id": "h_1", "beams": [1, 2]}
    server.replies = [reply(custom, future)]
    events = list(client.responses.create(model="m", input="x", stream=True))
    typed = [e.delta for e in events if e.type == "response.custom_tool_call_input.delta"]
    assert "".join(typed) == LONG
    final = events[-1]
    assert final.type == "response.completed"
    assert final.response.output[1].model_dump(warnings=False)["beams"] == [1, 2]
