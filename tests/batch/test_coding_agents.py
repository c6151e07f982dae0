"""Sessions of coding agents that work as SRE agents: Codex, Claude Code, Gemini CLI."""

import json
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun


def _read(tmp_path: Path, *lines: object) -> RecordedRun:
    path = tmp_path / "session.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    (run,) = read_runs(path)
    return run


def _facts(run: RecordedRun) -> list[tuple[str, str]]:
    return [(type(event.fact).__name__, event.agent) for event in run.events]


def _item(second: int, **payload: object) -> dict[str, object]:
    return {
        "timestamp": f"2026-01-01T10:00:{second:02}Z",
        "type": "response_item",
        "payload": payload,
    }


def _words(role: str, text: str) -> dict[str, object]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


CODEX = [
    {"type": "session_meta", "timestamp": "2026-01-01T10:00:00Z", "payload": {"id": "s-1"}},
    {"type": "turn_context", "payload": {"model": "some-model"}},
    _item(0, **_words("user", "<environment_context>cwd</environment_context>")),
    _item(0, **_words("user", "# AGENTS.md instructions\nNever delete volumes.")),
    _item(1, **_words("user", "Mend checkout.")),
    {"type": "event_msg", "payload": {"type": "user_message", "message": "Mend checkout."}},
    _item(2, type="reasoning", summary=[{"type": "summary_text", "text": "pods first"}]),
    _item(3, **_words("assistant", "I look at the pods.")),
    _item(4, type="function_call", name="shell", arguments='{"command": ["ls"]}', call_id="c1"),
    {
        "type": "event_msg",
        "payload": {
            "type": "token_count",
            "info": {"last_token_usage": {"input_tokens": 9, "output_tokens": 2}},
        },
    },
    _item(
        5,
        type="function_call_output",
        call_id="c1",
        output=json.dumps({"output": "no pods", "metadata": {"exit_code": 1}}),
    ),
    _item(6, **_words("assistant", "There are no pods.")),
]


def test_a_turn_of_codex_is_its_items_together(tmp_path: Path) -> None:
    """Reasoning, words and calls up to the token count are one turn of the model."""
    run = _read(tmp_path, *CODEX)
    assert (run.run_id, run.format, run.model, run.timed) == ("s-1", "codex", "some-model", True)
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "EndRequested"),
    ]
    start, turn, _, returned, *_ = [event.fact for event in run.events]
    assert (
        start.incident.task == "# AGENTS.md instructions\nNever delete volumes.\n\nMend checkout."
    )
    assert (turn.reasoning, turn.text) == ("pods first", "I look at the pods.")
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (9, 2)
    assert (returned.text, returned.status) == ("no pods", "error")


TIMED = "Wall time: 0.2 seconds"
RUNNING = "Process running with session ID 7"


@pytest.mark.parametrize(
    ("output", "text", "status"),
    [
        ("Process exited with code 0\nOutput:\nfine", "fine", "ok"),
        ("Exit code: 2\nWall time: 0.1 seconds\nOutput:\nbad", "bad", "error"),
        (f"Chunk ID: 4b\n{TIMED}\nProcess exited with code 0\nOutput:\nfine", "fine", "ok"),
        (f"{TIMED}\n{RUNNING}", f"{TIMED}\n{RUNNING}", "ok"),
        ("plain", "plain", "ok"),
        ({"content": "no", "success": False}, "no", "error"),
    ],
)
def test_what_a_command_of_codex_came_back_with(
    tmp_path: Path, output: object, text: str, status: str
) -> None:
    """Its versions state the exit code in several ways; what is new every time is left out."""
    body = _item(5, type="function_call_output", call_id="c1", output=output)
    run = _read(tmp_path, *CODEX[:9], body)
    returned = run.events[-1].fact
    assert (returned.text, returned.status) == (text, status)


def test_newer_versions_of_codex_count_tokens_before_results(tmp_path: Path) -> None:
    """Each turn has its own count; what the session repeats later is not counted again."""
    counted = {"type": "token_usage_record", "payload": {"usage": {"input_tokens": 100}}}
    body = _item(5, type="function_call_output", call_id="c1", output="fine")
    again = {"info": {"last_token_usage": {"input_tokens": 100}}, "type": "token_count"}
    run = _read(tmp_path, *CODEX[:9], counted, body, {"type": "event_msg", "payload": again})
    usages = [one.fact.usage for one in run.events if one.fact.__class__.__name__ == "ModelReplied"]
    assert [usage.input_tokens for usage in usages if usage] == [100]


