"""Requests are read on from where the last one ended, and come out as if each were read alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.sidecar.proxy.again import REMEMBERED as TURNS_REMEMBERED
from guardrails.sidecar.proxy.again import ReadTurns
from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.reading import REMEMBERED, Requests
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Asked, WireError

CHAT = WIRES["/v1/chat/completions"]
RESPONSES = WIRES["/v1/responses"]
TEXTS = st.sampled_from(["", "a", "b", " a "])
CALLS = st.sampled_from([(), (Call(call_id="1", tool="t"),), (Call(call_id="2", tool="t"),)])
MESSAGES = st.lists(st.builds(Message, role=st.sampled_from(Role), text=TEXTS, calls=CALLS))


def _asked(messages: list[Message]) -> Asked:
    return Asked(raw={}, items=(), messages=tuple(messages))


@given(MESSAGES, MESSAGES, MESSAGES)
def test_what_is_known_changes_nothing(
    same: list[Message], then: list[Message], instead: list[Message]
) -> None:
    """A conversation that grew, lost its end or went another way is read as it is."""
    known = History.of(_asked([*same, *then]))
    for messages in (same, [*same, *instead], [*same, *then, *instead], instead):
        assert History.of(_asked(messages), known=known) == History.of(_asked(messages))


def _body(*said: str) -> bytes:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return msgspec.json.encode({"model": "m", "messages": messages})


def test_what_stood_in_the_last_request_is_the_very_object_of_then() -> None:
    """Filters know it by that, and a long history is in memory once."""
    requests = Requests()
    _, before = requests.read(CHAT, _body("down", "I look", "still down"))
    asked, after = requests.read(CHAT, _body("down", "I look", "still down", "I mend", "and?"))
    assert all(a is b for a, b in zip(before.messages, after.messages, strict=False))
    assert asked.messages is after.messages
    assert [m.text for m in asked.messages] == ["down", "I look", "still down", "I mend", "and?"]


def test_formats_and_conversations_do_not_share() -> None:
    """The same words elsewhere are another conversation's; those that begin alike take turns."""
    requests = Requests()
    for words in (("down", "one", "x"), ("down", "two", "x"), ("down", "one", "x", "y", "z")):
        asked, history = requests.read(CHAT, _body(*words))
        assert [m.text for m in asked.messages] == list(words)
        assert history == History.of(asked)
    items = [{"role": "user", "content": "down"}, {"role": "assistant", "content": "one"}]
    body = msgspec.json.encode({"model": "m", "input": items})
    asked, history = requests.read(RESPONSES, body)
    assert history == History.of(RESPONSES.asked(msgspec.json.decode(body)))


def test_only_the_latest_conversations_are_remembered() -> None:
    """Memory has a bound, and what was forgotten is read anew."""
    requests = Requests()
    _, before = requests.read(CHAT, _body("first", "a", "b"))
    for number in range(REMEMBERED):
        requests.read(CHAT, _body(f"case {number}", "a", "b"))
    _, after = requests.read(CHAT, _body("first", "a", "b"))
    assert after == before
    assert after.messages[0] is not before.messages[0]


def test_what_is_no_request_is_refused_and_forgets_nothing() -> None:
    """A body that cannot be read leaves the last one in its place."""
    requests = Requests()
    _, before = requests.read(CHAT, _body("down", "a", "b"))
    with pytest.raises(WireError, match="no JSON object"):
        requests.read(CHAT, b"[")
    _, after = requests.read(CHAT, _body("down", "a", "b"))
    assert after.messages[0] is before.messages[0]


def test_what_python_takes_for_the_same_goes_on_as_it_came() -> None:
    """`true` is no 1 to a model's server, though nothing has to be read again for it."""
    requests = Requests()
    for cached in ("1", "true", "1.0"):
        body = b'{"model":"m","messages":[{"role":"user","content":"down","cached":%b}]}'
        asked, _ = requests.read(CHAT, body % cached.encode())
        sent = CHAT.request(asked, asked.items, stream=False, tools=None)
        assert f'"cached":{cached}' in msgspec.json.encode(sent).decode()


def test_a_turn_is_read_once_and_known_by_its_body_alone() -> None:
    """An equal body elsewhere is another turn's, and so is the same one in another format."""
    reply = {"choices": [{"message": {"role": "assistant", "content": "I look"}}]}
    same = msgspec.json.decode(msgspec.json.encode(reply))
    turns = ReadTurns()
    turn = turns.read(CHAT, reply)
    assert turns.read(CHAT, reply) is turn
    assert turns.read(CHAT, same) is not turn
    assert turns.note(CHAT, turn) is turns.read(CHAT, turn.body)
    with pytest.raises(WireError):
        turns.read(RESPONSES, reply)


def test_only_the_latest_turns_are_remembered() -> None:
    """Memory has a bound, and what was forgotten is read anew."""
    turns = ReadTurns()
    replies = [
        {"choices": [{"message": {"role": "assistant", "content": str(number)}}]}
        for number in range(TURNS_REMEMBERED + 1)
    ]
    read = [turns.read(CHAT, reply) for reply in replies]
    assert turns.read(CHAT, replies[-1]) is read[-1]
    assert turns.read(CHAT, replies[0]) is not read[0]
    assert turns.read(CHAT, replies[0]) == read[0]
