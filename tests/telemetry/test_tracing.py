"""What goes out by OpenTelemetry."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import Event, ModelReplied, RunStarted, ToolRequested, ToolReturned
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import HookSet, Record, RunEnded
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.mast import FailureMode
from guardrails.core.outcome import Outcome
from guardrails.telemetry import semconv, tracing
from guardrails.telemetry.signals import LIST_LIMIT, TEXT_LIMIT
from guardrails.telemetry.tracing import OpenTelemetryHook
from tests.telemetry.conftest import AT, RUN, SECRET
from tests.telemetry.otel import KeptLogs, KeptSpans


class Rig:
    """A hook with what it sent."""

    def __init__(self, **options: Any) -> None:
        self.spans, self.logs = KeptSpans(), KeptLogs()
        self.hook = OpenTelemetryHook(
            tracer_provider=self.spans, logger_provider=self.logs, **options
        )
        self._seq = 0

    def take(self, *records: Record, run: RunId = RUN) -> "Rig":
        for record in records:
            self.hook.on_record(run, record)
        return self

    def fact(self, fact: Any, *, seconds: float = 0, agent: str = "", step: int = 1) -> "Rig":
        self._seq += 1
        at = AT + timedelta(seconds=seconds)
        return self.take(Event(run=RUN, seq=self._seq, at=at, step=step, agent=agent, fact=fact))

    def ended(self, outcome: Outcome = Outcome.RESOLVED, *, seconds: float = 60) -> "Rig":
        at = AT + timedelta(seconds=seconds)
        return self.take(RunEnded(run=RUN, at=at, outcome=outcome, steps=2))

    @property
    def run(self) -> Any:
        (span,) = self.spans.named(semconv.RUN_SPAN)
        return span


def begun(**options: Any) -> Rig:
    """Begin a run."""
    incident = Incident(task=SECRET, namespaces=("shop",))
    return Rig(**options).fact(
        RunStarted(incident=incident, adapter="cli", model="openai:gpt-5", profile="frontier")
    )


def found(mode: FailureMode = FailureMode.PREMATURE_TERMINATION, **fields: Any) -> Finding:
    return Finding(run=RUN, seq=1, mode=mode, detector="PrematureTermination", **fields)


def test_a_run_is_a_span() -> None:
    """From its first event to its end, with how it came out and what it was decided by."""
    rig = begun().ended(Outcome.UNRESOLVED)
    assert rig.run.attributes == {
        "gen_ai.conversation.id": "run-1",
        "openinference.span.kind": "GUARDRAIL",
        "guarded_agent.adapter": "cli",
        "guarded_agent.profile": "frontier",
        "guarded_agent.shadow": False,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "guarded_agent.outcome": "unresolved",
        "guarded_agent.steps": 2,
        "guarded_agent.tool_calls": 0,
        "guarded_agent.refusals": 0,
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "error.type": "unresolved",
    }
    assert rig.run.status is StatusCode.ERROR
    assert rig.run.ended - rig.run.start == 60_000_000_000


def test_an_accepted_run_is_no_error() -> None:
    """Only what was not accepted is marked."""
    assert begun().ended().run.status is StatusCode.UNSET


def test_a_run_belongs_to_what_the_program_traces() -> None:
    """The span that is current when a run begins is its parent, and stays current."""
    rig = Rig()
    with rig.spans.start_as_current_span("request") as request:
        rig.fact(RunStarted(incident=Incident(task=""), adapter="cli"))
        assert trace.get_current_span() is request
    rig.ended()
    assert rig.run.parent == request.own
    assert rig.run.own.trace_id == request.own.trace_id


def test_steps_are_left_to_others_unless_asked_for() -> None:
    """Two spans for one call mislead, and most programs trace their agent already."""
    rig = begun()
    call = ToolRequested(call_id=CallId("c1"), tool="kubectl")
    rig.fact(call).fact(ToolReturned(call_id=CallId("c1"), tool="kubectl")).ended()
    assert [span.name for span in rig.spans.spans] == [semconv.RUN_SPAN]


def test_steps_have_spans_where_they_are_asked_for() -> None:
    """A turn begins where the event before it ended; a call has its own two times."""
    rig = begun(spans="steps")
    rig.fact(ModelReplied(text=SECRET, finish_reason="tool_calls"), seconds=2)
    rig.fact(ToolRequested(call_id=CallId("c1"), tool="kubectl", arguments=SECRET), seconds=3)
    rig.fact(ToolReturned(call_id=CallId("c1"), tool="kubectl", text=SECRET, size=7), seconds=5)
    rig.ended()
    run, turn, call = rig.spans.spans
    assert (turn.name, call.name) == ("chat gpt-5", "execute_tool kubectl")
    assert turn.parent == call.parent == run.own
    assert [turn.ended - turn.start, call.ended - call.start] == [2_000_000_000] * 2
    assert turn.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert call.attributes["guarded_agent.tool.status"] == "ok"


def test_agents_that_work_at_the_same_time_have_their_own_turns() -> None:
    """A turn begins with the last event of the same agent."""
    rig = begun(spans="steps")
    rig.fact(ModelReplied(text="a"), agent="network", seconds=1)
    rig.fact(ModelReplied(text="b"), agent="storage", seconds=4)
    rig.fact(ModelReplied(text="c"), agent="network", seconds=6).ended()
    last = rig.spans.spans[-1]
    assert last.attributes["gen_ai.agent.name"] == "network"
    assert last.ended - last.start == 5_000_000_000


def test_a_call_that_never_came_back_is_closed_with_its_run() -> None:
    """Spans that never end are never sent."""
    rig = begun(spans="steps").fact(ToolRequested(call_id=CallId("c1"), tool="kubectl")).ended()
    (call,) = rig.spans.named("execute_tool kubectl")
    assert call.ended is not None
    assert call.attributes[semconv.UNFINISHED] is True


def test_a_report_of_the_gate_is_a_span(records: list[Record]) -> None:
    """A gate does I/O, and nobody else traces it."""
    rig = Rig().take(*records)
    (gate,) = rig.spans.named(semconv.GATE_SPAN)
    assert gate.ended - gate.start == 200_000_000
    assert gate.attributes[semconv.VERDICT] == "fail"
    assert gate.attributes[semconv.VIOLATED] == ["rollout-complete"]
    assert gate.parent == rig.run.own


def test_what_is_news_is_told_twice(records: list[Record]) -> None:
    """On the span, for viewers, and as log records of the span; what is allowed is no news."""
    rig = Rig().take(*records)
    names = [name for name, _, _ in rig.run.events]
    assert names == [
        "guarded_agent.gate.reported",
        "guarded_agent.watch.reported",
        "guarded_agent.decision",
        "guarded_agent.decision",
        "guarded_agent.decision",
        "guarded_agent.finding",
        "guarded_agent.finding.withdrawn",
        "guarded_agent.run.ended",
    ]
    assert [record["event_name"] for record in rig.logs.records] == names
    for record in rig.logs.records:
        assert trace.get_current_span(record["context"]).get_span_context() == rig.run.own
        assert record["attributes"]["gen_ai.conversation.id"] == "run-1"


@pytest.mark.parametrize(
    ("form", "on_span", "in_log"),
    [("both", 1, 1), ("span", 1, 0), ("log", 0, 1), ("none", 0, 0)],
)
def test_events_go_where_they_are_wanted(form: str, on_span: int, in_log: int) -> None:
    """Either form can be switched off."""
    rig = begun(events=form).take(found())
    assert (len(rig.run.events), len(rig.logs.records)) == (on_span, in_log)


def test_a_finding_says_what_and_why() -> None:
    """Mode, detector, weight and the detector's sentence; quotes stay at home."""
    finding = found(why="ends before it looked", about=SECRET, evidence=(SECRET,), steps=(3, 4))
    (record,) = begun().take(finding).logs.records
    assert record["body"] == "ends before it looked"
    assert record["severity_text"] == "WARNING"
    assert record["attributes"] == {
        "guarded_agent.seq": 1,
        "guarded_agent.mode": "FM-3.1",
        "guarded_agent.mode.name": "Premature termination",
        "guarded_agent.detector": "PrematureTermination",
        "guarded_agent.severity": "decisive",
        "guarded_agent.confidence": 1.0,
        "guarded_agent.judged": False,
        "guarded_agent.why": "ends before it looked",
        "guarded_agent.steps": [3, 4],
        "gen_ai.conversation.id": "run-1",
    }


