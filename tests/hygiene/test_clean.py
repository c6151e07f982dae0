"""All filters together: what comes out is valid, bounded, and stays as it is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.clean import cleaned
from guardrails.hygiene.left import Left
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.quarantine import without_quarantined
from guardrails.hygiene.shapes.anthropic import AnthropicShape
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.hygiene.tokens import characters_of
from guardrails.policy.models import HygieneSettings
from tests.hygiene.lists import ANTHROPIC, OPENAI, anthropic_is_valid, openai_is_valid

BUDGETS = st.integers(min_value=1, max_value=2_000)


def openai(messages: list[dict[str, Any]], tokens: int) -> list[dict[str, Any]]:
    """Clean a list in OpenAI's form."""
    shape = OpenAIShape()
    return shape.write(
        messages, cleaned(shape.read(messages), HygieneSettings(tokens=tokens)).messages
    )


@given(OPENAI, BUDGETS)
def test_any_list_becomes_a_valid_one(messages: list[dict[str, Any]], tokens: int) -> None:
    """Whole or broken, with any budget: every call has its result, and no result stands alone."""
    assert openai_is_valid(openai(messages, tokens))


@given(ANTHROPIC, BUDGETS)
def test_any_list_of_blocks_becomes_a_valid_one(
    messages: list[dict[str, Any]], tokens: int
) -> None:
    """The results of a turn stand together, first, in the message behind it."""
    shape = AnthropicShape()
    left = cleaned(shape.read(messages), HygieneSettings(tokens=tokens)).messages
    assert anthropic_is_valid(shape.write(messages, left))


@given(OPENAI, BUDGETS)
def test_doing_it_again_changes_nothing(messages: list[dict[str, Any]], tokens: int) -> None:
    """A list that was cleaned is clean."""
    once = openai(messages, tokens)
    assert openai(once, tokens) == once


@given(OPENAI, BUDGETS, BUDGETS)
def test_more_room_never_shows_less(messages: list[dict[str, Any]], one: int, other: int) -> None:
    """Turns that stay with less room stay with more, at least as long."""
    read = OpenAIShape().read(messages)
    less, more = (
        {
            (m.at, m.part, m.call_id): m
            for m in cleaned(read, HygieneSettings(tokens=t)).messages
            if m.at >= 0
        }
        for t in sorted((one, other))
    )
    assert less.keys() <= more.keys()
    assert all(characters_of((less[at],)) <= characters_of((more[at],)) for at in less)


@given(OPENAI, BUDGETS)
def test_order_instructions_and_the_task_stay(messages: list[dict[str, Any]], tokens: int) -> None:
    """Whatever the budget: instructions and the first words of the user are there, all in order."""
    read = OpenAIShape().read(messages)
    left = cleaned(read, HygieneSettings(tokens=tokens)).messages
    places = [m.at for m in left if m.at >= 0 and m.role is not Role.TOOL]
    assert places == sorted(places)
    asked = next((m.at for m in read if m.role is Role.USER), -1)
    pinned = {m.at for m in read if m.role is Role.SYSTEM or m.at == asked}
    assert pinned <= set(places)


@given(OPENAI)
def test_what_nothing_changed_is_the_same_object(messages: list[dict[str, Any]]) -> None:
    """A list that is valid, short and clean goes through untouched."""
    shape = OpenAIShape()
    once = openai(messages, 10**6)
    again = shape.write(once, cleaned(shape.read(once), HygieneSettings(tokens=10**6)).messages)
    assert all(one is other for one, other in zip(again, once, strict=True))


def test_the_newest_of_the_same_results_stays() -> None:
    """What came before is a line that says where to look, and how to see it again."""
    listed = "web 1/1 Running\n" * 40
    messages = [
        {"role": "user", "content": "web is down"},
        *(
            message
            for n in range(3)
            for message in (
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {
                            "id": f"c{n}",
                            "function": {"name": "kubectl", "arguments": '{"c":"get pods"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": f"c{n}", "content": f"{listed}{n // 2}"},
            )
        ),
    ]
    left = openai(messages, 10**6)
    assert left[2]["content"] == "[left out: a later result says the same]"
    assert left[4]["content"] == (
        "[left out: the same call was made again later, and its result stands there; "
        'recall("c1") shows this one]'
    )
    assert left[6] is messages[6]


def test_the_window_says_what_is_gone() -> None:
    """Turns go oldest first, and one line tells how many and what they called."""
    turns = [
        message
        for n in range(8)
        for message in (
            Message(role=Role.ASSISTANT, text=f"look {n} " + "x" * 400, at=2 * n + 1),
            Message(role=Role.USER, text=f"go on {n}", at=2 * n + 2),
        )
    ]
    messages = [Message(role=Role.USER, text="web is down", at=0), *turns]
    left = cleaned(messages, HygieneSettings(tokens=150, recent=2)).messages
    assert [m.at for m in left] == [0, -1, 15, 16]
    assert left[1].text == "[left out: 14 earlier turns for want of room]"


def test_a_step_that_was_taken_back_is_not_sent() -> None:
    """Neither its words nor its result; one line says why."""
    call = Call(call_id="c1", tool="kubectl", arguments="{}")
    messages = [
        Message(role=Role.USER, text="web is down", at=0),
        Message(role=Role.ASSISTANT, text="I delete wbe.", calls=(call,), at=1),
        Message(role=Role.TOOL, text="Not run", call_id="c1", at=2),
    ]
    left = cleaned(messages, HygieneSettings(), taken_back={"c1": "there is no wbe"})
    assert [m.text for m in left.messages] == ["web is down", "[taken back: there is no wbe]"]
    assert [removal.why for removal in left.removals] == [Left.TAKEN_BACK] * 2


def test_what_ran_beside_a_wrong_call_is_sent() -> None:
    """The wrong call leaves its turn with its result; one line says why, for all in a row."""
    good, bad = (Call(call_id=name, tool="kubectl") for name in ("good", "bad"))
    worse = Call(call_id="worse", tool="kubectl")
    messages = [
        Message(role=Role.USER, text="web is down", at=0),
        Message(role=Role.ASSISTANT, text="I look.", calls=(bad, good), at=1),
        Message(role=Role.TOOL, text="Not run", call_id="bad", at=2),
        Message(role=Role.TOOL, text="web-1 is there", call_id="good", at=3),
        Message(role=Role.ASSISTANT, text="I look again.", calls=(worse,), at=4),
        Message(role=Role.TOOL, text="Not run", call_id="worse", at=5),
    ]
    back = {"bad": "there is no wbe", "worse": "there is no bew"}
    left = cleaned(messages, HygieneSettings(), taken_back=back)
    assert [(m.text, m.calls) for m in left.messages] == [
        ("web is down", ()),
        ("I look.", (good,)),
        ("web-1 is there", ()),
        ("[taken back: there is no bew]", ()),
    ]
    assert [removal.at for removal in left.removals] == [2, 4, 5]


@given(OPENAI, st.sets(st.integers(min_value=0, max_value=40)))
def test_whatever_is_taken_back_the_rest_is_valid(
    messages: list[dict[str, Any]], taken: set[int]
) -> None:
    """Pairs hold, and taking back again changes nothing."""
    shape = OpenAIShape()
    ids = [call.call_id for m in shape.read(messages) for call in m.calls]
    back = {id_: "no" for at, id_ in enumerate(ids) if at in taken}
    once = shape.write(messages, without_quarantined(shape.read(messages), back).messages)
    assert not back or openai_is_valid(once)
    again = shape.write(once, without_quarantined(shape.read(once), back).messages)
    assert again == once
