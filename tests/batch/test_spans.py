"""Spans of agents: OpenTelemetry's conventions, OpenInference, LangSmith."""

import json
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun

TASK = "Find out why checkout is slow."
START = 1_767_261_600_000_000_000


def _read(tmp_path: Path, *values: object) -> RecordedRun:
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, values)))
    (run,) = read_runs(path)
    return run


def _facts(run: RecordedRun) -> list[tuple[str, str]]:
    return [(type(event.fact).__name__, event.agent) for event in run.events]


def _any(value: object) -> dict[str, object]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any(item) for item in value]}}
    if isinstance(value, dict):
        pairs = [{"key": key, "value": _any(item)} for key, item in value.items()]
        return {"kvlistValue": {"values": pairs}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _span(
    name: str, begin: int, end: int, *, parent: str = "", code: int = 0, **given: object
) -> dict[str, object]:
    attributes = [{"key": key.replace("__", "."), "value": _any(v)} for key, v in given.items()]
    return {
        "traceId": "t1",
        "spanId": name,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(START + begin * 10**9),
        "endTimeUnixNano": str(START + end * 10**9),
        "attributes": attributes,
        "status": {"code": code, "message": "boom"} if code else {},
    }


def _otlp(*spans: object) -> dict[str, object]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


USER = {"role": "user", "parts": [{"type": "text", "content": TASK}]}
CALL = {"type": "tool_call", "id": "c1", "name": "logs", "arguments": {"of": "cart"}}
ASKS = {"role": "assistant", "parts": [{"type": "text", "content": "I read."}, CALL]}
BACK = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "slow"}]}
SAYS = {"role": "assistant", "parts": [{"type": "text", "content": "cart is slow"}]}
FIRST = _span(
    "chat 1",
    1,
    2,
    gen_ai__operation__name="chat",
    gen_ai__request__model="some-model",
    gen_ai__input__messages=json.dumps([USER]),
    gen_ai__output__messages=json.dumps([ASKS]),
    gen_ai__usage__input_tokens=7,
)
TOOL = _span(
    "execute_tool logs",
    2,
    3,
    gen_ai__operation__name="execute_tool",
    gen_ai__tool__name="logs",
    gen_ai__tool__call__id="c1",
    gen_ai__tool__call__arguments='{"of": "cart"}',
    gen_ai__tool__call__result="slow",
)
SECOND = _span(
    "chat 2",
    3,
    4,
    gen_ai__operation__name="chat",
    gen_ai__input__messages=json.dumps([USER, ASKS, BACK]),
    gen_ai__output__messages=[SAYS],
)
WANTED = [
    *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned"),
    *("ModelReplied", "EndRequested"),
]


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([FIRST, TOOL, SECOND], id="with tool spans"),
        pytest.param([SECOND, TOOL, FIRST], id="in any order"),
        pytest.param([FIRST, SECOND], id="results only in the history"),
    ],
)
def test_spans_of_the_genai_conventions_are_turns_and_calls(
    tmp_path: Path, spans: list[object]
) -> None:
    """What a later span repeats of the conversation is not told again."""
    run = _read(tmp_path, _otlp(*spans))
    assert [name for name, _ in _facts(run)] == WANTED
    assert (run.run_id, run.format, run.model, run.timed) == ("t1", "otel", "some-model", True)
    assert run.events[0].fact.incident.task == TASK
    assert run.events[1].fact.usage.input_tokens == 7
    assert run.events[3].fact.text == "slow"


def test_batches_of_spans_may_come_a_line_each(tmp_path: Path) -> None:
    """The file exporter of the collector writes them so."""
    run = _read(tmp_path, _otlp(FIRST), _otlp(TOOL), _otlp(SECOND))
    assert [name for name, _ in _facts(run)] == WANTED


