"""Where each kind lives in the Kubernetes API, and how its list is decoded.

One row per kind: adding a kind is a struct in `objects.py` and a row here. No client is imported
here; the table serves the reader, `doctor` and the RBAC documentation alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from guardrails.gates.kubernetes.objects import (
    Annotations,
    DaemonSet,
    Deployment,
    EndpointSlice,
    HorizontalPodAutoscaler,
    KubeObject,
    Namespace,
    Pod,
    ReplicaSet,
    Service,
    StatefulSet,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of the API."""

    kind: str
    group: str
    """Empty for the core group."""
    version: str
    plural: str
    type: type[KubeObject]
    namespaced: bool = True

    def path(self, namespace: str) -> str:
        """Return the URL path of the list in `namespace` (empty: the whole cluster)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{scope}/{self.plural}"


_ROWS = (
    Resource(kind="Deployment", group="apps", version="v1", plural="deployments", type=Deployment),
    Resource(
        kind="StatefulSet", group="apps", version="v1", plural="statefulsets", type=StatefulSet
    ),
    Resource(kind="DaemonSet", group="apps", version="v1", plural="daemonsets", type=DaemonSet),
    Resource(kind="ReplicaSet", group="apps", version="v1", plural="replicasets", type=ReplicaSet),
    Resource(kind="Pod", group="", version="v1", plural="pods", type=Pod),
    Resource(kind="Service", group="", version="v1", plural="services", type=Service),
    Resource(
        kind="EndpointSlice",
        group="discovery.k8s.io",
        version="v1",
        plural="endpointslices",
        type=EndpointSlice,
    ),
    Resource(
        kind="HorizontalPodAutoscaler",
        group="autoscaling",
        version="v2",
        plural="horizontalpodautoscalers",
        type=HorizontalPodAutoscaler,
    ),
    Resource(
        kind="Namespace",
        group="",
        version="v1",
        plural="namespaces",
        type=Namespace,
        namespaced=False,
    ),
)

RESOURCES: Mapping[str, Resource] = MappingProxyType({row.kind: row for row in _ROWS})
"""Every kind that a check may read, by kind."""


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


def slim(item: KubeObject) -> KubeObject:
    """Keep of the last-applied annotation only what checks read.

    It repeats the whole manifest, literal environment values included, and snapshots are stored.
    """
    notes = item.metadata.annotations
    if notes is None or not notes.last_applied:
        return item
    kept = msgspec.json.encode(_Applied(_AppliedSpec(applied_replicas(item)))).decode()
    metadata = msgspec.structs.replace(
        item.metadata, annotations=Annotations(revision=notes.revision, last_applied=kept)
    )
    return msgspec.structs.replace(item, metadata=metadata)
