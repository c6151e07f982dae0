"""`helm install --wait` of Helm 3.

Rules: `pkg/kube/ready.go` of helm/helm v3. A Deployment is ready with its `maxUnavailable`
missing, and its old pods are nobody's concern.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from benchmarks.gates.world import (
    Answer,
    Peer,
    Thing,
    View,
    World,
    applied,
    dig,
    each,
    no,
    number,
    observed,
    owned_by,
    replicas,
    yes,
)

HASH = "pod-template-hash"


def judge(view: View) -> Answer:
    """Accept when everything that is waited for is ready."""
    for plural, name, thing in applied(view):
        if thing is None:
            return no(f"NotFound: {plural}/{name}")
        rule = _RULES.get(plural)
        if rule is not None and not rule(thing, view.now):
            return no(f"{plural}/{name} is not ready")
    for service in view.now.of("services"):
        if not _service(service):
            return no("a Service has no address")
    for claim in view.now.of("persistentvolumeclaims"):
        if dig(claim, "status", "phase") != "Bound":
            return no("a claim is not bound")
    return yes("ready")


def _deployment(thing: Thing, world: World) -> bool:
    if dig(thing, "spec", "paused") or not observed(thing):
        return False
    newest = _newest_replica_set(thing, world)
    if newest is None:
        return False
    expected = replicas(thing) - _max_unavailable(thing)
    return number(newest, "status", "readyReplicas") >= expected


def _newest_replica_set(thing: Thing, world: World) -> Thing | None:
    template = _unhashed(dig(thing, "spec", "template"))
    return next(
        (
            one
            for one in owned_by(world, "replicasets", thing)
            if _unhashed(dig(one, "spec", "template")) == template
        ),
        None,
    )


def _unhashed(template: Any) -> dict[str, Any]:
    whole = dict(cast("Mapping[str, Any]", template or {}))
    metadata = dict(cast("Mapping[str, Any]", whole.get("metadata") or {}))
    labels = dict(cast("Mapping[str, Any]", metadata.get("labels") or {}))
    labels.pop(HASH, None)
    metadata.pop("creationTimestamp", None)
    return {**whole, "metadata": {**metadata, "labels": labels}}


def _max_unavailable(thing: Thing) -> int:
    wanted = replicas(thing)
    if dig(thing, "spec", "strategy", "type") != "RollingUpdate" or wanted == 0:
        return 0
    limits = dig(thing, "spec", "strategy", "rollingUpdate")
    surge = _share(dig(limits, "maxSurge"), of=wanted, up=True)
    unavailable = _share(dig(limits, "maxUnavailable"), of=wanted, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1  # the API's own validation allows no rollout that cannot move
    return min(unavailable, wanted)


def _share(value: Any, *, of: int, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        whole = int(value[:-1]) * of
        return -(-whole // 100) if up else whole // 100
    return value if isinstance(value, int) else 0


def _stateful_set(thing: Thing, _world: World) -> bool:
    if not observed(thing):
        return False
    if dig(thing, "spec", "updateStrategy", "type") != "RollingUpdate":
        return True
    wanted = replicas(thing)
    partition = number(thing, "spec", "updateStrategy", "rollingUpdate", "partition")
    if number(thing, "status", "updatedReplicas") < wanted - partition:
        return False
    if number(thing, "status", "readyReplicas") != wanted:
        return False
    same = dig(thing, "status", "currentRevision") == dig(thing, "status", "updateRevision")
    return partition != 0 or same


def _daemon_set(thing: Thing, _world: World) -> bool:
    if not observed(thing):
        return False
    if dig(thing, "spec", "updateStrategy", "type") != "RollingUpdate":
        return True
    wanted = number(thing, "status", "desiredNumberScheduled")
    if number(thing, "status", "updatedNumberScheduled") != wanted:
        return False
    limit = dig(thing, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable")
    missing = _share(limit, of=wanted, up=True)
    return number(thing, "status", "numberReady") >= wanted - missing


def _service(thing: Thing) -> bool:
    if dig(thing, "spec", "type") == "ExternalName" or dig(thing, "spec", "clusterIP") == "None":
        return True
    if not dig(thing, "spec", "clusterIP"):
        return False
    if dig(thing, "spec", "type") != "LoadBalancer" or each(thing, "spec", "externalIPs"):
        return True
    return bool(each(thing, "status", "loadBalancer", "ingress"))


_RULES = {"deployments": _deployment, "statefulsets": _stateful_set, "daemonsets": _daemon_set}
"""Jobs are waited for only with `--wait-for-jobs`."""

HELM = Peer(name="Helm 3 --wait", source="helm/helm v3 pkg/kube/ready.go", judge=judge)
