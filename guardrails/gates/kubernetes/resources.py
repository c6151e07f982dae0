"""Where each kind lives in the Kubernetes API, and how its list is decoded.

One row per kind: adding a kind is a struct in `objects/` and a row here. No client is imported
here; the table serves the reader, `doctor` and the RBAC documentation alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from guardrails.gates.kubernetes import objects
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.objects.custom import decode_custom


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
    """Whether it is listed by namespace; else once for the whole cluster."""
    optional: bool = False
    """The cluster may not know the kind: an extension, installed or not. That it is not served is
    an answer, and no failure."""
    refusable: bool = False
    """Not everybody grants reading it. A refusal is named and held against nobody, unless the
    reference could read it."""

    custom: bool = False
    """Of a kind that only a policy names; what its objects are called is known by the answer."""

    def is_list(self, kind: str) -> bool:
        """Tell whether an answer's kind is a list of this."""
        return kind.endswith("List") if self.custom else kind == f"{self.kind}List"

    def decode(self, raw: msgspec.Raw) -> KubeObject:
        """Decode one object.

        Raises:
            msgspec.DecodeError: It is none of this kind.
        """
        if self.custom:
            return decode_custom(raw, of=self.plural)
        return msgspec.json.decode(raw, type=self.type)

    def path(self, namespace: str) -> str:
        """Return the URL path of the list in `namespace` (empty: the whole cluster)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{scope}/{self.plural}"


def _row(path: str, type_: type[KubeObject], **more: bool) -> Resource:
    """Read `group/version/plural`, the group left out where there is none."""
    *group, version, plural = path.split("/")
    return Resource(
        kind=type_.__name__,
        group="/".join(group),
        version=version,
        plural=plural,
        type=type_,
        namespaced=more.get("namespaced", True),
        optional=more.get("optional", False),
        refusable=more.get("refusable", False),
    )


def _extension(path: str, type_: type[KubeObject]) -> Resource:
    """Read a row of an extension whose objects reach beyond their namespace.

    They are listed across the cluster: a policy in the mesh's root namespace binds every other,
    and an experiment names the namespace that it strikes.
    """
    return _row(path, type_, namespaced=False, optional=True, refusable=True)


_ROWS = (
    _row("apps/v1/deployments", objects.Deployment),
    _row("apps/v1/statefulsets", objects.StatefulSet),
    _row("apps/v1/daemonsets", objects.DaemonSet),
    _row("apps/v1/replicasets", objects.ReplicaSet),
    _row("apps/v1/controllerrevisions", objects.ControllerRevision, refusable=True),
    _row("v1/pods", objects.Pod),
    _row("batch/v1/jobs", objects.Job),
    _row("batch/v1/cronjobs", objects.CronJob),
    _row("v1/services", objects.Service),
    _row("discovery.k8s.io/v1/endpointslices", objects.EndpointSlice),
    _row("networking.k8s.io/v1/ingresses", objects.Ingress),
    _row("networking.k8s.io/v1/ingressclasses", objects.IngressClass, namespaced=False,
         refusable=True),
    _row("networking.k8s.io/v1/networkpolicies", objects.NetworkPolicy),
    _row("autoscaling/v2/horizontalpodautoscalers", objects.HorizontalPodAutoscaler),
    _row("policy/v1/poddisruptionbudgets", objects.PodDisruptionBudget),
    _row("v1/resourcequotas", objects.ResourceQuota),
    _row("v1/limitranges", objects.LimitRange),
    _row("v1/persistentvolumeclaims", objects.PersistentVolumeClaim),
    _row("v1/nodes", objects.Node, namespaced=False),
    _row("v1/namespaces", objects.Namespace, namespaced=False, refusable=True),
    _row("v1/configmaps", objects.ConfigMap, refusable=True),
    _row("v1/serviceaccounts", objects.ServiceAccount, refusable=True),
    _row("rbac.authorization.k8s.io/v1/roles", objects.Role, refusable=True),
    _row("rbac.authorization.k8s.io/v1/rolebindings", objects.RoleBinding, refusable=True),
    _row("apiextensions.k8s.io/v1/customresourcedefinitions", objects.CustomResourceDefinition,
         namespaced=False, refusable=True),
    # v1beta1 is served by every Istio since 1.5; v1 came with 1.22.
    _extension("security.istio.io/v1beta1/peerauthentications", objects.PeerAuthentication),
    _extension("security.istio.io/v1beta1/authorizationpolicies", objects.AuthorizationPolicy),
    _row("networking.istio.io/v1beta1/virtualservices", objects.VirtualService, optional=True,
         refusable=True),
    _row("networking.istio.io/v1beta1/destinationrules", objects.DestinationRule, optional=True,
         refusable=True),
    _extension("chaos-mesh.org/v1alpha1/schedules", objects.Schedule),
    _extension("chaos-mesh.org/v1alpha1/podchaos", objects.PodChaos),
    _extension("chaos-mesh.org/v1alpha1/networkchaos", objects.NetworkChaos),
    _extension("chaos-mesh.org/v1alpha1/stresschaos", objects.StressChaos),
    _extension("chaos-mesh.org/v1alpha1/httpchaos", objects.HTTPChaos),
    _extension("chaos-mesh.org/v1alpha1/iochaos", objects.IOChaos),
    _extension("chaos-mesh.org/v1alpha1/dnschaos", objects.DNSChaos),
    _extension("chaos-mesh.org/v1alpha1/timechaos", objects.TimeChaos),
    _extension("chaos-mesh.org/v1alpha1/jvmchaos", objects.JVMChaos),
    _extension("chaos-mesh.org/v1alpha1/kernelchaos", objects.KernelChaos),
)  # fmt: skip

RESOURCES: Mapping[str, Resource] = MappingProxyType({row.kind: row for row in _ROWS})
"""Every kind that a check may read, by kind."""

_CUSTOM = re.compile(
    r"(?P<plural>[a-z0-9]+)\.(?P<group>[a-z0-9-]+(?:\.[a-z0-9-]+)+)/(?P<version>v\w+)"
)


def custom_resource(name: str) -> Resource | None:
    """Return where a custom resource lives, or None when the name is not `plural.group/version`.

    >>> custom_resource("certificates.cert-manager.io/v1").path("shop")
    '/apis/cert-manager.io/v1/namespaces/shop/certificates'
    """
    match = _CUSTOM.fullmatch(name)
    if match is None:
        return None
    plural, group, version = match.groups()
    return Resource(
        kind=name,
        group=group,
        version=version,
        plural=plural,
        type=objects.CustomResource,
        custom=True,
    )


def resource_of(kind: str) -> Resource | None:
    """Return where a kind lives: one of the table, or a custom resource by its whole name."""
    return RESOURCES.get(kind) or custom_resource(kind)
