"""Ends: accepted on a passing report, refused with facts, or closed with an honest outcome."""

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    NodeRan,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.hooks import RunEnded
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal, Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Session
from guardrails.policy.models import Budgets, Settings
from tests.settings import NO_MACHINE

CLAIM = Claim(kind=ClaimKind.MITIGATED, text="fixed")
FINAL = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=CLAIM)
EXITS = [
    ExitKind.FINAL_ANSWER,
    ExitKind.STRUCTURED,
    ExitKind.DIRECT_RETURN,
    ExitKind.FINISH_TOOL,
    ExitKind.GRAPH_END,
    ExitKind.MIDDLEWARE_END,
]


def turn(session: Session, text: str = "looking") -> None:
    session.observe(ModelReplied(text=text))


@pytest.mark.parametrize("exit_kind", EXITS)
async def test_a_passing_report_accepts_every_kind_of_exit(begin, exit_kind) -> None:
    """Whatever the door, proof opens it."""
    guard, session = begin(GateVerdict.PASS)
    decision = await guard.settle(session, EndRequested(exit=exit_kind, claim=CLAIM))
    assert (decision.next, decision.outcome) == (Next.END, Outcome.RESOLVED)
    assert decision.action is EnforcedAction.ALLOW
    assert session.result().verdict is GateVerdict.PASS


@pytest.mark.parametrize("exit_kind", EXITS)
async def test_a_failing_report_refuses_every_kind_of_exit(begin, exit_kind) -> None:
    """The model is told what the cluster shows."""
    guard, session = begin(GateVerdict.FAIL)
    turn(session)
    decision = await guard.settle(session, EndRequested(exit=exit_kind, claim=CLAIM))
    assert (decision.next, decision.action) == (Next.CONTINUE, EnforcedAction.BLOCK)
    assert decision.reason is Reason.GATE_FAILED
    assert "checkout" in decision.to_model
    assert session.outcome is None


async def test_a_diagnosis_that_passes_ends_diagnosed(begin) -> None:
    """The outcome says what was proved, and a diagnosis proves no fix."""
    guard, session = begin(GateVerdict.PASS)
    claim = Claim(kind=ClaimKind.DIAGNOSED, text="it is the port")
    decision = await guard.settle(session, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))
    assert decision.outcome is Outcome.DIAGNOSED


async def test_an_end_without_a_claim_takes_the_goal_for_it(begin) -> None:
    """A graph that just ends is judged by what it was called for."""
    incident = Incident(task="why?", goal=Goal.DIAGNOSIS)
    guard, session = begin(GateVerdict.PASS, incident=incident)
    decision = await guard.settle(session, EndRequested(exit=ExitKind.GRAPH_END))
    assert decision.outcome is Outcome.DIAGNOSED


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(GateVerdict.FAIL, Outcome.UNRESOLVED), (GateVerdict.PENDING, Outcome.UNVERIFIABLE)],
)
async def test_refusals_are_bounded(begin, verdict, outcome) -> None:
    """After the refusals of the policy the run ends with what is known."""
    guard, session = begin(verdict, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(refusals=2)))
    decisions = []
    for _ in range(3):
        turn(session)
        decisions.append(await guard.settle(session, FINAL))
    assert [d.next for d in decisions] == [Next.CONTINUE, Next.CONTINUE, Next.END]
    assert decisions[-1].outcome is outcome
    assert decisions[-1].reason is Reason.BUDGET_REFUSALS
    assert session.result().refusals == 2


async def test_unknown_evidence_refuses_then_escalates(begin) -> None:
    """Evidence that stays unreadable is a person's business, never a pass."""
    guard, session = begin(GateVerdict.UNKNOWN)
    outcomes = []
    for _ in range(3):
        turn(session)
        outcomes.append((await guard.settle(session, FINAL)).outcome)
    assert outcomes == [None, None, Outcome.ESCALATED]


async def test_no_gate_means_unverifiable(begin) -> None:
    """Without anything to judge by, nothing is accepted."""
    guard, session = begin()
    decision = await guard.settle(session, FINAL)
    assert decision.outcome is Outcome.UNVERIFIABLE
    assert decision.reason is Reason.NOTHING_TO_JUDGE_BY


