"""Edges of Chaos Mesh: experiments, and the pods that they strike."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.chaos import KINDS, specs_of, struck_by
from guardrails.gates.kubernetes.objects.chaos import AnyChaos
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Thing
from guardrails.gates.topology.templates import makers, thing_of


def experiments(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every experiment to what it strikes: the pods that it names, else the namespace.

    Its label selectors are not kept, so without names everything in the namespace may be struck.
    """
    for kind in KINDS:
        for item in look.objects(kind, namespace):
            if namespace in struck_by(item):
                yield from _strikes(item, look, namespace)


def _strikes(item: AnyChaos, look: Snapshot, namespace: str) -> Iterator[Edge]:
    thing = thing_of(item)
    named = {
        name for spec in specs_of(item) for name in (spec.selector.pods or {}).get(namespace, ())
    }
    struck = [Thing("Pod", name, namespace) for name in sorted(named)]
    for target in struck or [maker.thing for maker in makers(look, namespace)]:
        yield Edge(thing, target, f"{thing} strikes {target}")