def test_quotes_go_out_when_they_are_asked_for() -> None:
    """The conventions make content opt-in, and so do we."""
    (record,) = begun(quotes=True).take(found(evidence=("it said so",), about="x")).logs.records
    assert record["attributes"]["guarded_agent.quotes"] == ["it said so"]
    assert record["attributes"]["guarded_agent.about"] == "x"


def test_the_run_names_the_modes_that_stand_at_its_end() -> None:
    """One that was withdrawn is not among them, and decisive ones are named apart."""
    reset = found(FailureMode.CONVERSATION_RESET)
    gone = FindingWithdrawn(run=RUN, seq=2, mode=reset.mode, detector=reset.detector)
    rig = begun().take(found(), found(FailureMode.STEP_REPETITION), reset, gone).ended()
    assert rig.run.attributes[semconv.MODES] == ["FM-1.3", "FM-3.1"]
    assert rig.run.attributes[semconv.DECISIVE] == ["FM-3.1"]


def test_nothing_that_goes_out_is_without_bounds(records: list[Record]) -> None:
    """Texts and lists are cut, whatever a detector writes."""
    long = found(why="w" * 10_000, evidence=("q" * 300,) * 50, steps=tuple(range(64)))
    rig = begun(quotes=True).take(long)
    (record,) = rig.logs.records
    for value in record["attributes"].values():
        assert not isinstance(value, str) or len(value) <= TEXT_LIMIT
        assert not isinstance(value, list) or len(value) <= LIST_LIMIT


