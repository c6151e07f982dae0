"""The engine is a fold: replaying gives the same decisions and findings, wherever it is cut."""

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision
from guardrails.core.events import (
    AgentHandedOff,
    EndRequested,
    ErrorRaised,
    Event,
    ExitKind,
    GateReported,
    ModelReplied,
    NodeRan,
    PauseReason,
    RunPaused,
    RunResumed,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.core.trace import TraceHeader, encode_line, read_trace
from guardrails.engine import Guard, SessionKey, replay
from guardrails.engine.session import Session
from guardrails.policy.models import Budgets, EffectRules, Settings
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import scripted_report
from guardrails.testing.recorder import Recorder

INCIDENT = Incident(task="checkout is down", namespaces=("shop",))

CALLS = st.sampled_from([CallId(f"c{n}") for n in range(4)])
COMMANDS = st.sampled_from(
    ["kubectl get pods", "kubectl delete pod x", "kubectl apply -f a", "frobnicate", ")("]
)
ARGUMENTS = COMMANDS.map(lambda c: '{"command": "' + c + '"}') | st.just("not json")
TOOLS = st.sampled_from(["kubectl", "bash", "submit", "get_logs", "mystery"])
TEXT = st.sampled_from(["", "ok", "checkout-7d9f ready", "error: none"])
CLAIMS = st.none() | st.builds(Claim, kind=st.sampled_from(ClaimKind), text=TEXT)
CALL = st.builds(ToolCall, call_id=CALLS, tool=TOOLS, arguments=ARGUMENTS)

FACTS = st.one_of(
    st.builds(
        ModelReplied,
        text=TEXT,
        tool_calls=st.lists(CALL, max_size=2).map(tuple),
        usage=st.none() | st.builds(Usage, input_tokens=st.integers(0, 50)),
    ),
    st.builds(NodeRan, node=TEXT, turn=st.booleans()),
    st.builds(ToolRequested, call_id=CALLS, tool=TOOLS, arguments=ARGUMENTS),
    st.builds(
        ToolReturned, call_id=CALLS, tool=TOOLS, status=st.sampled_from(ToolStatus), digest=TEXT
    ),
    st.builds(EndRequested, exit=st.sampled_from(ExitKind), claim=CLAIMS),
    st.sampled_from(GateVerdict).map(lambda v: GateReported(report=scripted_report(v))),
    st.builds(ErrorRaised, error=st.just("ValueError"), fatal=st.booleans()),
    st.builds(AgentHandedOff, to=TEXT),
    st.builds(RunPaused, reason=st.sampled_from(PauseReason)),
    st.just(RunResumed()),
)
STREAMS = st.lists(st.tuples(FACTS, st.integers(0, 30)), max_size=60)
SETTINGS = st.builds(
    Settings,
    mode=st.sampled_from(["enforce", "shadow"]),
    budgets=st.builds(
        Budgets,
        steps=st.integers(1, 10),
        tool_calls=st.integers(1, 10),
        tokens=st.none() | st.integers(1, 200),
        refusals=st.integers(1, 4),
        unknown_refusals=st.integers(1, 3),
        wall_time=st.sampled_from(["1m", "1h"]),
    ),
    effects=st.builds(EffectRules, write=st.sampled_from(["allow", "warn", "block"])),
)


def play(stream, settings: Settings) -> tuple[Session, Recorder]:
    clock, recorder = ManualClock(), Recorder()
    guard = Guard(settings=settings, hooks=[recorder], clock=clock)
    session = guard.begin(SessionKey("k"), adapter="test", incident=INCIDENT)
    for fact, seconds in stream:
        clock.advance(seconds)
        session.observe(fact, agent="a")
    return session, recorder


@hypothesis_settings(deadline=None)
@given(STREAMS, SETTINGS)
def test_a_replay_gives_identical_findings_and_decisions(stream, settings) -> None:
    """What the live run decided, the stored trace decides again."""
    session, recorder = play(stream, settings)
    again = replay((r for r in recorder.records if isinstance(r, Event)), settings=settings)
    assert list(again.decisions) == [r for r in recorder.records if isinstance(r, Decision)]
    assert list(again.findings) == [r for r in recorder.records if isinstance(r, Finding)]
    assert again.state == session.state


@hypothesis_settings(deadline=None)
@given(STREAMS, SETTINGS)
def test_a_replay_from_the_file_is_the_same(tmp_path_factory, stream, settings) -> None:
    """The way through JSON changes nothing."""
    session, recorder = play(stream, settings)
    path = tmp_path_factory.mktemp("replay") / "t.jsonl"
    header = TraceHeader(run=session.run)
    path.write_bytes(b"".join(map(encode_line, (header, *recorder.records))))
    (stored,) = read_trace(path)
    again = replay(stored.events, settings=settings)
    assert again.decisions == stored.decisions
    assert again.findings == stored.findings


@hypothesis_settings(deadline=None)
@given(STREAMS, SETTINGS, st.integers(0, 60))
def test_a_session_can_be_moved_between_any_two_events(stream, settings, cut) -> None:
    """Snapshot and restore in the middle leave no mark on what follows."""
    whole, _ = play(stream, settings)
    first, _ = play(stream[:cut], settings)
    clock = ManualClock()
    clock.advance(sum(seconds for _, seconds in stream[:cut]))
    guard = Guard(settings=settings, clock=clock)
    moved = guard.restore(SessionKey("k"), first.snapshot())
    for fact, seconds in stream[cut:]:
        clock.advance(seconds)
        moved.observe(fact, agent="a")
    assert {**_plain(moved), "run": ""} == {**_plain(whole), "run": ""}


def _plain(session: Session) -> dict[str, object]:
    state = session.state
    return {f: getattr(state, f) for f in state.__struct_fields__ if f != "run"}


@hypothesis_settings(deadline=None)
@given(STREAMS, SETTINGS)
def test_no_stream_is_accepted_without_a_passing_report(stream, settings) -> None:
    """Whatever happens in whatever order, acceptance rests on a pass."""
    session, recorder = play(stream, settings)
    if session.outcome is not None and session.outcome.accepted:
        reports = [
            r.fact.report.verdict
            for r in recorder.records
            if isinstance(r, Event) and isinstance(r.fact, GateReported)
        ]
        assert GateVerdict.PASS in reports
        assert session.result().verdict is GateVerdict.PASS


@hypothesis_settings(deadline=None)
@given(STREAMS, SETTINGS)
def test_an_outcome_never_changes(stream, settings) -> None:
    """The first outcome is the outcome."""
    _, recorder = play(stream, settings)
    outcomes = [r.outcome for r in recorder.records if isinstance(r, Decision) and r.outcome]
    assert len(set(outcomes)) <= 1
    assert all(isinstance(o, Outcome) for o in outcomes)