def test_an_aborted_session_of_codex_says_so(tmp_path: Path) -> None:
    """Nothing was claimed, because a person broke in."""
    abort = {"type": "event_msg", "payload": {"type": "turn_aborted", "reason": "interrupted"}}
    run = _read(tmp_path, *CODEX[:11], abort)
    assert run.notes["end"] == "aborted: interrupted"
    assert _facts(run)[-1][0] == "ToolReturned"


def _claude(kind: str, content: object, **fields: object) -> dict[str, object]:
    role = "assistant" if kind == "assistant" else "user"
    message = {"role": role, "content": content, "id": fields.pop("id", None)}
    return {
        "type": kind,
        "sessionId": "s-2",
        "parentUuid": None,
        "message": message,
        "timestamp": "2026-01-01T10:00:00Z",
        **fields,
    }


def _use(call_id: str, name: str, **given: object) -> list[object]:
    return [{"type": "tool_use", "id": call_id, "name": name, "input": given}]


def _back(call_id: str, text: str, *, error: bool = False) -> list[object]:
    return [
        {"type": "tool_result", "tool_use_id": call_id, "content": text, "is_error": error},
    ]


def test_lines_of_one_message_are_one_turn(tmp_path: Path) -> None:
    """Claude Code writes thoughts, words and each call as lines with the message's id."""
    run = _read(
        tmp_path,
        {"type": "queue-operation", "operation": "enqueue", "sessionId": "s-2", "content": "x"},
        _claude("user", "Mend checkout."),
        _claude("assistant", [{"type": "thinking", "thinking": "pods"}], id="m1"),
        _claude("assistant", [{"type": "text", "text": "Looking."}], id="m1"),
        _claude("assistant", _use("c1", "Bash", command="kubectl get pods"), id="m1"),
        _claude("user", _back("c1", "denied", error=True)),
        _claude("user", "injected by a hook", isMeta=True),
        _claude("assistant", [{"type": "text", "text": "I may not."}], id="m2"),
    )
    assert (run.run_id, run.format) == ("s-2", "claude-code")
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "EndRequested"),
    ]
    turn, returned = run.events[1].fact, run.events[3].fact
    assert (turn.reasoning, turn.text, len(turn.tool_calls)) == ("pods", "Looking.", 1)
    assert returned.status == "error"


@pytest.mark.parametrize("how", ["isSidechain", "parent_tool_use_id"])
def test_an_agent_that_a_task_started_has_its_own_name(tmp_path: Path, how: str) -> None:
    """Session files mark its lines, and stream-json names the call that started it."""

    def inner(kind: str, content: object, number: int) -> dict[str, object]:
        line = _claude(kind, content, id=f"in{number}", uuid=f"u{number}")
        if how == "isSidechain":
            above = None if number == 1 else f"u{number - 1}"
            return {**line, "isSidechain": True, "parentUuid": above}
        del line["sessionId"], line["parentUuid"]
        return {**line, "session_id": "s-2", "parent_tool_use_id": "t1"}

    task = _use("t1", "Task", subagent_type="log-reader", prompt="Read the logs.")
    run = _read(
        tmp_path,
        _claude("user", "Mend checkout."),
        _claude("assistant", task, id="m1"),
        inner("user", "Read the logs.", 1),
        inner("assistant", _use("c1", "Bash", command="kubectl logs"), 2),
        inner("user", _back("c1", "timeout"), 3),
        inner("assistant", [{"type": "text", "text": "Timeouts."}], 4),
        _claude("user", _back("t1", "Timeouts.")),
        _claude("assistant", [{"type": "text", "text": "It times out."}], id="m2"),
    )
    assert _facts(run)[1:] == [
        ("ModelReplied", ""),
        ("ToolRequested", ""),
        ("ModelReplied", "log-reader"),
        ("ToolRequested", "log-reader"),
        ("ToolReturned", "log-reader"),
        ("ModelReplied", "log-reader"),
        ("ToolReturned", ""),
        ("ModelReplied", ""),
        ("EndRequested", ""),
    ]


