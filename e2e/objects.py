"""The fields of Kubernetes objects that the suite's own components read, as msgspec structs.

The node simulator, the exporter and the traffic model decode with these: unknown fields are
ignored, and what the API server sends as `null` (`endpoints`, `ports`) is allowed to be `None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class ApiStruct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A piece of an API object: camelCase on the wire, defaults left out."""


class OwnerReference(ApiStruct, frozen=True, kw_only=True):
    """Who owns an object."""

    kind: str
    name: str
    controller: bool = False


class Metadata(ApiStruct, frozen=True, kw_only=True):
    """Identity of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []


class ListOf(ApiStruct, Generic[T], frozen=True, kw_only=True):
    """A list answer of the API server."""

    items: list[T] | None = None


class ContainerPort(ApiStruct, frozen=True, kw_only=True):
    """A port a container declares."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class KeyRef(ApiStruct, frozen=True, kw_only=True):
    """A key of a ConfigMap or Secret (or, without `key`, the whole of it)."""

    name: str = ""
    key: str = ""
    optional: bool = False


class FieldRef(ApiStruct, frozen=True, kw_only=True):
    """A field of the pod itself."""

    field_path: str = ""


class EnvSource(ApiStruct, frozen=True, kw_only=True):
    """Where an environment variable's value comes from."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None


class EnvVar(ApiStruct, frozen=True, kw_only=True):
    """One environment variable."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class EnvFrom(ApiStruct, frozen=True, kw_only=True):
    """All keys of a ConfigMap or Secret as environment variables."""

    prefix: str = ""
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class PortAction(ApiStruct, frozen=True, kw_only=True):
    """The `httpGet` or `tcpSocket` of a probe."""

    port: int | str
    path: str = "/"


class ExecAction(ApiStruct, frozen=True, kw_only=True):
    """The `exec` of a probe."""

    command: list[str] = []


class Probe(ApiStruct, frozen=True, kw_only=True):
    """A readiness, liveness or startup probe."""

    http_get: PortAction | None = None
    tcp_socket: PortAction | None = None
    exec_: ExecAction | None = msgspec.field(default=None, name="exec")
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    failure_threshold: int = 3


class Resources(ApiStruct, frozen=True, kw_only=True):
    """Requests and limits, as quantities."""

    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class Container(ApiStruct, frozen=True, kw_only=True):
    """One container of a pod template."""

    name: str
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    ports: list[ContainerPort] = []
    env: list[EnvVar] = []
    env_from: list[EnvFrom] = []
    resources: Resources = Resources()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: str = ""


class ConfigMapVolume(ApiStruct, frozen=True, kw_only=True):
    """A ConfigMap mounted as files."""

    name: str = ""
    optional: bool = False


class SecretVolume(ApiStruct, frozen=True, kw_only=True):
    """A Secret mounted as files."""

    secret_name: str = ""
    optional: bool = False


class Volume(ApiStruct, frozen=True, kw_only=True):
    """A volume of a pod; only the kinds that can be missing are read."""

    name: str
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None


class PodSpec(ApiStruct, frozen=True, kw_only=True):
    """What a pod should run."""

    containers: list[Container] = []
    init_containers: list[Container] = []
    volumes: list[Volume] = []
    node_name: str = ""
    restart_policy: str = "Always"
    dns_policy: str = ""


