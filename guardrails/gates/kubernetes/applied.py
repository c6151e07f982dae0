"""What `kubectl apply` noted on an object: the annotation repeats the whole manifest.

Literal environment values are in it, and snapshots are stored; so only what checks read is kept.
"""

import msgspec

from guardrails.gates.kubernetes.objects import KubeObject


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


def slim_applied(item: KubeObject) -> str:
    """Return the annotation with only what checks read."""
    return msgspec.json.encode(_Applied(_AppliedSpec(applied_replicas(item)))).decode()
