"""How requests find pods: Services, EndpointSlices, Ingresses, and policies that forbid them."""

import msgspec

from guardrails.gates.kubernetes.objects.meta import (
    KubeObjectBase,
    LabelSelector,
    Part,
    TypedName,
)


class ServicePort(Part, frozen=True, kw_only=True, gc=False):
    """One port of a Service."""

    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    """Absent means the same as `port`."""
    protocol: str = "TCP"
    node_port: int = 0


class ServiceSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a Service."""

    type: str = "ClusterIP"
    selector: dict[str, str] | None = None
    ports: tuple[ServicePort, ...] | None = None
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = ""
    external_traffic_policy: str = ""
    session_affinity: str = ""


class LoadBalancerIngress(Part, frozen=True, kw_only=True, gc=False):
    """An address that a load balancer gave."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Part, frozen=True, kw_only=True, gc=False):
    """Addresses that a load balancer gave; none while it gave none."""

    ingress: tuple[LoadBalancerIngress, ...] | None = None


class ServiceStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a Service or an Ingress."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(KubeObjectBase, frozen=True, kw_only=True, tag="Service"):
    """A Service."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class TargetRef(Part, frozen=True, kw_only=True, gc=False):
    """The pod behind an endpoint."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class EndpointConditions(Part, frozen=True, kw_only=True, gc=False):
    """State of an endpoint; an absent `ready` means ready, as the API documents."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Part, frozen=True, kw_only=True, gc=False):
    """One backend of a Service."""

    addresses: tuple[str, ...] | None = None
    conditions: EndpointConditions | None = None
    target_ref: TargetRef | None = None
    node_name: str = ""


class EndpointPort(Part, frozen=True, kw_only=True, gc=False):
    """A port of a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(KubeObjectBase, frozen=True, kw_only=True, tag="EndpointSlice"):
    """An EndpointSlice of discovery.k8s.io/v1."""

    address_type: str = ""
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class BackendPort(Part, frozen=True, kw_only=True, gc=False):
    """A Service's port, by name or number."""

    name: str = ""
    number: int = 0


class IngressServiceBackend(Part, frozen=True, kw_only=True, gc=False):
    """A Service that an Ingress sends requests to."""

    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(Part, frozen=True, kw_only=True, gc=False):
    """Where an Ingress sends requests."""

    service: IngressServiceBackend | None = None
    resource: TypedName | None = None


class IngressPath(Part, frozen=True, kw_only=True, gc=False):
    """One path of a host."""

    path: str = ""
    path_type: str = ""
    backend: IngressBackend = IngressBackend()


class IngressHttp(Part, frozen=True, kw_only=True, gc=False):
    """The paths of a host."""

    paths: tuple[IngressPath, ...] | None = None


class IngressRule(Part, frozen=True, kw_only=True, gc=False):
    """One host; empty means all."""

    host: str = ""
    http: IngressHttp | None = None


class IngressTls(Part, frozen=True, kw_only=True, gc=False):
    """A certificate for hosts."""

    hosts: tuple[str, ...] | None = None
    secret_name: str = ""


class IngressSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of an Ingress."""

    ingress_class_name: str = ""
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] | None = None
    tls: tuple[IngressTls, ...] | None = None


class Ingress(KubeObjectBase, frozen=True, kw_only=True, tag="Ingress"):
    """An Ingress."""

    spec: IngressSpec = IngressSpec()
    status: ServiceStatus = ServiceStatus()


class IngressClassSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of an IngressClass."""

    controller: str = ""


class IngressClass(KubeObjectBase, frozen=True, kw_only=True, tag="IngressClass"):
    """An IngressClass; whether it is the default is in its annotations."""

    spec: IngressClassSpec = IngressClassSpec()


class IpBlock(Part, frozen=True, kw_only=True, gc=False):
    """A range of addresses."""

    cidr: str = ""
    except_: tuple[str, ...] | None = msgspec.field(default=None, name="except")


class PolicyPeer(Part, frozen=True, kw_only=True, gc=False):
    """Who may talk; the selectors that are there must all match."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None


class PolicyPort(Part, frozen=True, kw_only=True, gc=False):
    """Where they may talk; without a port, on all of the protocol."""

    port: int | str | None = None
    end_port: int | None = None
    protocol: str = "TCP"


class IngressAllowance(Part, frozen=True, kw_only=True, gc=False):
    """One allowance for requests that come in; absent peers mean everybody."""

    from_: tuple[PolicyPeer, ...] | None = msgspec.field(default=None, name="from")
    ports: tuple[PolicyPort, ...] | None = None


class EgressAllowance(Part, frozen=True, kw_only=True, gc=False):
    """One allowance for requests that go out; absent peers mean everybody."""

    to: tuple[PolicyPeer, ...] | None = None
    ports: tuple[PolicyPort, ...] | None = None


class NetworkPolicySpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a NetworkPolicy; an empty `podSelector` selects every pod of the namespace."""

    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] | None = None
    ingress: tuple[IngressAllowance, ...] | None = None
    egress: tuple[EgressAllowance, ...] | None = None


class NetworkPolicy(KubeObjectBase, frozen=True, kw_only=True, tag="NetworkPolicy"):
    """A NetworkPolicy."""

    spec: NetworkPolicySpec = NetworkPolicySpec()
