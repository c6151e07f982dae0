"""Builds the graph of a look from its lists, one family of edges after the other.

Adding a family is a function from a look and a namespace to edges, and a line here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from guardrails.gates.checks import View
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.calls import aliases, calls
from guardrails.gates.topology.capacity import autoscaling, changed_namespaces, quotas
from guardrails.gates.topology.config import claims, configuration, permissions
from guardrails.gates.topology.experiments import experiments
from guardrails.gates.topology.graph import Edge, Thing, Topology, topology
from guardrails.gates.topology.ownership import headless, ownership
from guardrails.gates.topology.placement import placement
from guardrails.gates.topology.policies import policies
from guardrails.gates.topology.services import endpoints, ingresses, namesakes, services
from guardrails.gates.topology.templates import thing_of

Family = Callable[[Snapshot, str], Iterator[Edge]]

FAMILIES: Sequence[Family] = (
    ownership,
    headless,
    services,
    endpoints,
    namesakes,
    ingresses,
    calls,
    aliases,
    configuration,
    claims,
    permissions,
    placement,
    policies,
    autoscaling,
    quotas,
    experiments,
)
"""Every kind of dependency that is known."""


def topology_of(look: Snapshot) -> Topology:
    """Return the graph of one look; what could not be listed is missing from it."""
    return topology(_objects(look), _edges(look))


def topology_seen(view: View) -> Topology:
    """Return the graph of everything that a check sees: now, at the run's start, and before.

    A Service that was deleted has its dependents only in what came before.
    """
    looks = looks_of(view)
    known = view.look.derived.get(("graph", "seen"))
    if isinstance(known, _Seen) and [*map(id, known.looks)] == [*map(id, looks)]:
        return known.graph
    objects: dict[Thing, KubeObject] = {}
    for look in looks:  # The latest is first, and what it holds stands.
        objects = _objects(look) | objects
    edges = (edge for look in looks for edge in _edges(look))
    graph = topology(objects, chain(edges, _changes(view)))
    view.look.derived["graph", "seen"] = _Seen(looks=tuple(looks), graph=graph)
    return graph


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A joined graph, and from which looks: a look may be judged against several references."""

    looks: tuple[Snapshot, ...]
    graph: Topology


def looks_of(view: View) -> list[Snapshot]:
    """Return the looks that a graph was built from, the latest first."""
    return [view.look, *_pasts(view)]


def _pasts(view: View) -> Iterator[Snapshot]:
    for past in (view.reference.start, view.reference.snapshot):
        if past is not None and past is not view.look:
            yield past


def _changes(view: View) -> Iterator[Edge]:
    before = view.reference.snapshot
    for namespace in view.scope.namespaces:
        yield from changed_namespaces(view.look, before, namespace)


def _objects(look: Snapshot) -> dict[Thing, KubeObject]:
    return {
        thing_of(item): item for listed in look.lists if listed.read.ok for item in listed.objects
    }


def _edges(look: Snapshot) -> Iterator[Edge]:
    for namespace in dict.fromkeys(x.key.namespace for x in look.lists if x.key.namespace):
        for family in FAMILIES:
            yield from family(look, namespace)
