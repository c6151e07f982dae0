"""What keeps pods running: Deployments, StatefulSets, DaemonSets, ReplicaSets and their history."""

from guardrails.gates.kubernetes.objects.meta import (
    Condition,
    KubeObjectBase,
    LabelSelector,
    Part,
)
from guardrails.gates.kubernetes.objects.templates import PodTemplate


class RollingUpdate(Part, frozen=True, kw_only=True, gc=False):
    """Settings of a rolling update."""

    partition: int | None = None
    max_unavailable: int | str | None = None
    max_surge: int | str | None = None


class Strategy(Part, frozen=True, kw_only=True, gc=False):
    """How a workload replaces its pods."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class ClaimTemplateMetadata(Part, frozen=True, kw_only=True, gc=False):
    """Name of a claim template."""

    name: str = ""


class ClaimTemplate(Part, frozen=True, kw_only=True, gc=False):
    """A claim that a StatefulSet makes for each of its pods."""

    metadata: ClaimTemplateMetadata = ClaimTemplateMetadata()


class WorkloadSpec(Part, frozen=True, kw_only=True, gc=False):
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
    revision_history_limit: int | None = None
    service_name: str = ""
    volume_claim_templates: tuple[ClaimTemplate, ...] | None = None


class WorkloadStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a workload; a count that is zero is absent in real objects."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    fully_labeled_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_ready: int = 0
    number_misscheduled: int = 0
    conditions: tuple[Condition, ...] | None = None


class Deployment(KubeObjectBase, frozen=True, kw_only=True, tag="Deployment"):
    """A Deployment."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class StatefulSet(KubeObjectBase, frozen=True, kw_only=True, tag="StatefulSet"):
    """A StatefulSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class DaemonSet(KubeObjectBase, frozen=True, kw_only=True, tag="DaemonSet"):
    """A DaemonSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ReplicaSet(KubeObjectBase, frozen=True, kw_only=True, tag="ReplicaSet"):
    """A ReplicaSet; old revisions keep their template only among the newest few."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class RevisionSpec(Part, frozen=True, kw_only=True, gc=False):
    """The part of a workload that a revision restores."""

    template: PodTemplate = PodTemplate()


class RevisionData(Part, frozen=True, kw_only=True, gc=False):
    """What a ControllerRevision holds: a patch of its owner."""

    spec: RevisionSpec = RevisionSpec()


class ControllerRevision(KubeObjectBase, frozen=True, kw_only=True, tag="ControllerRevision"):
    """One revision of a StatefulSet or DaemonSet; other owners put other things into `data`."""

    revision: int = 0
    data: RevisionData | None = None


Workload = Deployment | StatefulSet | DaemonSet
"""What people deploy; ReplicaSets stand behind Deployments."""
