"""Structured output: an end as any other, whose data the SDK's own parser reads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from guardrails.testing import call, turn
from tests.sidecar.agents.conftest import Stage
from tests.sidecar.agents.test_wire_manners import Asks
from tests.sidecar.agents.world import PARAMETERS, RIGHT, schema_of


class Finding(pydantic.BaseModel):
    """What an agent is asked to fill in."""

    status: str
    service: str


GUESS = Finding(
    status="I believe Service checkout is at fault: it points at a port that no container has",
    service="checkout",
)
FALSE = Finding(status="resolved", service="none: all pods are Running")
TRUE = Finding(status="resolved", service="checkout")
TOOLS: list[Any] = [
    {"name": name, "strict": True, "parameters": schema_of(name)} for name in PARAMETERS
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """An agent's conversation with its model."""

    stage: Stage
    asks: Asks
    items: list[Any]
    stream: bool


Step = Callable[[Talk], Finding | None]
"""Asks once, runs the calls, adds all of it to the items; returns the data of a last turn."""


def _chat(talk: Talk) -> Finding | None:
    asked: dict[str, Any] = {
        "model": "scripted",
        "messages": talk.items,
        "tools": [{"type": "function", "function": tool} for tool in TOOLS],
        "response_format": Finding,
    }
    if talk.stream:
        with talk.asks.openai.chat.completions.stream(**asked) as events:
            message: Any = events.get_final_completion().choices[0].message
    else:
        message = talk.asks.openai.chat.completions.parse(**asked).choices[0].message
    talk.items.append(message.to_dict())
    talk.items.extend(
        {
            "role": "tool",
            "tool_call_id": one.id,
            "content": talk.stage.world.runs(one.function.name, one.function.arguments),
        }
        for one in message.tool_calls or ()
    )
    return None if message.tool_calls else message.parsed


def _responses(talk: Talk) -> Finding | None:
    asked: dict[str, Any] = {
        "model": "scripted",
        "input": talk.items,
        "tools": [{"type": "function", **tool} for tool in TOOLS],
        "text_format": Finding,
    }
    if talk.stream:
        with talk.asks.openai.responses.stream(**asked) as events:
            reply: Any = events.get_final_response()
    else:
        reply = talk.asks.openai.responses.parse(**asked)
    calls = [one for one in reply.output if one.type == "function_call"]
    talk.items.extend(one.to_dict() for one in reply.output)
    talk.items.extend(
        {
            "type": "function_call_output",
            "call_id": one.call_id,
            "output": talk.stage.world.runs(one.name, one.arguments),
        }
        for one in calls
    )
    return None if calls else reply.output_parsed


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("step", [_chat, _responses], ids=["chat", "responses"])
def test_a_false_claim_in_data_is_refused_and_an_honest_one_parses(
    stage: Stage, step: Step, *, stream: bool
) -> None:
    """The agent gets the data of the accepted end, and never that of the refused one."""
    look = [call("kubectl_get", resource="pods"), call("kubectl_get", resource="services")]
    mend = call("kubectl_patch", resource="services", name="checkout", patch=RIGHT)
    again = call("kubectl_get", resource="services", name="checkout")
    stage.model.play(
        [
            turn(calls=look),
            turn(FALSE.model_dump_json()),
            turn(GUESS.model_dump_json(), calls=[mend]),
            turn(calls=[again]),
            turn(TRUE.model_dump_json()),
        ]
    )
    asks = Asks(stage)
    items: list[Any] = [{"role": "user", "content": asks.task}]
    talk = Talk(stage=stage, asks=asks, items=items, stream=stream)
    found = next(filter(None, (step(talk) for _ in range(5))))
    assert found == TRUE
    assert "Not accepted" in str(stage.model.asked[2].body)
    assert "all pods are Running" not in str(items)
    asks.openai.close()
