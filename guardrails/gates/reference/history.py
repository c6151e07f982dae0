"""What the cluster itself remembers of before: revisions, and what was last applied.

A Deployment keeps old ReplicaSets, a StatefulSet or DaemonSet its ControllerRevisions, each with a
pod template and the time it was made; `kubectl apply` notes the manifest. It is less than a
snapshot: no status, nothing of what was deleted, and of what was applied no time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from guardrails.gates.kubernetes.applied import applied_object, applied_replicas
from guardrails.gates.kubernetes.objects import (
    ControllerRevision,
    DaemonSet,
    Deployment,
    KubeObject,
    Metadata,
    PodTemplate,
    ReplicaSet,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.topology import condition, controller_of, revision_of
from guardrails.gates.reference.changes import DECLARED
from guardrails.gates.snapshot import Snapshot

HISTORY_LISTS = ("ControllerRevision",)
"""Kinds that are read once per run, for this alone."""

_HASHES = frozenset({"pod-template-hash", "controller-revision-hash"})
"""Labels that controllers add to the templates of revisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An object as it was, and how that is known."""

    item: KubeObject
    source: str


def remembered(
    start: Snapshot, namespaces: Iterable[str], *, before: datetime
) -> Iterator[Remembered]:
    """Yield what the cluster remembers of a time.

    Args:
        start: What the run found.
        namespaces: The scope.
        before: The time; what was created after it is left out, for it may be the trouble itself.
    """
    for namespace in namespaces:
        for kind in DECLARED:
            for item in start.objects(kind, namespace):
                created = item.metadata.creation_timestamp
                if created is None or created > before:
                    continue
                found = _remembered(item, start, namespace, before)
                if found is not None:
                    yield found


def _remembered(
    item: KubeObject, start: Snapshot, namespace: str, before: datetime
) -> Remembered | None:
    applied = applied_object(item)
    template = None
    match item:
        case Deployment():
            template = _of_replicasets(item, start.objects(ReplicaSet, namespace), before)
        case StatefulSet() | DaemonSet():
            revisions = start.objects(ControllerRevision, namespace)
            template = _of_revisions(item, revisions, before)
        case _:
            pass
    if template is not None and isinstance(item, Workload):
        known = applied if isinstance(applied, Workload) else None
        return Remembered(item=_restored(item, known, template), source="revision history")
    if applied is not None and _says_something(applied):
        return Remembered(item=applied, source="last-applied")
    return None


def _restored(item: Workload, applied: Workload | None, template: PodTemplate) -> Workload:
    """Put a workload together: its template by revision, the rest as it was last applied."""
    spec = applied.spec if applied is not None else type(item)().spec
    return type(item)(
        metadata=Metadata(name=item.metadata.name, namespace=item.metadata.namespace),
        spec=msgspec.structs.replace(
            spec,
            # Nobody can change a selector.
            selector=item.spec.selector,
            template=template,
            replicas=applied_replicas(item),
        ),
    )


def _says_something(applied: KubeObject) -> bool:
    """Tell whether a note holds more than replicas, which checks read by themselves."""
    if isinstance(applied, Workload):
        return bool(applied.spec.template.spec.containers)
    return applied != type(applied)(metadata=applied.metadata)


def _of_replicasets(
    item: Deployment, all_: Sequence[ReplicaSet], before: datetime
) -> PodTemplate | None:
    owned = [r for r in all_ if _is_owned(r.metadata, item)]
    known = [r for r in owned if _is_older(r.metadata, before)]
    known.sort(key=lambda r: _number(revision_of(r.metadata)), reverse=True)
    if not known:
        return None
    then = known[0]
    if len(known) > 1 and len(known) == len(owned) and _came_back_after(item, then, before):
        # A roll-back makes an old revision the newest. Where newer ones were made meanwhile, it
        # was the one that they replaced.
        then = known[1]
    return _template(then.spec.template)


def _came_back_after(item: Deployment, newest: ReplicaSet, before: datetime) -> bool:
    notes = newest.metadata.annotations
    progress = condition(item.status.conditions, "Progressing")
    if notes is None or not notes.revision_history or progress is None:
        return False
    return progress.last_update_time is not None and progress.last_update_time > before


def _of_revisions(
    item: StatefulSet | DaemonSet, all_: Sequence[ControllerRevision], before: datetime
) -> PodTemplate | None:
    """Return the newest one that was made before; a roll-back since then cannot be told."""
    owned = [r for r in all_ if _is_owned(r.metadata, item) and _is_older(r.metadata, before)]
    then = max(owned, key=lambda r: r.revision, default=None)
    return _template(then.data.spec.template) if then is not None and then.data else None


def _template(template: PodTemplate) -> PodTemplate | None:
    """Return a revision's template as it was written; None where it was not kept."""
    if not template.spec.containers:
        return None
    labels = {k: v for k, v in (template.metadata.labels or {}).items() if k not in _HASHES}
    metadata = msgspec.structs.replace(template.metadata, labels=labels)
    return msgspec.structs.replace(template, metadata=metadata)


def _is_owned(metadata: Metadata, owner: Workload) -> bool:
    parent = controller_of(metadata)
    return parent is not None and parent.uid == owner.metadata.uid


def _is_older(metadata: Metadata, before: datetime) -> bool:
    created = metadata.creation_timestamp
    return created is not None and created <= before


def _number(revision: str) -> int:
    return int(revision) if revision.isdecimal() else 0
