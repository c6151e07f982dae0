"""What there is in the cluster to tell an unclear incident by: namespaces, and workloads in them.

The lists of the run's first look serve as far as they go. Only when something is not clear by them
are workloads listed across the cluster, because whoever is asked needs answers to choose from.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from guardrails.core.incident import Incident, Workload
from guardrails.core.questions import Question
from guardrails.gates.ambiguity import Land, questions_of
from guardrails.gates.checks import Reference
from guardrails.gates.kubernetes.objects import (
    CronJob,
    DaemonSet,
    Deployment,
    KubeObject,
    Namespace,
    StatefulSet,
)
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.snapshot import ListKey, ObjectList, Snapshot

KINDS: tuple[type[KubeObject], ...] = (Deployment, StatefulSet, DaemonSet, CronJob)
"""Kinds that incidents and alerts name."""


async def open_questions(
    incident: Incident, reference: Reference, reader: ClusterReader | None
) -> tuple[Question, ...]:
    """Return what must be asked before anything is changed.

    Args:
        incident: As it was given.
        reference: With the run's first look; what was there before is no question either.
        reader: The cluster. Without one, only what the words themselves leave open is asked.
    """
    if reader is None:
        return questions_of(incident, Land(namespaces=None, workloads=None))
    namespaces = await _namespaces(reference.start, reader)
    known = frozenset(_names(namespaces)) if namespaces.read.ok else None
    past = tuple(_workloads(_lists(reference.snapshot)))
    near = Land(namespaces=known, workloads=_here(reference.start, incident), past=past)
    if not questions_of(incident, near):
        return ()
    keys = [ListKey(kind=kind.__name__, namespace="") for kind in KINDS]
    found = await asyncio.gather(*(reader.list(key) for key in keys))
    if not any(one.read.ok for one in found):
        return questions_of(incident, near)
    everywhere = tuple(dict.fromkeys((*(near.workloads or ()), *_workloads(found))))
    return questions_of(incident, Land(namespaces=known, workloads=everywhere, past=past))


async def _namespaces(start: Snapshot | None, reader: ClusterReader) -> ObjectList:
    """Return the list of all namespaces, which the first look mostly brought."""
    key = ListKey(kind=Namespace.__name__, namespace="")
    seen = start.list_of(key.kind, key.namespace) if start is not None else None
    return seen if seen is not None and seen.key == key else await reader.list(key)


def _here(start: Snapshot | None, incident: Incident) -> tuple[Workload, ...] | None:
    """Return the workloads of the first look; None when a list of them could not be read."""
    if start is None or not incident.namespaces:
        return None
    for namespace in incident.namespaces:
        for kind in KINDS:
            found = start.list_of(kind.__name__, namespace)
            if found is None or not found.read.ok:
                return None
    return tuple(_workloads(_lists(start)))


def _lists(snapshot: Snapshot | None) -> Sequence[ObjectList]:
    return () if snapshot is None else snapshot.lists


def _workloads(lists: Iterable[ObjectList]) -> Iterator[Workload]:
    for one in lists:
        for item in one.objects if one.read.ok else ():
            if isinstance(item, KINDS):
                meta = item.metadata
                yield Workload(name=meta.name, kind=type(item).__name__, namespace=meta.namespace)


def _names(found: ObjectList) -> Iterator[str]:
    yield from (item.metadata.name for item in found.objects)
