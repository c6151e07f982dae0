"""LangChain's messages through the filters, and back."""

from typing import Any

from hypothesis import given
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    convert_to_messages,
    convert_to_openai_messages,
)

from guardrails.hygiene.clean import cleaned
from guardrails.integrations.context import LangChainShape
from guardrails.integrations.replies import MARK
from guardrails.policy.models import HygieneSettings
from tests.hygiene.lists import OPENAI, openai_is_valid
from tests.hygiene.test_clean import BUDGETS


def through(messages: list[BaseMessage], **settings: Any) -> list[BaseMessage]:
    """Send messages through all filters."""
    shape = LangChainShape()
    return shape.write(
        messages, cleaned(shape.read(messages), HygieneSettings(**settings)).messages
    )


def readable(messages: list[dict[str, Any]]) -> list[BaseMessage]:
    """Return LangChain's messages; arguments that it cannot read it keeps as invalid calls."""
    found: list[BaseMessage] = []
    for message in messages:
        calls: list[dict[str, Any]] = message.get("tool_calls") or []
        broken = [c for c in calls if c["function"]["arguments"].endswith("get")]
        good = [c for c in calls if c not in broken]
        plain = {**message, "tool_calls": good} if good else {**message}
        if not good:
            plain.pop("tool_calls", None)
        (made,) = convert_to_messages([plain])
        if isinstance(made, AIMessage) and broken:
            made.invalid_tool_calls = [
                {
                    "type": "invalid_tool_call",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "args": call["function"]["arguments"],
                    "error": "cut off",
                }
                for call in broken
            ]
        found.append(made)
    return found


@given(OPENAI, BUDGETS)
def test_any_history_becomes_a_valid_one(messages: list[dict[str, Any]], tokens: int) -> None:
    """Calls that could not be read have results too, as providers want it."""
    left = through(readable(messages), tokens=tokens)
    answered = [m.tool_call_id for m in left if isinstance(m, ToolMessage)]
    called = [
        str(call["id"])
        for m in left
        if isinstance(m, AIMessage)
        for call in (*m.tool_calls, *m.invalid_tool_calls)
    ]
    assert sorted(answered) == sorted(called)
    whole = [m for m in left if not (isinstance(m, AIMessage) and m.invalid_tool_calls)]
    if len(whole) == len(left):
        assert openai_is_valid(convert_to_openai_messages(left))


@given(OPENAI)
def test_the_history_itself_stays_as_it_is(messages: list[dict[str, Any]]) -> None:
    """What is sent is a view: the graph's state keeps what happened."""
    history = readable(messages)
    before = [message.model_copy(deep=True) for message in history]
    through(history, tokens=1)
    assert history == before


def test_what_the_guard_said_stays() -> None:
    """Feedback of the gate reaches the model whatever the budget."""
    said = HumanMessage("Not accepted.", response_metadata={MARK: {"refusal": "gate-failed"}})
    filler = [AIMessage(f"look {n} " + "x" * 900) for n in range(9)]
    left = through([HumanMessage("web is down"), said, *filler], tokens=50)
    assert left[1] is said


def test_thought_of_earlier_turns_is_not_sent_again() -> None:
    """Neither a provider's blocks nor what a server puts apart; the newest keep theirs."""
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "a"},
    ]
    history: list[BaseMessage] = [
        HumanMessage("web is down"),
        AIMessage(content=blocks),
        AIMessage("b", additional_kwargs={"reasoning_content": "hm"}),
        AIMessage(content=blocks),
    ]
    left = through(history, tokens=10**6, recent=1)
    assert left[1].content == [{"type": "text", "text": "a"}]
    assert left[2].additional_kwargs == {}
    assert left[3] is history[3]
