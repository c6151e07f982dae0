"""Who owns which pods in a namespace: the one index that several checks share.

Built once per look and namespace, from lists that the look already holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from guardrails.gates.checks import Scope
from guardrails.gates.kubernetes.objects import (
    Condition,
    DaemonSet,
    Deployment,
    Metadata,
    OwnerReference,
    Pod,
    ReplicaSet,
    StatefulSet,
    Workload,
)
from guardrails.gates.snapshot import Snapshot

REACTION_SECONDS = 15.0
"""What controllers get to act on a change. The ReplicaSet controller took 5.2 s after a quota was
lifted and the EndpointSlice controller under 2 s on a 1.36 control plane; three times the worst."""

CONTROLLED_LABELS = ("pod-template-hash", "controller-revision-hash")
"""Labels that only controllers give to pods."""

WORKLOAD_LISTS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Owner:
    """The workload that a pod belongs to, as far up as can be seen."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """One namespace of one look."""

    namespace: str
    by_name: Mapping[tuple[str, str], Workload]
    """Deployments, StatefulSets and DaemonSets by kind and name."""
    replicasets: Mapping[str, ReplicaSet]
    pods: tuple[Pod, ...]
    by_owner: Mapping[Owner, tuple[Pod, ...]]

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Return every workload, Deployments first."""
        return tuple(self.by_name.values())

    def owner_of(self, pod: Pod) -> Owner:
        """Return whom a pod belongs to; itself when nobody controls it."""
        return _owner(pod, self.replicasets)

    def workload(self, kind: str, name: str) -> Workload | None:
        """Return a workload by kind and name."""
        return self.by_name.get((kind, name))

    def is_outdated(self, pod: Pod) -> bool:
        """Tell whether a pod is of an older revision that its workload is replacing.

        True for every pod of a workload whose newest spec the controller has not seen yet. What is
        replaced only when somebody deletes it (`OnDelete`) is not being replaced.
        """
        owner = _owner(pod, self.replicasets)
        workload = self.workload(owner.kind, owner.name)
        if workload is None:
            return False
        strategy = workload.spec.update_strategy
        if strategy is not None and strategy.type == "OnDelete":
            return False
        if is_unobserved(workload):
            return True
        match workload:
            case Deployment():
                parent = controller_of(pod.metadata)
                held = self.replicasets.get(parent.name) if parent else None
                newest = revision_of(workload.metadata)
                return held is not None and revision_of(held.metadata) != newest
            case StatefulSet():
                newest = workload.status.update_revision
                return bool(newest) and hash_of(pod) not in ("", newest)
            case DaemonSet():
                return self._is_older(pod, owner, workload)

    def _is_older(self, pod: Pod, owner: Owner, workload: DaemonSet) -> bool:
        """Tell it of a DaemonSet, whose status counts its revisions and does not name them."""
        status = workload.status
        if status.updated_number_scheduled >= status.desired_number_scheduled:
            return False
        if not status.updated_number_scheduled:
            return True
        newest = max(self.by_owner[owner], key=lambda p: p.metadata.creation_timestamp or _NEVER)
        return hash_of(pod) != hash_of(newest)

    def is_abandoned(self, pod: Pod) -> bool:
        """Tell whether what made a pod is gone or going, so that the pod goes next.

        The garbage collector removes it shortly after, unless it was told to leave orphans; those
        have no controller any more.
        """
        parent = controller_of(pod.metadata)
        if parent is None:
            return False
        held = self.replicasets.get(parent.name) if parent.kind == "ReplicaSet" else None
        above = controller_of(held.metadata) if held is not None else None
        owner = parent if above is None else above
        if held is not None and above is None:
            return held.metadata.deletion_timestamp is not None
        workload = self.workload(owner.kind, owner.name)
        known = owner.kind in (*WORKLOAD_LISTS, "ReplicaSet")
        return known and (workload is None or is_deleted(workload))


def territory(look: Snapshot, namespace: str) -> Territory:
    """Index one namespace of a look, once; what could not be listed is missing from it."""
    known = look.derived.get(("territory", namespace))
    if not isinstance(known, Territory):
        known = _territory(look, namespace)
        look.derived["territory", namespace] = known
    return known


