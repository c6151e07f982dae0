"""Whether a workload had come to rest in a look, and on which revision of its spec."""

from guardrails.gates.kubernetes.objects import DaemonSet, Deployment, StatefulSet, Workload
from guardrails.gates.kubernetes.topology import is_deleted, is_unobserved, revision_of, wanted


def is_settled(workload: Workload) -> bool:
    """Tell whether no rollout and no scaling was going on, and every pod served."""
    if is_unobserved(workload) or is_deleted(workload):
        return False
    status, due = workload.status, wanted(workload)
    match workload:
        case Deployment():
            counts = (status.updated_replicas, status.replicas, status.available_replicas)
        case StatefulSet():
            if _is_rolling(workload):
                return False
            counts = (status.replicas, status.ready_replicas, status.available_replicas)
        case DaemonSet():
            counts = (status.updated_number_scheduled, status.number_available)
            if _waits_for_deletes(workload):
                counts = (status.number_available,)
    return all(count == due for count in counts)


def _is_rolling(workload: StatefulSet) -> bool:
    """Tell whether pods are still to be replaced; a partition and OnDelete stop before that."""
    status, strategy = workload.status, workload.spec.update_strategy
    if strategy is not None and strategy.rolling_update is not None:
        return not strategy.rolling_update.partition and _lags(workload)
    return not _waits_for_deletes(workload) and bool(status.update_revision) and _lags(workload)


def _lags(workload: StatefulSet) -> bool:
    return workload.status.current_revision != workload.status.update_revision


def _waits_for_deletes(workload: Workload) -> bool:
    strategy = workload.spec.update_strategy
    return strategy is not None and strategy.type == "OnDelete"


def revision(workload: Workload) -> str:
    """Return what changes with the pod template; a DaemonSet shows only its whole generation."""
    match workload:
        case Deployment():
            return revision_of(workload.metadata)
        case StatefulSet():
            return workload.status.update_revision
        case DaemonSet():
            return str(workload.metadata.generation)