@pytest.mark.parametrize("spans", ["run", "steps"])
def test_no_words_of_tools_or_models_leave(spans: str, records: list[Record]) -> None:
    """Whatever tools were given and returned, in whatever record, stays in the trace file."""
    rig = Rig(spans=spans).take(*records)
    sent = [(s.name, s.attributes, s.events) for s in rig.spans.spans]
    assert SECRET not in repr(sent)
    assert SECRET not in repr([(r["body"], r["attributes"]) for r in rig.logs.records])


def test_every_attribute_has_its_name_in_one_place(records: list[Record]) -> None:
    """The conventions still change; what is set is what `semconv` lists."""
    rig = Rig(spans="steps", quotes=True).take(*records)
    used = {name for span in rig.spans.spans for name in span.attributes}
    used |= {n for span in rig.spans.spans for _, said, _ in span.events for n in said}
    used |= {name for record in rig.logs.records for name in record["attributes"]}
    assert used <= semconv.ATTRIBUTES


def test_words_after_the_end_begin_no_second_span() -> None:
    """An agent may write its report after its end was accepted."""
    rig = begun().ended().fact(ModelReplied(text="my report"), seconds=70)
    assert len(rig.spans.named(semconv.RUN_SPAN)) == 1


def test_values_of_enums_go_out_as_plain_text() -> None:
    """Exporters look at the type itself."""
    end = RunEnded(run=RUN, at=AT, outcome=Outcome.RESOLVED, reason=Reason.GATE_PASSED)
    rig = begun().take(end)
    assert type(rig.run.attributes[semconv.REASON]) is str


def test_a_run_that_began_elsewhere_has_a_span_from_here(records: list[Record]) -> None:
    """Another process resumes it: its first record here begins a span."""
    rig = Rig().take(Decision(run=RUN, seq=9), *records[1:2]).ended()
    assert rig.run.ended is not None


def test_runs_that_never_end_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is closed and marked, so that a long-lived process keeps a bounded number."""
    monkeypatch.setattr(tracing, "RUNS", 3)
    rig = Rig()
    for number in range(5):
        run = RunId(f"r{number}")
        event = Event(run=run, seq=1, at=AT, fact=ModelReplied(text="x"))
        rig.take(event, msgspec.structs.replace(found(), run=run), run=run)
    closed = [span.attributes.get(semconv.UNFINISHED) for span in rig.spans.spans]
    assert closed == [True, True, None, None, None]


def test_a_provider_that_breaks_breaks_no_run(records: list[Record]) -> None:
    """It is counted like any sink that fails, and the hook goes on."""

    class Broken(KeptLogs):
        def emit(self, record: Any = None, **fields: Any) -> None:
            raise OSError("the collector is gone")

    spans = KeptSpans()
    hooks = HookSet([OpenTelemetryHook(tracer_provider=spans, logger_provider=Broken())])
    for record in records:
        hooks.emit(RUN, record)
    assert hooks.failures["opentelemetry"] == 8
    assert all(span.ended is not None for span in spans.spans)


def test_without_an_sdk_nothing_happens(records: list[Record]) -> None:
    """The API alone makes spans that record nothing."""
    hooks = HookSet([OpenTelemetryHook()])
    for record in records:
        hooks.emit(RUN, record)
    assert not hooks.failures


def test_without_the_api_the_extra_is_named() -> None:
    """The error says what to install."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from guardrails.errors import UsageError\n"
        "try:\n    import guardrails.telemetry.tracing\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "guarded-agent[otel]" in done.stdout
