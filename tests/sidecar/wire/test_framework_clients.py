"""LangChain and openai-agents run on what the wires write, streamed and not."""

from typing import Any

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
)
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from pydantic import BaseModel

LONG = "The cart pods cannot pull their image, because the tag was removed. " * 5
QUIET = RunConfig(tracing_disabled=True)


class Cause(BaseModel):
    """What an agent with a schema answers."""

    workload: str
    reason: str


def chat(content: str | None, *calls: tuple[str, str, str]) -> dict[str, Any]:
    listed = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in calls
    ]
    message = {"role": "assistant", "content": content} | ({"tool_calls": listed} if listed else {})
    finish = "tool_calls" if calls else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


def response(content: str | None, *calls: tuple[str, str, str]) -> dict[str, Any]:
    output: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    ]
    if content is not None:
        part = {"type": "output_text", "text": content, "annotations": []}
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]})
    output += [
        {
            "type": "function_call",
            "id": f"fc_{call_id}",
            "call_id": call_id,
            "name": name,
            "arguments": arguments,
            "status": "completed",
        }
        for call_id, name, arguments in calls
    ]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "model": "m-1",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 16,
        },
    }


def message(content: str | None, *calls: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]
    if content is not None:
        blocks.append({"type": "text", "text": content})
    blocks += [
        {"type": "tool_use", "id": call_id, "name": name, "input": given}
        for call_id, name, given in calls
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": blocks,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 4,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
        },
    }


TWO = (("a", "kubectl", '{"command":"get pods"}'), ("b", "kubectl", '{"command":"top"}'))
TWO_BLOCKS = (("a", "kubectl", {"command": "get pods"}), ("b", "kubectl", {"command": "top"}))
CASES: Any = [
    ("chat", chat(LONG, *TWO)),
    ("responses", response(LONG, *TWO)),
    ("anthropic", message(LONG, *TWO_BLOCKS)),
]


def model_of(kind: str, server: Any, **more: Any) -> Any:
    if kind == "anthropic":
        return ChatAnthropic(
            model_name="m", base_url=server.url, api_key="k", max_retries=0, timeout=20, **more
        )
    return ChatOpenAI(
        model="m",
        base_url=server.v1,
        api_key="k",
        max_retries=0,
        timeout=20,
        stream_usage=True,
        use_responses_api=kind == "responses",
        **more,
    )


def summed(chunks: Any) -> AIMessageChunk:
    listed = list(chunks)
    total = listed[0]
    for chunk in listed[1:]:
        total += chunk
    return total


def facts(found: AIMessage) -> tuple[Any, ...]:
    calls = [(call["id"], call["name"], call["args"]) for call in found.tool_calls]
    used = found.usage_metadata
    assert used is not None
    return found.text, calls, used["input_tokens"], used["output_tokens"]


@pytest.mark.parametrize(("kind", "body"), CASES, ids=lambda case: str(case)[:9])
def test_langchain_reads_a_stream_and_a_whole_reply_alike(server, kind, body) -> None:
    """Text, parallel calls and token counts are the same on both ways."""
    server.replies = [body, body]
    model = model_of(kind, server)
    whole = model.invoke("cart is down")
    streamed = summed(model.stream("cart is down"))
    assert facts(whole) == facts(streamed)
    assert facts(whole) == (
        LONG,
        [("a", "kubectl", {"command": "get pods"}), ("b", "kubectl", {"command": "top"})],
        11,
        5,
    )


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_langchain_parses_structured_output(server, kind) -> None:
    """`with_structured_output` by JSON schema gives the object, and streams do not break it."""
    text = '{"workload":"cart","reason":"image"}'
    server.replies = [chat(text) if kind == "chat" else response(text)]
    model = model_of(kind, server).with_structured_output(Cause, method="json_schema")
    assert model.invoke("why?") == Cause(workload="cart", reason="image")


@pytest.mark.parametrize("kind", ["chat", "responses", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_langchain_hears_what_the_proxy_says(server, kind, stream) -> None:
    """Words of the proxy are a plain end of a turn."""
    server.replies = ["The run ended: cart is healthy."]
    model = model_of(kind, server)
    found = summed(model.stream("x")) if stream else model.invoke("x")
    assert found.text == "The run ended: cart is healthy."
    assert found.tool_calls == []


def agents_model(kind: str, client: AsyncOpenAI) -> Any:
    if kind == "chat":
        return OpenAIChatCompletionsModel("m", client)
    return OpenAIResponsesModel("m", client)


@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_openai_agents_run_to_their_end(server, kind, stream) -> None:
    """A runner takes parallel calls, sends their results back, and ends with the last words."""
    seen: list[str] = []

    @function_tool
    def kubectl(command: str) -> str:
        """Look at the cluster."""
        seen.append(command)
        return f"ok {command}"

    body = chat if kind == "chat" else response
    server.replies = [body("I look.", *TWO), body(LONG)]
    client = AsyncOpenAI(base_url=server.v1, api_key="k", max_retries=0, timeout=20)
    agent = Agent(
        name="sre",
        instructions="Mend it.",
        tools=[kubectl],
        model=agents_model(kind, client),
        model_settings=ModelSettings(parallel_tool_calls=True),
    )
    if stream:
        streamed = Runner.run_streamed(agent, "cart is down", run_config=QUIET)
        async for _ in streamed.stream_events():
            pass
        final = streamed.final_output
    else:
        final = (await Runner.run(agent, "cart is down", run_config=QUIET)).final_output
    await client.close()
    assert final == LONG
    assert sorted(seen) == ["get pods", "top"]
    assert len(server.asked) == 2