def test_words_that_were_not_recorded_are_not_made_up(tmp_path: Path) -> None:
    """Recording of content is off by default: turns and calls are there, a claim is not."""
    bare = _span("chat", 1, 2, gen_ai__operation__name="chat")
    run = _read(tmp_path, _otlp(bare, TOOL))
    assert [name for name, _ in _facts(run)] == [
        *("RunStarted", "ModelReplied", "ToolRequested", "ToolReturned", "EndRequested"),
    ]
    assert run.events[-1].fact.claim is None
    assert run.notes["content"] == "words were not recorded"


def test_agents_inside_an_agent_have_names_tasks_and_reports(tmp_path: Path) -> None:
    """Where no tool call stands between them, the spans say who worked for whom."""
    root = _span("lead", 0, 9, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="lead")
    inner = _span(
        "reader",
        1,
        5,
        parent="lead",
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name="reader",
    )
    told = {"role": "user", "parts": [{"type": "text", "content": "Read the logs of cart."}]}
    chat = _span(
        "chat r",
        2,
        4,
        parent="reader",
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps([told]),
        gen_ai__output__messages=json.dumps([SAYS]),
    )
    last = {**SECOND, "parentSpanId": "lead", "startTimeUnixNano": str(START + 6 * 10**9)}
    last["endTimeUnixNano"] = str(START + 7 * 10**9)
    run = _read(tmp_path, _otlp(root, inner, chat, last))
    assert _facts(run) == [
        ("RunStarted", ""),
        ("MessagePassed", "lead"),
        ("ModelReplied", "reader"),
        ("MessagePassed", "reader"),
        ("ModelReplied", "lead"),
        ("EndRequested", "lead"),
    ]
    task, report = run.events[1].fact, run.events[3].fact
    assert (task.kind, task.to, task.text) == ("task", "reader", "Read the logs of cart.")
    assert (report.kind, report.to, report.text) == ("report", "lead", "cart is slow")


def test_a_failed_tool_span_is_an_error(tmp_path: Path) -> None:
    """Its status says so; without a result, the status message stands for it."""
    failed = _span(
        "execute_tool logs",
        2,
        3,
        code=2,
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name="logs",
    )
    run = _read(tmp_path, _otlp(FIRST, failed))
    assert (run.events[-1].fact.status, run.events[-1].fact.text) == ("error", "boom")


def test_spans_that_lie_in_a_circle_are_read(tmp_path: Path) -> None:
    """A broken exporter names two spans as each other's parents."""
    one, two = {**FIRST, "parentSpanId": "chat 2"}, {**SECOND, "parentSpanId": "chat 1"}
    assert [name for name, _ in _facts(_read(tmp_path, _otlp(one, two)))] == WANTED


def _inference(name: str, second: int, **attributes: object) -> dict[str, object]:
    return {
        "name": name,
        "context": {"trace_id": "0xt", "span_id": name},
        "parent_id": None,
        "start_time": f"2026-01-01T10:00:{second:02}Z",
        "end_time": f"2026-01-01T10:00:{second + 1:02}Z",
        "attributes": attributes,
    }


def test_spans_of_openinference_are_read(tmp_path: Path) -> None:
    """Messages are spread over numbered attributes, or nested."""
    first = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "some-model",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": TASK,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "logs",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"of": "cart"}',
    }
    tool = {
        "openinference": {"span": {"kind": "TOOL"}},
        "tool": {"name": "logs"},
        "input": {"value": '{"of": "cart"}'},
        "output": {"value": "slow"},
    }
    last = {
        "openinference.span.kind": "LLM",
        "llm": {
            "output_messages": [
                {
                    "message": {
                        "role": "assistant",
                        "contents": [{"message_content": {"type": "text", "text": "cart is slow"}}],
                    }
                }
            ]
        },
    }
    run = _read(
        tmp_path,
        _inference("a", 1, **first),
        _inference("b", 3, **tool),
        _inference("c", 5, **last),
    )
    assert [name for name, _ in _facts(run)] == WANTED
    assert (run.run_id, run.format, run.model) == ("0xt", "otel", "some-model")
    assert json.loads(run.events[2].fact.arguments) == {"of": "cart"}
    assert run.events[4].fact.text == "cart is slow"