def _territory(look: Snapshot, namespace: str) -> Territory:
    workloads: tuple[Workload, ...] = (
        *look.objects(Deployment, namespace),
        *look.objects(StatefulSet, namespace),
        *look.objects(DaemonSet, namespace),
    )
    replicasets = {r.metadata.name: r for r in look.objects(ReplicaSet, namespace)}
    pods = look.objects(Pod, namespace)
    by_owner: defaultdict[Owner, list[Pod]] = defaultdict(list)
    for pod in pods:
        by_owner[_owner(pod, replicasets)].append(pod)
    return Territory(
        namespace=namespace,
        by_name={(kind_of(w), w.metadata.name): w for w in workloads},
        replicasets=replicasets,
        pods=pods,
        by_owner={owner: tuple(owned) for owner, owned in sorted(by_owner.items())},
    )


def _owner(pod: Pod, replicasets: Mapping[str, ReplicaSet]) -> Owner:
    parent = controller_of(pod.metadata)
    if parent is None:
        return Owner(kind="Pod", name=pod.metadata.name)
    if parent.kind == "ReplicaSet" and parent.name in replicasets:
        above = controller_of(replicasets[parent.name].metadata)
        if above is not None:
            return Owner(kind=above.kind, name=above.name)
    return Owner(kind=parent.kind, name=parent.name)


_NEVER = datetime.min.replace(tzinfo=UTC)


def hash_of(pod: Pod) -> str:
    """Return the revision that a StatefulSet's or DaemonSet's pod was made of."""
    return (pod.metadata.labels or {}).get("controller-revision-hash", "")


def controller_of(metadata: Metadata) -> OwnerReference | None:
    """Return the owner that controls an object, if one does."""
    return next((o for o in metadata.owner_references or () if o.controller), None)


def kind_of(workload: Workload) -> str:
    """Return the kind as written in manifests."""
    return type(workload).__name__


def revision_of(metadata: Metadata) -> str:
    """Return the rollout revision that the Deployment controller notes on its objects."""
    return metadata.annotations.revision if metadata.annotations else ""


def is_unobserved(workload: Workload) -> bool:
    """Tell whether status still speaks of an older spec than the newest."""
    return workload.metadata.generation > workload.status.observed_generation


def is_deleted(workload: Workload) -> bool:
    """Tell whether a workload is on its way out: it makes no new pods."""
    return workload.metadata.deletion_timestamp is not None


def wanted(workload: Workload) -> int:
    """Return how many pods the spec asks for; a DaemonSet's number is in its status."""
    if isinstance(workload, DaemonSet):
        return workload.status.desired_number_scheduled
    return 1 if workload.spec.replicas is None else workload.spec.replicas


def available(workload: Workload) -> int:
    """Return how many pods are available."""
    if isinstance(workload, DaemonSet):
        return workload.status.number_available
    return workload.status.available_replicas


def condition(conditions: Sequence[Condition] | None, type_: str) -> Condition | None:
    """Return a condition by type; never by position, which varies."""
    return next((c for c in conditions or () if c.type == type_), None)


def reaction_by(history: Sequence[Snapshot], scope: Scope) -> datetime:
    """Return until when controllers may still be reacting to the last change."""
    began = history[0].at
    changed = max(began, scope.last_write_at) if scope.last_write_at else began
    return changed + timedelta(seconds=REACTION_SECONDS)


def reaction_to_write(scope: Scope) -> datetime | None:
    """Return until when controllers may still be reacting to what the agent wrote."""
    if scope.last_write_at is None:
        return None
    return scope.last_write_at + timedelta(seconds=REACTION_SECONDS)


def latest(*times: datetime | None) -> datetime | None:
    """Return the latest of the times that are known."""
    return max((t for t in times if t is not None), default=None)


def ready_since(look: Snapshot, namespaces: Iterable[str], *, before: datetime) -> datetime | None:
    """Return when the last pod that became ready before a moment did so.

    A mend works from when its pods serve, which may be minutes after the write; nobody need have
    looked meanwhile.
    """
    ready = (
        condition(pod.status.conditions, "Ready")
        for namespace in namespaces
        for pod in territory(look, namespace).pods
    )
    times = (r.last_transition_time for r in ready if r is not None and r.status == "True")
    return latest(*(t for t in times if t is not None and t <= before))
