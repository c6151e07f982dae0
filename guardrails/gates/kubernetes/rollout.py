"""Whether every workload runs what its spec says: the newest revision, all of it, available.

Goes further than `kubectl rollout status`: real StatefulSet revisions, OnDelete, quota failures,
paused changes, and a workload that broke after its rollout (whose Progressing stays True).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Reference, Scope, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.admission import refusals, retried_by
from guardrails.gates.kubernetes.objects import (
    DaemonSet,
    Deployment,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    available,
    condition,
    controller_of,
    is_unobserved,
    kind_of,
    latest,
    reaction_by,
    reaction_to_write,
    territory,
    wanted,
)
from guardrails.gates.snapshot import Snapshot

ID = CheckId("rollout-complete")

PROGRESS_DEADLINE_SECONDS = 600
"""What the API server sets on a Deployment that names none; used for StatefulSets and DaemonSets,
which have no deadline of their own."""

RECOVERY_SECONDS = 120.0
"""What a workload gets to become available again when no rollout is going on: an image pull and a
slow start take about a minute."""


def judge_rollouts(view: View) -> list[Evidence]:
    """Judge every Deployment, StatefulSet and DaemonSet in scope."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, WORKLOAD_LISTS))
    for namespace in view.scope.namespaces:
        found.extend(
            _judge(witness, workload, view)
            for workload in territory(look, namespace).workloads
            if workload.metadata.deletion_timestamp is None
        )
    return found


# What refuses pods tells only until when to wait; `pods-admitted` says when it cannot be read.
ROLLOUT_COMPLETE = Check(
    id=ID,
    judge=judge_rollouts,
    lists=(*WORKLOAD_LISTS, "ReplicaSet", "ResourceQuota", "LimitRange"),
)


def _judge(witness: Witness, workload: Workload, view: View) -> Evidence:
    history, scope = view.history, view.scope
    if is_unobserved(workload):
        return witness.violated(
            refer(workload),
            field="status.observedGeneration",
            observed=str(workload.status.observed_generation),
            expected=str(workload.metadata.generation),
            settles_by=reaction_by(history, scope),
            settling=f"the controller to act on {_name(workload)}",
        )
    match workload:
        case Deployment():
            return _deployment(witness, workload, view)
        case StatefulSet():
            return _statefulset(witness, workload, history, scope)
        case DaemonSet():
            return _daemonset(witness, workload, view.reference, history, scope)


def _deployment(witness: Witness, item: Deployment, view: View) -> Evidence:
    status, replicas, scope = item.status, wanted(item), view.scope
    progressing = condition(status.conditions, "Progressing")
    failure = condition(status.conditions, "ReplicaFailure")
    if progressing is not None and progressing.reason == "ProgressDeadlineExceeded":
        return witness.violated(
            refer(item),
            field="status.conditions[Progressing]",
            observed=f"ProgressDeadlineExceeded: {progressing.message}",
            expected="NewReplicaSetAvailable",
        )
    if failure is not None and failure.status == "True":
        return witness.violated(
            refer(item),
            field="status.conditions[ReplicaFailure]",
            observed=f"{failure.reason}: {failure.message}",
            expected="no ReplicaFailure",
            settles_by=_refused_until(item, view),
            settling=f"{_name(item)} to create its pods",
        )
    if item.spec.paused and status.updated_replicas < replicas:
        return witness.violated(
            refer(item),
            field="spec.paused",
            observed=f"true, with {status.updated_replicas} of {replicas} pods on the newest spec",
            expected="not paused while a change is pending",
        )
    short = _shortfall(
        updated=status.updated_replicas,
        total=status.replicas,
        available=status.available_replicas,
        replicas=replicas,
    )
    if short is None:
        return _complete(witness, item)
    return witness.violated(
        refer(item),
        field=short[0],
        observed=short[1],
        expected=short[2],
        settles_by=_deployment_deadline(item, scope),
        settling=f"{_name(item)} to finish its rollout",
    )


def _refused_until(item: Deployment, view: View) -> datetime | None:
    """Return until when its newest ReplicaSet may still get its pods."""
    for refusal in refusals(view.look, item.metadata.namespace):
        parent = controller_of(refusal.replicaset.metadata)
        if parent is not None and (parent.kind, parent.name) == (kind_of(item), item.metadata.name):
            return retried_by(refusal, view)
    return reaction_to_write(view.scope)


def _deployment_deadline(item: Deployment, scope: Scope) -> datetime | None:
    progressing = condition(item.status.conditions, "Progressing")
    if progressing is not None and progressing.reason != "NewReplicaSetAvailable":
        deadline = item.spec.progress_deadline_seconds or PROGRESS_DEADLINE_SECONDS
        began = progressing.last_update_time or progressing.last_transition_time
        return began + timedelta(seconds=deadline) if began else None
    # The rollout ended well once and Progressing stays True for ever after, so time decides.
    ready = condition(item.status.conditions, "Available")
    since = latest(ready.last_transition_time if ready else None, scope.last_write_at)
    patience = timedelta(seconds=RECOVERY_SECONDS + item.spec.min_ready_seconds)
    return since + patience if since else None