def _smith(run_id: str, kind: str, second: int, **fields: object) -> dict[str, object]:
    return {
        "id": run_id,
        "name": fields.pop("name", run_id),
        "run_type": kind,
        "start_time": f"2026-01-01T10:00:{second:02}",
        "end_time": f"2026-01-01T10:00:{second + 1:02}",
        **fields,
    }


def _generation(**message: object) -> dict[str, object]:
    kwargs = {"type": "ai", "content": "", **message}
    dumped = {"lc": 1, "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": kwargs}
    return {"generations": [[{"text": "", "message": dumped}]]}


def _tree() -> dict[str, object]:
    human = {"lc": 1, "id": ["x", "HumanMessage"], "kwargs": {"content": TASK}}
    call = {"name": "logs", "args": {"of": "cart"}, "id": "c1"}
    back = {"type": "tool", "content": "slow", "tool_call_id": "c1", "name": "logs"}
    return _smith(
        "root",
        "chain",
        0,
        name="LangGraph",
        trace_id="root",
        inputs={"messages": [["user", TASK]]},
        outputs={},
        child_runs=[
            _smith(
                "reader",
                "chain",
                1,
                inputs={},
                child_runs=[
                    _smith(
                        "llm1",
                        "llm",
                        1,
                        inputs={"messages": [[human]]},
                        outputs=_generation(tool_calls=[call]),
                        extra={"metadata": {"ls_model_name": "some-model"}},
                    ),
                    _smith(
                        "logs",
                        "tool",
                        3,
                        inputs={"input": '{"of": "cart"}'},
                        outputs={"output": back},
                    ),
                    _smith(
                        "llm2", "llm", 5, inputs={}, outputs=_generation(content="cart is slow")
                    ),
                ],
            )
        ],
    )


def _flat(run: dict[str, object], parent: str | None = None) -> list[dict[str, object]]:
    inner = run.pop("child_runs", [])
    rows = [{**run, "parent_run_id": parent, "trace_id": "root"}]
    return rows + [row for child in inner for row in _flat(child, run["id"])]


@pytest.mark.parametrize("shape", ["tree", "rows"])
def test_runs_of_langsmith_are_read(tmp_path: Path, shape: str) -> None:
    """As a tree or as rows, a chain with a name of its own is an agent."""
    rows = [_tree()] if shape == "tree" else _flat(_tree())
    run = _read(tmp_path, *rows)
    assert (run.run_id, run.format, run.model, run.timed) == (
        "root",
        "langsmith",
        "some-model",
        True,
    )
    assert _facts(run) == [
        ("RunStarted", ""),
        ("ModelReplied", "reader"),
        ("ToolRequested", "reader"),
        ("ToolReturned", "reader"),
        ("ModelReplied", "reader"),
        ("EndRequested", "reader"),
    ]
    assert run.events[0].fact.incident.task == TASK
    assert run.events[3].fact.text == "slow"


def test_a_run_of_langsmith_without_model_runs_is_read_off_its_messages(tmp_path: Path) -> None:
    """An export of roots only still holds the conversation."""
    said = [
        {"type": "human", "content": TASK},
        {"type": "ai", "content": "cart is slow", "name": "reader"},
    ]
    root = _smith("r", "chain", 0, inputs={"messages": said[:1]}, outputs={"messages": said})
    run = _read(tmp_path, root)
    assert _facts(run) == [
        ("RunStarted", ""),
        ("ModelReplied", "reader"),
        ("EndRequested", "reader"),
    ]


