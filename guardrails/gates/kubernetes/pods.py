"""Whether the pods in scope run, are ready, and stay up.

Reads init containers too, tells a pod that is starting from one that cannot start, and never
takes a momentarily ready container of a crash loop for a healthy one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import (
    Check,
    Scope,
    View,
    Witness,
    aside,
    refer,
    unread_lists,
)
from guardrails.gates.kubernetes.objects import ContainerStatus, Job, Pod
from guardrails.gates.kubernetes.topology import (
    CONTROLLED_LABELS,
    REACTION_SECONDS,
    WORKLOAD_LISTS,
    Owner,
    Territory,
    condition,
    controller_of,
    latest,
    reaction_to_write,
    territory,
)
from guardrails.gates.snapshot import Snapshot

READY_ID = CheckId("pods-ready")

LISTS = (*WORKLOAD_LISTS, "ReplicaSet", "Pod")

CANNOT_START = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "PostStartHookError",
        "RegistryUnavailable",
        "RunContainerError",
    }
)
"""Waiting reasons of the kubelet that do not go away by waiting. ContainerCreating and
PodInitializing do."""

RETRIED = "CreateContainerConfigError"
"""What the kubelet tries again by itself, without a back-off: a ConfigMap, Secret or key that was
missing may be there by now."""

RETRY_SECONDS = 90.0
"""What such a pod gets after a write. The kubelet syncs a pod every 60 s, up to half as much later
by its jitter."""

START_SECONDS = 120.0
"""What a pod gets to become ready: an image pull and a slow start take about a minute."""

SCHEDULE_SECONDS = 30.0
"""What a pod gets to be scheduled; kstatus allows 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What keeps one pod from being well."""

    pod: Pod
    field: str
    observed: str
    settles_by: datetime | None = None


def judge_readiness(view: View) -> list[Evidence]:
    """Judge the pods in scope, one piece of evidence per owner."""
    look = view.look
    witness = Witness(check=READY_ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        land = territory(look, namespace)
        for owner, pods in land.by_owner.items():
            if not is_for_job(look, owner, namespace):
                found.extend(_judge_owner(witness, land, owner, pods, view.scope))
            found.extend(_left_behind(witness, owner, pods))
    return found


# Jobs tell only which pods to leave to `jobs-succeed`, which says when they cannot be read.
PODS_READY = Check(id=READY_ID, judge=judge_readiness, lists=(*LISTS, "Job"))


def is_for_job(look: Snapshot, owner: Owner, namespace: str) -> bool:
    """Tell whether pods are judged with their Job: they may fail, and be tried again."""
    if owner.kind != Job.__name__:
        return False
    known = look.derived.get(("jobs", namespace))
    if not isinstance(known, _Jobs):
        known = _Jobs(names=frozenset(j.metadata.name for j in look.objects(Job, namespace)))
        look.derived["jobs", namespace] = known
    return owner.name in known.names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jobs:
    """The Jobs that were listed in a namespace."""

    names: frozenset[str]


def _left_behind(witness: Witness, owner: Owner, pods: Sequence[Pod]) -> Iterator[Evidence]:
    """Tell of failed pods that were replaced: evictions leave them for reading.

    Told of a pod, so that it excuses nothing that is wrong with the workload later.
    """
    failed = [p for p in pods if p.status.phase == "Failed" and not stands(p)]
    if failed and owner.kind != Job.__name__:
        last = failed[-1]
        said = f"{last.status.reason}: {last.status.message}".strip(": ")
        why = f" ({said})" if said else ""
        yield aside(
            witness.violated(
                refer(last),
                field="status.phase",
                observed=f"Failed{why}: left behind by {owner.kind} {owner.name}, which left "
                f"{len(failed)} such pods",
                expected="replaced, and for reading only",
            )
        )


def _judge_owner(
    witness: Witness, land: Territory, owner: Owner, pods: Sequence[Pod], scope: Scope
) -> Iterator[Evidence]:
    standing = [p for p in pods if stands(p)]
    troubles = [t for p in standing if (t := trouble_of(p, land, scope)) is not None]
    if not troubles:
        if standing:
            yield witness.satisfied(
                owner_ref(land, owner),
                field="pods",
                observed=f"{len(standing)} of {len(standing)} pods ready",
                expected="every pod ready",
            )
        return
    hard = [t for t in troubles if t.settles_by is None or t.settles_by <= witness.at]
    worst = (hard or troubles)[0]
    yield witness.violated(
        owner_ref(land, owner),
        field=worst.field,
        observed=f"pod {worst.pod.metadata.name}: {worst.observed}{_others(len(troubles))}",
        expected="every pod ready",
        # The first pod to run out of time decides; a hard one at once.
        settles_by=None if hard else min(t.settles_by for t in troubles if t.settles_by),
        settling=f"the pods of {owner.kind} {owner.name} to become ready",
    )


def _others(troubled: int) -> str:
    return f" (and {troubled - 1} more of its pods)" if troubled > 1 else ""


def owner_ref(land: Territory, owner: Owner) -> ObjectRef:
    """Name an owner in evidence, with its identity when it was listed."""
    workload = land.workload(owner.kind, owner.name)
    if workload is not None:
        return refer(workload)
    return ObjectRef(kind=owner.kind, name=owner.name, namespace=land.namespace)


def stands(pod: Pod) -> bool:
    """Tell whether a pod is expected to serve now.

    Not so: a terminating pod (its replacement is counted by the rollout), a finished one, and a
    failed one whose controller makes another (an eviction leaves it behind for reading).
    """
    if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Succeeded":
        return False
    return not (pod.status.phase == "Failed" and controller_of(pod.metadata) is not None)


def is_ready(pod: Pod) -> bool:
    """Tell whether the pod's Ready condition is True."""
    ready = condition(pod.status.conditions, "Ready")
    return ready is not None and ready.status == "True"


