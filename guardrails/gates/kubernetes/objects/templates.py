"""What a workload gives its pods: the rich form, kept for templates and not for every pod.

Checks compare templates with the reference (a probe that is gone, a Service that an environment
variable names). Literal values are reduced before they are kept, see `kubernetes/reduction.py`.
"""

from guardrails.gates.kubernetes.objects.meta import LabelSelector, Named, Part, Requirement


class ContainerPort(Part, frozen=True, kw_only=True, gc=False):
    """A port that a container declares."""

    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class KeyRef(Part, frozen=True, kw_only=True, gc=False):
    """One key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvSource(Part, frozen=True, kw_only=True, gc=False):
    """Where a variable's value comes from, when it is not literal."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(Part, frozen=True, kw_only=True, gc=False):
    """One environment variable."""

    name: str = ""
    value: str = ""
    """Reduced: an address as it is, anything else as a digest."""
    value_from: EnvSource | None = None


class EnvFrom(Part, frozen=True, kw_only=True, gc=False):
    """A ConfigMap or Secret whose keys all become variables."""

    config_map_ref: Named | None = None
    secret_ref: Named | None = None


class HttpGet(Part, frozen=True, kw_only=True, gc=False):
    """An HTTP probe."""

    path: str = ""
    port: int | str = 0
    scheme: str = ""


class TcpSocket(Part, frozen=True, kw_only=True, gc=False):
    """A TCP probe."""

    port: int | str = 0


class Grpc(Part, frozen=True, kw_only=True, gc=False):
    """A gRPC probe."""

    port: int = 0


class Exec(Part, frozen=True, kw_only=True, gc=False):
    """A command that is run in the container; each part reduced."""

    command: tuple[str, ...] | None = None


class Probe(Part, frozen=True, kw_only=True, gc=False):
    """A probe of any kind; the API server fills the numbers in, as seconds and counts."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    grpc: Grpc | None = None
    exec: Exec | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3


class Resources(Part, frozen=True, kw_only=True, gc=False):
    """Requests and limits, as quantities in text."""

    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class Capabilities(Part, frozen=True, kw_only=True, gc=False):
    """Linux capabilities."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class SecurityContext(Part, frozen=True, kw_only=True, gc=False):
    """What confines a pod or container; None where it says nothing."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    capabilities: Capabilities | None = None


class Hook(Part, frozen=True, kw_only=True, gc=False):
    """A lifecycle hook; only that it is there matters."""

    http_get: HttpGet | None = None
    exec: Exec | None = None


class Lifecycle(Part, frozen=True, kw_only=True, gc=False):
    """What runs around a container's life."""

    pre_stop: Hook | None = None
    post_start: Hook | None = None


class VolumeMount(Part, frozen=True, kw_only=True, gc=False):
    """Where a volume appears in a container."""

    name: str = ""
    mount_path: str = ""
    sub_path: str = ""


class TemplateContainer(Part, frozen=True, kw_only=True, gc=False):
    """A container of a template, whole as far as checks compare it."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    restart_policy: str = ""
    """`Always` on an init container makes it a sidecar."""
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvFrom, ...] | None = None
    resources: Resources | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    security_context: SecurityContext | None = None


class SecretVolume(Part, frozen=True, kw_only=True, gc=False):
    """A Secret as a volume."""

    secret_name: str = ""
    optional: bool = False


class ClaimVolume(Part, frozen=True, kw_only=True, gc=False):
    """A PersistentVolumeClaim as a volume."""

    claim_name: str = ""
    read_only: bool = False


class EmptyDir(Part, frozen=True, kw_only=True, gc=False):
    """A volume that lives as long as its pod."""

    medium: str = ""
    size_limit: str | int | None = None


class Volume(Part, frozen=True, kw_only=True, gc=False):
    """A volume of a template; of kinds not named here only the name is kept."""

    name: str = ""
    config_map: Named | None = None
    secret: SecretVolume | None = None
    persistent_volume_claim: ClaimVolume | None = None
    empty_dir: EmptyDir | None = None


class NodeTerm(Part, frozen=True, kw_only=True, gc=False):
    """One alternative of a node selector."""

    match_expressions: tuple[Requirement, ...] | None = None
    match_fields: tuple[Requirement, ...] | None = None


class NodeSelector(Part, frozen=True, kw_only=True, gc=False):
    """Alternatives, one of which a node must meet."""

    node_selector_terms: tuple[NodeTerm, ...] | None = None


class NodeAffinity(Part, frozen=True, kw_only=True, gc=False):
    """Which nodes a pod must run on; preferences bind nobody and are not kept."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class PodTerm(Part, frozen=True, kw_only=True, gc=False):
    """Pods to be near to, or away from."""

    label_selector: LabelSelector | None = None
    topology_key: str = ""


class WeightedPodTerm(Part, frozen=True, kw_only=True, gc=False):
    """The same as a preference."""

    weight: int = 0
    pod_affinity_term: PodTerm = PodTerm()


class PodAffinity(Part, frozen=True, kw_only=True, gc=False):
    """Affinity or anti-affinity between pods."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodTerm, ...] | None = None


class Affinity(Part, frozen=True, kw_only=True, gc=False):
    """Where pods may and may not be placed."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Part, frozen=True, kw_only=True, gc=False):
    """A taint that a pod bears; an empty key with `Exists` bears all."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class TopologySpread(Part, frozen=True, kw_only=True, gc=False):
    """How pods are spread over zones or nodes."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None


class DnsOption(Part, frozen=True, kw_only=True, gc=False):
    """An option of resolv.conf."""

    name: str = ""
    value: str = ""


class DnsConfig(Part, frozen=True, kw_only=True, gc=False):
    """What is added to a pod's resolv.conf."""

    nameservers: tuple[str, ...] | None = None
    searches: tuple[str, ...] | None = None
    options: tuple[DnsOption, ...] | None = None


class TemplateSpec(Part, frozen=True, kw_only=True, gc=False):
    """The pod spec of a template."""

    containers: tuple[TemplateContainer, ...] | None = None
    init_containers: tuple[TemplateContainer, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    restart_policy: str = "Always"
    node_name: str = ""
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    topology_spread_constraints: tuple[TopologySpread, ...] | None = None
    priority_class_name: str = ""
    scheduler_name: str = ""
    runtime_class_name: str = ""
    service_account_name: str = ""
    image_pull_secrets: tuple[Named, ...] | None = None
    dns_policy: str = ""
    dns_config: DnsConfig | None = None
    host_network: bool = False
    termination_grace_period_seconds: int | None = None
    security_context: SecurityContext | None = None


class TemplateMetadata(Part, frozen=True, kw_only=True, gc=False):
    """Labels that a workload gives its pods."""

    labels: dict[str, str] | None = None


class PodTemplate(Part, frozen=True, kw_only=True, gc=False):
    """The pods that a workload makes."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: TemplateSpec = TemplateSpec()
