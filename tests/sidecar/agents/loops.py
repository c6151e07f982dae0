"""Agents as people write them: loops on the providers' clients, and agents of two frameworks.

None knows of the guard. Each gets a base URL, a key and a task, and returns what it ended with.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import agents
import anthropic
import openai
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI

from tests.sidecar.agents.world import PARAMETERS, TASK, World, schema_of

MODEL = "scripted"
MOST = 12
"""Turns that a loop takes before it is thought to be endless."""


@dataclass(kw_only=True)
class Ended:
    """What an agent has when it ends."""

    text: str
    """Its last words."""
    said: list[str] = field(default_factory=list)
    """What its model said, turn by turn."""
    spent: list[tuple[int, int]] = field(default_factory=list)
    """Tokens of each turn, in and out."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What an agent is given."""

    url: str
    """Without `/v1`."""
    key: str
    world: World
    stream: bool
    task: str = TASK
    headers: dict[str, str] = field(default_factory=dict)


def chat_loop(given: Given) -> Ended:
    """Loop on chat completions."""
    client = openai.OpenAI(
        base_url=f"{given.url}/v1", api_key=given.key, default_headers=given.headers
    )
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": schema_of(name)}}
        for name in PARAMETERS
    ]
    messages: list[Any] = [
        {"role": "system", "content": "You mend clusters."},
        {"role": "user", "content": given.task},
    ]
    ended = Ended(text="")
    for _ in range(MOST):
        asked: dict[str, Any] = {"model": MODEL, "messages": messages, "tools": tools}
        if given.stream:
            more = {"stream_options": {"include_usage": True}}
            with client.chat.completions.stream(**asked, **more) as events:
                reply: Any = events.get_final_completion()
        else:
            reply = client.chat.completions.create(**asked)
        message = reply.choices[0].message
        assert message.role == "assistant"
        ended.spent.append((reply.usage.prompt_tokens, reply.usage.completion_tokens))
        ended.said.append(message.content or "")
        messages.append(
            {
                key: one
                for key, one in message.to_dict().items()
                if key in {"role", "content", "tool_calls"}
            }
        )
        if not message.tool_calls:
            assert reply.choices[0].finish_reason == "stop"
            ended.text = message.content
            break
        assert reply.choices[0].finish_reason == "tool_calls"
        for call in message.tool_calls:
            result = given.world.runs(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    client.close()
    return ended


def _responses_loop(given: Given, *, by_id: bool) -> Ended:
    client = openai.OpenAI(
        base_url=f"{given.url}/v1", api_key=given.key, default_headers=given.headers
    )
    tools: Any = [
        {"type": "function", "name": name, "parameters": schema_of(name), "strict": False}
        for name in PARAMETERS
    ]
    items: list[Any] = [{"role": "user", "content": given.task}]
    ended, previous = Ended(text=""), None
    for _ in range(MOST):
        asked: dict[str, Any] = {"model": MODEL, "input": items, "tools": tools}
        asked |= {"instructions": "You mend clusters."}
        asked |= {"previous_response_id": previous} if previous else {}
        if given.stream:
            with client.responses.stream(**asked) as events:
                ids = {e.response.id for e in events if e.type == "response.created"}
                reply: Any = events.get_final_response()
            assert ids == {reply.id}
        else:
            reply = client.responses.create(**asked)
        ended.spent.append((reply.usage.input_tokens, reply.usage.output_tokens))
        ended.said.append(reply.output_text)
        calls = [item for item in reply.output if item.type == "function_call"]
        if not calls:
            ended.text = reply.output_text
            break
        results = [
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": given.world.runs(call.name, call.arguments),
            }
            for call in calls
        ]
        if by_id:
            items, previous = results, reply.id
        else:
            items += [item.to_dict() for item in reply.output]
            items += results
    client.close()
    return ended


def responses_loop(given: Given) -> Ended:
    """Loop on Responses that sends the whole conversation."""
    return _responses_loop(given, by_id=False)


def responses_by_id(given: Given) -> Ended:
    """Loop on Responses whose server keeps the conversation."""
    return _responses_loop(given, by_id=True)


def messages_loop(given: Given) -> Ended:
    """Loop on Anthropic's messages."""
    client = anthropic.Anthropic(
        base_url=given.url, api_key=given.key, default_headers=given.headers
    )
    tools: Any = [{"name": name, "input_schema": schema_of(name)} for name in PARAMETERS]
    messages: list[Any] = [{"role": "user", "content": given.task}]
    ended = Ended(text="")
    for _ in range(MOST):
        asked: dict[str, Any] = {
            "model": MODEL,
            "max_tokens": 1000,
            "system": "You mend clusters.",
            "messages": messages,
            "tools": tools,
        }
        if given.stream:
            with client.messages.stream(**asked) as events:
                reply: Any = events.get_final_message()
        else:
            reply = client.messages.create(**asked)
        ended.spent.append((reply.usage.input_tokens, reply.usage.output_tokens))
        ended.said.append("".join(one.text for one in reply.content if one.type == "text"))
        messages.append({"role": "assistant", "content": reply.content})
        calls = [block for block in reply.content if block.type == "tool_use"]
        if not calls:
            assert reply.stop_reason == "end_turn"
            ended.text = ended.said[-1]
            break
        assert reply.stop_reason == "tool_use"
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": given.world.runs(call.name, call.input),
            }
            for call in calls
        ]
        messages.append({"role": "user", "content": results})
    client.close()
    return ended


