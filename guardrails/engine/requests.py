"""What a tool call comes to before it runs: let through, sent back, or the last that was asked for.

Every way in which a call is held is here, in the order in which they are asked: budgets, effects,
open questions, the machine's phase, what is wrong with the call by itself, and what its agent said.
"""

import msgspec

from guardrails.core.decisions import Decision, Next, Reason, Verdict
from guardrails.core.events import Event, ToolRequested
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.engine import early, phases, questions, words
from guardrails.engine.alignment import compared
from guardrails.engine.budgets import within_budget
from guardrails.engine.endings import refusal
from guardrails.engine.rules import Rules
from guardrails.engine.state import OPEN_CALLS_LIMIT, OpenCall, SessionState
from guardrails.policy.models import Settings

replace = msgspec.structs.replace

Step = tuple[SessionState, Decision]


def on_requested(  # the call, what it means, and everything to decide by
    state: SessionState,
    event: Event,
    call: ToolRequested,
    rules: Rules,
    quiet: Decision,
    action: ToolAction,
) -> Step:
    """Decide on a call, and remember it when it runs."""
    state = replace(state, tool_calls=state.tool_calls + 1)
    quiet = replace(quiet, call_id=call.call_id, tool_action=action)
    if state.ended:
        return state, refusal(quiet, Reason.RUN_ENDED, words.ALREADY_ENDED)
    state, decision = within_budget(state, rules, quiet)
    if decision.next is Next.STOP:
        return state, decision
    if action.effect is Effect.FINISH:
        return state, replace(quiet, next=Next.VERIFY, reason=Reason.CLAIM_HELD)
    decision = _by_effect(rules.settings, action, quiet)
    if questions.holds(state, action) and not decision.blocked:
        decision = refusal(quiet, Reason.AMBIGUOUS, words.ambiguous(state.questions))
        decision = replace(decision, to_person=words.effect_for_person(action))
    if decision.blocked and rules.settings.mode == "enforce":
        return state, decision
    state, refused = phases.requested(state, event, call, action, rules)
    if state.stop is not None:
        return within_budget(state, rules, quiet)
    if refused is not None and not decision.blocked:
        decision = refusal(quiet, Reason.PHASE_DENIED, refused.to_model)
        decision = replace(decision, to_person=words.effect_for_person(action))
    for check in (_checked, _aligned):
        if not decision.blocked and decision.next is not Next.STOP:
            state, decision = check(state, event, call, action, rules, decision)
    if decision.next is Next.STOP or (decision.blocked and rules.settings.mode == "enforce"):
        return state, decision
    state = phases.called(state, event, call, action)
    opened = OpenCall(call_id=call.call_id, tool=call.tool, effect=action.effect)
    open_calls = (*state.open_calls[1 - OPEN_CALLS_LIMIT :], opened)
    return replace(state, open_calls=open_calls), decision


def _checked(
    state: SessionState,
    event: Event,
    call: ToolRequested,
    action: ToolAction,
    rules: Rules,
    decision: Decision,
) -> Step:
    """Send a call back that is wrong by itself; a second one in a row is taken back."""
    del event
    settings = rules.settings.hygiene
    if settings.early == "none":
        return state, decision
    wrong = early.first_error(
        state.early,
        call,
        action,
        names=state.names,
        incident=state.incident,
        answered=state.answered,
    )
    if wrong is None:
        return replace(state, early=early.noted_good(state.early, call, action)), decision
    told = replace(decision, reason=wrong.reason, to_person=wrong.said)
    if settings.early == "warn":
        return state, replace(told, verdict=Verdict.WARN)
    state = replace(state, early=early.noted_wrong(state.early, call, wrong))
    if state.early.rewinds > settings.rewinds:
        return within_budget(replace(state, stop=wrong.reason), rules, told)
    return state, refusal(told, wrong.reason, words.wrong_call(wrong.said))


def _aligned(
    state: SessionState,
    event: Event,
    call: ToolRequested,
    action: ToolAction,
    rules: Rules,
    decision: Decision,
) -> Step:
    """Compare a call with what its agent said; one that differs is asked back once."""
    del call
    settings = rules.settings.fsm
    if settings.alignment == "none":
        return state, decision
    alignment, differs = compared(state.alignment, action, agent=event.agent)
    state = replace(state, alignment=alignment)
    if differs is None:
        return state, decision
    told = replace(decision, reason=Reason.MISMATCH, to_person=differs)
    if settings.alignment == "reconcile" and alignment.differed == 1:
        blocked = refusal(told, Reason.MISMATCH, words.reconcile(differs))
        return state, blocked
    writes = action.effect in {Effect.WRITE, Effect.DESTRUCTIVE}
    if settings.alignment == "reconcile" and writes and settings.unreconciled == "escalate":
        return within_budget(replace(state, stop=Reason.MISMATCH), rules, told)
    return state, replace(told, verdict=Verdict.WARN)


def _by_effect(settings: Settings, action: ToolAction, quiet: Decision) -> Decision:
    match settings.rule_for(action.effect):
        case "allow":
            return quiet
        case "warn":
            return replace(
                quiet,
                verdict=Verdict.WARN,
                reason=Reason.EFFECT_WARNED,
                to_person=words.effect_for_person(action),
            )
        case "block":
            denied = refusal(quiet, Reason.EFFECT_DENIED, words.blocked_effect(action))
            return replace(denied, to_person=words.effect_for_person(action))