def trouble_of(pod: Pod, land: Territory, scope: Scope) -> Trouble | None:
    """Return what is wrong with a standing pod, or None when it is well."""
    trouble = _trouble_of(pod, land, scope)
    if trouble is None or not land.is_abandoned(pod):
        return trouble
    return replace(trouble, settles_by=reaction_to_write(scope))


def _trouble_of(pod: Pod, land: Territory, scope: Scope) -> Trouble | None:
    if _was_released(pod):
        return Trouble(
            pod=pod,
            field="metadata.ownerReferences",
            observed="runs without an owner: its labels no longer match the workload that made it",
        )
    if pod.status.phase == "Failed":
        return Trouble(
            pod=pod,
            field="status.phase",
            observed=f"Failed {pod.status.reason}: {pod.status.message}".rstrip(": "),
        )
    stuck = _stuck_container(pod)
    if stuck is not None:
        field, why = stuck
        # A pod of the old revision goes away by the rollout, whose own deadline is judged.
        by = _replaced_by(pod, scope) if land.is_outdated(pod) else _retried_by(why, scope)
        return Trouble(pod=pod, field=field, observed=why, settles_by=by)
    if is_ready(pod):
        return None
    return _not_ready(pod, scope)


def _replaced_by(pod: Pod, scope: Scope) -> datetime | None:
    """Return until when a new pod may take to start: the old one goes after that."""
    written = scope.last_write_at
    return latest(_start_by(pod, scope), written and written + timedelta(seconds=START_SECONDS))


def _retried_by(why: str, scope: Scope) -> datetime | None:
    if RETRIED not in why or scope.last_write_at is None:
        return None
    return scope.last_write_at + timedelta(seconds=RETRY_SECONDS)


def _was_released(pod: Pod) -> bool:
    labels = pod.metadata.labels or {}
    return controller_of(pod.metadata) is None and any(x in labels for x in CONTROLLED_LABELS)


