"""The engine: a pure fold `(state, event) -> (state, decision, findings)`.

No I/O, no clock, no framework. The same fold runs live, in the sidecar and over stored traces, so
a replay gives the same findings and the same decisions.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from guardrails.actions.classify import classify
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import (
    AgentHandedOff,
    ContextFiltered,
    EndRequested,
    ErrorRaised,
    Event,
    GateReported,
    LossAllowed,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PlanStated,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunPaused,
    RunResumed,
    RunStarted,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    WatchReported,
)
from guardrails.core.findings import Found, standing
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.detectors.registry import observe_all
from guardrails.engine import cascade, early, phases, questions
from guardrails.engine.alignment import heard
from guardrails.engine.budgets import within_budget
from guardrails.engine.ends import on_end_requested
from guardrails.engine.found import found_by_machine
from guardrails.engine.reading import with_result
from guardrails.engine.reports import on_gate_reported, on_watch_reported
from guardrails.engine.requests import on_requested
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState

replace = msgspec.structs.replace

FINDINGS_LIMIT = 500
"""Findings kept; there are fourteen modes, and findings of one mode, agent and subject are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What one event led to."""

    state: SessionState
    decision: Decision
    found: tuple[Found, ...]
    """What the detectors said of it."""


Step = tuple[SessionState, Decision]


def fold(state: SessionState, event: Event, rules: Rules) -> Folded:
    """Turn the state over by one event.

    Args:
        state: The state before it.
        event: The event; its `seq` is one more than the state's.
        rules: What to decide by.

    Returns:
        The state after it, the decision, and what the detectors found.
    """
    if state.cascade.tightened_at:
        rules = rules.tightened
    action = _action_of(event, rules)
    detectors, found = observe_all(
        state.detectors, event, action=action, extra=rules.extra, skipped=rules.skipped
    )
    before = replace(
        state,
        seq=event.seq,
        step=event.step,
        last_at=event.at,
        progressed=state.progressed or isinstance(event.fact, _PROGRESS),
        detectors=detectors,
        phase=phases.advanced(state, event, rules),
    )
    before = phases.stopped(before, rules, before=state.phase)
    after, decision = _decide(before, event, rules, action)
    found += found_by_machine(event, decision, found)
    after, decision = _through_breaker(after, decision, found, rules)
    phase = "" if after.phase is None else after.phase.position.state
    if phase != decision.phase:
        decision = replace(decision, phase=phase)
    if found:
        held = standing(found, before=after.findings)
        after = replace(after, findings=held[-FINDINGS_LIMIT:])
    if rules.settings.mode == "shadow":
        decision = _in_shadow(decision, event)
    return Folded(state=after, decision=decision, found=found)


def _through_breaker(
    state: SessionState, decision: Decision, found: tuple[Found, ...], rules: Rules
) -> Step:
    """Let the breaker count what an event showed, and trip when it is too much."""
    if state.ended or state.stop is not None:
        return state, decision
    counted, tripped = cascade.noted(
        state.cascade,
        step=state.step,
        decision=decision,
        found=found,
        settings=rules.settings.cascade,
    )
    if counted is not state.cascade:
        state = replace(state, cascade=counted)
    if tripped is None:
        return state, decision
    if tripped.act == "stopped":
        state = replace(state, stop=Reason.CASCADE)
    return state, cascade.told(decision, tripped)


def _decide(state: SessionState, event: Event, rules: Rules, action: ToolAction | None) -> Step:
    phase = "" if state.phase is None else state.phase.position.state
    quiet = Decision(run=event.run, seq=event.seq, phase=phase)
    match event.fact:
        case ModelReplied() as reply:
            return _on_replied(state, event, reply, rules, quiet)
        case NodeRan(turn=turn):
            return within_budget(state, rules, quiet) if turn else (state, quiet)
        case ToolRequested() as call:
            return on_requested(state, event, call, rules, quiet, action or _UNCLEAR)
        case EndRequested() as end:
            return on_end_requested(state, event, end, rules, quiet)
        case GateReported(report=report):
            return on_gate_reported(state, report, rules, quiet)
        case WatchReported() as watched:
            return on_watch_reported(state, watched, rules, quiet)
        case ErrorRaised() as error:
            return _on_error(state, error, quiet)
        case _ as fact:
            return _noted(state, event, fact, rules), quiet


_Noted = (
    RunStarted
    | ToolReturned
    | RunPaused
    | RunResumed
    | LossAllowed
    | AgentHandedOff
    | MessagePassed
    | PlanStated
    | ContextFiltered
    | StepTakenBack
    | QuestionAsked
    | QuestionAnswered
    | QuestionsExpired
)
"""Facts that are remembered, and decide nothing by themselves."""


def _noted(state: SessionState, event: Event, fact: _Noted, rules: Rules) -> SessionState:
    match fact:
        case RunStarted() as started:
            return phases.begun(_on_started(state, event, started), rules)
        case ToolReturned() as returned:
            return _on_returned(state, event, returned)
        case RunPaused():
            return replace(state, paused_at=event.at)
        case RunResumed():
            return _on_resumed(state, event)
        case LossAllowed(allowance=allowance):
            return replace(state, allowances=(*state.allowances, allowance))
        case QuestionAsked(question=question):
            return phases.questioned(questions.asked(state, question), rules)
        case QuestionAnswered(answer=answer):
            return phases.questioned(questions.answered(state, answer), rules)
        case QuestionsExpired():
            return phases.questioned(replace(state, unanswered=True), rules)
        case StepTakenBack(call_ids=gone):
            return replace(state, early=early.noted_removed(state.early, gone))
        case AgentHandedOff() | MessagePassed() | PlanStated() | ContextFiltered():
            return state


_PROGRESS = (ModelReplied, NodeRan, ToolRequested, RunResumed)
"""Facts that show that the agent did something since it was refused."""

_UNCLEAR = ToolAction(effect=Effect.WRITE, understood=False)


def _action_of(event: Event, rules: Rules) -> ToolAction | None:
    match event.fact:
        case ToolRequested() as call:
            return classify(
                call.tool, call.arguments, annotations=call.annotations, rules=rules.tool_rules
            )
        case _:
            return None


def _on_started(state: SessionState, event: Event, started: RunStarted) -> SessionState:
    return replace(
        state,
        incident=started.incident,
        profile=started.profile,
        shadow=started.shadow,
        started_at=event.at,
    )


def _on_replied(
    state: SessionState, event: Event, reply: ModelReplied, rules: Rules, quiet: Decision
) -> Step:
    usage = reply.usage
    said = heard(state.alignment, reply, agent=event.agent, settings=rules.settings.fsm)
    state = replace(
        state,
        input_tokens=state.input_tokens + (usage.input_tokens if usage else 0),
        output_tokens=state.output_tokens + (usage.output_tokens if usage else 0),
        alignment=said,
    )
    goes_on = bool(reply.tool_calls or reply.invalid_tool_calls)
    if not goes_on or state.ended:
        return state, quiet
    return within_budget(state, rules, quiet)


def _on_returned(state: SessionState, event: Event, returned: ToolReturned) -> SessionState:
    call = next((c for c in state.open_calls if c.call_id == returned.call_id), None)
    changes: dict[str, Any] = {}
    if call is not None:
        changes["open_calls"] = tuple(c for c in state.open_calls if c is not call)
        # A write that failed may still have changed something, so it counts for timing.
        if call.effect in {Effect.WRITE, Effect.DESTRUCTIVE}:
            changes["last_write_at"] = event.at
    ok = returned.status is ToolStatus.OK
    changes["early"] = early.noted_return(state.early, returned, ok=ok)
    followed = None if call is None else call.followed
    return with_result(replace(state, **changes), event, returned, followed)


def _on_error(state: SessionState, error: ErrorRaised, quiet: Decision) -> Step:
    if not error.fatal or state.ended:
        return state, quiet
    said = f"{error.error} in {error.where}: {error.message}"
    ended = replace(state, outcome=Outcome.ABORTED, reason=Reason.ERROR, detail=said)
    return ended, replace(
        quiet,
        verdict=Verdict.ESCALATE,
        action=EnforcedAction.ESCALATE,
        next=Next.END,
        reason=Reason.ERROR,
        to_person=said,
        outcome=Outcome.ABORTED,
    )


def _on_resumed(state: SessionState, event: Event) -> SessionState:
    if state.paused_at is None:
        return state
    paused = (event.at - state.paused_at).total_seconds()
    return replace(state, paused_at=None, paused_seconds=state.paused_seconds + paused)


def _in_shadow(decision: Decision, event: Event) -> Decision:
    """Keep the verdict, hold nothing back.

    An end is still looked at (once, without waiting), because its outcome is what shadow mode is
    for; a call is never held.
    """
    free = replace(decision, shadow=True, action=EnforcedAction.ALLOW)
    match decision.next, event.fact:
        case Next.VERIFY, EndRequested():
            return replace(free, wait=False)
        case Next.END, _:
            return free
        case _:
            return replace(free, next=Next.CONTINUE)
