"""Pods that slipped out of their workload and run on, unowned.

`pods-ready` knows them by the labels that only controllers give. Here are those that lost that
label, too: a pod that had an owner when it was last seen, or that bears a ReplicaSet's name.
Bare pods that people made beside a workload are reported, and held against nobody.
"""

import re
from collections.abc import Iterator

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import LabelSelector, Pod
from guardrails.gates.kubernetes.pods import LISTS
from guardrails.gates.kubernetes.topology import (
    CONTROLLED_LABELS,
    Territory,
    controller_of,
    kind_of,
    territory,
)
from guardrails.gates.snapshot import Snapshot

ID = CheckId("pods-owned")

_MADE_UP = re.compile("[bcdfghjklmnpqrstvwxz2456789]{5}")
"""What the API server appends to `generateName`: no word that a person would choose."""


def judge_ownership(view: View) -> list[Evidence]:
    """Judge every bare pod in scope that runs and that the reference did not have as it is."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        land = territory(view.look, namespace)
        for pod in land.pods:
            if _is_bare(pod):
                found.extend(_judge(witness, view, land, pod))
    return found


PODS_OWNED = Check(id=ID, judge=judge_ownership, lists=LISTS)


def _is_bare(pod: Pod) -> bool:
    labels = pod.metadata.labels or {}
    return (
        controller_of(pod.metadata) is None
        and pod.metadata.deletion_timestamp is None
        and pod.status.phase == "Running"
        and not any(label in labels for label in CONTROLLED_LABELS)
    )


def _judge(witness: Witness, view: View, land: Territory, pod: Pod) -> Iterator[Evidence]:
    was_bare = any(_had(past, pod, owned=False) for past in _references(view))
    owner = None if was_bare else _owner_before(view, land, pod)
    if owner is not None:
        yield witness.violated(
            refer(pod),
            field="metadata.ownerReferences",
            observed=f"runs without an owner, and {owner}",
            expected="owned by the workload that made it, or gone",
        )
        return
    beside = next((w for w in land.workloads if _resembles(pod, w.spec.selector)), None)
    if beside is None or was_bare:
        return
    yield aside(
        witness.violated(
            refer(pod),
            field="metadata.labels",
            observed=f"a bare pod with labels of {kind_of(beside)} {beside.metadata.name}",
            expected="nobody makes it again when it ends",
        )
    )


def _references(view: View) -> Iterator[Snapshot]:
    if view.reference.snapshot is not None:
        yield view.reference.snapshot


def _owner_before(view: View, land: Territory, pod: Pod) -> str | None:
    pasts = (*_references(view), view.reference.start, *view.history[:-1])
    if any(_had(past, pod, owned=True) for past in pasts if past is not None):
        return "had one before: it was taken out of its workload"
    stem, _, tail = pod.metadata.name.rpartition("-")
    if stem in land.replicasets and _MADE_UP.fullmatch(tail):
        return f"bears the name of ReplicaSet {stem}: it was taken out of it"
    return None


def _had(past: Snapshot, pod: Pod, *, owned: bool) -> bool:
    return any(
        old.metadata.uid == pod.metadata.uid and (controller_of(old.metadata) is not None) == owned
        for old in past.objects(Pod, pod.metadata.namespace)
    )


def _resembles(pod: Pod, selector: LabelSelector | None) -> bool:
    """Tell whether a pod has the labels of a workload, or all but one of several."""
    wanted = (selector.match_labels if selector else None) or {}
    has = pod.metadata.labels or {}
    missing = sum(has.get(key) != value for key, value in wanted.items())
    return bool(wanted) and missing <= (1 if len(wanted) > 1 else 0)
