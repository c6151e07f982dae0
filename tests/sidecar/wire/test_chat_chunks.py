"""Chunks of chat completions: the short ways through the reader lead where the long ones do."""

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardrails.sidecar.proxy.wire.chat_stream import ChatReader

Chunk = dict[str, Any]

Strategies = dict[str, st.SearchStrategy[Any]]


def _objects(needed: Strategies, optional: Strategies) -> st.SearchStrategy[Chunk]:
    return st.fixed_dictionaries(needed, optional=optional)


_FUNCTIONS = _objects(
    {},
    {
        "name": st.sampled_from(["get", "scale"]),
        "arguments": st.sampled_from(['{"n":', " 1", "}", None]),
    },
)
_CALLS = _objects(
    {"index": st.sampled_from([0, 1])},
    {"id": st.sampled_from(["a", "b"]), "type": st.just("function"), "function": _FUNCTIONS},
)
_DELTAS = _objects(
    {},
    {
        "content": st.sampled_from(["The pods ", "are ready", None]),
        "tool_calls": st.lists(_CALLS, max_size=2),
    },
)
_CHOICES = _objects(
    {"index": st.just(0), "delta": _DELTAS},
    {"finish_reason": st.sampled_from([None, "stop"]), "logprobs": st.just({"n": [1]})},
)
_CHUNKS = _objects(
    {"choices": st.lists(_CHOICES, min_size=1, max_size=2)},
    {
        "id": st.sampled_from(["one", "two", None]),
        "usage": st.sampled_from([None, {"prompt_tokens": 1}]),
        "model": st.sampled_from(["m", None]),
    },
)


def _read(chunks: list[Chunk]) -> Chunk:
    reader = ChatReader()
    for chunk in chunks:
        reader.feed("", json.dumps(chunk))
    reader.feed("", "[DONE]")
    return reader.body()


@given(st.lists(_CHUNKS, min_size=1, max_size=6))
def test_what_stands_beside_choices_counts_however_often_it_comes(chunks: list[Chunk]) -> None:
    """A server that pads each chunk with noise of its own is read as one that does not."""
    numbers = itertools.count()
    padded = [{**chunk, "obfuscation": str(next(numbers))} for chunk in chunks]
    assert _read(padded) == _read(chunks)


@given(st.lists(_CHUNKS, min_size=1, max_size=6))
def test_deltas_of_arguments_are_read_alike_with_and_without_their_type(
    chunks: list[Chunk],
) -> None:
    """A delta that says again what kind of call it is says nothing new."""

    def typed(call: Chunk) -> Chunk:
        return {**call, "type": "function"}

    def with_types(choice: Chunk) -> Chunk:
        delta = choice["delta"]
        calls = [typed(call) for call in delta.get("tool_calls", ())]
        return {**choice, "delta": {**delta, **({"tool_calls": calls} if calls else {})}}

    told = [{**chunk, "choices": [*map(with_types, chunk["choices"])]} for chunk in chunks]
    assert _read(told) == _read(chunks)
