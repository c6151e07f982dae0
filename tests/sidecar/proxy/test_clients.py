"""The providers' own clients in bare loops: each sees a run without the turns that were held."""

import itertools
from typing import Any

import msgspec
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from guardrails.core.evidence import GateVerdict
from guardrails.policy.models import HygieneSettings, Settings
from tests.settings import NO_MACHINE
from tests.sidecar.proxy.stage import TOOLS, Reply, Stage, calling, said, stage

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS
POLICY = Settings(
    fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"), effects={"destructive": "block"}
)
LOOK, DROP = ("a", "kubectl get pods -n shop"), ("b", "kubectl delete namespace shop")
_numbers = itertools.count(1)


def _response(*output: dict[str, Any]) -> Reply:
    number = next(_numbers)
    body = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "scripted",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }
    return Reply(body=body)


def _spoken(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": f"msg_{next(_numbers)}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _called(call_id: str, command: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{next(_numbers)}",
        "call_id": call_id,
        "name": "kubectl",
        "arguments": msgspec.json.encode({"command": command}).decode(),
        "status": "completed",
    }


def _message(*content: dict[str, Any]) -> Reply:
    calls = any(block["type"] == "tool_use" for block in content)
    body = {
        "id": f"msg_{next(_numbers)}",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": list(content),
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    return Reply(body=body)


def _used(call_id: str, command: str) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": call_id,
        "name": "kubectl",
        "input": {"command": command},
    }


def _openai(on: Stage) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=f"{str(on.client.base_url).rstrip('/')}/v1", api_key="k", max_retries=0
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_on_chat_completions(*, stream: bool) -> None:
    """A blocked call, a false claim, and the end that is accepted."""
    script = [
        calling(LOOK, DROP),
        said("It is fixed."),
        calling(("c", LOOK[1])),
        said("Now it is."),
    ]
    async with stage(*script, verdicts=(FAIL, PASS), policy=POLICY) as on, _openai(on) as client:
        messages: list[Any] = [{"role": "user", "content": "checkout is down"}]
        ran: list[str] = []
        for _ in range(5):
            asked: dict[str, Any] = {"model": "m", "messages": messages, "tools": TOOLS}
            if stream:
                async with client.chat.completions.stream(**asked) as events:
                    message = (await events.get_final_completion()).choices[0].message
            else:
                message = (await client.chat.completions.create(**asked)).choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls or ():
                ran.append(call.id)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "ok"})
            if not message.tool_calls:
                break
        assert (ran, messages[-1]["content"]) == (["a", "c"], "Now it is.")
        assert "It is fixed." not in str(messages)
        assert len(on.store.rows()) == 1
        assert on.store.rows()[0].ended


@pytest.mark.parametrize("kept", [False, True], ids=["whole", "by-id"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_on_responses(*, stream: bool, kept: bool) -> None:
    """Whether the agent sends the whole conversation, or the server keeps it."""
    script = [
        _response(_called(*LOOK), _called(*DROP)),
        _response(_spoken("It is fixed.")),
        _response(_called("c", LOOK[1])),
        _response(_spoken("Now it is.")),
    ]
    tools = [{"type": "function", **tool["function"]} for tool in TOOLS]
    async with stage(*script, verdicts=(FAIL, PASS), policy=POLICY) as on, _openai(on) as client:
        items: list[Any] = [{"role": "user", "content": "checkout is down"}]
        ran: list[str] = []
        previous, text = None, ""
        for _ in range(5):
            asked: dict[str, Any] = {"model": "m", "input": items, "tools": tools}
            if kept and previous:
                asked["previous_response_id"] = previous
            if stream:
                async with client.responses.stream(**asked) as events:
                    response: Any = await events.get_final_response()
            else:
                response = await client.responses.create(**asked)
            previous, text = response.id, response.output_text
            items = (
                []
                if kept
                else [
                    *items,
                    *(one.model_dump(mode="json", exclude_none=True) for one in response.output),
                ]
            )
            calls = [one for one in response.output if one.type == "function_call"]
            for call in calls:
                ran.append(call.call_id)
                items.append(
                    {"type": "function_call_output", "call_id": call.call_id, "output": "ok"}
                )
            if not calls:
                break
        assert (ran, text) == (["a", "c"], "Now it is.")
        assert len(on.store.rows()) == 1
        assert on.store.rows()[0].ended
        answered = [
            item["call_id"]
            for item in on.model.asked[1]["input"]
            if item.get("type") == "function_call_output"
        ]
        assert sorted(answered) == ["a", "b"]
        if kept:
            assert on.model.asked[2]["previous_response_id"] == script_id(on, 0)
            told = [item for item in on.model.asked[2]["input"] if item.get("role") == "user"]
            assert "Not accepted" in str(told[-1])


def script_id(on: Stage, at: int) -> str:
    """Return the response that a later request of the agent continued first."""
    return next(
        body["previous_response_id"]
        for body in on.model.asked[at + 1 :]
        if "previous_response_id" in body
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_on_messages(*, stream: bool) -> None:
    """Results of one turn stand in one message, the blocked one among them."""
    script = [
        _message({"type": "text", "text": "I look."}, _used(*LOOK), _used(*DROP)),
        _message({"type": "text", "text": "It is fixed."}),
        _message(_used("c", LOOK[1])),
        _message({"type": "text", "text": "Now it is."}),
    ]
    tools = [
        {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]}
        for tool in TOOLS
    ]
    async with stage(*script, verdicts=(FAIL, PASS), policy=POLICY) as on:
        client = AsyncAnthropic(
            base_url=str(on.client.base_url).rstrip("/"), api_key="k", max_retries=0
        )
        messages: list[Any] = [{"role": "user", "content": "checkout is down"}]
        ran: list[str] = []
        text = ""
        for _ in range(5):
            asked: dict[str, Any] = {
                "model": "m",
                "max_tokens": 100,
                "system": "You mend clusters.",
                "messages": messages,
                "tools": tools,
            }
            if stream:
                async with client.messages.stream(**asked) as events:
                    message: Any = await events.get_final_message()
            else:
                message = await client.messages.create(**asked)
            blocks = [block.model_dump(exclude_none=True) for block in message.content]
            messages.append({"role": "assistant", "content": blocks})
            calls = [block for block in blocks if block["type"] == "tool_use"]
            text = "".join(block.get("text", "") for block in blocks)
            if not calls:
                break
            ran += [call["id"] for call in calls]
            results = [
                {"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
        await client.close()
        assert (ran, text) == (["a", "c"], "Now it is.")
        assert len(on.store.rows()) == 1
        assert on.store.rows()[0].ended
        sent = on.model.asked[1]["messages"]
        assert [block["id"] for block in sent[1]["content"] if block["type"] == "tool_use"] == [
            "a",
            "b",
        ]
        results = [
            block["tool_use_id"]
            for one in sent[2:]
            for block in one["content"]
            if block["type"] == "tool_result"
        ]
        assert sorted(results) == ["a", "b"]
