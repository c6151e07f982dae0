"""Replies that the guard changes stay replies: they end as they should and can be sent back."""

from typing import Any

import pytest

from guardrails.core.events import Usage
from guardrails.hygiene.messages import Call
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Json, Result, WireError

CHAT = WIRES["/v1/chat/completions"]
RESPONSES = WIRES["/v1/responses"]
ANTHROPIC = WIRES["/v1/messages"]
ALL = pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
ASKED: Json = {"model": "m", "input": "x", "messages": [{"role": "user", "content": "x"}]}


def chat(*names: str, content: str | None = "I look.", **more: Any) -> Json:
    calls = [
        {"id": name, "type": "function", "function": {"name": "get", "arguments": '{"x":1}'}}
        for name in names
    ]
    message = {"role": "assistant", "content": content, "reasoning_content": "Hm.", **more}
    finish = "tool_calls" if names else "stop"
    choice = {"index": 0, "message": message | ({"tool_calls": calls} if calls else {})}
    return {"id": "c", "model": "m", "choices": [{**choice, "finish_reason": finish}]}


def response(*names: str, content: str | None = "I look.", **more: Any) -> Json:
    output: list[Json] = [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]}
    ]
    if content is not None:
        part = {"type": "output_text", "text": content, "annotations": [{"type": "old"}]}
        output.append({"type": "message", "id": "msg", "role": "assistant", "content": [part]})
    output += [
        {
            "type": "function_call",
            "id": f"fc_{name}",
            "call_id": name,
            "name": "get",
            "arguments": '{"x":1}',
        }
        for name in names
    ]
    return {"id": "r", "model": "m", "status": "completed", "output": output, **more}


def message(*names: str, content: str | None = "I look.", **more: Any) -> Json:
    blocks: list[Json] = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    if content is not None:
        blocks.append({"type": "text", "text": content})
    blocks += [{"type": "tool_use", "id": name, "name": "get", "input": {"x": 1}} for name in names]
    stop = "tool_use" if names else "end_turn"
    return {"id": "m", "model": "m", "content": blocks, "stop_reason": stop, **more}


BODIES: Any = {"chat": chat, "responses": response, "anthropic": message}


@ALL
def test_a_reply_is_read(wire) -> None:
    """Words, thought, calls and why it ended."""
    turn = wire.turn(BODIES[wire.name]("a", "b"))
    assert (turn.text, turn.reasoning, turn.finish) == ("I look.", "Hm.", "tool_calls")
    assert turn.calls == (
        Call(call_id="a", tool="get", arguments='{"x":1}'),
        Call(call_id="b", tool="get", arguments='{"x":1}'),
    )


@ALL
def test_a_turn_with_fewer_calls_still_waits_for_the_rest(wire) -> None:
    """The call that stays keeps its place, id and arguments; words and thought stay."""
    turn = wire.turn(BODIES[wire.name]("a", "b"))
    left = wire.changed(turn, calls=["b"])
    assert left.calls == turn.calls[1:]
    assert (left.finish, left.text, left.reasoning) == ("tool_calls", "I look.", "Hm.")


@ALL
def test_a_turn_that_lost_all_its_calls_ends(wire) -> None:
    """No client waits for calls that are not there."""
    left = wire.changed(wire.turn(BODIES[wire.name]("a")), calls=[])
    assert (left.calls, left.finish) == ((), "stop")
    assert wire.turn(left.body) == left


@ALL
def test_a_turn_can_say_something_else(wire) -> None:
    """The new words stand in the old ones' place, and what was said about those is gone."""
    turn = wire.turn(BODIES[wire.name]("a"))
    left = wire.changed(turn, text="Denied.", calls=[])
    assert (left.text, left.finish, left.message_id) == ("Denied.", "stop", turn.message_id)
    assert "I look" not in str(left.body)
    assert "old" not in str(left.body)


