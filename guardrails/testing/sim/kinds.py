"""The kinds of object that the simulated API server knows, one line each.

Discovery, routing, tables, field selectors and RBAC all read this table, so a kind that is added
here is served everywhere; only controllers need code of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
"""One API object as JSON. Stored objects are never changed in place: writers replace them."""


def part(obj: Obj, name: str) -> Obj:
    """An object's part, empty if it is null or absent: the API leaves out what is empty."""
    found: Obj | None = obj.get(name)
    return found if found is not None else {}


def parts(obj: Obj, name: str) -> list[Obj]:
    """An object's list of parts, empty if it is null or absent."""
    found: list[Obj] | None = obj.get(name)
    return found if found is not None else []


def texts(obj: Obj, name: str) -> list[str]:
    """An object's list of strings, empty if it is null or absent."""
    found: list[str] | None = obj.get(name)
    return found if found is not None else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the API says about one resource."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    generation: bool = False
    """Whether the real server counts `metadata.generation` for this kind."""
    fields: frozenset[str] = field(default_factory=frozenset[str])
    """Field selectors beyond `metadata.name` and `metadata.namespace`."""

    @property
    def api_version(self) -> str:
        """The `apiVersion` text of objects of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """The name that error messages use, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_kind(self) -> str:
        """The name that validation errors use, such as `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def singular(self) -> str:
        """The singular resource name."""
        return self.kind.lower()


_S = frozenset({"status"})
_SS = frozenset({"status", "scale"})
_ALL = ("all",)


def _kind(path: str, kind: str, **more: Any) -> Kind:  # noqa: ANN401  # passed on to Kind, which types them
    group_version, plural = path.rsplit("/", 1)
    group, _, version = group_version.rpartition("/")
    return Kind(group=group, version=version, plural=plural, kind=kind, **more)


BUILT_IN: tuple[Kind, ...] = (
    _kind("v1/namespaces", "Namespace", namespaced=False, short=("ns",), subresources=_S,
          fields=frozenset({"status.phase"})),
    _kind("v1/nodes", "Node", namespaced=False, short=("no",), subresources=_S,
          fields=frozenset({"spec.unschedulable"})),
    _kind("v1/pods", "Pod", short=("po",), categories=_ALL,
          subresources=frozenset({"status", "log"}), generation=True,
          fields=frozenset({"spec.nodeName", "status.phase", "status.podIP",
          "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"})),
    _kind("v1/services", "Service", short=("svc",), categories=_ALL, subresources=_S,
          fields=frozenset({"spec.clusterIP", "spec.type"})),
    _kind("v1/configmaps", "ConfigMap", short=("cm",)),
    _kind("v1/secrets", "Secret", fields=frozenset({"type"})),
    _kind("v1/events", "Event", short=("ev",), fields=frozenset({"involvedObject.kind",
          "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
          "involvedObject.apiVersion", "involvedObject.resourceVersion",
          "involvedObject.fieldPath", "reason", "source", "type", "reportingComponent"})),
    _kind("v1/serviceaccounts", "ServiceAccount", short=("sa",)),
    _kind("v1/persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), subresources=_S),
    _kind("v1/persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",),
          subresources=_S),
    _kind("v1/resourcequotas", "ResourceQuota", short=("quota",), subresources=_S),
    _kind("v1/limitranges", "LimitRange", short=("limits",)),
    _kind("discovery.k8s.io/v1/endpointslices", "EndpointSlice", generation=True),
    _kind("apps/v1/deployments", "Deployment", short=("deploy",), categories=_ALL,
          subresources=_SS, generation=True),
    _kind("apps/v1/replicasets", "ReplicaSet", short=("rs",), categories=_ALL,
          subresources=_SS, generation=True, fields=frozenset({"status.replicas"})),
    _kind("apps/v1/statefulsets", "StatefulSet", short=("sts",), categories=_ALL,
          subresources=_SS, generation=True),
    _kind("apps/v1/daemonsets", "DaemonSet", short=("ds",), categories=_ALL,
          subresources=_S, generation=True),
    _kind("apps/v1/controllerrevisions", "ControllerRevision"),
    _kind("batch/v1/jobs", "Job", categories=_ALL, subresources=_S, generation=True,
          fields=frozenset({"status.successful"})),
    _kind("batch/v1/cronjobs", "CronJob", short=("cj",), categories=_ALL, subresources=_S,
          generation=True),
    _kind("autoscaling/v2/horizontalpodautoscalers", "HorizontalPodAutoscaler", short=("hpa",),
          categories=_ALL, subresources=_S),
    _kind("policy/v1/poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",),
          subresources=_S, generation=True),
    _kind("networking.k8s.io/v1/networkpolicies", "NetworkPolicy", short=("netpol",),
          generation=True),
    _kind("networking.k8s.io/v1/ingresses", "Ingress", short=("ing",), subresources=_S,
          generation=True),
    _kind("networking.k8s.io/v1/ingressclasses", "IngressClass", namespaced=False,
          generation=True),
    _kind("rbac.authorization.k8s.io/v1/roles", "Role"),
    _kind("rbac.authorization.k8s.io/v1/rolebindings", "RoleBinding"),
    _kind("storage.k8s.io/v1/storageclasses", "StorageClass", namespaced=False, short=("sc",)),
    _kind("apiextensions.k8s.io/v1/customresourcedefinitions", "CustomResourceDefinition",
          namespaced=False, short=("crd", "crds"), subresources=_S, generation=True),
)  # fmt: skip


class Kinds:
    """The kinds of one cluster: the built-in ones and those that its CRDs added."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Kind] = {}
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        for kind in BUILT_IN:
            self.add(kind)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_path.values())

    def add(self, kind: Kind) -> None:
        """Serve one more kind."""
        self._by_kind.setdefault(kind.kind, kind)
        self._by_path[kind.group, kind.version, kind.plural] = kind

    def named(self, name: str) -> Kind:
        """The kind with this `kind`, plural or short name.

        Raises:
            KeyError: If the cluster has no such kind.
        """
        found = self._by_kind.get(name)
        if found is not None:
            return found
        for kind in self:
            if name in (kind.plural, kind.singular, *kind.short):
                return kind
        known = ", ".join(sorted(self._by_kind))
        raise KeyError(f"the simulated cluster has no kind {name!r}; it has {known}")

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind that a URL path names, if any."""
        return self._by_path.get((group, version, plural))

    def groups(self) -> dict[str, list[str]]:
        """Each API group with its versions."""
        found: dict[str, list[str]] = {}
        for kind in self:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        return found

    def add_crd(self, crd: Obj) -> None:
        """Serve the versions that a CustomResourceDefinition declares."""
        spec = crd["spec"]
        names = spec["names"]
        for version in spec.get("versions", ()):
            if version.get("served", True):
                self.add(Kind(
                    group=spec["group"], version=version["name"], plural=names["plural"],
                    kind=names["kind"], namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                    short=tuple(names.get("shortNames", ())), generation=True,
                    subresources=frozenset(version.get("subresources", {})) & _SS,
                ))  # fmt: skip
