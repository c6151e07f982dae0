"""Edges of ownership: Pod, ReplicaSet and Deployment; Pod, Job and CronJob.

A fault in a template shows in its pods, and a fault in a pod in what it belongs to.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import Service, StatefulSet
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Thing
from guardrails.gates.topology.templates import thing_of


def ownership(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every object to its owners, both ways."""
    for listed in look.lists:
        if not listed.read.ok or listed.key.namespace != namespace:
            continue
        for item in listed.objects:
            owned = thing_of(item)
            for owner in item.metadata.owner_references or ():
                above = Thing(owner.kind, owner.name, namespace)
                why = f"{owned} belongs to {above}"
                yield Edge(above, owned, why)
                yield Edge(owned, above, why)


def headless(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie a StatefulSet to the Service that gives its pods their names."""
    services = {s.metadata.name for s in look.objects(Service, namespace)}
    for item in look.objects(StatefulSet, namespace):
        if item.spec.service_name in services:
            service = Thing("Service", item.spec.service_name, namespace)
            name = thing_of(item)
            yield Edge(service, name, f"{service} names the pods of {name}")


def born_of(name: str, look: Snapshot, namespace: str) -> Thing | None:
    """Return what must have made a pod that is gone, by the name that it had.

    Controllers put five characters behind the name of a ReplicaSet, DaemonSet or Job, and a
    StatefulSet a number.
    """
    stem, _, tail = name.rpartition("-")
    if not stem or not tail.isalnum():
        return None
    kinds = ("StatefulSet",) if tail.isdecimal() else ()
    if len(tail) == _RANDOM_CHARS:
        kinds = (*kinds, "ReplicaSet", "DaemonSet", "Job")
    for kind in kinds:
        listed = look.list_of(kind, namespace)
        for item in listed.objects if listed is not None and listed.read.ok else ():
            if item.metadata.name == stem:
                return thing_of(item)
    return None


_RANDOM_CHARS = 5
"""The API server's `generateName` adds as many."""