@ALL
def test_words_can_be_given_to_a_turn_that_had_none(wire) -> None:
    """They stand before the calls, as models write them."""
    turn = wire.turn(BODIES[wire.name]("a", content=None))
    left = wire.changed(turn, text="Mind this.")
    assert left.text == "Mind this."
    assert left.calls == turn.calls
    if wire.name == "responses":
        kinds = [item["type"] for item in left.body["output"]]
        assert kinds == ["reasoning", "message", "function_call"]
        assert left.body["output"][1]["id"].startswith("msg_")
    if wire.name == "anthropic":
        kinds = [block["type"] for block in left.body["content"]]
        assert kinds == ["thinking", "text", "tool_use"]


@ALL
def test_a_turn_that_is_not_changed_is_the_same(wire) -> None:
    """Nothing is rewritten without need."""
    turn = wire.turn(BODIES[wire.name]("a"))
    assert wire.changed(turn, calls=["a"]) is turn


@ALL
def test_a_call_that_is_not_the_turns_is_a_mistake_of_the_caller(wire) -> None:
    """It would be lost in silence."""
    turn = wire.turn(BODIES[wire.name]("a"))
    with pytest.raises(ValueError, match="no calls \\['z'\\]"):
        wire.changed(turn, calls=["z"])


@ALL
def test_arguments_can_be_rewritten(wire) -> None:
    """Only those of the call that is named."""
    turn = wire.turn(BODIES[wire.name]("a", "b"))
    left = wire.rewritten(turn, {"b": '{"y":2}'})
    assert [call.arguments for call in left.calls] == ['{"x":1}', '{"y":2}']
    assert wire.turn(left.body) == left


@pytest.mark.parametrize("wire", [RESPONSES, ANTHROPIC], ids=lambda wire: wire.name)
def test_arguments_that_must_be_an_object_are_checked(wire) -> None:
    """The client would choke on them."""
    turn = wire.turn(BODIES[wire.name]("a"))
    with pytest.raises(WireError, match="call a are no JSON object"):
        wire.rewritten(turn, {"a": "rm -rf"})


@ALL
def test_what_the_proxy_says_is_a_whole_reply(wire) -> None:
    """It reads back as it was said, with the tokens that it stands for."""
    turn = wire.said(wire.asked(ASKED), "Done.", usage=Usage(input_tokens=3, output_tokens=4))
    assert (turn.text, turn.finish, turn.model) == ("Done.", "stop", "m")
    assert turn.usage == Usage(input_tokens=3, output_tokens=4)
    assert wire.turn(turn.body) == turn


@ALL
def test_a_turn_in_the_history_reads_as_it_was(wire) -> None:
    """Its items, its results and a note make a conversation that hygiene understands."""
    turn = wire.turn(BODIES[wire.name]("a", "b"))
    results = [Result(call=call, text="denied") for call in turn.calls]
    items = [*wire.items(turn), *wire.answers(results, note="Look again.", turn=turn)]
    head, *rest = wire.read(items)
    assert (head.text, head.calls) == (turn.text, turn.calls)
    assert [(one.call_id, one.text) for one in rest] == [
        ("a", "denied"),
        ("b", "denied"),
        ("", "Look again."),
    ]


def test_new_words_are_the_answer_and_not_a_comment() -> None:
    """A model may comment before it answers; what the guard says takes the answer's place."""
    body = response()
    comment = {**body["output"][1], "id": "msg_0", "phase": "commentary"}
    answer = {**body["output"][1], "phase": "final_answer"}
    turn = RESPONSES.turn({**body, "output": [comment, answer]})
    left = RESPONSES.changed(turn, text="Denied.").body["output"]
    assert [(item["id"], item["phase"]) for item in left] == [("msg", "final_answer")]


def test_signed_thought_goes_back_as_it_came() -> None:
    """Anthropic checks the signature against the words."""
    body = message("a")
    items = ANTHROPIC.items(ANTHROPIC.changed(ANTHROPIC.turn(body), text="x", calls=["a"]))
    assert items[0]["content"][0] == body["content"][0]


