"""Work that ends: Jobs, and the CronJobs that make them."""

from datetime import datetime

from guardrails.gates.kubernetes.objects.meta import (
    Condition,
    KubeObjectBase,
    LabelSelector,
    Part,
    TypedName,
)
from guardrails.gates.kubernetes.objects.templates import PodTemplate


class JobSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a Job."""

    completions: int | None = None
    parallelism: int | None = None
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool = False
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()


class JobStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a Job."""

    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: tuple[Condition, ...] | None = None


class Job(KubeObjectBase, frozen=True, kw_only=True, tag="Job"):
    """A Job."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class JobTemplate(Part, frozen=True, kw_only=True, gc=False):
    """The Jobs that a CronJob makes."""

    spec: JobSpec = JobSpec()


class CronJobSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a CronJob."""

    schedule: str = ""
    time_zone: str = ""
    suspend: bool = False
    concurrency_policy: str = ""
    starting_deadline_seconds: int | None = None
    job_template: JobTemplate = JobTemplate()


class CronJobStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a CronJob."""

    active: tuple[TypedName, ...] | None = None
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJob(KubeObjectBase, frozen=True, kw_only=True, tag="CronJob"):
    """A CronJob."""

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()
