"""Edges of capacity: autoscalers and what they scale, quotas and what they may refuse."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import (
    HorizontalPodAutoscaler,
    LimitRange,
    Namespace,
    ResourceQuota,
)
from guardrails.gates.kubernetes.topology import available, territory, wanted
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Reach, Thing
from guardrails.gates.topology.templates import makers, thing_of


def autoscaling(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie each autoscaler to its target. One at its maximum may be its target's fault."""
    for scaler in look.objects(HorizontalPodAutoscaler, namespace):
        target = scaler.spec.scale_target_ref
        thing, scaled = thing_of(scaler), Thing(target.kind, target.name, namespace)
        yield Edge(thing, scaled, f"{thing} scales {scaled}")
        yield Edge(scaled, thing, f"{thing} scales {scaled}", Reach.LAST)


def quotas(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie quotas and limits to the workloads that lack pods, which they may have refused.

    A quota touches a whole namespace. What has all its pods is not touched by it.
    """
    limits = (*look.objects(ResourceQuota, namespace), *look.objects(LimitRange, namespace))
    short = [
        (thing_of(w), f"{available(w)} of {wanted(w)} pods")
        for w in territory(look, namespace).workloads
        if available(w) < wanted(w)
    ]
    for limit in limits:
        for workload, has in short:
            why = f"{workload} has {has}, and {thing_of(limit)} limits its namespace"
            yield Edge(thing_of(limit), workload, why)


def changed_namespaces(look: Snapshot, before: Snapshot | None, namespace: str) -> Iterator[Edge]:
    """Tie a namespace to what is in it, if its labels changed, or it is going.

    Labels choose policies and meshes, so a change of them may break everything inside with every
    pod ready. A namespace that did not change explains nothing, though it holds everything.
    """
    reason = _change(look, before, namespace)
    thing = Thing("Namespace", namespace)
    for maker in makers(look, namespace) if reason else ():
        yield Edge(thing, maker.thing, f"{maker.thing} is in {thing}, {reason}")


def _change(look: Snapshot, before: Snapshot | None, namespace: str) -> str:
    now = _namespace(look, namespace)
    if now is None:
        return ""
    if now.status.phase == "Terminating" or now.metadata.deletion_timestamp is not None:
        return "which is being deleted"
    then = _namespace(before, namespace) if before is not None else None
    if then is None:
        return ""
    is_, was = now.metadata.labels or {}, then.metadata.labels or {}
    changed = sorted(k for k in is_.keys() | was.keys() if is_.get(k) != was.get(k))
    return f"whose label {changed[0]} changed" if changed else ""


def _namespace(look: Snapshot, name: str) -> Namespace | None:
    return next((n for n in look.objects(Namespace, name) if n.metadata.name == name), None)


def knows_namespace(look: Snapshot | None, name: str) -> bool:
    """Tell whether a look says what a namespace is like."""
    return look is not None and _namespace(look, name) is not None