def _statefulset(
    witness: Witness, item: StatefulSet, history: Sequence[Snapshot], scope: Scope
) -> Evidence:
    status, replicas = item.status, wanted(item)
    strategy = item.spec.update_strategy
    on_delete = strategy is not None and strategy.type == "OnDelete"
    partition = (
        (strategy.rolling_update.partition or 0) if strategy and strategy.rolling_update else 0
    )
    due = max(0, replicas - partition)
    # With a partition, or OnDelete, currentRevision stays behind for good; the counts tell.
    lagging = (
        not on_delete
        and partition == 0
        and bool(status.update_revision)
        and status.current_revision != status.update_revision
    )
    short: tuple[str, str, str] | None = None
    if status.ready_replicas < replicas:
        short = ("status.readyReplicas", str(status.ready_replicas), str(replicas))
    elif status.available_replicas < replicas:
        short = ("status.availableReplicas", str(status.available_replicas), str(replicas))
    elif status.replicas > replicas:
        short = ("status.replicas", str(status.replicas), str(replicas))
    elif status.update_revision and status.updated_replicas < due:
        short = ("status.updatedReplicas", str(status.updated_replicas), str(due))
    elif lagging and replicas > 0:
        short = ("status.currentRevision", status.current_revision, status.update_revision)
    if short is None:
        return _complete(witness, item)
    by_hand = on_delete and short[0] == "status.updatedReplicas"
    return witness.violated(
        refer(item),
        field=short[0],
        observed=short[1]
        + (" (updateStrategy OnDelete: pods wait to be deleted)" if by_hand else ""),
        expected=short[2],
        settles_by=None if by_hand else _no_deadline(item, history, scope),
        settling=f"{_name(item)} to finish its rollout",
    )


def _daemonset(
    witness: Witness,
    item: DaemonSet,
    reference: Reference,
    history: Sequence[Snapshot],
    scope: Scope,
) -> Evidence:
    status, desired = item.status, item.status.desired_number_scheduled
    before = _reference_desired(item, reference)
    if desired == 0 and before > 0:
        return witness.violated(
            refer(item),
            field="status.desiredNumberScheduled",
            observed="0",
            expected=f"at least 1 node (the reference had {before})",
        )
    rolling = item.spec.update_strategy is None or item.spec.update_strategy.type != "OnDelete"
    short: tuple[str, str, str] | None = None
    if rolling and status.updated_number_scheduled < desired:
        short = (
            "status.updatedNumberScheduled",
            str(status.updated_number_scheduled),
            str(desired),
        )
    elif status.number_available < desired:
        short = ("status.numberAvailable", str(status.number_available), str(desired))
    if short is None:
        return _complete(witness, item)
    return witness.violated(
        refer(item),
        field=short[0],
        observed=short[1],
        expected=short[2],
        settles_by=_no_deadline(item, history, scope),
        settling=f"{_name(item)} to finish its rollout",
    )


def _reference_desired(item: DaemonSet, reference: Reference) -> int:
    # How many nodes it should be on is in its status, which a partial reference does not have.
    whole = None if reference.partial else reference.snapshot
    for look in (whole, reference.start):
        if look is None:
            continue
        for old in look.objects(DaemonSet, item.metadata.namespace):
            if old.metadata.name == item.metadata.name:
                return old.status.desired_number_scheduled
    return 0


def _no_deadline(item: Workload, history: Sequence[Snapshot], scope: Scope) -> datetime:
    """A kind without a deadline gets a Deployment's when the agent changed something."""
    if scope.last_write_at is not None:
        return scope.last_write_at + timedelta(seconds=PROGRESS_DEADLINE_SECONDS)
    patience = RECOVERY_SECONDS + item.spec.min_ready_seconds
    return history[0].at + timedelta(seconds=patience)


def _shortfall(
    *, updated: int, total: int, available: int, replicas: int
) -> tuple[str, str, str] | None:
    if updated < replicas:
        return "status.updatedReplicas", str(updated), str(replicas)
    if total > updated:
        return "status.replicas", str(total), f"{updated} (old pods gone)"
    if available < updated:
        return "status.availableReplicas", str(available), str(updated)
    return None


def _complete(witness: Witness, item: Workload) -> Evidence:
    return witness.satisfied(
        refer(item),
        field="status",
        observed=f"{available(item)} of {wanted(item)} available on the newest spec",
        expected="rollout complete",
    )


def _name(item: Workload) -> str:
    return f"{kind_of(item)} {item.metadata.name}"
