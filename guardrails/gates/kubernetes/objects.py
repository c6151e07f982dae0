"""Kubernetes objects, cut down to the fields that checks look at.

Decoded straight from the API server's bytes. Every field has a default and every list may be
null, because real servers send `endpoints: null`, `ports: null` and `status: {}` in exactly the
states that matter; fields that are not named here are skipped.
"""

from datetime import datetime

import msgspec

REVISION = "deployment.kubernetes.io/revision"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice that names its Service."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Something inside an object."""


class Annotations(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"revision": REVISION, "last_applied": LAST_APPLIED},
):
    """The annotations that checks read; others may hold secrets and are not kept."""

    revision: str = ""
    last_applied: str = ""


class OwnerReference(_Part, frozen=True, kw_only=True):
    """Who controls an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(_Part, frozen=True, kw_only=True):
    """Identity of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: Annotations | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class Condition(_Part, frozen=True, kw_only=True):
    """One entry of `status.conditions`. Found by type: the order varies between states."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None


class LabelSelector(_Part, frozen=True, kw_only=True):
    """A workload's selector; `matchExpressions` are not needed by any check here."""

    match_labels: dict[str, str] | None = None


class ContainerPort(_Part, frozen=True, kw_only=True):
    """A port that a container declares."""

    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class Container(_Part, frozen=True, kw_only=True):
    """A container of a pod spec."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    restart_policy: str = ""
    """`Always` on an init container makes it a sidecar."""


class PodSpec(_Part, frozen=True, kw_only=True):
    """What a pod runs."""

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    node_name: str = ""
    restart_policy: str = "Always"


class TemplateMetadata(_Part, frozen=True, kw_only=True):
    """Labels that a workload gives its pods."""

    labels: dict[str, str] | None = None


class PodTemplate(_Part, frozen=True, kw_only=True):
    """The pods that a workload makes."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec = PodSpec()


class RollingUpdate(_Part, frozen=True, kw_only=True):
    """Settings of a rolling update."""

    partition: int | None = None


class Strategy(_Part, frozen=True, kw_only=True):
    """How a workload replaces its pods."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(_Part, frozen=True, kw_only=True):
    """Spec of a Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    replicas: int | None = None
    """Absent means 1, as the API server would set it."""
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    paused: bool = False
    strategy: Strategy | None = None
    update_strategy: Strategy | None = None
    min_ready_seconds: int = 0
    progress_deadline_seconds: int | None = None


class WorkloadStatus(_Part, frozen=True, kw_only=True):
    """Status of a workload; a count that is zero is absent in real objects."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_ready: int = 0
    number_misscheduled: int = 0
    conditions: tuple[Condition, ...] | None = None


class Waiting(_Part, frozen=True, kw_only=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(_Part, frozen=True, kw_only=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class Terminated(_Part, frozen=True, kw_only=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(_Part, frozen=True, kw_only=True):
    """One of three states."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Part, frozen=True, kw_only=True):
    """What the kubelet says of a container."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(_Part, frozen=True, kw_only=True):
    """Status of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None


class ServicePort(_Part, frozen=True, kw_only=True):
    """One port of a Service."""

    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    """Absent means the same as `port`."""
    protocol: str = "TCP"


class ServiceSpec(_Part, frozen=True, kw_only=True):
    """Spec of a Service."""

    type: str = "ClusterIP"
    selector: dict[str, str] | None = None
    ports: tuple[ServicePort, ...] | None = None
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    external_name: str = ""
    publish_not_ready_addresses: bool = False


class TargetRef(_Part, frozen=True, kw_only=True):
    """The pod behind an endpoint."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class EndpointConditions(_Part, frozen=True, kw_only=True):
    """State of an endpoint; an absent `ready` means ready, as the API documents."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(_Part, frozen=True, kw_only=True):
    """One backend of a Service."""

    addresses: tuple[str, ...] | None = None
    conditions: EndpointConditions | None = None
    target_ref: TargetRef | None = None


class EndpointPort(_Part, frozen=True, kw_only=True):
    """A port of a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class ScaleTarget(_Part, frozen=True, kw_only=True):
    """What an autoscaler scales."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(_Part, frozen=True, kw_only=True):
    """Spec of a HorizontalPodAutoscaler."""

    scale_target_ref: ScaleTarget = ScaleTarget()
    min_replicas: int | None = None
    max_replicas: int = 0


class AutoscalerStatus(_Part, frozen=True, kw_only=True):
    """Status of a HorizontalPodAutoscaler."""

    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: tuple[Condition, ...] | None = None


class NamespaceStatus(_Part, frozen=True, kw_only=True):
    """Status of a Namespace."""

    phase: str = ""


class _Object(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="kind"
):
    metadata: Metadata = Metadata()


class Deployment(_Object, frozen=True, kw_only=True, tag="Deployment"):
    """A Deployment."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class StatefulSet(_Object, frozen=True, kw_only=True, tag="StatefulSet"):
    """A StatefulSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class DaemonSet(_Object, frozen=True, kw_only=True, tag="DaemonSet"):
    """A DaemonSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ReplicaSet(_Object, frozen=True, kw_only=True, tag="ReplicaSet"):
    """A ReplicaSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Pod(_Object, frozen=True, kw_only=True, tag="Pod"):
    """A Pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Service(_Object, frozen=True, kw_only=True, tag="Service"):
    """A Service."""

    spec: ServiceSpec = ServiceSpec()


class EndpointSlice(_Object, frozen=True, kw_only=True, tag="EndpointSlice"):
    """An EndpointSlice of discovery.k8s.io/v1."""

    address_type: str = ""
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class HorizontalPodAutoscaler(_Object, frozen=True, kw_only=True, tag="HorizontalPodAutoscaler"):
    """A HorizontalPodAutoscaler of autoscaling/v2."""

    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()


class Namespace(_Object, frozen=True, kw_only=True, tag="Namespace"):
    """A Namespace."""

    status: NamespaceStatus = NamespaceStatus()


Workload = Deployment | StatefulSet | DaemonSet
"""What people deploy; ReplicaSets stand behind Deployments."""

KubeObject = (
    Deployment
    | StatefulSet
    | DaemonSet
    | ReplicaSet
    | Pod
    | Service
    | EndpointSlice
    | HorizontalPodAutoscaler
    | Namespace
)
