"""Messages into facts, and histories that providers accept."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.types import Command

from guardrails.core.events import TEXT_LIMIT, ToolStatus
from guardrails.core.incident import Goal
from guardrails.integrations.exits import claim_of
from guardrails.integrations.messages import (
    annotations_of,
    arguments_json,
    model_name,
    repairs,
    reply_of,
    requested_of,
    result_in,
    returned_of,
    with_repairs,
)
from guardrails.testing.scripted import ScriptedModel, call, turn


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "reasoning", "reasoning": "it is up"}, {"type": "text", "text": "ok"}]),
        AIMessage([{"type": "thinking", "thinking": "it is up"}, {"type": "text", "text": "ok"}]),
        AIMessage([{"type": "reasoning", "summary": [{"text": "it is up"}]}, "ok"]),
        AIMessage("ok", additional_kwargs={"reasoning_content": "it is up"}),
    ],
)
def test_text_and_reasoning_are_told_apart_for_each_provider(message: AIMessage) -> None:
    """Reasoning stands in blocks of several shapes, or beside the content."""
    reply = reply_of(message)
    assert (reply.text, reply.reasoning) == ("ok", "it is up")


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason"])
def test_finish_reason_is_read_for_each_provider(key: str) -> None:
    """The key differs by provider."""
    assert reply_of(AIMessage("ok", response_metadata={key: "length"})).finish_reason == "length"


def test_calls_that_do_not_parse_keep_their_raw_text() -> None:
    """Detectors look at what the model wrote."""
    reply = reply_of(turn(malformed=[("get_pods", '{"a": ')]))
    assert [(c.tool, c.arguments) for c in reply.invalid_tool_calls] == [("get_pods", '{"a": ')]


def test_long_text_is_clipped_and_long_results_keep_their_digest() -> None:
    """A trace stays small; equal results are still known."""
    long = "x" * (TEXT_LIMIT + 5)
    one, two = (returned_of(long + end, call_id="c", tool="t") for end in ("a", "b"))
    assert len(reply_of(AIMessage(long)).text) == len(one.text) == TEXT_LIMIT
    assert one.size == TEXT_LIMIT + 6
    assert one.text == two.text
    assert one.digest != two.digest


def test_status_of_a_result_is_the_messages() -> None:
    """An error result is an error, whatever its text says."""
    message = ToolMessage("fine", tool_call_id="c", status="error")
    assert returned_of(message, call_id="c", tool="t").status is ToolStatus.ERROR


def test_result_in_a_command_is_found() -> None:
    """Tools answer with commands that carry the message."""
    message = ToolMessage("ok", tool_call_id="c")
    assert result_in(Command(update={"messages": [message]})) is message
    assert result_in([Command(goto="x"), message]) is message
    assert result_in(Command(goto="x")) == ""
    assert result_in("plain") == "plain"


def test_arguments_are_equal_text_when_equal() -> None:
    """Key order does not matter, and odd values do not fail."""
    assert arguments_json({"b": 1, "a": 2}) == arguments_json({"a": 2, "b": 1})
    assert "object at" in arguments_json({"a": object()})
    endless: dict[str, Any] = {}
    endless["a"] = endless
    assert "unreadable" in arguments_json(endless)


@pytest.mark.parametrize("nested", [False, True])
def test_hints_of_mcp_tools_are_read(*, nested: bool) -> None:
    """The MCP adapters keep them in the tool's metadata."""
    hints = {"readOnlyHint": True, "destructiveHint": False}

    @tool(return_direct=True)
    def look() -> str:
        """Look at things."""
        return ""

    look.metadata = {"annotations": hints} if nested else hints
    said = annotations_of(look)
    assert (said.read_only, said.destructive, said.idempotent) == (True, False, None)
    assert (said.description, said.returns_directly) == ("Look at things.", True)
    assert requested_of(call("look", call_id="c"), look).annotations == said
    assert requested_of(call("look", call_id="c"), None).annotations is None


def test_name_of_a_model_is_a_guess_that_never_fails() -> None:
    """A model that cannot say its name has none."""

    class Nameless(ScriptedModel):
        def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
            raise AttributeError("no such thing")

    assert model_name(ScriptedModel(provider="openai", model_name="gpt")) == "openai:gpt"
    assert model_name(Nameless()) == ""


def test_missing_results_are_put_right_behind_their_calls() -> None:
    """Also for calls that do not parse, and only for those that nobody answered."""
    said = turn(calls=[call("a", call_id="1"), call("b", call_id="2")], malformed=[("c", "{")])
    history = [HumanMessage("hi"), said, ToolMessage("ok", tool_call_id="1"), HumanMessage("so?")]
    whole = with_repairs(history, said="not run")
    assert [m.type for m in whole] == ["human", "ai", "tool", "tool", "tool", "human"]
    added = repairs(history, said="not run")
    assert [m.name for m in added] == ["b", "c"]
    assert {m.status for m in added} == {"error"}
    assert repairs([HumanMessage("hi")], said="not run") == []


def test_claims_are_read_from_every_kind_of_structure() -> None:
    """LangChain returns models, dataclasses, dicts and lists as structured answers."""
    from dataclasses import dataclass  # noqa: PLC0415

    from pydantic import BaseModel  # noqa: PLC0415

    class Model(BaseModel):
        summary: str = "it is fixed"

    @dataclass
    class Data:
        summary: str = "it is fixed"

    values: list[Any] = [Model(), Data(), {"summary": "it is fixed"}, "it is fixed", 7]
    claims = [claim_of(value, goal=Goal.MITIGATION) for value in values]
    assert ["it is fixed" in claim.text for claim in claims] == [True, True, True, True, False]