def test_blocks_of_no_text_do_not_go_back() -> None:
    """The API refuses them, though it gives them."""
    turn = ANTHROPIC.turn(message("a", content=" "))
    assert [block["type"] for block in ANTHROPIC.items(turn)[0]["content"]] == [
        "thinking",
        "tool_use",
    ]
    assert ANTHROPIC.items(ANTHROPIC.turn({"content": [], "stop_reason": "end_turn"})) == []


def test_thought_of_chat_goes_back_only_with_calls() -> None:
    """DeepSeek's API needs it there and refuses it elsewhere."""
    assert CHAT.items(CHAT.turn(chat("a")))[0]["reasoning_content"] == "Hm."
    assert "reasoning_content" not in CHAT.items(CHAT.turn(chat()))[0]


def test_thought_that_no_server_kept_does_not_go_back() -> None:
    """Without the store and without its encrypted form its id leads nowhere."""
    kept = RESPONSES.items(RESPONSES.turn(response("a")))
    lost = RESPONSES.items(RESPONSES.turn(response("a", store=False)))
    assert [item["type"] for item in kept] == ["reasoning", "message", "function_call"]
    assert [item["type"] for item in lost] == ["message", "function_call"]
    assert all("id" not in item for item in lost)


def test_thought_that_nothing_follows_is_left_out_of_a_changed_response() -> None:
    """OpenAI refuses a history in which thought stands alone."""
    turn = RESPONSES.turn(response("a", content=None))
    assert RESPONSES.changed(turn, calls=[]).body["output"] == []