async def test_a_gate_that_breaks_is_unknown_evidence(begin) -> None:
    """A bug in a third-party gate fails closed, and its words are in the report."""
    guard, session = begin(ValueError("boom"))
    decision = await guard.settle(session, FINAL)
    assert decision.reason is Reason.GATE_UNKNOWN
    assert session.state.report is not None
    assert session.state.report.evidence[0].observed == "boom"


@pytest.mark.parametrize("exit_kind", [ExitKind.EMPTY, ExitKind.MALFORMED])
async def test_an_end_without_an_answer_is_sent_back_without_asking_the_gate(
    begin, exit_kind
) -> None:
    """An empty reply claims nothing that could be judged."""
    guard, session = begin(GateVerdict.PASS)
    turn(session, "")
    decision = await guard.settle(session, EndRequested(exit=exit_kind))
    assert decision.blocked
    assert decision.to_model
    assert guard.gate.requests == []


async def test_asking_again_without_a_turn_ends_the_run(begin) -> None:
    """Another middleware that keeps ending the run must not spin against the gate."""
    guard, session = begin(GateVerdict.FAIL)
    turn(session)
    end = EndRequested(exit=ExitKind.MIDDLEWARE_END)
    first = await guard.settle(session, end)
    second = await guard.settle(session, end)
    assert first.next is Next.CONTINUE
    assert (second.next, second.outcome) == (Next.END, Outcome.UNRESOLVED)
    assert second.reason is Reason.NO_PROGRESS
    assert len(guard.gate.requests) == 1


async def test_a_node_that_ran_is_progress(begin) -> None:
    """Graphs whose model turns are not visible may be refused more than once."""
    guard, session = begin(GateVerdict.FAIL)
    for _ in range(2):
        session.observe(NodeRan(node="planner", turn=True))
        decision = await guard.settle(session, EndRequested(exit=ExitKind.GRAPH_END))
        assert decision.next is Next.CONTINUE
    assert session.state.step == 2


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(ClaimKind.GAVE_UP, Outcome.UNRESOLVED), (ClaimKind.NEEDS_HUMAN, Outcome.ESCALATED)],
)
async def test_an_honest_defeat_needs_no_gate(begin, kind, outcome) -> None:
    """Who says that it is not fixed is believed."""
    guard, session = begin(GateVerdict.PASS)
    end = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=kind))
    assert (await guard.settle(session, end)).outcome is outcome
    assert guard.gate.requests == []


async def test_a_spent_budget_ends_with_a_look_and_never_accepted(begin) -> None:
    """Even a healthy cluster does not make a stopped run a success."""
    guard, session = begin(
        GateVerdict.PASS, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(steps=1))
    )
    call = (ToolCall(call_id=CallId("1"), tool="kubectl"),)
    assert session.observe(ModelReplied(tool_calls=call)).next is Next.CONTINUE
    stopped = session.observe(ModelReplied(tool_calls=call))
    assert (stopped.next, stopped.reason) == (Next.STOP, Reason.BUDGET_STEPS)
    decision = await guard.settle(session, EndRequested(exit=ExitKind.BUDGET))
    assert decision.outcome is Outcome.ESCALATED
    assert not guard.gate.requests[0].wait
    assert session.result().report is not None
    assert session.result().failure_vector == {"FM-1.5": 1}


@pytest.mark.parametrize("exit_kind", [ExitKind.ERROR, ExitKind.CANCELLED])
async def test_a_run_that_breaks_is_aborted(begin, exit_kind) -> None:
    """An exception is an outcome too."""
    guard, session = begin(GateVerdict.PASS)
    decision = await guard.settle(session, EndRequested(exit=exit_kind, detail="boom"))
    assert decision.outcome is Outcome.ABORTED
    assert session.result().detail == "boom"


async def test_a_handoff_out_of_sight_escalates(begin) -> None:
    """Control went to somebody whom this guard does not watch."""
    guard, session = begin(GateVerdict.PASS)
    decision = await guard.settle(session, EndRequested(exit=ExitKind.HANDOFF, detail="to writer"))
    assert (decision.outcome, decision.reason) == (Outcome.ESCALATED, Reason.HANDED_OFF)


