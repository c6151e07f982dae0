"""Whether pods stay: none is made anew after its workload had come to rest.

Alerts on single pods never fire when the pod is made again before their `for` is over, and a new
uid begins to count restarts at 0. So pods are followed by owner, over the gate's looks.
"""

from collections.abc import Iterator
from datetime import timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import DaemonSet, Pod, Workload
from guardrails.gates.kubernetes.pods import LISTS, stands
from guardrails.gates.kubernetes.settled import is_settled, revision
from guardrails.gates.kubernetes.topology import (
    Owner,
    Territory,
    is_deleted,
    kind_of,
    latest,
    territory,
    wanted,
)

ID = CheckId("pod-churn")


def judge_churn(view: View) -> list[Evidence]:
    """Compare the pods of every workload with those that it had when it was at rest."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        looks = [territory(look, namespace) for look in view.history]
        for workload in looks[-1].workloads:
            if not is_deleted(workload):
                found.extend(_judge(witness, view, workload, looks))
    return found


POD_CHURN = Check(id=ID, judge=judge_churn, lists=LISTS)


def _judge(
    witness: Witness, view: View, workload: Workload, looks: list[Territory]
) -> Iterator[Evidence]:
    *earlier, now = looks
    pods = _pods(now, workload)
    if not pods:
        return
    rests = [land for land in earlier if _was_at_rest(land, workload)]
    # The oldest rest tells most.
    new = _made_since(rests[0], now, workload) if rests else []
    if not new:
        yield witness.satisfied(
            refer(workload),
            field="pods",
            observed=f"the same {len(pods)} pods" if rests else f"{len(pods)} pods, first seen now",
            expected="no pod made anew without a rollout",
        )
        return
    again = _replaced_again(rests[0], earlier[-1], now, workload)
    made = latest(*(p.metadata.creation_timestamp for p in new)) or witness.at
    quiet_at = made + timedelta(seconds=view.scope.quiet_seconds)
    if not again and quiet_at <= witness.at:
        yield witness.satisfied(
            refer(workload),
            field="pods",
            observed=f"{len(new)} pods made anew, the last at {made:%H:%M:%S}",
            expected="no pod made anew without a rollout lately",
        )
        return
    twice = ", and not for the first time" if again else ""
    yield witness.violated(
        refer(workload),
        field="pods",
        observed=f"{len(new)} of its {len(pods)} pods were made anew without a rollout since the "
        f"gate saw it at rest, such as {new[-1].metadata.name}{twice}",
        expected="pods that stay",
        settles_by=None if again else quiet_at,
        settling=f"{kind_of(workload)} {workload.metadata.name} to keep its pods for "
        f"{view.scope.quiet_seconds:g} s",
    )


def _was_at_rest(past: Territory, workload: Workload) -> bool:
    """Tell whether it was at rest on the spec that it has now, scale included."""
    old = past.workload(kind_of(workload), workload.metadata.name)
    return (
        old is not None
        and old.metadata.uid == workload.metadata.uid
        and old.metadata.generation == workload.metadata.generation
        and revision(old) == revision(workload)
        and is_settled(old)
        and wanted(old) > 0
    )


def _pods(land: Territory, workload: Workload) -> list[Pod]:
    owner = Owner(kind=kind_of(workload), name=workload.metadata.name)
    return [p for p in land.by_owner.get(owner, ()) if stands(p)]


def _made_since(past: Territory, now: Territory, workload: Workload) -> list[Pod]:
    """Return the pods that stand in the place of others.

    A DaemonSet's pod on another node is no replacement: nodes come and go.
    """
    before = _pods(past, workload)
    known = {p.metadata.uid for p in before}
    places = {p.spec.node_name for p in before}
    new = [p for p in _pods(now, workload) if p.metadata.uid not in known]
    if isinstance(workload, DaemonSet):
        new = [p for p in new if p.spec.node_name in places]
    return new


def _replaced_again(
    first: Territory, before: Territory, now: Territory, workload: Workload
) -> bool:
    """Tell whether a pod that was itself made anew is gone again."""
    present = {p.metadata.uid for p in _pods(now, workload)}
    replaced = _made_since(first, before, workload)
    return any(p.metadata.uid not in present for p in replaced) and bool(
        _made_since(before, now, workload)
    )
