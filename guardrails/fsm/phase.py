"""A run's place in its machine, turned over event by event.

The engine asks here before it decides: may this call run, may this end be judged, is it time to
look at the world or to stop. Everything is a pure function of the phase and the event.
"""

from dataclasses import dataclass

import msgspec

from guardrails.actions.evidence import EvidenceKind
from guardrails.core.claims import ClaimKind
from guardrails.core.events import EndRequested, Event, ToolRequested, ToolReturned
from guardrails.core.evidence import GateVerdict
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.fsm.facts import Values
from guardrails.fsm.guards import Compare, nearest, unmet
from guardrails.fsm.ledger import (
    Ledger,
    note_end,
    note_intended,
    note_request,
    note_return,
    note_turn,
)
from guardrails.fsm.machine import Machine, State, Trigger
from guardrails.fsm.step import Position, Reaction, begin, facts_at, react
from guardrails.fsm.words import BEING_LOOKED_AT, denied, refused, told, tool_denied

replace = msgspec.structs.replace


class Phase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run stands, and what has happened in it."""

    position: Position
    ledger: Ledger = Ledger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A call or an end that does not go through."""

    to_model: str
    missing: tuple[str, ...] = ()
    """What is missing, a phrase each."""


def begin_phase(machine: Machine) -> Phase:
    """Return the phase in which a run begins."""
    ledger = Ledger()
    return Phase(position=begin(machine, ledger).position, ledger=ledger)


def state_of(machine: Machine, phase: Phase) -> State:
    """Return the state that a run is in."""
    return machine.states[phase.position.state]


def on_turn(machine: Machine, phase: Phase, event: Event) -> Phase:
    """Take note of a model turn. One that a state's budget does not cover belongs to the next."""
    budget = state_of(machine, phase).budget
    if budget is not None and phase.ledger.turns - phase.position.turns >= budget.turns:
        phase = _reacted(machine, phase, Trigger.SPENT)
    return _followed(machine, replace(phase, ledger=note_turn(phase.ledger, event)))


def on_request(
    machine: Machine, phase: Phase, event: Event, call: ToolRequested, action: ToolAction
) -> tuple[Phase, Refused | None]:
    """Let a call through or refuse it by where the run stands.

    A call that would submit the answer is an end, and is answered as one. Whether a call that is
    let through here runs is for others to say as well: `on_call` takes note of those that do.
    """
    if action.effect is Effect.FINISH:
        return phase, None
    if action.effect is not Effect.READ:
        # Who says why it changes something has stated what it believes.
        named = note_intended(phase.ledger, event, action)
        phase = _followed(machine, replace(phase, ledger=named))
    budget = state_of(machine, phase).budget
    spent = phase.ledger.calls - phase.position.calls
    if budget is not None and budget.calls is not None and spent >= budget.calls:
        phase = _reacted(machine, phase, Trigger.SPENT)
    return phase, _refusal(machine, phase, event, call, action)


def on_call(
    phase: Phase,
    event: Event,
    call: ToolRequested,
    action: ToolAction,
    *,
    kinds: tuple[EvidenceKind, ...],
) -> Phase:
    """Take note of a call that runs, and of the kinds of evidence that it yields."""
    if action.effect is Effect.FINISH:
        return phase
    return replace(phase, ledger=note_request(phase.ledger, event, call, action, kinds=kinds))


def _refusal(
    machine: Machine, phase: Phase, event: Event, call: ToolRequested, action: ToolAction
) -> Refused | None:
    state = state_of(machine, phase)
    if state.judges:
        # Calls of one message run side by side; the first of them brought the gate here.
        reads = action.effect is Effect.READ
        return None if reads else Refused(to_model=BEING_LOOKED_AT)
    if not state.shows(call.tool):
        return Refused(to_model=tool_denied(state, call.tool))
    if action.effect in state.allows:
        return None
    missing = _missing_for(machine, phase, action.effect, event)
    wrote = phase.ledger.writes > 0
    return Refused(to_model=denied(state, action, missing, wrote=wrote), missing=missing)


