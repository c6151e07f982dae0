"""What `kubectl apply` noted on an object: the annotation repeats the whole manifest.

Literal environment values are in it, and snapshots are stored; so only the fields of our own
objects are kept, reduced as the objects are.
"""

from collections.abc import Callable

import msgspec

from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.objects.meta import Metadata


class _AppliedSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    replicas: int | None = None


class _Applied(msgspec.Struct, frozen=True, omit_defaults=True):
    spec: _AppliedSpec = _AppliedSpec()


def applied_replicas(item: KubeObject) -> int | None:
    """Return the replicas that were last applied by `kubectl apply`, if the object says."""
    notes = item.metadata.annotations
    if notes is None or not notes.last_applied:
        return None
    try:
        return msgspec.json.decode(notes.last_applied, type=_Applied).spec.replicas
    except msgspec.DecodeError:
        # Written by people and tools; a broken annotation says nothing, as an absent one.
        return None


def applied_object(item: KubeObject) -> KubeObject | None:
    """Return the object as it was last applied, if the annotation says more than replicas."""
    notes = item.metadata.annotations
    if notes is None or not notes.last_applied:
        return None
    try:
        found = msgspec.json.decode(notes.last_applied, type=type(item))
    except msgspec.DecodeError:
        return None  # as above
    named = Metadata(name=item.metadata.name, namespace=item.metadata.namespace)
    return msgspec.structs.replace(found, metadata=named)


def slim_applied(item: KubeObject, reduce: Callable[[KubeObject], KubeObject]) -> str:
    """Return the annotation with only what checks read.

    Args:
        item: The object that carries it.
        reduce: Takes the literal values out of an object.
    """
    applied = applied_object(item)
    if applied is None:
        return msgspec.json.encode(_Applied(_AppliedSpec(applied_replicas(item)))).decode()
    kept = msgspec.to_builtins(reduce(msgspec.structs.replace(applied, metadata=Metadata())))
    kept.pop("status", None)
    return msgspec.json.encode(kept).decode()
