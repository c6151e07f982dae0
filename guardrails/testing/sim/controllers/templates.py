"""Pod templates: comparing them, naming them by hash, and making pods from them."""

import hashlib

import msgspec

from guardrails.testing.sim.controllers.ownership import owner_reference
from guardrails.testing.sim.kinds import Obj, part
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.status import StatusError
from guardrails.testing.sim.store import clone

HASH_LABEL = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LENGTH = 10
"""As long as the real server's hashes usually are."""


def template_hash(template: Obj) -> str:
    """A short, stable name for a pod template."""
    bare = clone(template)
    part(bare, "metadata").get("labels", {}).pop(HASH_LABEL, None)
    digest = hashlib.sha256(msgspec.json.encode(bare, order="sorted")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_LENGTH])


def same_template(one: Obj, other: Obj) -> bool:
    """Whether two templates make the same pods, whatever their hash label says."""
    return template_hash(one) == template_hash(other)


def pod_from(template: Obj, owner: Obj, *, name: str = "") -> Obj:
    """A pod of an owner's template; a generated name unless one is given."""
    meta: Obj = clone(part(template, "metadata"))
    meta.pop("creationTimestamp", None)
    meta["namespace"] = owner["metadata"]["namespace"]
    meta["ownerReferences"] = [owner_reference(owner)]
    if name:
        meta["name"] = name
    else:
        meta["generateName"] = owner["metadata"]["name"] + "-"
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": clone(template["spec"])}


def create_pod(registry: Registry, pod: Obj) -> Obj | StatusError:
    """Create a pod; a refusal (quota, a vanished namespace) is returned, not raised."""
    try:
        return registry.create(
            registry.kinds.named("Pod"), pod, namespace=pod["metadata"]["namespace"]
        )
    except StatusError as error:
        return error


def delete_pod(registry: Registry, pod: Obj) -> None:
    """Delete a pod with its own grace period."""
    meta = pod["metadata"]
    registry.delete(registry.kinds.named("Pod"), meta["name"], namespace=meta["namespace"])


def resolve_count(value: object, total: int, *, up: bool) -> int:
    """`maxSurge` and `maxUnavailable`: a number, or a percentage rounded up or down."""
    if isinstance(value, str) and value.endswith("%"):
        exact = total * int(value[:-1])
        return -(-exact // 100) if up else exact // 100
    return int(str(value))
