"""What the agent asks, and what is made of it for the model's server."""

from typing import Any

import pytest

from guardrails.hygiene.messages import Call
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Result, ToolSpec, WireError

CHAT = WIRES["/v1/chat/completions"]
RESPONSES = WIRES["/v1/responses"]
ANTHROPIC = WIRES["/v1/messages"]
USER: Any = [{"role": "user", "content": "cart is down"}]
SCHEMA = {"type": "object", "properties": {}}


def test_a_chat_request_says_what_it_wants() -> None:
    """Model, stream, schema, parallel calls, tools of both kinds and choices are read."""
    asked = CHAT.asked(
        {
            "model": "m",
            "messages": USER,
            "stream": True,
            "n": 2,
            "parallel_tool_calls": False,
            "response_format": {"type": "json_schema", "json_schema": {}},
            "tools": [
                {"type": "function", "function": {"name": "get", "parameters": SCHEMA}},
                {"type": "custom", "custom": {"name": "shell"}},
            ],
        }
    )
    assert (asked.model, asked.stream, asked.structured) == ("m", True, True)
    assert (asked.parallel, asked.choices) == (False, 2)
    assert asked.tools == (ToolSpec(name="get", schema=SCHEMA), ToolSpec(name="shell"))


def test_usage_is_always_asked_of_a_chat_server() -> None:
    """A stream without usage would leave the token budget blind; other options stay."""
    body = {"model": "m", "messages": USER, "stream_options": {"include_obfuscation": False}}
    asked = CHAT.asked(body)
    streamed = CHAT.request(asked, USER, stream=True, tools=None)
    assert streamed["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert "stream_options" not in CHAT.request(asked, USER, stream=False, tools=None)
    assert asked.raw is body
    assert "include_usage" not in body["stream_options"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"functions": [{"name": "get"}]}, "`functions` is not supported"),
        ({"messages": [{"role": "function", "name": "get", "content": "x"}]}, "function call"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "x"}}]}, "function call"),
        ({"messages": []}, "at least one message"),
        ({"messages": ["x"]}, r"`messages\[0\]` must be an object"),
        ({"messages": [{"content": "x"}]}, r"`messages\[0\].role` must be a text"),
        ({"model": None}, "`model` must name a model"),
    ],
)
def test_a_chat_request_that_cannot_be_guarded_is_refused(body, says) -> None:
    """Functions as they were before tools, and what is no conversation, are named."""
    with pytest.raises(WireError, match=says):
        CHAT.asked({"model": "m", "messages": USER, **body})


