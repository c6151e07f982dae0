"""The watch after a pass: an end is accepted for good when it held, and reopened when not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import EnforcedAction, Next, Reason
from guardrails.core.events import (
    EndRequested,
    Event,
    ExitKind,
    ModelReplied,
    ToolCall,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.hooks import RunEnded
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal, Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Session, replay
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.gates.feedback import LIMIT
from guardrails.gates.watching import Watched
from guardrails.policy.models import Settings
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate, scripted_report
from guardrails.testing.recorder import Recorder

CLAIM = Claim(kind=ClaimKind.MITIGATED, text="fixed")
FINAL = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=CLAIM)
PASS, FAIL, UNKNOWN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.UNKNOWN


def watching(**more: Any) -> Settings:
    """Settings that watch a pass for a minute."""
    gate = {"watch_for": "1m", "poll_every": "10s", "unknown_grace": "20s"}
    return Settings.model_validate(
        {"gate": gate, "fsm": {"machine": "none", "alignment": "none"}, **more}
    )


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes when somebody sleeps."""
    return ManualClock(auto_advance=True)


def turn(session: Session) -> None:
    """Let the model take a turn."""
    call = ToolCall(call_id=CallId("c"), tool="kubectl")
    session.observe(ModelReplied(text="looking", tool_calls=(call,)))


async def test_a_pass_that_holds_is_accepted_when_the_watch_is_over(begin, recorder, clock) -> None:
    """Nothing ends before; the outcome rests on the report that passed."""
    guard, session = begin(PASS, settings=watching())
    began = clock.monotonic()
    decision = await guard.settle(session, FINAL)
    assert (decision.next, decision.outcome) == (Next.END, Outcome.RESOLVED)
    assert clock.monotonic() - began == 60.0
    assert [d.next for d in recorder.decisions[-3:]] == [Next.VERIFY, Next.WATCH, Next.END]
    result = session.result()
    assert (result.verdict, result.outcome) == (PASS, Outcome.RESOLVED)
    assert "it held for 1m" in result.detail
    assert isinstance(recorder.records[-1], RunEnded)
    assert len(recorder.ended) == 1


async def test_a_regression_reopens_the_run(begin, recorder) -> None:
    """The agent is told in the same session, goes on, and may end again."""
    guard, session = begin(PASS, PASS, FAIL, PASS, settings=watching())
    turn(session)
    decision = await guard.settle(session, FINAL)
    assert (decision.next, decision.action) == (Next.CONTINUE, EnforcedAction.BLOCK)
    assert decision.reason is Reason.REGRESSED
    assert "20s later it did not" in decision.to_model
    assert "- WRONG: Deployment shop/checkout" in decision.to_model
    assert len(decision.to_model) <= LIMIT
    assert session.outcome is None
    assert session.state.refusals == 1
    turn(session)
    decision = await guard.settle(session, FINAL)
    assert decision.outcome is Outcome.RESOLVED
    facts = [e.fact for e in recorder.events if isinstance(e.fact, WatchReported)]
    assert [fact.end for fact in facts] == [WatchEnd.REGRESSED, WatchEnd.HELD]


async def test_a_run_that_cannot_be_reopened_is_unresolved(begin) -> None:
    """When no refusal is left the outcome is the last report's, not the pass's."""
    settings = watching(budgets={"refusals": 1})
    guard, session = begin(FAIL, PASS, FAIL, settings=settings)
    turn(session)
    assert (await guard.settle(session, FINAL)).next is Next.CONTINUE
    turn(session)
    decision = await guard.settle(session, FINAL)
    assert (decision.next, decision.outcome) == (Next.END, Outcome.UNRESOLVED)
    assert session.result().verdict is FAIL


async def test_a_blip_of_unreadable_evidence_is_no_regression(begin, recorder) -> None:
    """It is looked at again."""
    guard, session = begin(PASS, UNKNOWN, UNKNOWN, PASS, settings=watching())
    assert (await guard.settle(session, FINAL)).outcome is Outcome.RESOLVED
    (fact,) = [e.fact for e in recorder.events if isinstance(e.fact, WatchReported)]
    assert fact.end is WatchEnd.HELD


async def test_evidence_that_stays_unreadable_takes_nothing_from_the_pass(begin) -> None:
    """The person is told that the watch saw nothing at its end."""
    guard, session = begin(PASS, UNKNOWN, settings=watching())
    assert (await guard.settle(session, FINAL)).outcome is Outcome.RESOLVED
    assert "could not be read at the end" in session.result().detail


