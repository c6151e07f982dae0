"""What pods need to exist (nodes, claims, quotas), and what keeps enough of them."""

from datetime import datetime

from guardrails.gates.kubernetes.objects.meta import (
    Condition,
    KubeObjectBase,
    LabelSelector,
    Part,
    TypedName,
)
from guardrails.gates.kubernetes.objects.templates import Resources

Quantities = dict[str, str | int | float]
"""Amounts by resource name, in the API's notation: `500m`, `128Mi`."""


class MetricTarget(Part, frozen=True, kw_only=True, gc=False):
    """What an autoscaler keeps a metric at."""

    type: str = ""
    average_utilization: int | None = None
    """Percent of the request."""
    average_value: str | int | None = None
    value: str | int | None = None


class ResourceMetric(Part, frozen=True, kw_only=True, gc=False):
    """A metric of the pods' own resources."""

    name: str = ""
    target: MetricTarget = MetricTarget()


class Metric(Part, frozen=True, kw_only=True, gc=False):
    """What an autoscaler looks at; of types other than `Resource` only the type is kept."""

    type: str = ""
    resource: ResourceMetric | None = None


class AutoscalerSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a HorizontalPodAutoscaler."""

    scale_target_ref: TypedName = TypedName()
    min_replicas: int | None = None
    """Absent means 1."""
    max_replicas: int = 0
    metrics: tuple[Metric, ...] | None = None


class AutoscalerStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a HorizontalPodAutoscaler."""

    current_replicas: int = 0
    desired_replicas: int = 0
    last_scale_time: datetime | None = None
    conditions: tuple[Condition, ...] | None = None


class HorizontalPodAutoscaler(
    KubeObjectBase, frozen=True, kw_only=True, tag="HorizontalPodAutoscaler"
):
    """A HorizontalPodAutoscaler of autoscaling/v2."""

    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()


class DisruptionBudgetSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a PodDisruptionBudget: one of the two bounds, as a number or a percentage."""

    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    selector: LabelSelector | None = None


class DisruptionBudgetStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a PodDisruptionBudget."""

    observed_generation: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    disruptions_allowed: int = 0
    expected_pods: int = 0
    conditions: tuple[Condition, ...] | None = None


class PodDisruptionBudget(KubeObjectBase, frozen=True, kw_only=True, tag="PodDisruptionBudget"):
    """A PodDisruptionBudget."""

    spec: DisruptionBudgetSpec = DisruptionBudgetSpec()
    status: DisruptionBudgetStatus = DisruptionBudgetStatus()


class QuotaSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a ResourceQuota."""

    hard: Quantities | None = None


class QuotaStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a ResourceQuota."""

    hard: Quantities | None = None
    used: Quantities | None = None


class ResourceQuota(KubeObjectBase, frozen=True, kw_only=True, tag="ResourceQuota"):
    """A ResourceQuota."""

    spec: QuotaSpec = QuotaSpec()
    status: QuotaStatus = QuotaStatus()


class Limit(Part, frozen=True, kw_only=True, gc=False):
    """Bounds and defaults for one type of object."""

    type: str = ""
    """`Container`, `Pod` or `PersistentVolumeClaim`."""
    max: Quantities | None = None
    min: Quantities | None = None
    default: Quantities | None = None
    default_request: Quantities | None = None


class LimitRangeSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a LimitRange."""

    limits: tuple[Limit, ...] | None = None


class LimitRange(KubeObjectBase, frozen=True, kw_only=True, tag="LimitRange"):
    """A LimitRange."""

    spec: LimitRangeSpec = LimitRangeSpec()


class Taint(Part, frozen=True, kw_only=True, gc=False):
    """What keeps pods off a node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a Node."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] | None = None


class NodeStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a Node."""

    allocatable: Quantities | None = None
    conditions: tuple[Condition, ...] | None = None


class Node(KubeObjectBase, frozen=True, kw_only=True, tag="Node"):
    """A Node; its labels say where it is."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ClaimSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a PersistentVolumeClaim."""

    access_modes: tuple[str, ...] | None = None
    storage_class_name: str | None = None
    volume_name: str = ""
    resources: Resources | None = None


class ClaimStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a PersistentVolumeClaim."""

    phase: str = ""
    """`Pending`, `Bound` or `Lost`."""
    capacity: Quantities | None = None
    conditions: tuple[Condition, ...] | None = None


class PersistentVolumeClaim(KubeObjectBase, frozen=True, kw_only=True, tag="PersistentVolumeClaim"):
    """A PersistentVolumeClaim."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


class NamespaceStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a Namespace."""

    phase: str = ""


class Namespace(KubeObjectBase, frozen=True, kw_only=True, tag="Namespace"):
    """A Namespace; its labels choose policies and meshes."""

    status: NamespaceStatus = NamespaceStatus()