def test_tools_that_the_model_may_not_see_are_left_out_of_chat() -> None:
    """A choice that names a hidden tool goes too, and with no tool left all of it."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("get", "delete")]
    force = {"type": "function", "function": {"name": "delete"}}
    body = {"model": "m", "messages": USER, "tools": tools, "tool_choice": force}
    asked = CHAT.asked({**body, "parallel_tool_calls": True})
    some = CHAT.request(asked, USER, stream=False, tools=frozenset({"get"}))
    none = CHAT.request(asked, USER, stream=False, tools=frozenset())
    assert some["tools"] == tools[:1]
    assert "tool_choice" not in some
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & none.keys()


def test_a_responses_request_says_what_it_wants() -> None:
    """Instructions, the kept conversation, the schema, and tools of every kind are read."""
    asked = RESPONSES.asked(
        {
            "model": "m",
            "input": "cart is down",
            "instructions": "Mend it.",
            "previous_response_id": "resp_0",
            "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}},
            "tools": [
                {"type": "function", "name": "get", "parameters": SCHEMA},
                {"type": "custom", "name": "apply"},
                {"type": "local_shell"},
                {"type": "web_search"},
                {"type": "shell", "environment": {"type": "container_auto"}},
                {
                    "type": "namespace",
                    "name": "mcp__kube",
                    "tools": [{"type": "function", "name": "pods", "parameters": SCHEMA}],
                },
            ],
        }
    )
    assert (asked.system, asked.previous, asked.structured) == ("Mend it.", "resp_0", True)
    assert [message.text for message in asked.messages] == ["cart is down"]
    assert asked.tools == (
        ToolSpec(name="get", schema=SCHEMA),
        ToolSpec(name="apply"),
        ToolSpec(name="local_shell"),
        ToolSpec(name="web_search", hosted=True),
        ToolSpec(name="shell", hosted=True),
        ToolSpec(name="mcp__kube__pods", schema=SCHEMA),
    )


def test_an_unchanged_input_goes_on_as_the_text_it_was() -> None:
    """What nothing changed is sent as it came; what grew is sent as a list."""
    asked = RESPONSES.asked({"model": "m", "input": "cart is down", "conversation": {"id": "c"}})
    assert asked.previous == "c"
    same = RESPONSES.request(asked, asked.items, stream=True, tools=None)
    more = RESPONSES.request(asked, [*asked.items, USER[0]], stream=True, tools=None)
    assert same["input"] == "cart is down"
    assert len(more["input"]) == 2


def test_tools_within_a_namespace_are_hidden_by_their_whole_name() -> None:
    """The rest of the namespace stays, and a list of allowed tools is narrowed."""
    inner = [{"type": "function", "name": name} for name in ("get", "delete")]
    tools: Any = [{"type": "namespace", "name": "kube", "tools": inner}, {"type": "web_search"}]
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
    asked = RESPONSES.asked({"model": "m", "input": "x", "tools": tools, "tool_choice": allowed})
    body = RESPONSES.request(asked, asked.items, stream=False, tools=frozenset({"kube__get"}))
    assert body["tools"] == [{**tools[0], "tools": inner[:1]}]
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"background": True}, "`background` is not supported"),
        ({"input": None}, "`input` must be a text or a list"),
        ({"input": [7]}, r"`input\[0\]` must be an object"),
    ],
)
def test_a_responses_request_that_cannot_be_guarded_is_refused(body, says) -> None:
    """What runs where nobody looks, and what is no conversation, are named."""
    with pytest.raises(WireError, match=says):
        RESPONSES.asked({"model": "m", "input": "x", **body})


def test_an_anthropic_request_says_what_it_wants() -> None:
    """System blocks, the schema, serial calls, and who runs which tool are read."""
    asked = ANTHROPIC.asked(
        {
            "model": "m",
            "max_tokens": 9,
            "messages": USER,
            "system": [{"type": "text", "text": "Mend it.", "cache_control": {"type": "x"}}],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "tools": [
                {"name": "get", "input_schema": SCHEMA},
                {"type": "bash_20250124", "name": "bash"},
                {"type": "web_search_20260318", "name": "web_search"},
            ],
        }
    )
    assert (asked.system, asked.structured, asked.parallel) == ("Mend it.", True, False)
    assert asked.tools == (
        ToolSpec(name="get", schema=SCHEMA),
        ToolSpec(name="bash"),
        ToolSpec(name="web_search", hosted=True),
    )


def test_results_of_one_turn_go_to_anthropic_in_one_message() -> None:
    """The guard's result and note, and the agent's result behind them, are joined."""
    call = {"type": "tool_use", "name": "get", "input": {}}
    turn = {"role": "assistant", "content": [{**call, "id": "a"}, {**call, "id": "b"}]}
    ours = ANTHROPIC.answers([Result(call=Call(call_id="a", tool="get"), text="no")], note="Why?")
    theirs = {"type": "tool_result", "tool_use_id": "b", "content": "ok"}
    items = [*USER, turn, *ours, {"role": "user", "content": [theirs]}]
    asked = ANTHROPIC.asked({"model": "m", "max_tokens": 9, "messages": USER})
    sent = ANTHROPIC.request(asked, items, stream=False, tools=None)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert [block["type"] for block in sent[-1]["content"]] == [
        "tool_result",
        "tool_result",
        "text",
    ]
    assert sent[-1]["content"][0]["is_error"] is True
    assert sent[0] is asked.items[0] or sent[0] == USER[0]


def test_anthropic_keeps_the_tools_of_a_conversation_that_holds_calls() -> None:
    """With calls in it the API wants tools, so the model is told to use none of them."""
    tools: Any = [{"name": "get", "input_schema": SCHEMA}, {"name": "put", "input_schema": SCHEMA}]
    force = {"type": "tool", "name": "get", "disable_parallel_tool_use": True}
    body: Any = {"model": "m", "messages": USER, "tools": tools, "tool_choice": force}
    turn = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "get"}]}
    asked = ANTHROPIC.asked(body)
    fresh = ANTHROPIC.request(asked, USER, stream=False, tools=frozenset())
    held = ANTHROPIC.request(asked, [*USER, turn], stream=False, tools=frozenset())
    some = ANTHROPIC.request(asked, USER, stream=False, tools=frozenset({"put"}))
    assert not {"tools", "tool_choice"} & fresh.keys()
    assert held["tools"] == tools
    assert held["tool_choice"] == {"type": "none"}
    assert some["tools"] == tools[1:]
    assert some["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
def test_fields_that_nobody_knows_go_upstream(wire) -> None:
    """A setting of next year's API is not the proxy's to drop."""
    body = {"model": "m", "messages": USER, "input": "x", "max_tokens": 9, "next_year": {"a": 1}}
    asked = wire.asked(body)
    sent = wire.request(asked, asked.items, stream=False, tools=None)
    assert sent["next_year"] == {"a": 1}
    assert sent == body or "input" in body


@pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
def test_errors_have_the_formats_own_shape(wire) -> None:
    """Each client finds the text where its servers put it."""
    body = wire.failed(429, "Too many.")
    assert body["error"]["message"] == "Too many."
    assert body["error"]["type"] == "rate_limit_error"
