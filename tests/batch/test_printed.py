"""What coding agents print while they run: `codex exec --json` and `gemini -o stream-json`."""

import json
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import (
    EndRequested,
    ModelReplied,
    PlanStated,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)


def _read(tmp_path: Path, *lines: object) -> RecordedRun:
    path = tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    (run,) = read_runs(path)
    return run


def _done(number: int, kind: str, **fields: object) -> dict[str, object]:
    item = {"id": f"item_{number}", "type": kind, **fields}
    return {"type": "item.completed", "item": item}


STARTED = {"type": "thread.started", "thread_id": "t-1"}
COMMAND = {"command": "kubectl get pods", "aggregated_output": "none", "exit_code": 0}


def test_words_and_the_command_after_them_are_a_turn_of_codex(tmp_path: Path) -> None:
    """An item that begins is the call, and the same item completed is its result."""
    begun = _done(1, "command_execution", command="kubectl get pods", status="in_progress")
    run = _read(
        tmp_path,
        STARTED,
        {"type": "turn.started"},
        _done(0, "agent_message", text="I look."),
        {**begun, "type": "item.started"},
        _done(1, "command_execution", **COMMAND, status="completed"),
        _done(2, "agent_message", text="There are none."),
        {"type": "turn.completed", "usage": {"input_tokens": 90, "output_tokens": 9}},
    )
    assert (run.run_id, run.format) == ("t-1", "codex-exec")
    facts = [event.fact for event in run.events[1:]]
    assert [type(one) for one in facts] == [
        *(ModelReplied, ToolRequested, ToolReturned, ModelReplied, EndRequested)
    ]
    said, asked, came, last, _ = facts
    assert isinstance(said, ModelReplied)
    assert isinstance(asked, ToolRequested)
    assert isinstance(came, ToolReturned)
    assert isinstance(last, ModelReplied)
    assert said.text == "I look."
    assert (asked.tool, asked.arguments) == ("exec_command", '{"cmd": "kubectl get pods"}')
    assert (came.text, came.status) == ("none", ToolStatus.OK)
    assert last.usage is not None
    assert last.usage.input_tokens == 90  # of the whole thread: it is not told per turn


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (_done(1, "command_execution", **{**COMMAND, "exit_code": 1}, status="failed"), "none"),
        (
            _done(
                *(1, "mcp_tool_call"),
                server="k8s",
                tool="get_pods",
                arguments={"namespace": "shop"},
                error={"message": "forbidden"},
                status="failed",
            ),
            "forbidden",
        ),
    ],
)
def test_what_failed_in_codex_is_an_error(tmp_path: Path, item: object, text: str) -> None:
    """Commands by their exit code, tools by what their server said."""
    run = _read(tmp_path, STARTED, item)
    came = run.events[-1].fact
    assert isinstance(came, ToolReturned)
    assert (came.text, came.status) == (text, ToolStatus.ERROR)


def test_a_to_do_list_of_codex_is_a_plan(tmp_path: Path) -> None:
    """It is read as the call that makes it in a rollout."""
    steps = [{"text": "Look at pods", "completed": False}]
    run = _read(tmp_path, STARTED, _done(1, "todo_list", items=steps))
    asked = next(e.fact for e in run.events if isinstance(e.fact, ToolRequested))
    assert asked.tool == "update_plan"
    assert json.loads(asked.arguments) == {"plan": [{"step": "Look at pods", "status": "pending"}]}
    assert not any(isinstance(event.fact, PlanStated) for event in run.events)


def test_a_thread_of_codex_that_fails_says_why(tmp_path: Path) -> None:
    """Nothing was claimed then."""
    failed = {"type": "turn.failed", "error": {"message": "stream disconnected"}}
    run = _read(tmp_path, STARTED, _done(1, "command_execution", **COMMAND), failed)
    assert run.notes["end"] == "stream disconnected"
    assert not any(isinstance(event.fact, EndRequested) for event in run.events)


def _line(second: int, kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, "timestamp": f"2026-01-01T10:00:{second:02}Z", **fields}


GEMINI = [
    _line(0, "init", session_id="g-1", model="some-model"),
    _line(0, "message", role="user", content="Mend checkout."),
    _line(1, "message", role="assistant", content="I ", delta=True),
    _line(1, "message", role="assistant", content="look.", delta=True),
    _line(2, "tool_use", tool_name="run_shell_command", tool_id="c1", parameters={"command": "ls"}),
    _line(3, "tool_result", tool_id="c1", status="success", output="none"),
    _line(4, "message", role="assistant", content="There are none.", delta=True),
    _line(5, "result", status="success", stats={"input_tokens": 90, "output_tokens": 9}),
]


def test_pieces_and_calls_are_a_turn_of_gemini(tmp_path: Path) -> None:
    """Words come in pieces; the calls after them are of the same turn."""
    run = _read(tmp_path, *GEMINI)
    assert (run.run_id, run.format, run.model, run.timed) == (
        *("g-1", "gemini-stream", "some-model", True),
    )
    facts = [event.fact for event in run.events]
    assert [type(one).__name__ for one in facts] == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "EndRequested"),
    ]
    first = facts[1]
    assert isinstance(first, ModelReplied)
    assert first.text == "I look."
    assert [call.tool for call in first.tool_calls] == ["run_shell_command"]


def test_an_output_of_gemini_that_fails_says_why(tmp_path: Path) -> None:
    """The last line has the error."""
    error = _line(5, "result", status="error", error={"message": "quota"}, stats={})
    run = _read(tmp_path, *GEMINI[:6], error)
    assert run.notes["end"] == "quota"