def on_return(machine: Machine, phase: Phase, event: Event, returned: ToolReturned) -> Phase:
    """Take note of what a call brought."""
    ledger = note_return(phase.ledger, event, returned, settle_seconds=machine.settle)
    return phase if ledger is phase.ledger else _followed(machine, replace(phase, ledger=ledger))


def on_end(
    machine: Machine, phase: Phase, event: Event, end: EndRequested
) -> tuple[Phase, Refused | None]:
    """Answer an agent that wants to leave: refuse it, or move to where that leads."""
    phase = replace(phase, ledger=note_end(phase.ledger))
    values = facts_at(phase.position, phase.ledger)
    reaction = react(machine, phase.position, phase.ledger, trigger_of(end))
    phase = replace(phase, position=reaction.position)
    if reaction.refused is None:
        return phase, None
    missing = _told(machine, phase, reaction.lacking, values, event)
    return phase, Refused(to_model=refused(reaction.refused, missing), missing=missing)


def trigger_of(end: EndRequested) -> Trigger:
    """Return what an end says; one that claims nothing is taken for a claim to be done."""
    match end.claim.kind if end.claim else None:
        case ClaimKind.GAVE_UP:
            return Trigger.QUIT
        case ClaimKind.NEEDS_HUMAN:
            return Trigger.ASK
        case _:
            return Trigger.END


_BY_VERDICT = {
    GateVerdict.PASS: Trigger.PASS,
    GateVerdict.FAIL: Trigger.FAIL,
    GateVerdict.PENDING: Trigger.PENDING,
    GateVerdict.UNKNOWN: Trigger.UNKNOWN,
}


def on_verdict(machine: Machine, phase: Phase, verdict: GateVerdict) -> Phase:
    """Move to where a verdict leads, if the gate was asked."""
    return _reacted(machine, phase, _BY_VERDICT[verdict])


def on_questions(machine: Machine, phase: Phase, *, open_: int, unanswered: bool = False) -> Phase:
    """Take note of the questions that only a person can answer.

    Args:
        machine: The table.
        phase: Where the run stands.
        open_: How many nobody has answered.
        unanswered: Whether the time for it is over.
    """
    ledger = replace(phase.ledger, questions=open_, unanswered=unanswered)
    return _followed(machine, replace(phase, ledger=ledger))


def on_refused(machine: Machine, phase: Phase) -> Phase:
    """Count a refused end."""
    ledger = replace(phase.ledger, refusals=phase.ledger.refusals + 1)
    return _followed(machine, replace(phase, ledger=ledger))


def _reacted(machine: Machine, phase: Phase, trigger: Trigger) -> Phase:
    reaction: Reaction = react(machine, phase.position, phase.ledger, trigger)
    return replace(phase, position=reaction.position)


def _followed(machine: Machine, phase: Phase) -> Phase:
    reaction = react(machine, phase.position, phase.ledger, Trigger.NEXT)
    if reaction.position is not phase.position:
        phase = replace(phase, position=reaction.position)
    # Nobody may have answered before the run came to where it would wait for that.
    waits = state_of(machine, phase).asks and phase.ledger.unanswered and phase.ledger.questions
    return _reacted(machine, phase, Trigger.UNANSWERED) if waits else phase


def _missing_for(machine: Machine, phase: Phase, effect: Effect, event: Event) -> tuple[str, ...]:
    """Tell what keeps a run from the nearest state that allows an effect."""
    values = facts_at(phase.position, phase.ledger)
    rows = state_of(machine, phase).rows.get(Trigger.NEXT, ())
    ways = [
        unmet(row.guard, values)
        for row in rows
        if row.guard is not None and row.to is not None and effect in machine.states[row.to].allows
    ]
    return _told(machine, phase, nearest(ways), values, event)


def _told(
    machine: Machine, phase: Phase, lacking: tuple[Compare, ...], values: Values, event: Event
) -> tuple[str, ...]:
    return told(
        lacking,
        values,
        changes=phase.ledger.changes,
        now=event.at,
        settle_seconds=machine.settle,
    )