async def test_the_watch_is_no_time_of_the_agents(begin) -> None:
    """An hour under watch leaves the wall time as it was."""
    settings = Settings.model_validate(
        {
            "gate": {"watch_for": "2h", "poll_every": "10m"},
            "budgets": {"wall_time": "30m"},
            "fsm": {"machine": "none", "alignment": "none"},
        }
    )
    guard, session = begin(PASS, PASS, PASS, FAIL, settings=settings)
    turn(session)
    await guard.settle(session, FINAL)
    assert session.state.paused_seconds == 1800.0
    turn(session)
    assert session.state.stop is None


async def test_a_diagnosis_is_not_watched(begin) -> None:
    """What is named was there; it need not stay."""
    incident = Incident(task="why?", goal=Goal.DIAGNOSIS, namespaces=("shop",))
    guard, session = begin(PASS, FAIL, settings=watching(), incident=incident)
    claim = Claim(kind=ClaimKind.DIAGNOSED, text="a bad image")
    end = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim)
    assert (await guard.settle(session, end)).outcome is Outcome.DIAGNOSED


async def test_shadow_mode_does_not_watch(begin) -> None:
    """A watch would hold the end back."""
    guard, session = begin(PASS, FAIL, settings=watching(mode="shadow"))
    assert (await guard.settle(session, FINAL)).outcome is Outcome.RESOLVED


async def test_whoever_breaks_off_the_watch_keeps_the_pass(begin, recorder, clock) -> None:
    """Cancelling waits for nothing, and the end had passed."""
    clock._auto_advance = False  # the watch has to wait for somebody
    guard, session = begin(PASS, settings=watching())
    task = asyncio.create_task(guard.settle(session, FINAL))
    while not clock.sleepers:  # noqa: ASYNC110  # a manual clock has no event for it
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.outcome is Outcome.RESOLVED
    assert "the watch was broken off" in session.result().detail
    assert clock.sleepers == 0


async def test_a_second_end_during_the_watch_is_held(begin, clock) -> None:
    """Parallel calls of one message cannot end the run beside the watch."""
    clock._auto_advance = False  # as above
    guard, session = begin(PASS, settings=watching())
    task = asyncio.create_task(guard.settle(session, FINAL))
    while not clock.sleepers:  # noqa: ASYNC110  # a manual clock has no event for it
        await asyncio.sleep(0)
    decision = await guard.settle(session, FINAL)
    assert (decision.next, decision.reason) == (Next.CONTINUE, Reason.CLAIM_HELD)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_progress_is_told_while_it_is_watched(begin, recorder, clock) -> None:
    """With the time at which it is over."""
    guard, session = begin(PASS, settings=watching())
    until = clock.now() + timedelta(seconds=60)
    await guard.settle(session, FINAL)
    told = [r for r in recorder.records if type(r).__name__ == "GateProgress"]
    assert [p.looks for p in told] == [1, 2, 3, 4, 5, 6]
    assert {(p.waiting_for[0], p.waiting_until) for p in told} == {("the watch to be over", until)}


class Broken(ScriptedGate):
    """A gate whose own watch breaks."""

    async def watch(
        self,
        request: GateRequest,
        *,
        accepted: GateReport,
        for_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> Watched:
        """Break."""
        raise RuntimeError("boom")


async def test_a_watch_that_breaks_has_read_nothing(begin) -> None:
    """It is no regression, and no exception for the agent."""
    guard, session = begin(PASS, settings=watching())
    guard.gate = Broken(PASS)
    assert (await guard.settle(session, FINAL)).outcome is Outcome.RESOLVED


@pytest.mark.parametrize("played", [(PASS,), (PASS, PASS, FAIL), (PASS, UNKNOWN)])
async def test_a_watched_run_replays(begin, recorder: Recorder, played) -> None:
    """The events alone give the same decisions, state and outcome."""
    guard, session = begin(*played, settings=watching())
    turn(session)
    await guard.settle(session, FINAL)
    again = replay(recorder.of(Event))
    assert list(again.decisions) == recorder.decisions
    assert again.state == session.read_up()


async def test_a_report_of_a_watch_that_nobody_keeps_ends_nothing(begin) -> None:
    """As with a gate's report: it takes an end that was asked for."""
    _, session = begin(PASS, settings=watching())
    fact = WatchReported(end=WatchEnd.HELD, report=scripted_report(PASS))
    assert session.observe(fact).next is Next.CONTINUE
    assert session.outcome is None
