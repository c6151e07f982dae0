"""The ways of a machine as a graph: what leads where, what lies behind it, and round which circles.

An edge is a row that some case takes. Whether runs end is a question about this graph.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from guardrails.fsm.cases import possible
from guardrails.fsm.guards import ALWAYS, Guard
from guardrails.fsm.machine import Machine, Row, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One way from a state to another."""

    source: str
    trigger: Trigger
    row: Row
    target: str


def edges_of(machine: Machine) -> Iterator[Edge]:
    """Yield every way that some case takes, in the order of the file."""
    for state in machine.states.values():
        for trigger, rows in state.rows.items():
            above: list[Guard] = []
            for row in rows:
                if row.to is not None and possible(row.guard or ALWAYS, given=above):
                    yield Edge(source=state.name, trigger=trigger, row=row, target=row.to)
                above += [] if row.guard is None else [row.guard]


def after(start: str, edges: Sequence[Edge]) -> frozenset[str]:
    """Return the states that can come after one, itself included."""
    return _closure({start}, {(edge.source, edge.target) for edge in edges})


def reaching(goals: set[str], edges: Sequence[Edge]) -> frozenset[str]:
    """Return the states from which one of some others can be reached, those included."""
    return _closure(goals, {(edge.target, edge.source) for edge in edges})


def _closure(known: set[str], pairs: set[tuple[str, str]]) -> frozenset[str]:
    found, news = set(known), set(known)
    while news:
        news = {target for source, target in pairs if source in news} - found
        found |= news
    return frozenset(found)


def circles(edges: Sequence[Edge]) -> Iterator[tuple[Edge, ...]]:
    """Yield every simple circle once, from the state of it that the edges name first."""
    order = {edge.source: at for at, edge in reversed(list(enumerate(edges)))}
    for start in sorted(order, key=lambda name: order[name]):
        yield from _around(start, start, (), edges, order)


def _around(
    start: str, here: str, way: tuple[Edge, ...], edges: Sequence[Edge], order: dict[str, int]
) -> Iterator[tuple[Edge, ...]]:
    passed = {edge.source for edge in way}
    for edge in edges:
        if edge.source != here:
            continue
        if edge.target == start:
            yield (*way, edge)
        elif edge.target not in passed and order.get(edge.target, -1) > order[start]:
            yield from _around(start, edge.target, (*way, edge), edges, order)


def longest_way(machine: Machine, edges: Sequence[Edge]) -> int | None:
    """Return the most model turns on any way from the start to an end; None if there are circles.

    A state without a circle through it is visited once, so its budget is spent once.
    """
    before: dict[str, set[str]] = {name: set() for name in machine.states}
    for edge in edges:
        before[edge.target].add(edge.source)
    try:
        order = tuple(TopologicalSorter(before).static_order())
    except CycleError:
        return None
    most: dict[str, int] = {}
    for name in order:
        budget = machine.states[name].budget
        own = budget.turns if budget is not None else 0
        ways = [most[source] for source in before[name] if source in most]
        if name == machine.start or ways:
            most[name] = own + max(ways, default=0)
    return max(most.values(), default=0)
