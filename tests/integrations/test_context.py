"""LangChain's messages through the filters, and back."""

import json
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
from guardrails.hygiene.memo import Memo
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


def _told(message: BaseMessage) -> object:
    """Return what a message is told apart by when a filter may have changed its text."""
    if isinstance(message, ToolMessage):
        return message.tool_call_id
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return type(message), message.content, calls


def _is_own(message: BaseMessage) -> bool:
    """Tell whether a message is the history's own, and none that a filter wrote."""
    return MARK not in message.response_metadata


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


@given(OPENAI, BUDGETS)
def test_doing_it_again_changes_nothing(messages: list[dict[str, Any]], tokens: int) -> None:
    """A history that was cleaned is clean."""
    once = through(readable(messages), tokens=tokens)
    assert through(once, tokens=tokens) == once


@given(OPENAI, BUDGETS, BUDGETS)
def test_more_room_never_leaves_out_more(
    messages: list[dict[str, Any]], one: int, other: int
) -> None:
    """What is there with less room is there with more, in the same order."""
    history = readable(messages)
    less, more = (
        [_told(message) for message in through(history, tokens=tokens) if _is_own(message)]
        for tokens in sorted((one, other))
    )
    rest = iter(more)
    assert all(any(told == other for other in rest) for told in less)


@given(OPENAI, BUDGETS)
def test_what_was_read_before_changes_nothing(messages: list[dict[str, Any]], tokens: int) -> None:
    """A history that grew is sent as one that came whole."""
    history, memo, settings = readable(messages), Memo(), HygieneSettings(tokens=tokens)
    shape = LangChainShape(memo)
    for end in range(len(history)):
        cleaned(shape.read(history[:end]), settings, memo=memo)
    left = shape.write(history, cleaned(shape.read(history), settings, memo=memo).messages)
    assert left == through(history, tokens=tokens)


@given(OPENAI)
def test_the_history_itself_stays_as_it_is(messages: list[dict[str, Any]]) -> None:
    """What is sent is a view: the graph's state keeps what happened."""
    history = readable(messages)
    before = [message.model_copy(deep=True) for message in history]
    through(history, tokens=1)
    assert history == before


def test_a_message_that_changed_in_place_is_read_anew() -> None:
    """Middleware may edit a call or a text of a message that the graph holds."""
    call = {"name": "kubectl", "args": {"command": "get pods"}, "id": "a", "type": "tool_call"}
    message = AIMessage("I look.", tool_calls=[call])
    shape = LangChainShape()
    (before,) = shape.read([message])
    message.tool_calls[0]["args"]["command"] = "get events"
    (edited,) = shape.read([message])
    message.content = "I look again."
    (rewritten,) = shape.read([message])
    assert before.calls[0].arguments == '{"command":"get pods"}'
    assert edited.calls[0].arguments == '{"command":"get events"}'
    assert rewritten.text == "I look again."


def test_json_from_a_tool_is_compressed_as_json() -> None:
    """Decoders refuse the kind of `str` that LangChain's `message.text` is; regression."""
    pods = [{"metadata": {"name": f"web-{n}"}, "spec": {"nodeName": "a"}} for n in range(200)]
    listed = json.dumps({"items": pods})
    call = {"name": "kubectl", "args": {}, "id": "a", "type": "tool_call"}
    later = [AIMessage(f"look {n}") for n in range(4)]
    history = [
        HumanMessage("web is down"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(listed, tool_call_id="a"),
        *later,
    ]
    left = through(history, tokens=1_000)
    assert '"left_out":"[left out: ' in str(left[2].content)


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


LOGIN = "redis://:" + "hunter2" + "@cache"


def test_a_secret_in_a_thought_is_hidden_wherever_the_thought_stands() -> None:
    """In a block, and beside the content where servers of OpenAI's format put it."""
    block = {"type": "reasoning", "reasoning": f"try {LOGIN}"}
    inside = AIMessage(content=[block, {"type": "text", "text": "Looking."}])
    beside = AIMessage("Looking.", additional_kwargs={"reasoning_content": f"try {LOGIN}"})
    sent = through([HumanMessage("mend it"), inside, HumanMessage("go on"), beside])
    assert "hunter2" not in str(sent)
    assert str(sent).count("try redis://:[redacted:url-password]@cache") == 2
    assert [message.text for message in sent[1::2]] == ["Looking.", "Looking."]


def test_a_signed_thought_is_sent_as_it_came() -> None:
    """Its provider refuses a changed one, and the words are the model's own."""
    block = {"type": "thinking", "thinking": f"try {LOGIN}", "signature": "abc"}
    said = AIMessage(content=[block, {"type": "text", "text": f"Try {LOGIN}."}])
    (_, sent) = through([HumanMessage("mend it"), said])
    assert sent.content[0] == block
    assert sent.text == "Try redis://:[redacted:url-password]@cache."
