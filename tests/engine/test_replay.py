"""The engine is a fold: replaying gives the same decisions and findings, wherever it is cut."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision
from guardrails.core.events import (
    AgentHandedOff,
    AnyFact,
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
    RunStarted,
    StepTakenBack,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import RunEnded
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import ToolAnnotations
from guardrails.core.trace import TraceHeader, encode_line, read_trace
from guardrails.engine import Guard, Rules, SessionKey, replay
from guardrails.engine.replay import rules_of
from guardrails.engine.session import Session
from guardrails.engine.state import SessionState
from guardrails.errors import TraceError
from guardrails.policy.models import Budgets, EffectRules, FsmSettings, Settings, ToolNames
from guardrails.policy.stored import settings_text
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import scripted_report
from guardrails.testing.recorder import Recorder
from tests.settings import FREE

INCIDENTS = st.builds(
    Incident,
    task=st.just("checkout is down"),
    namespaces=st.just(("shop",)),
    goal=st.sampled_from(Goal),
)

CALLS = st.sampled_from([CallId(f"c{n}") for n in range(4)])
COMMANDS = st.sampled_from(
    ["kubectl get pods", "kubectl delete pod x", "kubectl apply -f a", "frobnicate", ")("]
)
ARGUMENTS = COMMANDS.map(lambda c: '{"command": "' + c + '"}') | st.just("not json")
TOOLS = st.sampled_from(["kubectl", "bash", "submit", "get_logs", "mystery"])
TEXT = st.sampled_from(["", "ok", "checkout-7d9f ready", "error: none", "payment catalog \u2026"])
AGENTS = st.sampled_from(["", "planner", "worker"])
CLAIMS = st.none() | st.builds(Claim, kind=st.sampled_from(ClaimKind), text=TEXT)
CALL = st.builds(ToolCall, call_id=CALLS, tool=TOOLS, arguments=ARGUMENTS)

FACTS = st.one_of(
    st.builds(
        ModelReplied,
        text=TEXT,
        reasoning=TEXT,
        tool_calls=st.lists(CALL, max_size=2).map(tuple),
        invalid_tool_calls=st.lists(CALL, max_size=1).map(tuple),
        finish_reason=st.sampled_from(["", "stop", "length"]),
        usage=st.none() | st.builds(Usage, input_tokens=st.integers(0, 50)),
    ),
    st.builds(NodeRan, node=TEXT, turn=st.booleans()),
    st.builds(StepTakenBack, call_ids=st.tuples(CALLS), reason=TEXT, steps=st.integers(0, 2)),
    st.builds(
        ToolRequested,
        call_id=CALLS,
        tool=TOOLS,
        arguments=ARGUMENTS,
        annotations=st.none() | st.builds(ToolAnnotations, read_only=st.none() | st.booleans()),
        fault=st.sampled_from(["", "", "There is no tool kubctl."]),
    ),
    st.builds(
        ToolReturned,
        call_id=CALLS,
        tool=TOOLS,
        status=st.sampled_from(ToolStatus),
        text=TEXT,
        digest=TEXT,
    ),
    st.builds(
        EndRequested, exit=st.sampled_from(ExitKind), claim=CLAIMS, call_id=st.none() | CALLS
    ),
    st.sampled_from(GateVerdict).map(lambda v: GateReported(report=scripted_report(v))),
    st.builds(ErrorRaised, error=st.just("ValueError"), fatal=st.booleans()),
    st.builds(AgentHandedOff, to=TEXT),
    st.builds(RunPaused, reason=st.sampled_from(PauseReason)),
    st.just(RunResumed()),
)


@st.composite
def calls(draw: st.DrawFn) -> list[AnyFact]:
    """A model turn with a call, and the call, perhaps several times over."""
    call = draw(CALL)
    text = draw(TEXT)
    turn = [
        ModelReplied(text=text, tool_calls=(call,), usage=Usage(input_tokens=9)),
        ToolRequested(call_id=call.call_id, tool=call.tool, arguments=call.arguments),
        ToolReturned(call_id=call.call_id, tool=call.tool, text=text, digest=text),
    ]
    return turn * draw(st.integers(1, 3))


@st.composite
def claims(draw: st.DrawFn) -> list[AnyFact]:
    """An end that is asked for, and what the gate says of it."""
    claim = Claim(kind=draw(st.sampled_from([ClaimKind.MITIGATED, ClaimKind.DIAGNOSED])))
    call = draw(st.none() | CALLS)
    exit_kind = ExitKind.FINAL_ANSWER if call is None else ExitKind.FINISH_TOOL
    report = scripted_report(draw(st.sampled_from(GateVerdict)))
    return [
        ModelReplied(text="it is fixed"),
        EndRequested(exit=exit_kind, claim=claim, call_id=call),
        GateReported(report=report),
    ]


EPISODES = st.one_of(calls(), claims(), calls(), claims(), FACTS.map(lambda fact: [fact]))
STREAMS = (
    st.lists(EPISODES, min_size=2, max_size=14)
    .map(lambda episodes: [fact for episode in episodes for fact in episode])
    .flatmap(
        lambda facts: st.tuples(*(st.tuples(st.just(f), st.floats(0, 30), AGENTS) for f in facts))
    )
)
"""Facts, the seconds before each, and whose they are. Most come as agents make them, because of
facts in any order few get past the first end."""
RULES = st.sampled_from(["allow", "warn", "block"])
GLOBS = st.sampled_from([(), ("mystery",), ("get_*", "bash")])
SETTINGS = st.builds(
    Settings,
    mode=st.sampled_from(["enforce", "shadow"]),
    budgets=st.builds(
        Budgets,
        steps=st.integers(1, 40),
        tool_calls=st.integers(1, 40),
        tokens=st.none() | st.integers(1, 400),
        refusals=st.integers(1, 4),
        unknown_refusals=st.integers(1, 3),
        wall_time=st.sampled_from(["1m", "1h"]),
    ),
    effects=st.builds(EffectRules, read=RULES, write=RULES, destructive=RULES),
    tools=st.builds(ToolNames, read=GLOBS, finish=GLOBS, shell=GLOBS),
)


def play(
    stream, settings: Settings, incident: Incident, *, moved_every: int = 0
) -> tuple[Session, Recorder]:
    """Observe a stream; `moved_every` events the session is stored, and goes on elsewhere."""
    clock, recorder = ManualClock(), Recorder()
    guard = Guard(settings=settings, hooks=[recorder], clock=clock)
    session = guard.begin(SessionKey("k"), adapter="test", incident=incident)
    for at, (fact, seconds, agent) in enumerate(stream):
        if moved_every and at % moved_every == 0:
            elsewhere = Guard(settings=settings, hooks=[recorder], clock=clock)
            session = elsewhere.restore(SessionKey("k"), session.snapshot())
        clock.advance(seconds)
        session.observe(fact, agent=agent)
    return session, recorder


def of(kind: Any, recorder: Recorder) -> tuple[Any, ...]:
    return tuple(r for r in recorder.records if isinstance(r, kind))


@given(STREAMS, SETTINGS, INCIDENTS)
def test_a_replay_gives_identical_findings_and_decisions(stream, settings, incident) -> None:
    """What the live run decided, its events decide again, by the policy that they hold."""
    session, recorder = play(stream, settings, incident)
    again = replay(of(Event, recorder))
    assert again.decisions == of(Decision, recorder)
    assert again.found == of(Finding | FindingWithdrawn, recorder)
    assert again.state == session.read_up()


@given(STREAMS, SETTINGS, INCIDENTS)
def test_a_replay_from_the_file_is_the_same(tmp_path_factory, stream, settings, incident) -> None:
    """The way through JSON changes nothing."""
    session, recorder = play(stream, settings, incident)
    path = tmp_path_factory.mktemp("replay") / "t.jsonl"
    header = TraceHeader(run=session.run)
    path.write_bytes(b"".join(map(encode_line, (header, *recorder.records))))
    (stored,) = read_trace(path)
    again = replay(stored.events)
    assert again.decisions == stored.decisions == of(Decision, recorder)
    assert again.found == stored.found
    assert again.findings == stored.findings == session.findings
    assert again.state == session.read_up()


@given(STREAMS, SETTINGS, INCIDENTS, st.integers(1, 5))
def test_a_session_can_be_moved_between_any_events(stream, settings, incident, every) -> None:
    """Snapshot and restore, once or before every event, leave no mark on what follows."""
    stayed, recorder = play(stream, settings, incident)
    moved, moving = play(stream, settings, incident, moved_every=every)
    for kind in (Decision, Finding, RunEnded):
        here = [msgspec.structs.replace(r, run=RunId("")) for r in of(kind, recorder)]
        assert [msgspec.structs.replace(r, run=RunId("")) for r in of(kind, moving)] == here
    there = msgspec.json.encode(moved.read_up()).replace(moved.run.encode(), stayed.run.encode())
    assert msgspec.json.decode(there, type=SessionState) == stayed.read_up()
    assert len(moved.findings) == len(stayed.findings)


def test_a_trace_without_a_policy_cannot_choose_one() -> None:
    """Deciding by the defaults would say "differs" of a run that was decided rightly."""
    _, recorder = play([], FREE, Incident(task="t"))
    (started,) = of(Event, recorder)
    bare = msgspec.structs.replace(started, fact=msgspec.structs.replace(started.fact, policy=""))
    with pytest.raises(TraceError, match="does not hold the policy"):
        replay([bare])
    assert replay([bare], settings=FREE).decisions == of(Decision, recorder)


@given(STREAMS, SETTINGS, INCIDENTS)
def test_no_stream_is_accepted_without_a_passing_report(stream, settings, incident) -> None:
    """Whatever happens in whatever order, acceptance rests on a pass."""
    session, recorder = play(stream, settings, incident)
    if session.outcome is not None and session.outcome.accepted:
        reports = [
            r.fact.report.verdict
            for r in recorder.records
            if isinstance(r, Event) and isinstance(r.fact, GateReported)
        ]
        assert GateVerdict.PASS in reports
        assert session.result().verdict is GateVerdict.PASS


@given(STREAMS, SETTINGS, INCIDENTS)
def test_an_outcome_never_changes(stream, settings, incident) -> None:
    """The first outcome is the outcome."""
    _, recorder = play(stream, settings, incident)
    outcomes = [decision.outcome for decision in of(Decision, recorder) if decision.outcome]
    assert len(set(outcomes)) <= 1
    assert all(isinstance(o, Outcome) for o in outcomes)


def test_another_settle_time_is_another_machine() -> None:
    """A replay by a policy that says when a change has settled goes by that."""
    recorded = RunStarted(
        incident=Incident(task="x"),
        policy=settings_text(Settings()),
        machine=Rules.of(Settings()).machine_text(Goal.MITIGATION),
        adapter="test",
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    events = [Event(run=RunId("r"), seq=1, at=at, step=0, fact=recorded)]
    found = [
        rules_of(events, settings=Settings(fsm=FsmSettings(settle=settle))).mitigation
        for settle in (None, 90.0)
    ]
    assert [machine.settle for machine in found if machine] == [15.0, 90.0]