def test_a_stream_without_the_question_says_so(tmp_path: Path) -> None:
    """`stream-json` does not print what was asked; times begin with the first result."""
    run = _read(
        tmp_path,
        {"type": "system", "subtype": "init", "session_id": "s-3", "model": "some-model"},
        {
            "type": "assistant",
            "session_id": "s-3",
            "message": {"role": "assistant", "id": "m", "content": _use("c1", "Bash")},
        },
        {
            "type": "user",
            "session_id": "s-3",
            "timestamp": "2026-01-01T10:00:00Z",
            "message": {"role": "user", "content": _back("c1", "x")},
        },
        {"type": "result", "subtype": "error_max_turns", "session_id": "s-3", "is_error": True},
    )
    assert (run.run_id, run.model) == ("s-3", "some-model")
    assert run.notes["task"] == "the log does not hold what was asked"
    assert run.notes["end"] == "turn limit"
    assert run.events[-1].fact.exit == "recursion"
    assert {event.at.year for event in run.events} == {2026}


def test_a_message_of_gemini_counts_as_it_was_written_last(tmp_path: Path) -> None:
    """It is written again when its calls have run; the person's line repeats their results."""
    said = {"id": "g1", "timestamp": "2026-01-01T10:00:01Z", "type": "gemini", "content": ""}
    response = {"functionResponse": {"id": "c1", "response": {"output": "no pods"}}}
    called = {
        "id": "c1",
        "name": "run_shell_command",
        "args": {"command": "kubectl get pods"},
        "result": [response],
        "status": "success",
    }
    thoughts = [{"subject": "Pods", "description": "first"}]
    run = _read(
        tmp_path,
        {"sessionId": "s-4", "projectHash": "p", "kind": "main"},
        {"id": "u1", "timestamp": "2026-01-01T10:00:00Z", "type": "user", "content": "Look."},
        {**said, "thoughts": thoughts},
        {"$set": {"lastUpdated": "2026-01-01T10:00:02Z"}},
        {**said, "thoughts": thoughts, "toolCalls": [called], "model": "some-model"},
        {"id": "u2", "type": "user", "content": [response]},
        {**said, "id": "g2", "content": "There are none."},
    )
    assert (run.run_id, run.format, run.model) == ("s-4", "gemini-cli", "some-model")
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "EndRequested"),
    ]
    assert run.events[1].fact.reasoning == "Pods: first"
    assert run.events[3].fact.text == "no pods"


def test_what_gemini_says_of_its_surroundings_is_no_task(tmp_path: Path) -> None:
    """It begins a session with words of its own, as if a person had said them."""
    begun = {"id": "u0", "type": "user", "content": [{"text": "<session_context>\nIt is Monday."}]}
    run = _read(
        tmp_path,
        {"sessionId": "s-5", "projectHash": "p", "kind": "main"},
        {"$set": {"messages": [begun]}},
        {"id": "u1", "timestamp": "2026-01-01T10:00:00Z", "type": "user", "content": "Look."},
        {"id": "g1", "timestamp": "2026-01-01T10:00:01Z", "type": "gemini", "content": "Nothing."},
    )
    assert run.events[0].fact.incident.task == "Look."


@pytest.mark.parametrize(
    ("output", "text", "status"),
    [
        (
            "<untrusted_context>\nOutput: no pods\nProcess Group PGID: 28764\n</untrusted_context>",
            *("Output: no pods", "ok"),
        ),
        (
            "<untrusted_context>\nOutput: bad\nExit Code: 2\n</untrusted_context>",
            *("Output: bad\nExit Code: 2", "error"),
        ),
    ],
)
def test_what_a_command_of_gemini_came_back_with(
    tmp_path: Path, output: str, text: str, status: str
) -> None:
    """A command that failed is a call that worked; ids of processes are new every time."""
    called = {
        "id": "c1",
        "name": "run_shell_command",
        "args": {"command": "kubectl get pods"},
        "result": [{"functionResponse": {"id": "c1", "response": {"output": output}}}],
        "status": "success",
    }
    run = _read(
        tmp_path,
        {"sessionId": "s-6", "projectHash": "p", "kind": "main"},
        {"id": "u1", "timestamp": "2026-01-01T10:00:00Z", "type": "user", "content": "Look."},
        {"id": "g1", "timestamp": "2026-01-01T10:00:01Z", "type": "gemini", "toolCalls": [called]},
    )
    returned = run.events[3].fact
    assert (returned.text, returned.status) == (text, status)
