"""`trace replay` on files that crashes, full disks and other versions leave behind."""

from pathlib import Path

import msgspec
import pytest

from guardrails.cli.trace import compare
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    GateReported,
    ModelReplied,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.core.trace import read_trace
from guardrails.engine import Guard, SessionKey
from guardrails.engine.replay import settings_in
from guardrails.policy.models import Budgets, Settings
from guardrails.telemetry.jsonl import TraceFileHook
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import scripted_report
from tests.settings import FREE, NO_MACHINE

CALL = ToolCall(call_id=CallId("c"), tool="kubectl", arguments='{"command": "kubectl get pods"}')
FACTS = [
    *3
    * [
        ModelReplied(tool_calls=(CALL,)),
        ToolRequested(call_id=CALL.call_id, tool=CALL.tool, arguments=CALL.arguments),
        ToolReturned(call_id=CALL.call_id, tool=CALL.tool, digest="d"),
    ],
    ModelReplied(text="fixed"),
    EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED)),
    GateReported(report=scripted_report(GateVerdict.FAIL)),
    ModelReplied(text="fixed"),
    EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED)),
    GateReported(report=scripted_report(GateVerdict.FAIL)),
]
"""A run with findings, a refusal, and an end by its own budget of one refusal."""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Write the run's trace, under a policy of its own."""
    path = tmp_path / "run.jsonl"
    with TraceFileHook(path) as hook:
        settings = Settings(fsm=NO_MACHINE, budgets=Budgets(refusals=1))
        guard = Guard(settings=settings, hooks=[hook], clock=ManualClock())
        session = guard.begin(SessionKey("k"), adapter="test", incident=Incident(task="t"))
        for fact in FACTS:
            session.observe(fact)
    return path


def test_a_trace_is_replayed_by_the_policy_that_it_holds(cli, trace: Path) -> None:
    """Nobody has to remember what the run was started with."""
    ran = cli("trace", "replay", trace)
    assert ran.code == 0, ran.out
    assert "unresolved, 16 events" in ran.out
    other = cli("trace", "replay", trace, "--set", "budgets.refusals=5")
    assert other.code == 8
    assert "event 16: live deny/end (budget-refusals), replayed deny/continue" in other.out


def test_a_trace_cut_after_any_byte_replays_as_far_as_it_goes(trace: Path) -> None:
    """Wherever kill -9 comes, what is left agrees with the run."""
    whole = trace.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole), 7):
        trace.write_bytes(whole[:cut])
        (stored,) = read_trace(trace)
        policy = settings_in(stored.events) if stored.events else FREE
        assert compare(stored, policy) == []


def test_a_lost_event_is_named(cli, trace: Path) -> None:
    """Without an event that a full disk took, what follows cannot be decided again."""
    lines = trace.read_bytes().splitlines(keepends=True)
    lost = next(n for n, line in enumerate(lines) if b'"seq":4,' in line and b'"event"' in line)
    trace.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    ran = cli("trace", "replay", trace)
    assert ran.code == 8
    assert "event 4 is not in the file" in ran.out


def test_a_lost_decision_is_named(cli, trace: Path) -> None:
    """Its neighbours are still compared with their own."""
    lines = trace.read_bytes().splitlines(keepends=True)
    lost = next(n for n, line in enumerate(lines) if b'"decision"' in line and b'"seq":4' in line)
    trace.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    ran = cli("trace", "replay", trace)
    assert ran.code == 8
    assert [line for line in ran.out.splitlines() if line.startswith("  ")] == [
        "  event 4: not in the file, replayed allow/continue (none)"
    ]


def test_a_trace_without_a_policy_asks_for_one(cli, trace: Path) -> None:
    """Deciding by the defaults would call a run wrong that was decided rightly."""
    (stored,) = read_trace(trace)
    started = stored.events[0].fact
    assert isinstance(started, RunStarted)
    kept = msgspec.json.encode(started.policy)
    trace.write_bytes(trace.read_bytes().replace(kept, b'""'))
    ran = cli("trace", "replay", trace)
    assert ran.code == 2
    assert "the trace does not hold the policy of its run; give one" in ran.error
    assert cli("trace", "replay", trace, "--profile", "mid-tier").code == 8


def test_a_run_that_began_in_another_file_says_so(cli, trace: Path) -> None:
    """A session that was moved to another process goes on in that one's trace."""
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(lines[0] + b"".join(lines[5:]))
    ran = cli("trace", "replay", trace)
    assert ran.code == 8
    assert "event 1 is not in the file" in ran.out


def test_what_was_cut_off_before_its_first_event(cli, trace: Path) -> None:
    """Half a header is no run, and a header alone is a run without events."""
    header = trace.read_bytes().split(b"\n")[0] + b"\n"
    trace.write_bytes(header[:20])
    ran = cli("trace", "replay", trace)
    assert ran.code == 2
    assert f"{trace}: no run in it" in ran.error
    trace.write_bytes(header + b'{"type":"ev')
    ran = cli("trace", "replay", trace)
    assert ran.code == 0
    assert "cut off before its end, 0 events, 0 findings, last line torn" in ran.out
