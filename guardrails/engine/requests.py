"""What a tool call comes to before it runs: let through, sent back, or the last that was asked for.

Every way in which a call is held is here, in the order in which they are asked: budgets, effects,
open questions, what is wrong with it by itself, the phase, earlier looks, and its agent's words.
"""

from dataclasses import dataclass

import msgspec

from guardrails.actions.facts.asked import followed
from guardrails.core.decisions import Decision, Next, Reason, Verdict
from guardrails.core.events import Event, ToolRequested
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.engine import early, phases, questions, words
from guardrails.engine.alignment import compared
from guardrails.engine.budgets import within_budget
from guardrails.engine.cascade import WRONG_CALLS
from guardrails.engine.endings import refusal
from guardrails.engine.reading import read_up
from guardrails.engine.rules import Rules
from guardrails.engine.state import OPEN_CALLS_LIMIT, OpenCall, SessionState
from guardrails.policy.models import Settings

replace = msgspec.structs.replace

Step = tuple[SessionState, Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A call that is asked about."""

    event: Event
    call: ToolRequested
    action: ToolAction
    rules: Rules

    @property
    def settings(self) -> Settings:
        return self.rules.settings

    @property
    def sends_back(self) -> bool:
        """Whether wrong calls are sent back. In shadow mode they run, so none is taken back."""
        return self.settings.hygiene.early == "reconcile" and self.settings.mode == "enforce"

    @property
    def turn(self) -> int:
        """A number for the model turn; where no turns show, each call is one."""
        return self.event.step or self.event.seq

    @property
    def writes(self) -> bool:
        return self.action.effect in {Effect.WRITE, Effect.DESTRUCTIVE}


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
    asked = _Asked(event=event, call=call, action=action, rules=rules)
    if call.fault and asked.sends_back:
        # What its tool would not take runs in no phase, and it claims nothing.
        return _by_itself(state, asked, quiet)
    if action.effect is Effect.FINISH:
        return state, replace(quiet, next=Next.VERIFY, reason=Reason.CLAIM_HELD)
    for check in _CHECKS:
        state, decision = check(state, asked, decision)
        held = decision.blocked and rules.settings.mode == "enforce"
        if decision.next is Next.STOP or held:
            return state, decision
    return _running(state, asked, decision)


def _running(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Remember a call that runs."""
    call, action = asked.call, asked.action
    # The scene has just taken note of this call, and of what it looks at.
    kinds = state.detectors.scene.open[-1].facets
    state = phases.called(state, asked.event, call, action, kinds=kinds)
    opened = OpenCall(
        call_id=call.call_id,
        tool=call.tool,
        effect=action.effect,
        followed=followed(action, kinds=kinds),
    )
    open_calls = (*state.open_calls[1 - OPEN_CALLS_LIMIT :], opened)
    state = replace(state, open_calls=open_calls)
    if asked.settings.hygiene.early == "none":
        return state, decision
    agent, turn = asked.event.agent, asked.turn
    noted = early.noted_good(state.early, call, action, agent=agent, turn=turn)
    return replace(state, early=noted), decision


def _by_effect(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Apply the policy's rule for what the call does."""
    action = asked.action
    match asked.settings.rule_for(action.effect):
        case "allow":
            return state, decision
        case "warn":
            told = words.effect_for_person(action)
            return state, replace(
                decision, verdict=Verdict.WARN, reason=Reason.EFFECT_WARNED, to_person=told
            )
        case "block":
            denied = refusal(decision, Reason.EFFECT_DENIED, words.blocked_effect(action))
            return state, replace(denied, to_person=words.effect_for_person(action))


def _by_questions(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Hold changes back as long as it is not clear what is meant."""
    if decision.blocked or not questions.holds(state, asked.action):
        return state, decision
    held = refusal(decision, Reason.AMBIGUOUS, words.ambiguous(state.questions))
    return state, replace(held, to_person=words.effect_for_person(asked.action))


def _by_itself(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Send a call back that no tool would take, or that names what nobody gave.

    Before the phase: that a name does not exist is worth more than that it is too early.
    """
    if decision.blocked or asked.settings.hygiene.early == "none":
        return state, decision
    if asked.writes:
        state = read_up(state)
    wrong = early.wrong_by_itself(
        asked.call,
        asked.action,
        names=state.names,
        incident=state.incident,
        answered=state.answered,
    )
    return (state, decision) if wrong is None else _held_wrong(state, asked, decision, wrong)


def _by_phase(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Ask the machine; in shadow mode it moves on whatever the others say."""
    state, refused = phases.requested(state, asked.event, asked.call, asked.action, asked.rules)
    if state.stop is not None:
        return within_budget(state, asked.rules, decision)
    if refused is None or decision.blocked:
        return state, decision
    denied = refusal(decision, Reason.PHASE_DENIED, refused.to_model)
    return state, replace(denied, to_person=words.effect_for_person(asked.action))


def _by_looks(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Send a change back whose object was never looked at."""
    told = decision.blocked or decision.reason in WRONG_CALLS
    if told or asked.settings.hygiene.early == "none":
        return state, decision
    wrong = early.unread(state.early, asked.action)
    return (state, decision) if wrong is None else _held_wrong(state, asked, decision, wrong)


def _held_wrong(state: SessionState, asked: _Asked, decision: Decision, wrong: early.Wrong) -> Step:
    """Report a wrong call, or send it back."""
    told = replace(decision, reason=wrong.reason, to_person=wrong.said)
    if asked.settings.hygiene.early == "warn":
        return state, replace(told, verdict=Verdict.WARN)
    held = refusal(told, wrong.reason, words.wrong_call(wrong.said))
    return _sent_back(state, asked, held)


def _sent_back(state: SessionState, asked: _Asked, held: Decision) -> Step:
    """Count a call that is sent back; when taking back has not helped, a person takes over."""
    if not asked.sends_back:
        return state, held
    agent, turn = asked.event.agent, asked.turn
    noted = early.noted_wrong(state.early, asked.call, held.to_person, agent=agent, turn=turn)
    state = replace(state, early=noted)
    if noted.rewinds > asked.settings.hygiene.rewinds:
        return within_budget(replace(state, stop=held.reason), asked.rules, held)
    return state, held


def _by_words(state: SessionState, asked: _Asked, decision: Decision) -> Step:
    """Compare a call with what its agent said; one that differs is asked back.

    One that differs again is taken back like any early error. Only when that has been done as
    often as it may be does the policy say what becomes of it: by then the agent has been asked
    from a clean state, and asking once more would lead nowhere.
    """
    settings = asked.settings.fsm
    if decision.blocked or settings.alignment == "none":
        return state, decision
    alignment, differs = compared(state.alignment, asked.action, agent=asked.event.agent)
    state = replace(state, alignment=alignment)
    if differs is None:
        return state, decision
    told = replace(decision, reason=Reason.MISMATCH, to_person=differs)
    reconciles = settings.alignment == "reconcile"
    rewinds = asked.sends_back and state.early.rewinds < asked.settings.hygiene.rewinds
    if reconciles and (alignment.differed == 1 or rewinds):
        held = refusal(told, Reason.MISMATCH, words.reconcile(differs))
        return _sent_back(state, asked, held)
    if reconciles and asked.writes and settings.unreconciled == "escalate":
        return within_budget(replace(state, stop=Reason.MISMATCH), asked.rules, told)
    return state, replace(told, verdict=Verdict.WARN)


_CHECKS = (_by_effect, _by_questions, _by_itself, _by_phase, _by_looks, _by_words)
