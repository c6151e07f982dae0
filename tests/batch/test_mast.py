"""Conversations of several agents, as the MAST studies store them."""

import json
from pathlib import Path

import pytest

from guardrails.batch.formats.scripts import turns_in
from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun, Verdict

CODE = "I will count them.\n```python\nprint(6 * 7)\n```"
METAGPT = """\
2026-01-01 10:00:00.100 | INFO     | metagpt.roles.role:_act:391 - Ann(Coder): to do Write(Write)
```python
def price(): return 1
```
2026-01-01 10:00:09.000 | INFO     | metagpt.roles.role:_act:391 - Bo(Reviewer): to do Check(Check)
"""


def _read(tmp_path: Path, value: object) -> RecordedRun:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(value))
    (run,) = read_runs(path)
    return run


def _facts(run: RecordedRun) -> list[tuple[str, str]]:
    return [(type(event.fact).__name__, event.agent) for event in run.events]


def _said(speaker: str, *lines: str) -> dict[str, object]:
    return {"content": list(lines), "role": "user", "name": speaker}


def test_each_turn_is_a_reply_and_words_to_the_others(tmp_path: Path) -> None:
    """The first turn only hands out the task; the last words are the claim."""
    task = "Count the failed orders of the checkout service."
    run = _read(
        tmp_path,
        {
            "instance_id": "i-1",
            "problem_statement": [task],
            "other_data": {"correct": False},
            "trajectory": [
                _said("starter", "Solve this.", task),
                _said("counter", "There are", "42."),
                _said("checker", "I agree."),
            ],
        },
    )
    assert (run.run_id, run.format, run.outcome) == ("i-1", "mast", Verdict.WRONG)
    assert _facts(run) == [
        ("RunStarted", ""),
        ("MessagePassed", "starter"),
        ("ModelReplied", "counter"),
        ("MessagePassed", "counter"),
        ("ModelReplied", "checker"),
        ("MessagePassed", "checker"),
        ("EndRequested", "checker"),
    ]
    assert run.events[0].fact.incident.task == task
    assert run.events[2].fact.text == "There are\n42."


@pytest.mark.parametrize(
    ("speaker", "answer", "status"),
    [
        ("user_proxy", "42", "ok"),
        ("helper", "exitcode: 0 (execution succeeded)\nCode output: 42", "ok"),
        ("helper", "exitcode: 1 (execution failed)\nCode output: boom", "error"),
        ("code_executor", "Error: Traceback (most recent call last):", "error"),
    ],
)
def test_code_that_another_agent_runs_is_a_call(
    tmp_path: Path, speaker: str, answer: str, status: str
) -> None:
    """What it printed is the result, and no turn of whoever ran it."""
    run = _read(
        tmp_path,
        {
            "problem_statement": "count",
            "trajectory": [_said("coder", CODE), _said(speaker, answer), _said("coder", "42")],
        },
    )
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "MessagePassed", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "MessagePassed", "EndRequested"),
    ]
    requested, returned = run.events[3].fact, run.events[4].fact
    assert (requested.tool, json.loads(requested.arguments)) == (
        "python",
        {"code": "print(6 * 7)"},
    )
    assert (returned.text, returned.status) == (answer, status)


def test_code_that_is_answered_with_words_did_not_run(tmp_path: Path) -> None:
    """A reviewer who answers code has read it."""
    said = [_said("coder", CODE), _said("reviewer", "This looks right to me.")]
    run = _read(tmp_path, {"problem_statement": "count", "trajectory": said})
    assert "ToolRequested" not in [name for name, _ in _facts(run)]


def test_a_released_record_wraps_its_trace(tmp_path: Path) -> None:
    """System, benchmark and labels are notes; they are nobody's evidence."""
    run = _read(
        tmp_path,
        {
            "mas_name": "AG2",
            "llm_name": "some-model",
            "benchmark_name": "orders",
            "trace_id": 12,
            "trace": json.dumps({"problem_statement": "x", "trajectory": [_said("a", "b")]}),
            "mast_annotation": {"1.1": 0, "2.6": 1, "3.1": 1},
        },
    )
    assert (run.run_id, run.model) == ("12", "some-model")
    assert run.notes == {"system": "AG2", "benchmark": "orders", "labels": "2.6,3.1"}


