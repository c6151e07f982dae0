"""OpenAI's Responses as hygiene sees them: a turn of several items is one message."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.pairs import NO_RESULT, paired
from guardrails.hygiene.shapes.responses import ResponsesShape

SHAPE = ResponsesShape()


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


def words(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def thought(text: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "ZQ=="}


def call(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    made = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "get"}
    return {**made, "arguments": arguments}


def result(call_id: str, output: Any = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


TURN = [
    {"type": "message", "role": "developer", "content": "Mend it."},
    user("cart is down"),
    thought("Hm."),
    words("I look."),
    call("a", '{"x":1}'),
    call("b"),
    result("a"),
    result("b", [{"type": "input_text", "text": "fine"}]),
]

ITEMS: Any = st.lists(
    st.one_of(
        st.builds(user, st.text()),
        st.builds(words, st.text()),
        st.builds(thought, st.text()),
        st.builds(call, st.sampled_from("abc")),
        st.builds(result, st.sampled_from("abc"), st.text()),
        st.sampled_from(
            [
                {"type": "item_reference", "id": "x"},
                {"id": "y"},
                {"type": "compaction", "encrypted_content": "e"},
                {"type": "web_search_call", "id": "w", "action": {}},
                {"type": "shell_call_output", "call_id": "a", "output": []},
                {"type": "hologram", "beams": 2},
                {"type": "mcp_approval_request", "id": "a", "name": "n", "arguments": "{}"},
                {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
            ]
        ),
    ),
    max_size=12,
)


@given(ITEMS)
def test_nothing_is_lost_when_nothing_changes(items) -> None:
    """Known or not, in any order, every item comes back as the object that it was."""
    written = SHAPE.write(items, SHAPE.read(items))
    assert [id(item) for item in written] == [id(item) for item in items]


@given(ITEMS)
def test_pairs_are_kept_and_stand_in_one_list(items) -> None:
    """What hygiene mends is written with every call answered right behind its turn."""
    again = SHAPE.read(SHAPE.write(items, paired(SHAPE.read(items))))
    for at, message in enumerate(again):
        ids = [one.call_id for one in again[at + 1 : at + 1 + len(message.calls)]]
        assert ids == [one.call_id for one in message.calls]


def test_a_turn_of_several_items_is_one_message() -> None:
    """Thought, words and parallel calls belong together, and so do their results."""
    read = SHAPE.read(TURN)
    assert [(message.role, message.at) for message in read] == [
        (Role.SYSTEM, 0),
        (Role.USER, 1),
        (Role.ASSISTANT, 2),
        (Role.TOOL, 6),
        (Role.TOOL, 7),
    ]
    assert (read[2].text, read[2].reasoning) == ("I look.", "Hm.")
    assert [one.call_id for one in read[2].calls] == ["a", "b"]
    assert read[4].text == "fine"
    assert paired(read) == read


def test_thought_that_goes_takes_the_ids_with_it() -> None:
    """A server that keeps items wants the thought of an id that it knows."""
    read = SHAPE.read(TURN)
    written = SHAPE.write(TURN, [replace(read[2], reasoning="")])
    assert [item["type"] for item in written] == ["message", "function_call", "function_call"]
    assert all("id" not in item for item in written)


def test_thought_before_a_search_of_the_providers_stays() -> None:
    """Such an item cannot do without its id, nor its id without the thought."""
    search = {"type": "web_search_call", "id": "w", "action": {}}
    items = [thought("Hm."), search, thought("So."), words("Done.")]
    read = SHAPE.read(items)
    written = SHAPE.write(items, [replace(read[0], reasoning="")])
    assert [item["type"] for item in written] == ["reasoning", "web_search_call", "message"]


def test_a_call_that_goes_takes_thought_that_nothing_else_follows() -> None:
    """Thought alone at the end of a turn is refused."""
    items = [thought("Hm."), call("a")]
    read = SHAPE.read(items)
    assert SHAPE.write(items, [replace(read[0], calls=())]) == []


def test_changed_texts_are_written_in_the_form_they_had() -> None:
    """Blocks stay blocks, text stays text, and other fields stay."""
    read = SHAPE.read(TURN)
    kept = [replace(message, text="less") for message in read]
    written = SHAPE.write(TURN, kept)
    assert written[0] == {**TURN[0], "content": "less"}
    assert written[1]["content"] == [{"type": "input_text", "text": "less"}]
    assert written[3] == {
        **TURN[3],
        "content": [{"type": "output_text", "text": "less"}],
    }
    assert written[6] == result("a", "less")
    assert written[7] == result("b", [{"type": "input_text", "text": "less"}])


def test_changed_arguments_are_written() -> None:
    """As text where the kind has text, as an object where it has one."""
    shell = {"type": "shell_call", "id": "s", "call_id": "b", "action": {"commands": ["ls"]}}
    items = [call("a", '{"x":1}'), shell]
    read = SHAPE.read(items)[0]
    calls = (
        Call(call_id="a", tool="get", arguments='{"x":2}'),
        Call(call_id="b", tool="shell", arguments='{"commands":["pwd"]}'),
    )
    written = SHAPE.write(items, [replace(read, calls=calls)])
    assert written == [call("a", '{"x":2}'), {**shell, "action": {"commands": ["pwd"]}}]


def test_a_missing_result_is_written_in_the_form_of_its_call() -> None:
    """The server matches results to calls by their kind."""
    items = [{"type": "custom_tool_call", "call_id": "a", "name": "sh", "input": "ls"}]
    written = SHAPE.write(items, paired(SHAPE.read(items)))
    assert written[1] == {"type": "custom_tool_call_output", "call_id": "a", "output": NO_RESULT}


def test_results_of_calls_that_are_named_by_reference_are_no_strays() -> None:
    """The server knows the call; its result must reach it."""
    items = [user("x"), {"type": "item_reference", "id": "fc_a"}, result("a")]
    assert SHAPE.write(items, paired(SHAPE.read(items))) == items


def test_a_compacted_history_must_reach_the_model() -> None:
    """It stands for everything before it."""
    read = SHAPE.read([{"type": "compaction", "encrypted_content": "e"}])
    assert read[0].pinned


@pytest.mark.parametrize(
    ("item", "text", "error"),
    [
        (
            {
                "type": "shell_call_output",
                "call_id": "a",
                "output": [{"stdout": "x", "stderr": "y", "outcome": {"type": "timeout"}}],
            },
            "x\ny",
            False,
        ),
        ({"type": "apply_patch_call_output", "call_id": "a", "status": "failed"}, "", True),
        ({"type": "local_shell_call_output", "id": "a", "output": "x"}, "x", False),
        ({"type": "computer_call_output", "call_id": "a", "output": {"image_url": "u"}}, "", False),
    ],
)
def test_results_of_every_kind_are_read(item, text, error) -> None:
    """Shells, patches and computers answer in their own forms."""
    assert SHAPE.read([item]) == (
        Message(role=Role.TOOL, call_id="a", text=text, error=error, at=0),
    )


def test_a_note_of_a_filter_is_a_message() -> None:
    """It has no place in the list that it came from."""
    made = SHAPE.write([], [Message(role=Role.USER, text="earlier steps were left out")])
    assert made == [{"type": "message", "role": "user", "content": "earlier steps were left out"}]
