"""Every exit goes through here: what becomes of an end that the agent asks for.

An end is accepted only on a passing report. Everything else is refused with the facts, and when
refusing leads nowhere the run ends with an outcome that says what is known.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason
from guardrails.core.events import EndRequested, Event, ExitKind
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import Effect
from guardrails.engine import phases, words
from guardrails.engine.endings import (
    FINALS,
    Step,
    accept,
    end_run,
    has_passed,
    refusal,
    refuse,
    unwatched,
    verify,
    without_appeal,
)
from guardrails.engine.rules import Rules
from guardrails.engine.state import Ending, SessionState
from guardrails.fsm.machine import State

replace = msgspec.structs.replace

_WITHOUT_ANSWER = {
    ExitKind.EMPTY: (Reason.EMPTY_ANSWER, words.EMPTY_ANSWER),
    ExitKind.MALFORMED: (Reason.MALFORMED_CALL, words.MALFORMED_CALL),
}
_BROKEN_OFF = {
    ExitKind.ERROR: Reason.ERROR,
    ExitKind.CANCELLED: Reason.CANCELLED,
}
_STOPPED_OUTSIDE = {
    ExitKind.RECURSION: Reason.RECURSION_LIMIT,
    ExitKind.BUDGET: Reason.BUDGET_STEPS,
}
_SAID = {
    ClaimKind.GAVE_UP: (Outcome.UNRESOLVED, Reason.GAVE_UP, "the agent gave up"),
    ClaimKind.NEEDS_HUMAN: (
        Outcome.ESCALATED,
        Reason.ASKED_FOR_HUMAN,
        "the agent asks for a person",
    ),
}


def on_end_requested(
    state: SessionState, event: Event, end: EndRequested, rules: Rules, quiet: Decision
) -> Step:
    """Decide on an end that the agent, or something around it, asks for."""
    quiet = replace(quiet, call_id=end.call_id)
    early = _before_the_door(state, end, rules, quiet)
    if early is not None:
        return early
    if (stopped := _STOPPED_OUTSIDE.get(end.exit)) is not None and state.stop is None:
        state = replace(state, stop=stopped)
    if end.claim is not None:
        state = replace(state, claim=end.claim)
    if state.stop is Reason.OBJECTIVE_MET and has_passed(state):
        return accept(state, quiet, words.report_for_person(state.report))
    if state.stop is not None:
        return verify(state, quiet, Ending(exit=end.exit, claim=end.claim), wait=False)
    return _unfit(state, end, rules, quiet) or _at_the_door(state, event, end, rules, quiet)


def _before_the_door(
    state: SessionState, end: EndRequested, rules: Rules, quiet: Decision
) -> Step | None:
    """Answer what is no new end: the run is over, breaks off, or is being judged already."""
    if state.outcome is not None:
        return state, _ended_already(state, quiet, end)
    if state.watched_since is not None and end.exit is ExitKind.CANCELLED:
        # It had passed; whoever does not wait for the watch takes nothing from that.
        return accept(unwatched(state), quiet, words.watch_broken_off(state.report))
    if (broken := _BROKEN_OFF.get(end.exit)) is not None:
        return end_run(state, quiet, Outcome.ABORTED, broken, end.detail)
    if phases.is_look(end):
        due = phases.look_due(state, rules)
        return verify(state, quiet, Ending(exit=end.exit), wait=True) if due else (state, quiet)
    if state.ending is not None:
        return state, refusal(quiet, Reason.CLAIM_HELD, words.ENDING_JUDGED)
    return None


def _unfit(state: SessionState, end: EndRequested, rules: Rules, quiet: Decision) -> Step | None:
    """Answer an end that nobody could judge: without an answer, in flight, or without a turn."""
    if end.claim is not None and end.claim.kind in _SAID and state.phase is None:
        return _as_it_says(state, end.claim.kind, quiet)
    if state.refusals and not state.progressed:
        return _no_progress(state, quiet)
    if (without := _WITHOUT_ANSWER.get(end.exit)) is not None:
        reason, said_to_model = without
        return refuse(state, rules, quiet, reason, said_to_model)
    if end.exit is ExitKind.HANDOFF and end.claim is None:
        return end_run(state, quiet, Outcome.ESCALATED, Reason.HANDED_OFF, end.detail)
    if _writes_in_flight(state, end):
        return refuse(state, rules, quiet, Reason.WRITES_IN_FLIGHT, words.NOT_WHILE_WRITING)
    return None


def _at_the_door(
    state: SessionState, event: Event, end: EndRequested, rules: Rules, quiet: Decision
) -> Step:
    """Let the machine answer, where there is one, and the gate judge what it lets through."""
    state, refused = phases.at_door(state, event, end, rules)
    if refused is not None:
        return refuse(state, rules, quiet, Reason.EVIDENCE_MISSING, refused.to_model)
    where = phases.standing(state, rules)
    if where is not None and not where.judges and not state.shadow:
        return _as_the_machine_says(state, where, end, rules, quiet)
    if end.claim is not None and end.claim.kind in _SAID:
        return _as_it_says(state, end.claim.kind, quiet)
    ending = Ending(exit=end.exit, claim=end.claim, call_id=end.call_id)
    return verify(state, quiet, ending, wait=True)


def _as_it_says(state: SessionState, kind: ClaimKind, quiet: Decision) -> Step:
    """End a run whose agent claims no success: there is nothing to judge."""
    return end_run(state, quiet, *_SAID[kind])


def _as_the_machine_says(
    state: SessionState, where: State, end: EndRequested, rules: Rules, quiet: Decision
) -> Step:
    """Answer an end that leads to a state without the gate: another phase, or the end itself."""
    if where.final is None:
        return refuse(state, rules, quiet, Reason.EVIDENCE_MISSING, where.say or words.GO_ON)
    if where.final == "done":
        if has_passed(state):
            return accept(state, quiet, words.report_for_person(state.report))
        return end_run(state, quiet, Outcome.UNVERIFIABLE, Reason.PHASE_ENDED, where.about)
    said = None if end.claim is None else _SAID.get(end.claim.kind)
    _, reason, sentence = said or (None, Reason.PHASE_ENDED, where.about)
    return end_run(state, quiet, FINALS[where.final], reason, sentence)


def _no_progress(state: SessionState, quiet: Decision) -> Step:
    """End a run that comes back to the door without a model turn: feedback cannot reach it."""
    outcome, reason = without_appeal(state.report)
    said = "the run asks to end again without a model turn since the refusal"
    if reason is Reason.NO_PROGRESS or state.report is None:
        return end_run(state, quiet, Outcome.ESCALATED, Reason.NO_PROGRESS, said)
    last = words.report_for_person(state.report)
    return end_run(state, quiet, outcome, Reason.NO_PROGRESS, f"{said}; {last}")


def _ended_already(state: SessionState, quiet: Decision, end: EndRequested) -> Decision:
    """Answer a second end with the first one's outcome; a second finish call is not run."""
    held = end.call_id is not None
    return replace(
        quiet,
        action=EnforcedAction.BLOCK if held else EnforcedAction.ALLOW,
        next=Next.END,
        reason=Reason.RUN_ENDED,
        outcome=state.outcome,
        to_model=words.ALREADY_ENDED if held else "",
    )


def _writes_in_flight(state: SessionState, end: EndRequested) -> bool:
    """Tell whether a finish call came in one message with changes that still run."""
    return end.call_id is not None and any(
        call.effect in {Effect.WRITE, Effect.DESTRUCTIVE} and call.call_id != end.call_id
        for call in state.open_calls
    )
