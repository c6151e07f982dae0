"""Whether the API server lets workloads make their pods: quotas, limit ranges, other refusals.

The root is named: the ResourceQuota that has no room, with what it has and what was asked of it.
A quota that is full and refuses nobody is no fault.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.admission import (
    Refusal,
    needs,
    quota_named,
    refusals,
    retried_by,
    room,
)
from guardrails.gates.kubernetes.objects import (
    Deployment,
    LimitRange,
    ResourceQuota,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.quantities import amount
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    is_deleted,
    kind_of,
    reaction_to_write,
    territory,
    wanted,
)

ID = CheckId("pods-admitted")

LISTS = (*WORKLOAD_LISTS, "ReplicaSet", "Pod", "ResourceQuota", "LimitRange")


def judge_admission(view: View) -> list[Evidence]:
    """Judge every refusal in scope, and every quota that refuses nobody."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        found.extend(_judge_namespace(witness, view, namespace))
    return found


PODS_ADMITTED = Check(id=ID, judge=judge_admission, lists=LISTS)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    refused = list(refusals(view.look, namespace))
    blocking = {r.quota for r in refused if r.quota}
    for refusal in refused:
        yield _refused(witness, view, refusal)
    for quota in view.look.objects(ResourceQuota, namespace):
        if quota.metadata.name in blocking:
            continue
        kept_out = _kept_out(view, quota)
        yield _full(witness, view, quota, kept_out) if kept_out else _fine(witness, quota)


def _refused(witness: Witness, view: View, refusal: Refusal) -> Evidence:
    held = refusal.replicaset
    home = held.metadata.namespace
    quota = quota_named(view.look, home, refusal.quota) if refusal.quota else None
    words = f"{refusal.condition.reason}: {refusal.condition.message}"
    made = f"ReplicaSet {held.metadata.name} has {held.status.replicas} of {held.spec.replicas}"
    until = retried_by(refusal, view)
    settling = f"ReplicaSet {held.metadata.name} to make its pods"
    if quota is not None:
        return witness.violated(
            refer(quota),
            field="status.used",
            observed=f"{_use(quota)}{_age(view, quota)}; {made} pods ({words})",
            expected="room for the pods of the workloads",
            settles_by=until,
            settling=settling,
        )
    limits = _limits(view, home) if refusal.by_limits else None
    return witness.violated(
        refer(held) if limits is None else refer(limits),
        field="status.conditions[ReplicaFailure]" if limits is None else "spec.limits",
        observed=f"{made} pods{_age(view, limits)} ({words})",
        expected="pods are admitted",
        settles_by=until,
        settling=settling,
    )


def _limits(view: View, namespace: str) -> LimitRange | None:
    """Return the LimitRange that refuses: the one that is new, or the only one."""
    found = view.look.objects(LimitRange, namespace)
    fresh = [x for x in found if _is_new(view, x)]
    likely = fresh if len(fresh) == 1 else found
    return likely[0] if len(likely) == 1 else None


def _is_new(view: View, item: ResourceQuota | LimitRange) -> bool:
    past, home = view.reference.snapshot, item.metadata.namespace
    if past is None or not view.reference.knows(type(item).__name__, home):
        return False
    return all(x.metadata.name != item.metadata.name for x in past.objects(type(item), home))


def _age(view: View, item: ResourceQuota | LimitRange | None) -> str:
    return "; new since the reference" if item is not None and _is_new(view, item) else ""


def _use(quota: ResourceQuota) -> str:
    hard = quota.status.hard or quota.spec.hard or {}
    used = quota.status.used or {}
    parts = (f"{key}: {used.get(key, 0)} of {most}" for key, most in sorted(hard.items()))
    return "used " + ", ".join(parts)


def _kept_out(view: View, quota: ResourceQuota) -> Sequence[Workload]:
    """Return the workloads that are short of pods and that a quota has no room for.

    StatefulSets have no condition for it; they are short of pods in silence.
    """
    land = territory(view.look, quota.metadata.namespace)
    return [
        w
        for w in land.workloads
        if not isinstance(w, Deployment)
        and not is_deleted(w)
        and _made(w) < wanted(w)
        and room(quota, needs(w.spec.template)) is not None
    ]


def _made(workload: Workload) -> int:
    if isinstance(workload, StatefulSet):
        return workload.status.replicas
    return workload.status.current_number_scheduled


def _full(
    witness: Witness, view: View, quota: ResourceQuota, kept_out: Sequence[Workload]
) -> Evidence:
    first = kept_out[0]
    until: datetime | None = reaction_to_write(view.scope)
    name = f"{kind_of(first)} {first.metadata.name}"
    return witness.violated(
        refer(quota),
        field="status.used",
        observed=f"{_use(quota)}{_age(view, quota)}; no room for another pod of {name}, "
        f"which has {_made(first)} of {wanted(first)}",
        expected="room for the pods of the workloads",
        settles_by=until,
        settling=f"{name} to make its pods",
    )


def _fine(witness: Witness, quota: ResourceQuota) -> Evidence:
    hard = quota.status.hard or quota.spec.hard or {}
    used = quota.status.used or {}
    full = [k for k, most in hard.items() if (amount(used.get(k, 0)) or 0) >= (amount(most) or 0)]
    more = f" ({', '.join(sorted(full))} used up)" if full else ""
    return witness.satisfied(
        refer(quota),
        field="status.used",
        observed=f"refuses no pod{more}",
        expected="refuses no pod",
    )
