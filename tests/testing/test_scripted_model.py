"""The scripted model behaves as a provider's model does."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from guardrails.testing.scripted import ScriptedModel, ScriptEndedError, call, turn


@tool
def get_pods(namespace: str) -> str:
    """List pods."""
    return namespace


def test_turns_are_played_in_order_and_requests_are_kept() -> None:
    """Messages, functions of the request, and errors are turns."""
    model = ScriptedModel(
        turns=[turn("one"), lambda seen: AIMessage(f"saw {seen[-1].text}"), ConnectionError("down")]
    )
    assert model.invoke("a").text == "one"
    assert model.invoke("b").text == "saw b"
    with pytest.raises(ConnectionError, match="down"):
        model.invoke("c")
    with pytest.raises(ScriptEndedError, match="3 turns, not 4"):
        model.invoke("d")
    assert [request[-1].text for request in model.seen] == ["a", "b", "c", "d"]


def test_repeated_turn_is_a_new_message_with_new_calls() -> None:
    """Ids are never the same twice."""
    model = ScriptedModel(turns=[turn("look", calls=[call("get_pods")])], at_end="repeat")
    one, two = model.invoke("a"), model.invoke("a")
    assert one.id != two.id
    assert one.tool_calls[0]["id"] != two.tool_calls[0]["id"]


def test_bound_tools_are_kept_in_the_providers_form() -> None:
    """A test can see what the model was offered."""
    model = ScriptedModel(turns=[turn("ok")])
    model.bind_tools([get_pods], tool_choice="any").invoke("a")
    assert [t["function"]["name"] for t in model.tools] == ["get_pods"]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_streamed_turn_adds_up_to_the_same_turn(way: str) -> None:
    """Words, calls and tokens arrive in pieces."""
    said = turn("look at it", calls=[call("get_pods", namespace="shop")], tokens=(5, 2))
    model = ScriptedModel(turns=[said])

    async def collect() -> list[AIMessage]:
        return [part async for part in model.astream([HumanMessage("a")])]

    parts = list(model.stream("a")) if way == "sync" else asyncio.run(collect())
    assert len(parts) > 3
    whole = parts[0]
    for part in parts[1:]:
        whole += part
    assert whole.text.strip() == "look at it"
    assert [(c["name"], c["args"]) for c in whole.tool_calls] == [
        ("get_pods", {"namespace": "shop"})
    ]
    assert whole.usage_metadata["input_tokens"] == 5
