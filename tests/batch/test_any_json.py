"""Whatever JSON a file holds, it is read or refused: nothing else happens."""

import json
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.batch.reading import read_runs
from guardrails.core.events import Event
from guardrails.errors import TraceError

KEYS = [
    *(
        "type",
        "role",
        "content",
        "messages",
        "tool_calls",
        "tool_call_id",
        "id",
        "name",
        "function",
    ),
    *("arguments", "args", "lc", "kwargs", "data", "parts", "payload", "timestamp", "sessionId"),
    *("session_id", "projectHash", "message", "isSidechain", "parentUuid", "uuid", "toolCalls"),
    *("result", "thoughts", "$set", "mas_name", "trace", "trajectory", "problem_statement"),
    *(
        "traj",
        "reward",
        "task_id",
        "trial",
        "info",
        "run_id",
        "prompt",
        "resourceSpans",
        "scopeSpans",
    ),
    *("spans", "attributes", "key", "value", "stringValue", "spanId", "traceId", "parentSpanId"),
    *(
        "context",
        "status",
        "code",
        "events",
        "run_type",
        "inputs",
        "outputs",
        "child_runs",
        "trace_id",
    ),
    *("parent_run_id", "start_time", "end_time", "error", "extra", "generations", "usage", "runs"),
    *(
        "rca_analyses_list",
        "final_report",
        "rca_tasks",
        "testbed",
        "stats",
        "symptoms",
        "evaluation",
    ),
    *("message_history", "task", "fact", "run", "seq", "schema", "at", "other_data", "correct"),
    *("gen_ai.operation.name", "gen_ai.input.messages", "llm.input_messages.0.message.role"),
    *("openinference.span.kind", "input.value", "output.value", "gen_ai.agent.name"),
]
WORDS = [
    *("user", "assistant", "system", "tool", "ai", "human", "gemini", "AIMessage", "ToolMessage"),
    *("session_meta", "response_item", "event_msg", "turn_context", "function_call", "tool_use"),
    *("tool_result", "function_call_output", "text", "thinking", "llm", "chain", "chat"),
    *("execute_tool", "invoke_agent", "LLM", "AGENT", "event", "trace", "run_ended", "result"),
    *(
        "2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1767261600000000000",
        "[]",
        "{}",
        "",
        "x",
    ),
    *(
        '{"role": "user", "content": "look"}',
        '[{"role": "user", "content": "look"}]',
        "Task",
        "init",
    ),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=25,
)
FIRM = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _read(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        refused = ""
        try:
            for run in read_runs(path):
                seqs = [event.seq for event in run.events]
                assert seqs == list(range(1, len(seqs) + 1))
                ats = [event.at for event in run.events]
                assert ats == sorted(ats)
                msgspec.json.decode(msgspec.json.encode(run.events), type=tuple[Event, ...])
        except TraceError as error:
            refused = str(error)
        assert refused.startswith(str(path)) or not refused
        assert "\n" not in refused


@FIRM
@given(VALUES)
def test_any_json_value_is_read_or_refused_in_one_line(value: object) -> None:
    """No shape of JSON breaks a reader, and what is read can be stored."""
    _read(json.dumps(value))


@FIRM
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_any_lines_of_json_are_read_or_refused_in_one_line(values: list[object]) -> None:
    """The same holds for files of one value per line."""
    _read("\n".join(json.dumps(value, ensure_ascii=False) for value in values))


@FIRM
@given(
    st.sampled_from(
        [
            {"messages": [{"role": "user", "content": "why is checkout slow"}]},
            {"type": "response_item", "payload": {"type": "message", "role": "user"}},
            {"sessionId": "s", "parentUuid": None, "type": "assistant", "message": {"role": "ai"}},
            {"sessionId": "s", "projectHash": "p", "messages": [{"type": "gemini"}]},
            {"run_type": "llm", "id": "r", "inputs": {}},
            {"span_id": "a", "attributes": {"gen_ai.operation.name": "chat"}},
            {"mas_name": "AG2", "trace": {"trajectory": []}},
            {"traj": [{"role": "user", "content": "hello"}], "reward": 1},
            {"rca_analyses_list": [], "final_report": {}},
        ]
    ),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
)
def test_a_trace_with_any_fields_beside_is_read_or_refused(
    trace: dict[str, object], beside: dict[str, object]
) -> None:
    """Fields that a format does not know, or knows otherwise, break nothing."""
    _read(json.dumps({**beside, **trace}))
    _read(json.dumps({**trace, **beside}))
