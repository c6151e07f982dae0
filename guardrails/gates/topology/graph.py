"""The graph of causes and effects, and the search through it. Pure, and knows no kinds.

An edge runs from what may be at fault to what then suffers, and says why in words. A search finds
the shortest such chain, so that evidence can quote it.
"""

from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guardrails.gates.kubernetes.objects import KubeObject


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """An object, whether it is there or only named by another."""

    kind: str
    """As in manifests: `Deployment`."""
    name: str
    namespace: str = ""
    """Empty for kinds without one."""

    def __str__(self) -> str:
        """Write it as people do: `Deployment payment`."""
        return f"{self.kind} {self.name}"


class Reach(StrEnum):
    """How far a fault goes on from the effect of an edge."""

    ONWARD = "onward"
    """The effect troubles others in turn."""
    LAST = "last"
    """It ends there: a greedy pod fills its node, yet is not the reason for all that runs on it."""
    FIRST = "first"
    """Only from what the claim itself names: who blames a Service may mean what is behind it."""
    STARVES = "starves"
    """The effect gets fewer requests, or none; it is not broken by that."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A fault in `cause` explains trouble of `effect`."""

    cause: Thing
    effect: Thing
    why: str
    """The fact that ties them: `env CATALOG_URL of Deployment frontend names Service catalog`."""
    reach: Reach = Reach.ONWARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Objects and the edges between them."""

    objects: Mapping[Thing, KubeObject]
    """What was listed."""
    outgoing: Mapping[Thing, tuple[Edge, ...]]
    mentions: Mapping[Thing, str]
    """What is named by an object that was listed and was not listed itself, and by which fact."""
    named: Mapping[str, tuple[Thing, ...]]
    """Everything listed or mentioned, by name."""


def topology(objects: Mapping[Thing, KubeObject], edges: Iterable[Edge]) -> Topology:
    """Build a graph from what was listed and the edges between it."""
    outgoing: dict[Thing, dict[tuple[Thing, Reach], Edge]] = {}
    mentions: dict[Thing, str] = {}
    for edge in edges:
        outgoing.setdefault(edge.cause, {}).setdefault((edge.effect, edge.reach), edge)
        for thing in (edge.cause, edge.effect):
            if thing not in objects:
                mentions.setdefault(thing, edge.why)
    named: dict[str, list[Thing]] = {}
    for thing in (*objects, *mentions):
        named.setdefault(thing.name, []).append(thing)
    return Topology(
        objects=objects,
        outgoing={cause: tuple(by.values()) for cause, by in outgoing.items()},
        mentions=mentions,
        named={name: tuple(things) for name, things in named.items()},
    )


class _Mode(StrEnum):
    """In which state a thing was reached."""

    CAUSE = "cause"
    TROUBLED = "troubled"
    STARVED = "starved"
    END = "end"


_Place = tuple[Thing, _Mode]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Everything that a fault in some things would explain, and by which chain."""

    came_by: Mapping[_Place, tuple[_Place, Edge] | None] = field(repr=False)

    def path(self, thing: Thing, *, starved: bool = False) -> tuple[Edge, ...] | None:
        """Return the shortest chain from a cause to a thing.

        Args:
            thing: What suffers.
            starved: Whether getting no requests is what it suffers from; if not, only what is
                troubled itself counts.

        Returns:
            The chain, empty for a cause itself; None when there is none.
        """
        modes = (_Mode.CAUSE, _Mode.TROUBLED, _Mode.END, *((_Mode.STARVED,) if starved else ()))
        chains = [self._chain((thing, mode)) for mode in modes if (thing, mode) in self.came_by]
        return min(chains, key=len, default=None)

    def _chain(self, place: _Place) -> tuple[Edge, ...]:
        chain: list[Edge] = []
        step = self.came_by[place]
        while step is not None:
            place, edge = step
            chain.append(edge)
            step = self.came_by[place]
        return tuple(reversed(chain))

    def things(self) -> frozenset[Thing]:
        """Return whatever was reached, causes included."""
        return frozenset(thing for thing, _ in self.came_by)


def spread(
    graph: Topology, causes: Iterable[Thing], *, until: Container[Thing] = frozenset()
) -> Spread:
    """Follow every edge from the causes, breadth first; stop once one of `until` is troubled."""
    came_by: dict[_Place, tuple[_Place, Edge] | None] = {
        (cause, _Mode.CAUSE): None for cause in causes
    }
    waiting = deque(came_by)
    while waiting:
        place = waiting.popleft()
        thing, mode = place
        for edge in graph.outgoing.get(thing, ()):
            after = _after(mode, edge.reach)
            if after is None or (edge.effect, after) in came_by:
                continue
            came_by[edge.effect, after] = (place, edge)
            if edge.effect in until and after is not _Mode.STARVED:
                return Spread(came_by=came_by)
            waiting.append((edge.effect, after))
    return Spread(came_by=came_by)


def _after(mode: _Mode, reach: Reach) -> _Mode | None:
    """Return in which state the far end of an edge is reached; None when it is not followed."""
    return _AFTER.get((mode, reach))


_AFTER = {
    **{(mode, Reach.STARVES): _Mode.STARVED for mode in _Mode if mode is not _Mode.END},
    **{(mode, Reach.ONWARD): _Mode.TROUBLED for mode in (_Mode.CAUSE, _Mode.TROUBLED)},
    **{(mode, Reach.LAST): _Mode.END for mode in (_Mode.CAUSE, _Mode.TROUBLED)},
    (_Mode.CAUSE, Reach.FIRST): _Mode.TROUBLED,
}
"""What starves breaks nothing, and what ends a chain starves nobody."""