def test_what_chat_servers_leave_out_is_filled_in() -> None:
    """Missing and doubled ids, arguments as an object, no type."""
    calls = [
        {"function": {"name": "get", "arguments": {"x": 1}}},
        {"id": "a", "function": {"name": "get", "arguments": ""}},
        {"id": "a", "custom": {"name": "sh", "input": "ls"}},
    ]
    message = {"role": "assistant", "tool_calls": calls}
    turn = CHAT.turn({"choices": [{"message": message, "finish_reason": "stop"}]})
    ids = [call.call_id for call in turn.calls]
    assert len(set(ids)) == 3
    assert ids[1] == "a"
    assert [call.arguments for call in turn.calls] == ['{"x":1}', "{}", "ls"]
    assert turn.finish == "tool_calls"
    written = turn.body["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in written] == ids
    assert [call["type"] for call in written] == ["function", "function", "custom"]


@pytest.mark.parametrize(
    ("wire", "body", "finish"),
    [
        (CHAT, chat(content=None, refusal="I will not."), "refusal"),
        (ANTHROPIC, message(stop_reason="refusal"), "refusal"),
        (ANTHROPIC, message(stop_reason="pause_turn"), "pause"),
        (ANTHROPIC, message("a", stop_reason="max_tokens"), "length"),
        (ANTHROPIC, message(stop_reason="stop_sequence"), "stop"),
        (RESPONSES, response(status="incomplete"), "length"),
        (
            RESPONSES,
            response(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "content_filter",
        ),
    ],
)
def test_the_end_of_a_turn_has_one_word_in_all_formats(wire, body, finish) -> None:
    """The proxy asks it whether a reply is an answer."""
    turn = wire.turn(body)
    assert turn.finish == finish
    assert turn.cut == (finish in {"length", "pause"})


@pytest.mark.parametrize(
    ("wire", "body", "says"),
    [
        (CHAT, {"error": {"message": "Out of\nquota"}}, "failed: Out of quota"),
        (CHAT, {"choices": []}, "no `choices"),
        (CHAT, chat(function_call={"name": "x"}), "`function_call`"),
        (RESPONSES, {"status": "failed", "error": {"message": "Bad"}}, "failed: Bad"),
        (RESPONSES, {"status": "in_progress", "output": []}, "is in_progress"),
        (RESPONSES, {"status": "completed"}, "no `output`"),
        (ANTHROPIC, {"type": "error", "error": {"message": "Bad"}}, "failed: Bad"),
        (ANTHROPIC, {"content": "x"}, "no `content`"),
    ],
)
def test_what_is_no_reply_is_named(wire, body, says) -> None:
    """One line for whoever runs the model's server."""
    with pytest.raises(WireError, match=says) as raised:
        wire.turn(body)
    assert "\n" not in str(raised.value)


def test_usage_counts_what_came_from_a_cache() -> None:
    """Those tokens were in the context too."""
    spent = {
        "input_tokens": 1,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 4,
        "output_tokens": 8,
    }
    turn = ANTHROPIC.turn(message(usage=spent))
    assert turn.usage == Usage(input_tokens=7, output_tokens=8)


KINDS: list[tuple[Json, str, Json]] = [
    (
        {"type": "custom_tool_call", "call_id": "a", "name": "apply", "input": "*** Begin"},
        "apply",
        {"type": "custom_tool_call_output", "call_id": "a", "output": "no"},
    ),
    (
        {"type": "local_shell_call", "id": "l", "call_id": "a", "action": {"command": ["ls"]}},
        "local_shell",
        {"type": "local_shell_call_output", "id": "a", "call_id": "a", "output": "no"},
    ),
    (
        {"type": "shell_call", "id": "s", "call_id": "a", "action": {"commands": ["ls"]}},
        "shell",
        {
            "type": "shell_call_output",
            "call_id": "a",
            "output": [{"stdout": "", "stderr": "no", "outcome": {"type": "exit", "exit_code": 1}}],
        },
    ),
    (
        {"type": "apply_patch_call", "id": "p", "call_id": "a", "operation": {"path": "x"}},
        "apply_patch",
        {"type": "apply_patch_call_output", "call_id": "a", "status": "failed", "output": "no"},
    ),
    (
        {
            "type": "mcp_approval_request",
            "id": "a",
            "server_label": "kube",
            "name": "delete",
            "arguments": "{}",
        },
        "mcp__kube__delete",
        {
            "type": "mcp_approval_response",
            "approval_request_id": "a",
            "approve": False,
            "reason": "no",
        },
    ),
]


@pytest.mark.parametrize(("item", "tool", "answer"), KINDS, ids=lambda one: str(one)[:30])
def test_each_kind_of_call_is_answered_in_its_own_form(item, tool, answer) -> None:
    """A denial that the server cannot match to its call would break the conversation."""
    turn = RESPONSES.turn({"id": "r", "status": "completed", "output": [item]})
    assert [call.tool for call in turn.calls] == [tool]
    result = Result(call=turn.calls[0], text="no")
    assert RESPONSES.answers([result], turn=turn) == [answer]
    history = RESPONSES.read([item, answer])
    assert (history[1].call_id, history[1].text) == ("a", "no")


def test_a_result_without_words_is_explained_beside_it() -> None:
    """A computer's result is a picture, so the reason goes into the note."""
    item = {"type": "computer_call", "id": "c", "call_id": "a", "action": {"type": "wait"}}
    turn = RESPONSES.turn({"id": "r", "status": "completed", "output": [item]})
    result = Result(call=turn.calls[0], text="no")
    picture, note = RESPONSES.answers([result], note="Go on.", turn=turn)
    assert picture["output"]["type"] == "computer_screenshot"
    assert note["content"][0]["text"] == "no\n\nGo on."


def test_calls_that_the_provider_ran_are_not_the_agents() -> None:
    """They have no id to answer, run in a container, or stand with their result."""
    output: list[Json] = [
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {}},
        {"type": "shell_call", "call_id": "a", "environment": {"type": "container_reference"}},
        {"type": "shell_call", "call_id": "b", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "b", "output": []},
        {"type": "tool_search_call", "call_id": "c", "execution": "server", "arguments": {}},
        {"type": "mcp_call", "id": "m", "server_label": "k", "name": "get", "arguments": "{}"},
    ]
    turn = RESPONSES.turn({"id": "r", "status": "completed", "output": output})
    assert turn.calls == ()
    kept = RESPONSES.changed(turn, text="Done.")
    assert [item["type"] for item in kept.body["output"]][:6] == [item["type"] for item in output]
