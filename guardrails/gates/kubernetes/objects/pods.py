"""Pods, with what their kubelet says of them. The spec is slim: there are thousands of pods."""

from datetime import datetime

from guardrails.gates.kubernetes.objects.meta import Condition, KubeObjectBase, Named, Part
from guardrails.gates.kubernetes.objects.templates import ContainerPort


class Container(Part, frozen=True, kw_only=True, gc=False):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    restart_policy: str = ""
    """`Always` on an init container makes it a sidecar."""


class PodSpec(Part, frozen=True, kw_only=True, gc=False):
    """What a pod runs, and where."""

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    node_name: str = ""
    restart_policy: str = "Always"
    service_account_name: str = ""
    priority_class_name: str = ""
    scheduling_gates: tuple[Named, ...] | None = None


class Waiting(Part, frozen=True, kw_only=True, gc=False):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(Part, frozen=True, kw_only=True, gc=False):
    """Since when a container runs."""

    started_at: datetime | None = None


class Terminated(Part, frozen=True, kw_only=True, gc=False):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Part, frozen=True, kw_only=True, gc=False):
    """One of three states."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True, kw_only=True, gc=False):
    """What the kubelet says of a container."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    nominated_node_name: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(KubeObjectBase, frozen=True, kw_only=True, tag="Pod"):
    """A Pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