async def test_a_second_end_gets_the_first_outcome(begin) -> None:
    """An outer door finds the run closed and asks the gate nothing."""
    guard, session = begin(GateVerdict.PASS)
    await guard.settle(session, FINAL)
    again = await guard.settle(session, FINAL)
    assert (again.next, again.outcome) == (Next.END, Outcome.RESOLVED)
    assert again.action is EnforcedAction.ALLOW
    assert len(guard.gate.requests) == 1


async def test_a_second_submit_is_not_run(begin) -> None:
    """A submit tool runs once; a repeated call of it is held back."""
    guard, session = begin(GateVerdict.PASS)
    end = EndRequested(exit=ExitKind.FINISH_TOOL, claim=CLAIM, call_id=CallId("s"))
    assert not (await guard.settle(session, end)).blocked
    assert (await guard.settle(session, end)).blocked


async def test_a_submit_beside_a_running_write_is_refused(begin) -> None:
    """A parallel change could undo what the gate just saw."""
    guard, session = begin(GateVerdict.PASS)
    turn(session)
    session.observe(
        ToolRequested(
            call_id=CallId("w"), tool="kubectl", arguments='{"command":"kubectl delete pod x"}'
        )
    )
    end = EndRequested(exit=ExitKind.FINISH_TOOL, claim=CLAIM, call_id=CallId("s"))
    decision = await guard.settle(session, end)
    assert decision.reason is Reason.WRITES_IN_FLIGHT
    session.observe(ToolReturned(call_id=CallId("w"), tool="kubectl"))
    turn(session)
    assert (await guard.settle(session, end)).outcome is Outcome.RESOLVED


async def test_the_gate_is_told_of_the_last_write(begin, clock) -> None:
    """Alerts that still fire get time only when something was changed."""
    guard, session = begin(GateVerdict.PASS)
    session.observe(
        ToolRequested(
            call_id=CallId("w"), tool="kubectl", arguments='{"command":"kubectl apply -f x"}'
        )
    )
    clock.advance(7)
    session.observe(ToolReturned(call_id=CallId("w"), tool="kubectl"))
    await guard.settle(session, FINAL)
    assert guard.gate.requests[0].last_write_at == clock.now()


async def test_the_gate_may_not_wait_beyond_the_wall_time(begin, clock) -> None:
    """What is left of the run is the longest wait."""
    guard, session = begin(
        GateVerdict.PASS, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(wall_time="100s"))
    )
    clock.advance(60)
    await guard.settle(session, FINAL)
    assert guard.gate.requests[0].wait_at_most_seconds == 40.0


async def test_every_end_leaves_one_closing_record(begin, recorder) -> None:
    """The trace of each run says how it ended, once."""
    guard, session = begin(GateVerdict.PASS)
    await guard.settle(session, FINAL)
    await guard.settle(session, FINAL)
    ended = [r for r in recorder.records if isinstance(r, RunEnded)]
    assert [r.outcome for r in ended] == [Outcome.RESOLVED]


async def test_shadow_mode_lets_go_and_keeps_the_verdict(begin) -> None:
    """Nothing is refused, and the outcome still tells the truth."""
    guard, session = begin(GateVerdict.FAIL, settings=Settings(fsm=NO_MACHINE, mode="shadow"))
    decision = await guard.settle(session, FINAL)
    assert (decision.verdict, decision.action) == (Verdict.DENY, EnforcedAction.ALLOW)
    assert (decision.next, decision.outcome) == (Next.END, Outcome.UNRESOLVED)
    assert decision.shadow
    assert not guard.gate.requests[0].wait


def test_settling_works_from_synchronous_code(begin) -> None:
    """A synchronous graph has no event loop."""
    guard, session = begin(GateVerdict.PASS)
    assert guard.settle_sync(session, FINAL).outcome is Outcome.RESOLVED


async def test_settling_works_from_synchronous_code_inside_a_loop(begin) -> None:
    """A notebook calls a synchronous graph on a thread whose loop is running."""
    guard, session = begin(GateVerdict.PASS)
    assert guard.settle_sync(session, FINAL).outcome is Outcome.RESOLVED
