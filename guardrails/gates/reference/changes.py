"""What was changed between two snapshots, whether it took something away or not.

For choosing a reference: shortly before an incident every change is suspect, also one that no check
holds against anybody. An older snapshot demands nothing that the newer one would not, so passing
one over for a change costs little.
"""

from collections.abc import Iterable, Iterator

import msgspec

from guardrails.gates.kubernetes.namespaces import labels_of
from guardrails.gates.kubernetes.objects import (
    AuthorizationPolicy,
    ConfigMap,
    CronJob,
    DaemonSet,
    Deployment,
    DestinationRule,
    HorizontalPodAutoscaler,
    Ingress,
    KubeObject,
    LimitRange,
    NetworkPolicy,
    PeerAuthentication,
    PodDisruptionBudget,
    ResourceQuota,
    Role,
    RoleBinding,
    Service,
    StatefulSet,
    VirtualService,
)
from guardrails.gates.snapshot import Snapshot

DECLARED: tuple[type[KubeObject], ...] = (
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
    Service,
    Ingress,
    NetworkPolicy,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    ResourceQuota,
    LimitRange,
    ConfigMap,
    Role,
    RoleBinding,
    PeerAuthentication,
    AuthorizationPolicy,
    VirtualService,
    DestinationRule,
)
"""Kinds that people and tools write, and controllers do not."""

_OBSERVED = frozenset({"metadata", "status"})


def changes(newer: Snapshot, older: Snapshot, namespaces: Iterable[str]) -> Iterator[str]:
    """Yield what was added, changed or deleted, in words; replicas are left to the checks.

    A number of replicas changes by autoscalers all day, and only fewer can be a fault.
    """
    for namespace in namespaces:
        for name, was, now in both(newer, older, namespace):
            if was is None:
                yield f"{name} was added"
            elif now is None:
                yield f"{name} was deleted"
            elif _declared(was) != _declared(now):
                yield f"{name} was changed"
        yield from _labels(newer, older, namespace)


def both(
    newer: Snapshot, older: Snapshot, namespace: str
) -> Iterator[tuple[str, KubeObject | None, KubeObject | None]]:
    """Yield each declared object of a namespace by kind and name, then and now.

    What either snapshot could not read is left out: of that nobody knows.
    """
    for kind in DECLARED:
        if not (_is_read(kind, newer, namespace) and _is_read(kind, older, namespace)):
            continue
        before, after = _by_name(kind, older, namespace), _by_name(kind, newer, namespace)
        for name in sorted(before.keys() | after.keys()):
            yield f"{kind.__name__} {name}", before.get(name), after.get(name)


def _labels(newer: Snapshot, older: Snapshot, namespace: str) -> Iterator[str]:
    """Yield labels of the namespace itself: they choose its mesh and who may talk to it."""
    before, after = labels_of(older, namespace), labels_of(newer, namespace)
    if before is None or after is None:
        return
    for label in sorted(before.keys() | after.keys()):
        if before.get(label) != after.get(label):
            yield f"label {label} of Namespace {namespace} was changed"


def _is_read(kind: type[KubeObject], look: Snapshot, namespace: str) -> bool:
    found = look.list_of(kind.__name__, namespace)
    return found is not None and found.read.ok


def _by_name(kind: type[KubeObject], look: Snapshot, namespace: str) -> dict[str, KubeObject]:
    """Return the namespace's objects of a kind; policies of a mesh are listed across them all."""
    return {
        item.metadata.name: item
        for item in look.objects(kind, namespace)
        if item.metadata.namespace in ("", namespace)
    }


def _declared(item: KubeObject) -> tuple[object, ...]:
    """Return what was written of an object: all but its identity and its status."""
    if isinstance(item, Deployment | StatefulSet):
        spec = msgspec.structs.replace(item.spec, replicas=None)
        return (spec,)
    return tuple(getattr(item, name) for name in declared_fields(item))


def declared_fields(item: KubeObject) -> Iterator[str]:
    """Yield the fields of an object that people and tools write."""
    return (name for name in item.__struct_fields__ if name not in _OBSERVED)
