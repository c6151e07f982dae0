"""Tool calls: classified, counted, blocked or let through."""

import pytest

from guardrails.core.decisions import EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import (
    ModelReplied,
    PauseReason,
    RunPaused,
    RunResumed,
    ToolCall,
    ToolRequested,
    Usage,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.toolaction import Effect
from guardrails.policy.models import Budgets, EffectRules, Settings, ToolNames
from tests.settings import NO_MACHINE


def kubectl(command: str, call: str = "c") -> ToolRequested:
    arguments = '{"command": "' + command + '"}'
    return ToolRequested(call_id=CallId(call), tool="kubectl", arguments=arguments)


def test_a_read_goes_through(begin) -> None:
    """Looking is always allowed."""
    _, session = begin(GateVerdict.PASS)
    decision = session.observe(kubectl("kubectl get pods -n shop"))
    assert not decision.blocked
    assert decision.tool_action is not None
    assert decision.tool_action.effect is Effect.READ


def test_a_denied_effect_is_blocked_with_words_for_the_model(begin) -> None:
    """The model learns what did not run and what does."""
    settings = Settings(fsm=NO_MACHINE, effects=EffectRules(write="block", destructive="block"))
    _, session = begin(GateVerdict.PASS, settings=settings)
    decision = session.observe(kubectl("kubectl delete deployment checkout -n shop"))
    assert (decision.verdict, decision.action) == (Verdict.DENY, EnforcedAction.BLOCK)
    assert decision.reason is Reason.EFFECT_DENIED
    assert "delete" in decision.to_model
    assert session.state.open_calls == ()


def test_a_destructive_call_is_reported_by_default(begin) -> None:
    """By default it runs, and the operator hears of it."""
    _, session = begin(GateVerdict.PASS)
    decision = session.observe(kubectl("kubectl delete pod x"))
    assert (decision.verdict, decision.action) == (Verdict.WARN, EnforcedAction.ALLOW)
    assert "delete" in decision.to_person


def test_a_finish_tool_is_held(begin) -> None:
    """The adapter must go through the door before it runs."""
    settings = Settings(fsm=NO_MACHINE, tools=ToolNames(finish=("post_report",)))
    _, session = begin(GateVerdict.PASS, settings=settings)
    decision = session.observe(ToolRequested(call_id=CallId("s"), tool="post_report"))
    assert (decision.next, decision.reason) == (Next.VERIFY, Reason.CLAIM_HELD)


def test_nothing_runs_after_the_end(begin) -> None:
    """An accepted end closes the run for calls as well."""
    guard, session = begin(GateVerdict.PASS)
    guard.fail(session, ValueError("x"), where="model")
    decision = session.observe(kubectl("kubectl get pods"))
    assert (decision.action, decision.reason) == (EnforcedAction.BLOCK, Reason.RUN_ENDED)


@pytest.mark.parametrize(
    ("budgets", "reason"),
    [
        (Budgets(tool_calls=2), Reason.BUDGET_TOOL_CALLS),
        (Budgets(tokens=10), Reason.BUDGET_TOKENS),
        (Budgets(wall_time="5s"), Reason.BUDGET_WALL_TIME),
    ],
)
def test_a_spent_budget_stops_the_next_call(begin, clock, budgets, reason) -> None:
    """Each budget is named when it stops the run."""
    _, session = begin(GateVerdict.PASS, settings=Settings(fsm=NO_MACHINE, budgets=budgets))
    session.observe(ModelReplied(usage=Usage(input_tokens=8, output_tokens=3)))
    clock.advance(6)
    decisions = [session.observe(kubectl("kubectl get pods", f"c{n}")) for n in range(3)]
    assert decisions[-1].next is Next.STOP
    assert decisions[-1].blocked
    assert decisions[-1].reason is reason
    assert "budget spent" in decisions[-1].to_person


def test_waiting_for_a_person_costs_no_wall_time(begin, clock) -> None:
    """A pause is not the agent's time."""
    settings = Settings(fsm=NO_MACHINE, budgets=Budgets(wall_time="10s"))
    _, session = begin(GateVerdict.PASS, settings=settings)
    session.observe(RunPaused(reason=PauseReason.INTERRUPT))
    clock.advance(3600)
    session.observe(RunResumed())
    assert session.observe(kubectl("kubectl get pods")).next is Next.CONTINUE


def test_shadow_mode_runs_what_it_would_block(begin) -> None:
    """The verdict is recorded, the call is not held, and its write still counts."""
    settings = Settings(fsm=NO_MACHINE, mode="shadow", effects=EffectRules(write="block"))
    _, session = begin(GateVerdict.PASS, settings=settings)
    decision = session.observe(kubectl("kubectl apply -f x.yaml"))
    assert (decision.verdict, decision.action) == (Verdict.DENY, EnforcedAction.ALLOW)
    assert len(session.state.open_calls) == 1


def test_a_last_reply_beyond_the_budget_may_still_go_to_the_door(begin) -> None:
    """Stopping is for going on; who concludes is judged."""
    _, session = begin(
        GateVerdict.PASS, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(steps=1))
    )
    call = (ToolCall(call_id=CallId("1"), tool="kubectl"),)
    session.observe(ModelReplied(tool_calls=call))
    assert session.observe(ModelReplied(text="done")).next is Next.CONTINUE