def test_a_run_that_failed_ends_with_its_error(tmp_path: Path) -> None:
    """Nothing was claimed; the notes say what happened."""
    tree = {**_tree(), "error": "GraphRecursionError: limit of 25 reached\ntraceback"}
    run = _read(tmp_path, tree)
    assert run.events[-1].fact.exit == "error"
    assert run.notes["end"] == "GraphRecursionError: limit of 25 reached"


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("network_expert", "network_expert"),
        ("SummarizationMiddleware.before_model", ""),
        ("RunnableSequence", ""),
        ("tools", ""),
    ],
)
def test_what_frameworks_are_made_of_is_no_agent(tmp_path: Path, name: str, agent: str) -> None:
    """Only chains with names that people gave them are."""
    said = _smith("llm", "llm", 2, inputs={}, outputs=_generation(content="cart is slow"))
    chain = _smith("c", "chain", 1, name=name, inputs={}, child_runs=[said])
    run = _read(tmp_path, _smith("root", "chain", 0, inputs={}, child_runs=[chain]))
    assert [e.agent for e in run.events if type(e.fact).__name__ == "ModelReplied"] == [agent]


def test_messages_may_stand_in_one_event_of_a_span(tmp_path: Path) -> None:
    """Newer conventions keep them out of the attributes."""
    details = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": [
            {"key": "gen_ai.input.messages", "value": _any([USER])},
            {"key": "gen_ai.output.messages", "value": _any([SAYS])},
        ],
    }
    bare = _span("chat", 1, 2, gen_ai__operation__name="chat")
    run = _read(tmp_path, _otlp({**bare, "events": [details]}))
    assert run.events[0].fact.incident.task == TASK
    assert run.events[1].fact.text == "cart is slow"


def test_messages_may_be_events_of_a_span(tmp_path: Path) -> None:
    """Older conventions wrote one event each."""

    def event(name: str, **given: str) -> dict[str, object]:
        listed = [{"key": key, "value": _any(value)} for key, value in given.items()]
        return {"name": name, "attributes": listed}

    said = [
        event("gen_ai.user.message", content=TASK),
        event("gen_ai.choice", message='{"content": "cart is slow"}'),
    ]
    bare = _span("chat", 1, 2, gen_ai__operation__name="chat")
    run = _read(tmp_path, _otlp({**bare, "events": said}))
    assert run.events[0].fact.incident.task == TASK
    assert run.events[1].fact.text == "cart is slow"


def test_a_span_may_hold_plain_words(tmp_path: Path) -> None:
    """Hand-made spans keep one text of what went in and one of what came out."""
    words = {
        "openinference.span.kind": "LLM",
        "input.value": TASK,
        "output.value": "cart is slow",
    }
    run = _read(tmp_path, _inference("a", 1, **words))
    assert run.events[0].fact.incident.task == TASK
    assert run.events[1].fact.text == "cart is slow"


def test_numbered_names_of_openllmetry_are_read(tmp_path: Path) -> None:
    """They came before the conventions had names of their own."""
    span = _span(
        "openai.chat",
        1,
        2,
        gen_ai__prompt__0__role="user",
        gen_ai__prompt__0__content=TASK,
        gen_ai__completion__0__role="assistant",
        gen_ai__completion__0__content="cart is slow",
    )
    run = _read(tmp_path, _otlp(span))
    assert run.events[0].fact.incident.task == TASK
    assert run.events[1].fact.text == "cart is slow"


def test_a_tool_run_of_langsmith_may_hold_plain_words(tmp_path: Path) -> None:
    """Inputs and outputs are objects only where LangChain wrote them."""
    tool = _smith("sql", "tool", 1, inputs="select 1", outputs="[1]")
    root = {"question": TASK}
    run = _read(tmp_path, _smith("r", "chain", 0, inputs=root, outputs={}, child_runs=[tool]))
    requested, returned = (event.fact for event in run.events[1:3])
    assert (json.loads(requested.arguments), returned.text) == ({"input": "select 1"}, "[1]")