def test_a_log_in_plain_text_has_speakers_and_times(tmp_path: Path) -> None:
    """A role that only announces what it does still took a turn."""
    run = _read(tmp_path, {"run_id": 3, "prompt": "write a price list", "content": METAGPT})
    assert (run.run_id, run.timed) == ("run_3", True)
    assert [agent for name, agent in _facts(run) if name == "ModelReplied"] == [
        "Ann(Coder)",
        "Bo(Reviewer)",
    ]
    assert str(run.events[-1].at) == "2026-01-01 10:00:09+00:00"


def test_a_log_whose_speakers_cannot_be_told_is_one_turn(tmp_path: Path) -> None:
    """It is read all the same, and says so."""
    trace = {"trajectory": "nobody is named here"}
    run = _read(tmp_path, {"mas_name": "Mine", "trace_id": "t", "trace": trace})
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "MessagePassed", "EndRequested"),
    ]
    assert "cannot be told" in run.notes["segments"]


@pytest.mark.parametrize(
    ("log", "speakers"),
    [
        pytest.param(METAGPT, ["Ann(Coder)", "Bo(Reviewer)"], id="MetaGPT"),
        pytest.param(
            "[2026-01-01 10:00:00] FROM: Human TO: {'<all>'}\nACTION: x\nCONTENT:\ndo it\n"
            + "-" * 80
            + "\nNEW MESSAGES:\n\nCoder: done\n",
            ["Human", "Coder"],
            id="MetaGPT's messages",
        ),
        pytest.param(
            "planner (to manager):\n\nfirst\n" + "-" * 40 + "\nmanager (to planner):\n\nsecond\n",
            ["planner", "manager"],
            id="AutoGen",
        ),
        pytest.param(
            "---------- TextMessage (user) ----------\nfind it\n---------- Surfer ----------\nhere",
            ["user", "Surfer"],
            id="Magentic-One",
        ),
        pytest.param(
            "[2026-01-01 10:00:00 INFO] Programmer: **Programmer<->Tester on : Code, turn 0**\na\n"
            "[2026-01-01 10:00:01 INFO] Tester: **Programmer<->Tester on : Coding, turn 1**\nb",
            ["Programmer", "Tester"],
            id="ChatDev",
        ),
        pytest.param(
            "Agent_x - INFO - Planner's Response: look\nmore\n"
            "Agent_x - INFO - Editor's Response: ok",
            ["Planner", "Editor"],
            id="HyperAgent",
        ),
        pytest.param(
            "Response from Supervisor Agent\nprint(1)\nCode Execution Output\n\n1\n",
            ["Supervisor Agent", "executor"],
            id="AppWorld",
        ),
        pytest.param(
            "2026-01-01 10:00:00.000 | INFO | app:think:81 - ✨ Mate's thoughts: a\n"
            "2026-01-01 10:00:05.000 | INFO | app:think:81 - ✨ Mate's thoughts: b\n",
            ["Mate", "Mate"],
            id="OpenManus",
        ),
        pytest.param(
            "trajectory:\n- content: count them\n  role: assistant\n  name: proxy\n"
            "- content: |\n    there are\n    42\n  role: user\n  name: counter\n",
            ["proxy", "counter"],
            id="AG2",
        ),
        pytest.param("only prose", [], id="none"),
    ],
)
def test_speakers_are_read_off_the_lines_between_turns(log: str, speakers: list[str]) -> None:
    """Each framework prints a line of its own before, or behind, what an agent says."""
    assert [turn.speaker for turn in turns_in(log)] == speakers


def test_whoever_speaks_for_a_person_gives_the_task(tmp_path: Path) -> None:
    """Where the record does not say the task, the first turn of a proxy does."""
    log = "user_proxy (to planner):\n\nmend cart\n\nplanner (to user_proxy):\n\nI will.\n"
    run = _read(tmp_path, {"mas_name": "AG2", "trace_id": "t", "trace": {"trajectory": log}})
    assert run.events[0].fact.incident.task == "mend cart"
    assert [agent for name, agent in _facts(run) if name == "ModelReplied"] == ["planner"]
