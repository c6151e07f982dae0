"""What can be shown of a machine before it runs: that every run of it ends, and how late.

The guards compare counts with numbers, so all their cases can be tried (`cases`), and the states
are few, so all their ways can be followed. What is found here is refused when a machine is loaded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from guardrails.fsm.cases import TooManyCasesError, cases, possible
from guardrails.fsm.facts import FACTS
from guardrails.fsm.graph import Edge, after, circles, edges_of, longest_way, reaching
from guardrails.fsm.guards import ALWAYS, Compare, Every, Guard, comparisons, compiled, written
from guardrails.fsm.machine import ENDS, VERDICTS, Machine, Row, State, Trigger


class FaultKind(StrEnum):
    """What is wrong with a machine."""

    UNREACHABLE = "unreachable"
    """No run ever enters the state."""
    TRAP = "trap"
    """No way out of the state leads to an end."""
    CIRCLE = "circle"
    """States follow each other for ever while nothing is spent."""
    GAP = "gap"
    """In some case an event has no answer."""
    OVERLAP = "overlap"
    """In some case two rows hold and lead to different places."""
    NEVER = "never"
    """The row holds in no case that the rows above leave over."""
    UNPROVED = "unproved"
    """A run can be accepted without the gate's pass, or after a change that came behind it."""
    TANGLED = "tangled"
    """The rows have more cases than can be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, with its place."""

    kind: FaultKind
    state: str
    line: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The most that any run of a machine can take."""

    turns: int
    """Model turns."""
    calls: int
    """Tool calls that run."""
    by: str
    """What sets it."""


def faults_of(machine: Machine) -> tuple[Fault, ...]:
    """Return everything that is wrong with a machine, in the order of its file."""
    tangled = tuple(_tangled(machine))
    if tangled:
        return tangled
    edges = tuple(edges_of(machine))
    found = [
        *_unreachable(machine, edges),
        *_traps(machine, edges),
        *_circles(machine, edges),
        *_rows(machine),
        *_unproved(machine, edges),
    ]
    return tuple(sorted(found, key=lambda fault: (fault.line, fault.kind)))


def bound_of(machine: Machine, *, turns: int, calls: int) -> Bound:
    """Return the most that any run can take.

    Args:
        machine: One without faults.
        turns: Model turns that the policy lets a run take.
        calls: Tool calls that the policy lets a run make.
    """
    most = _least(machine.budget.turns, turns)
    # The turn that finds the budget spent was taken; its calls do not run.
    by_run = Bound(
        turns=most + 1, calls=_least(machine.budget.calls, calls), by="the budget of the run"
    )
    way = longest_way(machine, tuple(edges_of(machine)))
    if way is None or way >= by_run.turns:
        return by_run
    return Bound(turns=way, calls=by_run.calls, by="the budgets of the states")


def _least(own: int | None, given: int) -> int:
    return given if own is None else min(own, given)


def _tangled(machine: Machine) -> Iterator[Fault]:
    for state, trigger, rows in _lists(machine):
        try:
            for _ in cases(row.guard for row in rows if row.guard):
                break
        except TooManyCasesError as error:
            yield _fault(FaultKind.TANGLED, state, rows[0].line, f"{trigger}: {error}")


def _lists(machine: Machine) -> Iterator[tuple[State, Trigger, Sequence[Row]]]:
    for state in machine.states.values():
        for trigger, rows in state.rows.items():
            if rows:
                yield state, trigger, rows


def _unreachable(machine: Machine, edges: Sequence[Edge]) -> Iterator[Fault]:
    reached = after(machine.start, edges)
    for state in machine.states.values():
        if state.name not in reached:
            yield _fault(
                FaultKind.UNREACHABLE, state, state.line, f"no run of {machine.start} comes here"
            )


def _traps(machine: Machine, edges: Sequence[Edge]) -> Iterator[Fault]:
    finals = {state.name for state in machine.states.values() if state.final is not None}
    ending = reaching(finals, edges)
    for state in machine.states.values():
        if state.name not in ending:
            yield _fault(FaultKind.TRAP, state, state.line, "no way from here leads to an end")


def _circles(machine: Machine, edges: Sequence[Edge]) -> Iterator[Fault]:
    """Find ways around on which the agent never gets a turn."""
    free = [
        edge
        for edge in edges
        if edge.trigger in VERDICTS
        or (edge.trigger is Trigger.NEXT and possible(_on_entry(edge.row.guard)))
    ]
    seen: set[str] = set()
    for circle in circles(free):
        guards = [edge.row.guard for edge in circle if edge.trigger is Trigger.NEXT]
        if not guards or not possible(_on_entry(*guards)):
            continue
        way = " -> ".join((*(edge.source for edge in circle), circle[0].source))
        if way in seen:
            continue  # by another verdict
        seen.add(way)
        first = machine.states[circle[0].source]
        yield _fault(
            FaultKind.CIRCLE,
            first,
            circle[0].row.line,
            f"{way} goes round without a turn of the agent; ask for here.turns on the way",
        )


def _on_entry(*guards: Guard | None) -> Guard:
    """Return the guard of all of them at the moment a state is entered: nothing happened here."""
    fresh = tuple(
        Compare(fact=at, sign="==", number=0)
        for at, fact in enumerate(FACTS)
        if fact.name.startswith("here.")
    )
    return Every(parts=(*fresh, *(guard or ALWAYS for guard in guards)))


def _rows(machine: Machine) -> Iterator[Fault]:
    for state in machine.states.values():
        if state.works:
            for trigger in ENDS:
                if not state.rows.get(trigger):
                    said = f"nothing says what becomes of it when the agent asks for {trigger!r}"
                    yield _fault(FaultKind.GAP, state, state.line, said)
    for state, trigger, rows in _lists(machine):
        yield from _row_faults(state, trigger, rows)


def _row_faults(state: State, trigger: Trigger, rows: Sequence[Row]) -> Iterator[Fault]:
    above: list[Guard] = []
    for row in rows:
        if not possible(row.guard or ALWAYS, given=above):
            said = f"{trigger}: {_named(row)} never holds" + (" after the rows above" * bool(above))
            yield _fault(FaultKind.NEVER, state, row.line, said)
        above += [] if row.guard is None else [row.guard]
    guarded = [row for row in rows if row.guard is not None]
    yield from _overlaps(state, trigger, guarded)
    if trigger is not Trigger.NEXT and all(row.guard is not None for row in rows):
        yield from _gaps(state, trigger, rows)


def _overlaps(state: State, trigger: Trigger, rows: Sequence[Row]) -> Iterator[Fault]:
    for place, row in enumerate(rows):
        for other in rows[place + 1 :]:
            if (row.to, row.refuse) == (other.to, other.refuse):
                continue
            both = Every(parts=(row.guard or ALWAYS, other.guard or ALWAYS))
            case = _example(both)
            if case is not None:
                said = (
                    f"{trigger}: {_named(row)} and {_named(other)} both hold, and lead to "
                    f"different places, when {case}"
                )
                yield _fault(FaultKind.OVERLAP, state, other.line, said)


def _gaps(state: State, trigger: Trigger, rows: Sequence[Row]) -> Iterator[Fault]:
    guards = [row.guard for row in rows if row.guard is not None]
    tests = [compiled(guard) for guard in guards]
    for values in cases(guards):
        if not any(test(values) for test in tests):
            case = _told(guards, values)
            said = f"{trigger}: no row holds when {case}; add a row without 'when'"
            yield _fault(FaultKind.GAP, state, rows[-1].line, said)
            return


def _unproved(machine: Machine, edges: Sequence[Edge]) -> Iterator[Fault]:
    """Show that whoever is accepted has passed the gate, and changed nothing since."""
    done = {state.name for state in machine.states.values() if state.final == "done"}
    without = [edge for edge in edges if edge.trigger is not Trigger.PASS]
    unjudged = after(machine.start, without)
    for state in machine.states.values():
        if state.name in done & unjudged:
            said = "a run can end here without the gate's pass"
            yield _fault(FaultKind.UNPROVED, state, state.line, said)
    ending = reaching(done, without)
    passed = {edge.target for edge in edges if edge.trigger is Trigger.PASS}
    behind = {name for target in passed for name in after(target, without)} & ending
    for state in machine.states.values():
        if state.name in behind and state.writes:
            said = "something can be changed here between the gate's pass and the end"
            yield _fault(FaultKind.UNPROVED, state, state.line, said)


def _example(guard: Guard) -> str | None:
    test = compiled(guard)
    found = next((values for values in cases((guard,)) if test(values)), None)
    return None if found is None else _told((guard,), found)


def _told(guards: Sequence[Guard], values: Sequence[int]) -> str:
    facts = sorted({one.fact for guard in guards for one in comparisons(guard)})
    return " and ".join(f"{FACTS[at].name} is {values[at]}" for at in facts) or "anything"


def _named(row: Row) -> str:
    return "the row without 'when'" if row.guard is None else f"'{written(row.guard)}'"


def _fault(kind: FaultKind, state: State, line: int, said: str) -> Fault:
    return Fault(kind=kind, state=state.name, line=line, said=said)