# Frameworks


def _langgraph(given: Given, model: Any) -> Ended:
    tools = [StructuredTool.from_function(one) for one in given.world.functions.values()]
    graph = create_agent(model, tools, system_prompt="You mend clusters.")
    asked: Any = {"messages": [("user", given.task)]}
    if given.stream:
        said: dict[int, Any] = {}  # by step: a chunk's id changes within a turn of Responses
        pieces: Any = graph.stream(asked, stream_mode="messages")
        for piece, told in pieces:
            if isinstance(piece, AIMessageChunk):
                step = told["langgraph_step"]
                said[step] = said[step] + piece if step in said else piece
        turns: list[Any] = list(said.values())
    else:
        turns = [m for m in graph.invoke(asked)["messages"] if isinstance(m, AIMessage)]
    usage = [m.usage_metadata for m in turns if m.usage_metadata]
    return Ended(
        text=turns[-1].text,
        said=[m.text for m in turns],
        spent=[(one["input_tokens"], one["output_tokens"]) for one in usage],
    )


def langgraph_chat(given: Given) -> Ended:
    """LangGraph's agent on chat completions."""
    model = ChatOpenAI(
        model=MODEL,
        base_url=f"{given.url}/v1",
        api_key=given.key,  # type: ignore[arg-type]
        streaming=given.stream,
        stream_usage=True,
        use_responses_api=False,
    )
    return _langgraph(given, model)


def langgraph_responses(given: Given) -> Ended:
    """LangGraph's agent on Responses."""
    model = ChatOpenAI(
        model=MODEL,
        base_url=f"{given.url}/v1",
        api_key=given.key,  # type: ignore[arg-type]
        streaming=given.stream,
        use_responses_api=True,
    )
    return _langgraph(given, model)


def langgraph_anthropic(given: Given) -> Ended:
    """LangGraph's agent on Anthropic's messages."""
    model = ChatAnthropic(
        model_name=MODEL,
        base_url=given.url,
        api_key=given.key,  # type: ignore[arg-type]
        streaming=given.stream,
        timeout=None,
        stop=None,
    )
    return _langgraph(given, model)


def _agents_sdk(given: Given, make: Callable[[Any], Any]) -> Ended:
    def invoked(name: str) -> Any:
        async def run(_: Any, arguments: str) -> str:
            return await asyncio.to_thread(given.world.runs, name, json.loads(arguments))

        return run

    tools: list[Any] = [
        agents.FunctionTool(
            name=name,
            description=name,
            params_json_schema=schema_of(name),
            on_invoke_tool=invoked(name),
            strict_json_schema=False,
        )
        for name in PARAMETERS
    ]

    async def run() -> Any:
        agents.set_tracing_disabled(disabled=True)
        async with openai.AsyncOpenAI(base_url=f"{given.url}/v1", api_key=given.key) as client:
            agent = agents.Agent(
                name="sre",
                instructions="You mend clusters.",
                model=make(client),
                tools=tools,
                model_settings=agents.ModelSettings(include_usage=True),
            )
            if not given.stream:
                return await agents.Runner.run(agent, given.task, max_turns=MOST)
            result = agents.Runner.run_streamed(agent, given.task, max_turns=MOST)
            async for _ in result.stream_events():
                pass
            return result

    result = asyncio.run(run())
    replies = result.raw_responses
    words = [
        "".join(
            part.text
            for item in reply.output
            if item.type == "message"
            for part in item.content
            if part.type == "output_text"
        )
        for reply in replies
    ]
    return Ended(
        text=str(result.final_output),
        said=words,
        spent=[(one.usage.input_tokens, one.usage.output_tokens) for one in replies],
    )


def agents_sdk_chat(given: Given) -> Ended:
    """The OpenAI Agents SDK on chat completions."""
    return _agents_sdk(
        given,
        lambda client: agents.OpenAIChatCompletionsModel(model=MODEL, openai_client=client),
    )


def agents_sdk_responses(given: Given) -> Ended:
    """The OpenAI Agents SDK on Responses."""
    return _agents_sdk(
        given, lambda client: agents.OpenAIResponsesModel(model=MODEL, openai_client=client)
    )


AGENTS: dict[str, Callable[[Given], Ended]] = {
    one.__name__: one
    for one in (
        chat_loop,
        responses_loop,
        responses_by_id,
        messages_loop,
        langgraph_chat,
        langgraph_responses,
        langgraph_anthropic,
        agents_sdk_chat,
        agents_sdk_responses,
    )
}
