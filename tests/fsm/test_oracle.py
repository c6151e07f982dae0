"""Every case of the shipped machines, stepped beside a reference interpreter of SCXML.

python-statemachine runs the same tables by the same semantics (the first transition that is
enabled, then eventless ones until none is), written by others. Each state is tried with each
event in each case that the guards can tell apart.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from statemachine.io import create_machine_class_from_definition

from guardrails.core.toolaction import Target
from guardrails.fsm.cases import cases
from guardrails.fsm.facts import FACTS, INDEX, KINDS, Values
from guardrails.fsm.guards import Guard, comparisons
from guardrails.fsm.ledger import Change, Ledger
from guardrails.fsm.load import SHIPPED, ShippedMachine, shipped_machine
from guardrails.fsm.machine import Machine, Row, State, Trigger
from guardrails.fsm.step import Position, facts_at, react
from guardrails.testing.clock import ManualClock
from tests.fsm.tables import machine

HERE = ("turns", "calls", "reads", "writes")
"""What is counted anew in each state."""


@dataclass
class World:
    """What the oracle's guards read: totals, and where each state began."""

    values: Values
    frozen: bool = True
    """True until the event: entering the state to be tried must lead nowhere."""

    def holds(self, row: Row, above: Iterable[Row]) -> bool:
        """Tell whether a row is the first of its list that holds."""
        if self.frozen:
            return False
        return row.test(self.values) and not any(one.test(self.values) for one in above)

    def enter(self) -> None:
        """Begin the counts of a state anew."""
        if not self.frozen:
            fresh = list(self.values)
            for name in HERE:
                fresh[INDEX[f"here.{name}"]] = 0
            self.values = tuple(fresh)


def oracle(table: Machine, start: str, world: World) -> Any:
    """Return the reference interpreter that begins in a state, as a class."""

    def transitions(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
        return [
            {"target": row.to, "cond": condition(row, rows[:at])}
            for at, row in enumerate(rows)
            if row.to is not None
        ]

    def condition(row: Row, above: tuple[Row, ...]) -> Callable[[], bool]:
        return lambda: world.holds(row, above)

    def definition(state: State) -> dict[str, Any]:
        events: Mapping[str, Any] = {
            trigger.value: transitions(rows)
            for trigger, rows in state.rows.items()
            if trigger is not Trigger.NEXT and any(row.to for row in rows)
        }
        return {
            "initial": state.name == start,
            "final": state.final is not None,
            "enter": world.enter,
            "on": dict(events),
            "transitions": transitions(state.rows.get(Trigger.NEXT, ())),
        }

    return create_machine_class_from_definition(
        "Oracle",
        states={name: definition(state) for name, state in table.states.items()},
        validate_final_reachability=False,
        validate_disconnected_states=False,
        validate_trap_states=False,
        allow_event_without_transition=True,
    )


def guards_of(table: Machine, state: State, trigger: Trigger) -> list[Guard]:
    """Return every guard that one step may ask, from the event to the last eventless row."""
    first = (*state.rows.get(trigger, ()), *state.rows.get(Trigger.NEXT, ()))
    found = [row.guard for row in first if row.guard]
    reached = set[str]()
    news = {row.to for row in state.rows.get(trigger, ()) if row.to}
    while news:
        reached |= news
        rows = [row for name in news for row in table.states[name].rows.get(Trigger.NEXT, ())]
        found += [row.guard for row in rows if row.guard]
        news = {row.to for row in rows if row.to} - reached
    return list(dict.fromkeys(found))


def ledger_of(values: Values, known: set[int]) -> tuple[Ledger, Position] | None:
    """Return a ledger and a position with these values; None where no run has them together."""
    of = {FACTS[at].name: values[at] for at in known}
    kinds = [of.get(f"reads.{kind}", 0) for kind in KINDS]
    for at, count in enumerate(kinds):
        if of.get("sources", 0) > sum(map(bool, kinds)) and count == 0:
            kinds[at] = 1
    reads = max(of.get("reads", 0), sum(kinds), of.get("here.reads", 0))
    turns = max(of.get(name, 0) for name in ("turns", "here.turns", "idle", "stalled"))
    writes = max(of.get(name, 0) for name in ("writes", "here.writes", "unchecked"))
    calls = max(of.get(name, 0) for name in ("calls", "here.calls"))
    now = ManualClock().now()
    ledger = Ledger(
        turns=turns,
        calls=calls,
        reads=reads,
        writes=writes,
        stalled=of.get("stalled", 0),
        wrote_at=turns - of.get("idle", 0),
        refusals=of.get("refusals", 0),
        questions=of.get("questions", 0),
        asked=bool(of.get("asked", 0)),
        seen=tuple(tuple(map(str, range(count))) for count in kinds),
        hypotheses=tuple(map(str, range(of.get("hypotheses", 0)))),
        changes=tuple(
            Change(target=Target(name=str(n)), at=now) for n in range(of.get("unchecked", 0))
        ),
    )
    position = Position(
        state="",
        turns=turns - of.get("here.turns", 0),
        calls=calls - of.get("here.calls", 0),
        reads=reads - of.get("here.reads", 0),
        writes=writes - of.get("here.writes", 0),
    )
    realized = facts_at(position, ledger)
    return (ledger, position) if all(realized[at] == values[at] for at in known) else None


def compare(table: Machine) -> int:
    """Step both in every case; return how many there were."""
    tried = 0
    for state in table.states.values():
        world = World(values=())
        made = oracle(table, state.name, world)
        for trigger in (Trigger.NEXT, *(t for t in state.rows if t is not Trigger.NEXT)):
            guards = guards_of(table, state, trigger)
            known = {one.fact for guard in guards for one in comparisons(guard)}
            for values in cases(guards):
                found = ledger_of(values, known)
                if found is None or not _is_stable(state, values, trigger):
                    continue
                ledger, where = found
                world.frozen, world.values = True, facts_at(where, ledger)
                interpreter = made()
                world.frozen = False
                interpreter.send(trigger.value)
                begun = Position(
                    state=state.name,
                    turns=where.turns,
                    calls=where.calls,
                    reads=where.reads,
                    writes=where.writes,
                )
                ended = react(table, begun, ledger, trigger).position.state
                said = f"{state.name} on {trigger} with {values}"
                assert [*interpreter.configuration_values] == [ended], said
                tried += 1
    return tried


def _is_stable(state: State, values: Values, trigger: Trigger) -> bool:
    """Tell whether no eventless row holds: SCXML takes those before it takes an event."""
    rows = state.rows.get(Trigger.NEXT, ())
    return trigger is Trigger.NEXT or not any(row.test(values) for row in rows)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_machine_steps_as_the_reference_does(name: ShippedMachine) -> None:
    """In every case, from every state, by every event."""
    assert compare(shipped_machine(name)) > 100


def test_rows_that_overlap_are_taken_in_order() -> None:
    """Proofs refuse such machines; the step itself is still that of the reference."""
    table = machine().states["look"]
    assert table.rows[Trigger.END][0].to == "judge"
    assert compare(machine()) > 20
