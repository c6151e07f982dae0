"""What Istio lets through and where it sends it (security.istio.io, networking.istio.io)."""

import msgspec

from guardrails.gates.kubernetes.objects.meta import KubeObjectBase, Part


class MeshSelector(Part, frozen=True, kw_only=True, gc=False):
    """Labels of workloads; none means all of the namespace."""

    match_labels: dict[str, str] | None = None


class Mtls(Part, frozen=True, kw_only=True, gc=False):
    """Whether connections must be encrypted by the mesh."""

    mode: str = ""


class PeerAuthenticationSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a PeerAuthentication."""

    selector: MeshSelector | None = None
    mtls: Mtls | None = None


class PeerAuthentication(KubeObjectBase, frozen=True, kw_only=True, tag="PeerAuthentication"):
    """Who may connect without the mesh's encryption."""

    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()


class MeshSource(Part, frozen=True, kw_only=True, gc=False):
    """Where a request comes from; everything that is given must match."""

    principals: tuple[str, ...] | None = None
    service_accounts: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    ip_blocks: tuple[str, ...] | None = None
    remote_ip_blocks: tuple[str, ...] | None = None
    request_principals: tuple[str, ...] | None = None
    not_principals: tuple[str, ...] | None = None
    not_service_accounts: tuple[str, ...] | None = None
    not_namespaces: tuple[str, ...] | None = None
    not_ip_blocks: tuple[str, ...] | None = None
    not_remote_ip_blocks: tuple[str, ...] | None = None
    not_request_principals: tuple[str, ...] | None = None


class MeshFrom(Part, frozen=True, kw_only=True, gc=False):
    """One source."""

    source: MeshSource = MeshSource()


class MeshTo(Part, frozen=True, kw_only=True, gc=False):
    """One operation; which is not kept, only that there is one."""


class MeshWhen(Part, frozen=True, kw_only=True, gc=False):
    """One condition; which is not kept, only that there is one."""


class MeshRule(Part, frozen=True, kw_only=True, gc=False):
    """One rule; without any part it matches every request."""

    from_: tuple[MeshFrom, ...] | None = msgspec.field(default=None, name="from")
    to: tuple[MeshTo, ...] | None = None
    when: tuple[MeshWhen, ...] | None = None


class TargetName(Part, frozen=True, kw_only=True, gc=False):
    """An object that a policy is attached to."""

    kind: str = ""
    name: str = ""


class AuthorizationPolicySpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of an AuthorizationPolicy."""

    selector: MeshSelector | None = None
    target_refs: tuple[TargetName, ...] | None = None
    action: str = "ALLOW"
    rules: tuple[MeshRule, ...] | None = None


class AuthorizationPolicy(KubeObjectBase, frozen=True, kw_only=True, tag="AuthorizationPolicy"):
    """Which requests are let through."""

    spec: AuthorizationPolicySpec = AuthorizationPolicySpec()


class Percent(Part, frozen=True, kw_only=True, gc=False):
    """A share of requests, of 100."""

    value: float = 0.0


class Injection(Part, frozen=True, kw_only=True, gc=False):
    """A delay or an abort; absent percentages mean every request, as Istio documents."""

    percentage: Percent | None = None
    percent: float | None = None


class FaultInjection(Part, frozen=True, kw_only=True, gc=False):
    """Faults on purpose."""

    delay: Injection | None = None
    abort: Injection | None = None


class PortNumber(Part, frozen=True, kw_only=True, gc=False):
    """A port of a destination."""

    number: int = 0


class Destination(Part, frozen=True, kw_only=True, gc=False):
    """A Service, and a subset of its pods."""

    host: str = ""
    subset: str = ""
    port: PortNumber | None = None


class WeightedDestination(Part, frozen=True, kw_only=True, gc=False):
    """A destination's share; of a lone one the weight may be left out."""

    destination: Destination = Destination()
    weight: int | None = None


class MeshRoute(Part, frozen=True, kw_only=True, gc=False):
    """One route of HTTP, TLS or TCP."""

    route: tuple[WeightedDestination, ...] | None = None
    fault: FaultInjection | None = None


class VirtualServiceSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a VirtualService."""

    hosts: tuple[str, ...] | None = None
    http: tuple[MeshRoute, ...] | None = None
    tls: tuple[MeshRoute, ...] | None = None
    tcp: tuple[MeshRoute, ...] | None = None


class VirtualService(KubeObjectBase, frozen=True, kw_only=True, tag="VirtualService"):
    """Where requests for hosts are sent."""

    spec: VirtualServiceSpec = VirtualServiceSpec()


class TrafficPolicy(Part, frozen=True, kw_only=True, gc=False):
    """How a destination is talked to."""

    tls: Mtls | None = None


class Subset(Part, frozen=True, kw_only=True, gc=False):
    """A part of a Service's pods, by further labels."""

    name: str = ""
    labels: dict[str, str] | None = None
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a DestinationRule."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] | None = None


class DestinationRule(KubeObjectBase, frozen=True, kw_only=True, tag="DestinationRule"):
    """How a Service is talked to, and its subsets."""

    spec: DestinationRuleSpec = DestinationRuleSpec()
