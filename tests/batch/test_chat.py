"""Chat logs in the dialects of the field."""

import json
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.core.incident import Goal

TASK = "Find out why the checkout service answers slowly, and tell me the cause."


def _read(tmp_path: Path, value: object) -> RecordedRun:
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(value))
    (run,) = read_runs(path)
    return run


def _names(run: RecordedRun) -> list[str]:
    return [type(event.fact).__name__ for event in run.events]


OPENAI = [
    {"role": "system", "content": "You look after checkout."},
    {"role": "user", "content": TASK},
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "logs first",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "logs", "arguments": '{"a": 1}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "name": "logs", "content": "timeout"},
    {"role": "assistant", "content": "The cart service times out."},
]
ANTHROPIC = [
    {"role": "user", "content": TASK},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "logs first"},
            {"type": "tool_use", "id": "c1", "name": "logs", "input": {"a": 1}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "c1",
                "content": [{"type": "text", "text": "timeout"}],
            }
        ],
    },
    {"role": "assistant", "content": [{"type": "text", "text": "The cart service times out."}]},
]
LANGCHAIN = [
    {"type": "human", "content": TASK},
    {
        "type": "ai",
        "content": "",
        "additional_kwargs": {"reasoning_content": "logs first"},
        "tool_calls": [{"name": "logs", "args": {"a": 1}, "id": "c1", "type": "tool_call"}],
    },
    {"type": "tool", "content": "timeout", "tool_call_id": "c1", "name": "logs"},
    {"type": "ai", "content": "The cart service times out.", "tool_calls": []},
]
DUMPED = [
    {
        "lc": 1,
        "type": "constructor",
        "id": [
            "langchain",
            "schema",
            "messages",
            {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}[message["type"]],
        ],
        "kwargs": {key: value for key, value in message.items() if key != "type"},
    }
    for message in LANGCHAIN
]
WRAPPED = [{"type": message["type"], "data": message} for message in LANGCHAIN]
GEMINI = [
    {"role": "user", "parts": [{"text": TASK}]},
    {
        "role": "model",
        "parts": [
            {"text": "logs first", "thought": True},
            {"functionCall": {"name": "logs", "args": {"a": 1}}},
        ],
    },
    {
        "role": "user",
        "parts": [{"functionResponse": {"name": "logs", "response": {"output": "timeout"}}}],
    },
    {"role": "model", "parts": [{"text": "The cart service times out."}]},
]
RESPONSES = [
    {"role": "user", "content": TASK},
    {"type": "function_call", "call_id": "c1", "name": "logs", "arguments": '{"a": 1}'},
    {"type": "function_call_output", "call_id": "c1", "output": "timeout"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "The cart service times out."}],
    },
]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param(OPENAI, id="OpenAI"),
        pytest.param(RESPONSES, id="OpenAI's responses"),
        pytest.param(ANTHROPIC, id="Anthropic"),
        pytest.param(LANGCHAIN, id="LangChain"),
        pytest.param(DUMPED, id="LangChain dumped"),
        pytest.param(WRAPPED, id="LangChain wrapped"),
        pytest.param(GEMINI, id="Gemini"),
    ],
)
def test_every_dialect_says_the_same(tmp_path: Path, messages: list[object]) -> None:
    """Who speaks, words, calls and results come out alike."""
    run = _read(tmp_path, messages)
    assert _names(run) == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
        *("ModelReplied", "EndRequested"),
    ]
    start, asked, requested, returned, answered, _ = [event.fact for event in run.events]
    assert TASK in start.incident.task
    assert [json.loads(call.arguments) for call in asked.tool_calls] == [{"a": 1}]
    assert asked.reasoning == ("" if messages is RESPONSES else "logs first")
    assert (requested.tool, returned.text, returned.call_id) == (
        "logs",
        "timeout",
        requested.call_id,
    )
    assert answered.text == "The cart service times out."


def test_a_short_first_message_leaves_the_task_to_the_instructions(tmp_path: Path) -> None:
    """`Begin.` is no task; what stands before it is."""
    run = _read(
        tmp_path, [{"role": "system", "content": TASK}, {"role": "user", "content": "Begin."}]
    )
    assert run.events[0].fact.incident.task == f"{TASK}\n\nBegin."


@pytest.mark.parametrize(
    ("task", "goal"),
    [(TASK, Goal.DIAGNOSIS), ("Fix the checkout service.", Goal.MITIGATION)],
)
def test_the_goal_is_read_off_the_task(tmp_path: Path, task: str, goal: Goal) -> None:
    """A claim means another thing when something was to be mended."""
    run = _read(tmp_path, [{"role": "user", "content": task}])
    assert run.events[0].fact.incident.goal is goal


def test_what_a_person_says_later_is_words_to_the_agent(tmp_path: Path) -> None:
    """Only the first message is the task."""
    run = _read(tmp_path, [*OPENAI, {"role": "user", "content": "Thanks. And cart?"}])
    passed = next(e for e in run.events if type(e.fact).__name__ == "MessagePassed")
    assert (passed.agent, passed.fact.by_person, passed.fact.text) == (
        "user",
        True,
        "Thanks. And cart?",
    )


