"""Server-sent events, however their bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.sidecar.proxy.wire.base import WireError
from guardrails.sidecar.proxy.wire.sse import Event, EventDecoder, data_object, frame, pieces

STREAM = (
    "\ufeffevent: first\ndata: {}\n\n"
    ": a comment\n\n"
    "data: one\r\ndata: two\r\n\r\n"
    "id: 7\rdata:tight\r\r"
    "event: nothing\n\n"
    "data: é漢\n\ndata: [DONE]\n\n"
).encode()
EVENTS = [
    Event("first", "{}"),
    Event("", "one\ntwo"),
    Event("", "tight"),
    Event("", "é漢"),
    Event("", "[DONE]"),
]


def decoded(data: bytes, cuts: list[int]) -> list[Event]:
    decoder, found, start = EventDecoder(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += decoder.feed(data[start:cut])
        start = cut
    return found + decoder.end()


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_events_do_not_depend_on_how_the_bytes_were_cut(cuts) -> None:
    """Line ends of all kinds, characters of many bytes and comments may be cut anywhere."""
    assert decoded(STREAM, cuts) == EVENTS


def test_one_byte_at_a_time_is_enough() -> None:
    """The slowest network gives the same events."""
    assert decoded(STREAM, list(range(len(STREAM)))) == EVENTS


def test_an_event_that_the_end_cut_off_still_counts() -> None:
    """Some servers close behind the last line without an empty one."""
    assert decoded(b"data: [DONE]", []) == [Event("", "[DONE]")]


def test_bytes_that_are_no_text_are_refused() -> None:
    """Garbage is named, not passed on."""
    with pytest.raises(WireError, match="not UTF-8"):
        decoded(b"data: \xff\xfe\n\n", [])


@pytest.mark.parametrize("data", ["", "nonsense", "[1]", '"text"', '{"a":"\\ud800"}'])
def test_data_that_is_no_object_is_refused(data) -> None:
    """Each event of these formats holds one JSON object."""
    with pytest.raises(WireError, match="no JSON object"):
        data_object(data)


@given(st.dictionaries(st.text(), st.text()), st.sampled_from(["", "message_start"]))
def test_a_frame_is_read_as_it_was_written(data, name) -> None:
    """No text of a model can end its event early."""
    events = decoded(frame(data, name=name), [])
    assert [(event.name, data_object(event.data)) for event in events] == [(name, data)]


@given(st.text(), st.integers(1, 50))
def test_pieces_add_up_and_none_is_too_long(text, size) -> None:
    """Nothing is lost between deltas, and no delta is empty."""
    found = list(pieces(text, size))
    assert "".join(found) == text
    assert all(0 < len(piece) <= size for piece in found)
