"""Calls and results in pairs: a list that is right comes through at once, as it is."""

from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.pairs import paired, turns_of

IDS = st.sampled_from(["1", "2", "3"])
CALLS = st.lists(IDS.map(lambda one: Call(call_id=one, tool="t")), max_size=3).map(tuple)
ANY = st.one_of(
    st.builds(Message, role=st.just(Role.ASSISTANT), calls=CALLS),
    st.builds(Message, role=st.just(Role.TOOL), call_id=IDS),
    st.builds(Message, role=st.sampled_from([Role.USER, Role.SYSTEM])),
)


@st.composite
def whole_turns(draw: st.DrawFn) -> list[Message]:
    """Draw a turn as agents send it: calls, and their results in order."""
    calls = [Call(call_id=one, tool="t") for one in draw(st.lists(IDS, unique=True))]
    results = [Message(role=Role.TOOL, call_id=call.call_id) for call in calls]
    return [Message(role=Role.ASSISTANT, calls=tuple(calls)), *results]


def _by_turns(messages: list[Message]) -> tuple[Message, ...]:
    return tuple(message for turn in turns_of(messages) for message in turn.messages)


@given(st.lists(ANY | whole_turns(), max_size=6))
def test_pairs_are_those_of_the_turns(parts: list[Message | list[Message]]) -> None:
    """Whether a list is right is told by the turns, and by nothing quicker that differs."""
    messages = [m for part in parts for m in (part if isinstance(part, list) else [part])]
    assert paired(messages) == _by_turns(messages)


@given(st.lists(whole_turns(), max_size=4))
def test_a_list_that_is_right_keeps_its_objects(turns: list[list[Message]]) -> None:
    """Filters that follow know messages again by their identity."""
    messages = [message for turn in turns for message in turn]
    assert all(a is b for a, b in zip(paired(messages), messages, strict=True))