def test_a_log_that_stops_after_a_call_has_no_end(tmp_path: Path) -> None:
    """Nothing was claimed, and the notes say why there is no end."""
    run = _read(tmp_path, OPENAI[:4])
    assert "EndRequested" not in _names(run)
    assert run.notes["end"] == "stops after a call"


def test_a_tool_that_submits_ends_the_run(tmp_path: Path) -> None:
    """Its arguments are the claim."""
    call = {"id": "c9", "function": {"name": "submit_report", "arguments": '{"cause": "cart"}'}}
    run = _read(tmp_path, [*OPENAI[:4], {"role": "assistant", "tool_calls": [call]}])
    assert run.events[-1].fact.exit == "finish_tool"


def test_a_call_that_gives_the_run_to_a_person_ends_it(tmp_path: Path) -> None:
    """Nothing is claimed by it."""
    call = {"id": "c9", "function": {"name": "transfer_to_human_agents", "arguments": "{}"}}
    run = _read(tmp_path, [*OPENAI[:4], {"role": "assistant", "tool_calls": [call]}])
    assert (run.events[-1].fact.exit, run.events[-1].fact.claim) == ("handoff", None)
    assert run.notes["end"] == "given to a person"


def test_a_call_without_a_result_stays_open(tmp_path: Path) -> None:
    """The file does not say what came of it, and neither do we."""
    run = _read(tmp_path, [*OPENAI[:3], OPENAI[4]])
    assert "ToolRequested" in _names(run)
    assert "ToolReturned" not in _names(run)


def test_a_result_without_its_call_is_not_lost(tmp_path: Path) -> None:
    """The call is stated as one that nobody saw being made, and counted."""
    run = _read(tmp_path, [OPENAI[1], OPENAI[3], OPENAI[4]])
    assert _names(run)[1:3] == ["ToolRequested", "ToolReturned"]
    assert run.notes["results_without_calls"] == "1"


def test_ids_that_are_used_twice_are_told_apart(tmp_path: Path) -> None:
    """Some clients count calls from 0 in every turn."""
    run = _read(tmp_path, [*OPENAI[1:4], *OPENAI[2:4]])
    ids = [e.fact.call_id for e in run.events if type(e.fact).__name__ == "ToolReturned"]
    assert len(set(ids)) == 2


def test_calls_without_ids_are_matched_by_order(tmp_path: Path) -> None:
    """Results stand in the order of the calls."""
    calls = [{"function": {"name": "logs", "arguments": json.dumps({"n": n})}} for n in (1, 2)]
    results = [{"role": "tool", "content": text} for text in ("one", "two")]
    run = _read(tmp_path, [OPENAI[1], {"role": "assistant", "tool_calls": calls}, *results])
    asked = [e.fact for e in run.events if type(e.fact).__name__ == "ToolRequested"]
    back = [e.fact for e in run.events if type(e.fact).__name__ == "ToolReturned"]
    assert [(a.call_id, a.arguments, b.text) for a, b in zip(asked, back, strict=True)] == [
        (back[0].call_id, '{"n": 1}', "one"),
        (back[1].call_id, '{"n": 2}', "two"),
    ]


def test_a_failed_result_is_an_error(tmp_path: Path) -> None:
    """LangChain states it in `status`."""
    result = {**LANGCHAIN[2], "status": "error"}
    run = _read(tmp_path, [*LANGCHAIN[:2], result])
    assert run.events[-1].fact.status == "error"


def test_named_turns_are_those_of_agents(tmp_path: Path) -> None:
    """Where control goes over without a call, a hand-off is stated; a call states it itself."""
    transfer = {"id": "t", "name": "transfer_to_writer", "args": {}}
    run = _read(
        tmp_path,
        {
            "thread_id": "th-1",
            "values": {
                "messages": [
                    {"type": "human", "content": TASK},
                    {"type": "ai", "name": "planner", "content": "look at cart"},
                    {"type": "ai", "name": "reader", "content": "", "tool_calls": [transfer]},
                    {"type": "tool", "content": "ok", "tool_call_id": "t"},
                    {"type": "ai", "name": "writer", "content": "cart it is"},
                ]
            },
        },
    )
    assert run.run_id == "th-1"
    assert [(type(e.fact).__name__, e.agent) for e in run.events[1:]] == [
        ("ModelReplied", "planner"),
        ("AgentHandedOff", "planner"),
        ("ModelReplied", "reader"),
        ("ToolRequested", "reader"),
        ("ToolReturned", "reader"),
        ("ModelReplied", "writer"),
        ("EndRequested", "writer"),
    ]


@pytest.mark.parametrize(("reward", "outcome"), [(1.0, "right"), (0, "wrong"), (None, "unknown")])
def test_a_reward_says_how_a_run_came_out(
    tmp_path: Path, reward: float | None, outcome: str
) -> None:
    """tau-bench gives all or nothing."""
    record = {"task_id": 4, "trial": 1, "reward": reward, "traj": OPENAI}
    run = _read(tmp_path, record)
    assert (run.run_id, run.format, run.outcome) == ("task_4_trial_1", "tau", Verdict(outcome))
