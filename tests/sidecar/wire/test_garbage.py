"""Bodies and events that are no such thing: one kind of error, in one line."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import NOTHING, Asked, Before, Json, Wire, WireError

_KEYS = """
messages input model choices message delta content text type role tool_calls function name
arguments id index finish_reason usage prompt_tokens output status item output_index response
call_id summary content_block stop_reason tools tool_choice stream n response_format error
instructions system thinking signature partial_json citation action custom input_schema
environment stream_options previous_response_id conversation refusal reasoning_content format
"""
KEYS = _KEYS.split()
_WORDS = """
assistant user tool system function custom text output_text message reasoning function_call
function_call_output tool_use tool_result thinking json_schema namespace mcp completed
incomplete failed message_start content_block_start content_block_delta message_delta
message_stop response.completed response.output_item.done text_delta input_json_delta
citations_delta shell_call shell_call_output mcp_approval_request item_reference
"""
WORDS = _WORDS.split()
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=14,
)
OBJECTS: Any = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WIRE = st.sampled_from(sorted(WIRES)).map(WIRES.__getitem__)


@contextlib.contextmanager
def only_wire_errors() -> Any:
    """Let nothing but a one-line `WireError` pass."""
    try:
        yield
    except WireError as error:
        if "\n" in str(error):
            pytest.fail(f"more than one line: {error}")


@FUZZ
@given(WIRE, OBJECTS, st.lists(OBJECTS, min_size=1, max_size=3))
def test_any_request_is_read_or_refused_in_one_line(wire, body, items) -> None:
    """Also one whose conversation looks right from afar; what is read can be sent on."""
    name = "input" if wire.name == "responses" else "messages"
    for one in (body, {**body, "model": "m", name: items}):
        with only_wire_errors():
            asked: Asked = wire.asked(one)
            assert wire.write(asked.items, asked.messages) is not None
            wire.request(asked, asked.items, stream=True, tools=frozenset({"custom"}))


@FUZZ
@given(WIRE, *[st.lists(OBJECTS, min_size=1, max_size=3) for _ in range(3)])
def test_what_was_read_before_changes_nothing(wire, same, then, instead) -> None:
    """A conversation is read on from the last request as if it were read alone."""
    before = NOTHING
    for items in ([*same, *then], same, [*same, *instead], [*same, *then, *instead]):
        known = before.items[: before.shared(items)]
        if msgspec.json.encode(known) != msgspec.json.encode(items[: len(known)]):
            continue  # `true` for 1: what Python takes for the same needs no second look
        body = {"model": "m", wire.listing: items}
        alone, error = _read(wire, body, NOTHING)
        found, same_error = _read(wire, body, before)
        assert same_error == error
        if alone is None or found is None:
            continue
        assert found.messages == alone.messages
        assert list(map(id, found.raw[wire.listing])) == list(map(id, items))
        fewer = [m for m in found.messages if m.text or m.calls]
        written = wire.write(found.items, fewer, known=found.messages)
        assert msgspec.json.encode(written) == msgspec.json.encode(wire.write(alone.items, fewer))
        before = Before(items=found.items, messages=found.messages)


def _read(wire: Wire, body: Json, before: Before) -> tuple[Asked | None, str]:
    try:
        return wire.asked(body, before=before), ""
    except WireError as error:
        return None, str(error)


@FUZZ
@given(WIRE, OBJECTS, st.lists(OBJECTS, min_size=1, max_size=3))
def test_any_reply_is_read_or_refused_in_one_line(wire, body, parts) -> None:
    """Also one whose parts look right from afar; what is read can be streamed and sent back."""
    asked = wire.asked({"model": "m", "messages": [{"role": "user"}], "input": "x"})
    shaped: Json = {"choices": [{"message": parts[0]}], "output": parts, "content": parts}
    for one in (body, body | shaped):
        with only_wire_errors():
            turn = wire.turn(one)
            for frame in wire.frames(turn, asked=asked):
                assert frame.endswith(b"\n\n")
            wire.items(turn)
            wire.changed(turn, text="x", calls=[])


@FUZZ
@given(WIRE, st.lists(st.tuples(st.sampled_from(["", "error", "ping"]), OBJECTS), max_size=6))
def test_any_stream_is_read_or_refused_in_one_line(wire, events) -> None:
    """Whatever a broken server sends, the proxy has one kind of error to tell of."""
    reader = wire.reader()
    with only_wire_errors():
        for name, data in events:
            reader.feed(name, msgspec.json.encode(data).decode())
        wire.turn(reader.body())
