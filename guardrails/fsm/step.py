"""One step of a machine: an event is answered, and what follows from it is followed to its end.

As in SCXML, the first row that holds answers the event, and then rows that wait for nothing are
followed until none holds (run to completion). A state has an answer to every event, so a step is
total; `proof` shows that it ends.
"""

import msgspec

from guardrails.errors import InternalError
from guardrails.fsm.facts import Values
from guardrails.fsm.guards import Compare, nearest, unmet
from guardrails.fsm.ledger import Ledger
from guardrails.fsm.machine import Machine, Row, Trigger

replace = msgspec.structs.replace

LEGS = 64
"""Visits kept for reports, newest last; a run has as many as it has refusals, and a few."""


class Leg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit of a state that is over."""

    state: str
    by: Trigger
    """What ended it."""
    turns: int = 0
    calls: int = 0


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run stands, and what had been spent when it came there."""

    state: str
    turns: int = 0
    calls: int = 0
    reads: int = 0
    writes: int = 0
    legs: tuple[Leg, ...] = ()
    """The way here."""


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine made of an event; a struct, because that is made five times as fast."""

    position: Position
    answered: bool = False
    """Whether a row answered the event; only one that waits for nothing may be left without."""
    refused: Row | None = None
    """The row that refuses an end."""
    lacking: tuple[Compare, ...] = ()
    """With a refusal: what keeps the nearest row that leads on from holding."""


def begin(machine: Machine, ledger: Ledger) -> Reaction:
    """Return the first position: the start, or where its rows lead at once."""
    return _settled(machine, Position(state=machine.start), ledger, answered=True)


def react(machine: Machine, position: Position, ledger: Ledger, trigger: Trigger) -> Reaction:
    """Answer one event.

    Args:
        machine: The table.
        position: Where the run stands.
        ledger: What has happened, the event included.
        trigger: What kind of event it is; `NEXT` for any that only changed the ledger.

    Returns:
        The position after it, and with a refused end why it was refused.
    """
    if trigger is Trigger.NEXT:
        return _settled(machine, position, ledger, answered=True)
    rows = machine.states[position.state].rows.get(trigger, ())
    values = facts_at(position, ledger)
    row = next((row for row in rows if row.test(values)), None)
    if row is None:
        return Reaction(position=position)
    if row.to is None:
        return Reaction(
            position=position, answered=True, refused=row, lacking=_lacking(rows, values)
        )
    entered = _entered(position, row.to, ledger, by=trigger)
    return _settled(machine, entered, ledger, answered=True)


def _settled(machine: Machine, position: Position, ledger: Ledger, *, answered: bool) -> Reaction:
    """Follow rows that wait for nothing. Each state can be left once: more would be a circle."""
    for _ in range(len(machine.states) + 1):
        rows = machine.states[position.state].followed
        to = _led(rows, facts_at(position, ledger)) if rows else None
        if to is None:
            return Reaction(position=position, answered=answered)
        position = _entered(position, to, ledger, by=Trigger.NEXT)
    raise InternalError(f"machine {machine.name} goes in circles at {position.state}")


def _led(rows: tuple[Row, ...], values: Values) -> str | None:
    for row in rows:
        if row.test(values):
            return row.to
    return None


def _entered(position: Position, state: str, ledger: Ledger, *, by: Trigger) -> Position:
    leg = Leg(
        state=position.state,
        by=by,
        turns=ledger.turns - position.turns,
        calls=ledger.calls - position.calls,
    )
    return Position(
        state=state,
        turns=ledger.turns,
        calls=ledger.calls,
        reads=ledger.reads,
        writes=ledger.writes,
        legs=(*position.legs[1 - LEGS :], leg),
    )


def _lacking(rows: tuple[Row, ...], values: Values) -> tuple[Compare, ...]:
    return nearest(unmet(row.guard, values) for row in rows if row.to is not None and row.guard)


def facts_at(position: Position, ledger: Ledger) -> Values:
    """Return the value of every fact, in the order of `FACTS`."""
    kinds = tuple(map(len, ledger.seen))
    return (
        ledger.turns,
        ledger.calls,
        ledger.reads,
        *kinds,
        len(kinds) - kinds.count(0),
        len(ledger.hypotheses),
        ledger.writes,
        ledger.unchecked,
        ledger.stalled,
        ledger.turns - ledger.wrote_at,
        ledger.unseen,
        int(ledger.asked),
        ledger.refusals,
        ledger.questions,
        ledger.turns - position.turns,
        ledger.calls - position.calls,
        ledger.reads - position.reads,
        ledger.writes - position.writes,
    )
