"""What holds in every wire format alike: pairs, order, what is pinned, and doing it twice."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.clean import cleaned
from guardrails.hygiene.compression.mentions import ALSO
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message, Role, Shape
from guardrails.hygiene.shapes.anthropic import AnthropicShape
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.policy.models import HygieneSettings
from tests.hygiene.lists import ANTHROPIC, OPENAI

Json = dict[str, Any]

BUDGETS = st.integers(min_value=1, max_value=4_000)
SHAPED = st.one_of(
    st.tuples(st.just(OpenAIShape()), OPENAI), st.tuples(st.just(AnthropicShape()), ANTHROPIC)
)
"""A wire format, and a list in it: whole or broken, with calls side by side."""


def through(shape: Shape[Json], messages: Sequence[Json], tokens: int) -> list[Json]:
    """Clean a list."""
    left = cleaned(shape.read(messages), HygieneSettings(tokens=tokens)).messages
    return shape.write(messages, left)


@given(SHAPED, BUDGETS)
def test_doing_it_again_changes_nothing(
    shaped: tuple[Shape[Json], list[Json]], tokens: int
) -> None:
    """A list that was cleaned is clean, in every format."""
    shape, messages = shaped
    once = through(shape, messages, tokens)
    assert through(shape, once, tokens) == once


@given(SHAPED, BUDGETS, BUDGETS)
def test_more_room_never_shows_less(
    shaped: tuple[Shape[Json], list[Json]], one: int, other: int
) -> None:
    """What stays with less room stays with more, at least as long; its list of names aside.

    A name that is listed with less room may stand in a line with more.
    """
    shape, messages = shaped
    read = shape.read(messages)
    less, more = (_by_place(read, tokens) for tokens in sorted((one, other)))
    assert less.keys() <= more.keys()
    assert all(_size(less[at]) <= _size(more[at]) for at in less)


@given(SHAPED, BUDGETS)
def test_order_instructions_and_the_task_stay(
    shaped: tuple[Shape[Json], list[Json]], tokens: int
) -> None:
    """Whatever the budget: instructions and the first words of the user are there, in order."""
    shape, messages = shaped
    read = shape.read(messages)
    left = cleaned(read, HygieneSettings(tokens=tokens)).messages
    places = [m.at for m in left if m.at >= 0 and m.role is not Role.TOOL]
    assert places == sorted(places)
    asked = next((m.at for m in read if m.role is Role.USER), -1)
    assert {m.at for m in read if m.role is Role.SYSTEM or m.at == asked} <= set(places)


@given(SHAPED, BUDGETS)
def test_what_is_remembered_changes_nothing(
    shaped: tuple[Shape[Json], list[Json]], tokens: int
) -> None:
    """A history that grew message by message is sent as one that came whole."""
    shape, messages = shaped
    read, memo, settings = shape.read(messages), Memo(), HygieneSettings(tokens=tokens)
    for end in range(len(read)):
        cleaned(read[:end], settings, memo=memo)
        memo.settle()
    assert cleaned(read, settings, memo=memo) == cleaned(read, settings)


def _by_place(read: Sequence[Message], tokens: int) -> dict[tuple[int, int, str], Message]:
    left = cleaned(read, HygieneSettings(tokens=tokens)).messages
    return {(m.at, m.part, m.call_id): m for m in left if m.at >= 0}


def _size(message: Message) -> int:
    listed = message.text.partition(ALSO)[1:]
    return message.size - sum(map(len, listed))