class PodCondition(ApiStruct, frozen=True, kw_only=True):
    """One condition of a pod."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_probe_time: str | None = None
    observed_generation: int = 0


class StateWaiting(ApiStruct, frozen=True, kw_only=True):
    """A container that is not running yet, and why."""

    reason: str = ""
    message: str = ""


class StateRunning(ApiStruct, frozen=True, kw_only=True):
    """A running container."""

    started_at: str | None = None


class StateTerminated(ApiStruct, frozen=True, kw_only=True):
    """A container that ended."""

    # Kubelets always send the exit code, also when it is 0; hence no default.
    exit_code: int
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = msgspec.field(default="", name="containerID")


class ContainerState(ApiStruct, frozen=True, kw_only=True):
    """Exactly one of the three."""

    waiting: StateWaiting | None = None
    running: StateRunning | None = None
    terminated: StateTerminated | None = None


class ContainerStatus(ApiStruct, frozen=True, kw_only=True, omit_defaults=False):
    """What a kubelet reports about one container."""

    name: str
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    container_id: str = msgspec.field(default="", name="containerID")
    started: bool | None = None
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodIP(ApiStruct, frozen=True, kw_only=True):
    """One address of a pod."""

    ip: str = ""


class PodStatus(ApiStruct, frozen=True, kw_only=True):
    """What is known of a pod's life."""

    phase: str = ""
    reason: str = ""
    conditions: list[PodCondition] = []
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: list[PodIP] = msgspec.field(default_factory=list[PodIP], name="podIPs")
    host_ip: str = msgspec.field(default="", name="hostIP")
    start_time: str | None = None
    qos_class: str = ""
    observed_generation: int = 0
    init_container_statuses: list[ContainerStatus] = []
    container_statuses: list[ContainerStatus] = []


class Pod(ApiStruct, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class DeploymentSpec(ApiStruct, frozen=True, kw_only=True):
    """What a Deployment should be."""

    replicas: int = 1
    paused: bool = False


class DeploymentStatus(ApiStruct, frozen=True, kw_only=True):
    """What a Deployment is; zero counts are absent on the wire."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0


class Deployment(ApiStruct, frozen=True, kw_only=True):
    """A Deployment."""

    metadata: Metadata
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ServicePort(ApiStruct, frozen=True, kw_only=True):
    """One port of a Service."""

    port: int
    name: str = ""
    target_port: int | str = 0
    protocol: str = "TCP"


class ServiceSpec(ApiStruct, frozen=True, kw_only=True):
    """What a Service selects and offers."""

    ports: list[ServicePort] | None = None
    selector: dict[str, str] | None = None
    cluster_ip: str = msgspec.field(default="", name="clusterIP")


class Service(ApiStruct, frozen=True, kw_only=True):
    """A Service."""

    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()


class TargetRef(ApiStruct, frozen=True, kw_only=True):
    """The pod behind an endpoint."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class EndpointConditions(ApiStruct, frozen=True, kw_only=True):
    """Whether an endpoint takes traffic; `None` counts as ready, as the API says."""

    ready: bool | None = None


class Endpoint(ApiStruct, frozen=True, kw_only=True):
    """One endpoint of a slice."""

    addresses: list[str] = []
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetRef | None = None


class EndpointPort(ApiStruct, frozen=True, kw_only=True):
    """A port that every endpoint of a slice offers."""

    name: str | None = None
    port: int | None = None


class EndpointSlice(ApiStruct, frozen=True, kw_only=True):
    """The addresses behind a Service."""

    metadata: Metadata
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None


class LabelRequirement(ApiStruct, frozen=True, kw_only=True):
    """One set-based term of a label selector."""

    key: str
    operator: str
    values: list[str] = []


class LabelSelector(ApiStruct, frozen=True, kw_only=True):
    """Which objects are meant; an empty one means all."""

    match_labels: dict[str, str] = {}
    match_expressions: list[LabelRequirement] = []

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            _requirement_holds(term, labels) for term in self.match_expressions
        )


def _requirement_holds(term: LabelRequirement, labels: Mapping[str, str]) -> bool:
    match term.operator:
        case "In":
            return labels.get(term.key) in term.values
        case "NotIn":
            return labels.get(term.key) not in term.values
        case "Exists":
            return term.key in labels
        case "DoesNotExist":
            return term.key not in labels
        case unknown:
            raise ValueError(f"label selector operator {unknown!r} is not one Kubernetes knows")