def _stuck_container(pod: Pod) -> tuple[str, str] | None:
    for field, statuses in _statuses(pod):
        for status in statuses:
            why = _why_stuck(status, always=pod.spec.restart_policy == "Always", field=field)
            if why is not None:
                return f"status.{field}[{status.name}].state", f"container {status.name}: {why}"
    return None


def _statuses(pod: Pod) -> Iterator[tuple[str, tuple[ContainerStatus, ...]]]:
    yield "initContainerStatuses", pod.status.init_container_statuses or ()
    yield "containerStatuses", pod.status.container_statuses or ()


def _why_stuck(status: ContainerStatus, *, always: bool, field: str) -> str | None:
    state = status.state
    if state is None:
        return None
    if state.waiting is not None and state.waiting.reason in CANNOT_START:
        detail = f": {state.waiting.message}" if state.waiting.message else ""
        return f"{state.waiting.reason}{detail} (restarts: {status.restart_count})"
    ended = state.terminated
    if ended is None or (ended.exit_code == 0 and (not always or field.startswith("init"))):
        return None
    return f"terminated {ended.reason} with exit code {ended.exit_code}"


def _not_ready(pod: Pod, scope: Scope) -> Trouble:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        since = scheduled.last_transition_time or pod.metadata.creation_timestamp
        by = since + timedelta(seconds=SCHEDULE_SECONDS) if since else None
        return Trouble(
            pod=pod,
            field="status.conditions[PodScheduled]",
            observed=f"{scheduled.reason}: {scheduled.message}".rstrip(": ") + _gated(pod),
            settles_by=latest(by, reaction_to_write(scope)),
        )
    ready = condition(pod.status.conditions, "Ready")
    why = f" {ready.reason}".rstrip() if ready is not None else ""
    changed = ready.last_transition_time if ready is not None else None
    blip = changed + timedelta(seconds=REACTION_SECONDS) if changed else None
    return Trouble(
        pod=pod,
        field="status.conditions[Ready]",
        observed=f"phase {pod.status.phase or 'unset'}, not ready{why}{_creating(pod)}",
        settles_by=latest(_start_by(pod, scope), blip),
    )


def _gated(pod: Pod) -> str:
    if pod.spec.scheduling_gates:
        names = ", ".join(gate.name for gate in pod.spec.scheduling_gates)
        return f" (held by the scheduling gates {names})"
    if pod.status.nominated_node_name:
        return f" (waits for others to be preempted on {pod.status.nominated_node_name})"
    return ""


def _creating(pod: Pod) -> str:
    """Say what a starting pod waits for: an init container that does not end, or a reason."""
    initialized = condition(pod.status.conditions, "Initialized")
    for status in pod.status.init_container_statuses or ():
        running = status.state.running if status.state is not None else None
        if running is not None and initialized is not None and initialized.status == "False":
            return f" (init container {status.name} runs since {running.started_at})"
    for _, statuses in _statuses(pod):
        for status in statuses:
            if status.state is not None and status.state.waiting is not None:
                return f" (container {status.name}: {status.state.waiting.reason})"
    return ""


def _start_by(pod: Pod, scope: Scope) -> datetime | None:
    """Return until when a pod may still be starting.

    Counted from when it last began to start: made, started, or a container of it started. The
    Ready condition counts for little, because a flapping probe moves it for ever.
    """
    started = [
        s.state.running.started_at
        for _, statuses in _statuses(pod)
        for s in statuses
        if s.state is not None and s.state.running is not None
    ]
    began = latest(pod.metadata.creation_timestamp, pod.status.start_time, *started)
    by = began + timedelta(seconds=START_SECONDS) if began else None
    return latest(by, reaction_to_write(scope))


def settles_by(pods: Sequence[Pod], land: Territory, scope: Scope) -> datetime | None:
    """Return until when some of these pods may still become ready; None when none can."""
    troubles = (trouble_of(p, land, scope) for p in pods)
    return latest(*(t.settles_by for t in troubles if t is not None))
