"""One run of a Job: whether it has ended and how, what it runs, and what keeps it from ending."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.gates.checks import View, Witness
from guardrails.gates.kubernetes.objects import Condition, Job, Pod
from guardrails.gates.kubernetes.objects.batch import JobSpec
from guardrails.gates.kubernetes.pods import stands, trouble_of
from guardrails.gates.kubernetes.topology import (
    REACTION_SECONDS,
    Owner,
    condition,
    latest,
    reaction_to_write,
    territory,
)

BACK_OFF_SECONDS = 360.0
"""The longest pause of the Job controller between two tries, as its documentation says."""

LONG_BEFORE = timedelta(minutes=15)
"""A fault precedes its alert by at most the longest `for` in kube-prometheus."""

LONG_AGO = timedelta(hours=24)
"""The same where no alert says when the incident began: nobody is called after a day."""

BACK_OFF_LIMIT = 6
"""What the API server sets on a Job that names none."""


def failure_of(job: Job) -> Condition | None:
    """Return the condition by which a Job has failed, or None."""
    found = condition(job.status.conditions, "Failed")
    return found if found is not None and found.status == "True" else None


def is_history(view: View, failure: Condition) -> bool:
    """Tell whether a Job failed long before the incident."""
    ended, start = failure.last_transition_time, view.scope.incident.began_at
    if ended is None:
        return False
    if start is not None:
        return ended < start - LONG_BEFORE
    opened = view.reference.start.at if view.reference.start else view.history[0].at
    return ended < opened - LONG_AGO


def is_complete(job: Job) -> bool:
    """Tell whether a Job has succeeded."""
    found = condition(job.status.conditions, "Complete")
    return found is not None and found.status == "True"


def began(job: Job) -> datetime:
    """Return when a Job began; the earliest time there is when nothing tells."""
    time = job.status.start_time or job.metadata.creation_timestamp
    return time or datetime.min.replace(tzinfo=_UTC)


_UTC = datetime.fromisoformat("1970-01-01T00:00:00+00:00").tzinfo


def is_same_program(one: JobSpec, other: JobSpec) -> bool:
    """Tell whether two Jobs do the same, whatever was filled in by the API server."""
    return _program(one) == _program(other)


def _program(spec: JobSpec) -> tuple[object, ...]:
    limit = BACK_OFF_LIMIT if spec.backoff_limit is None else spec.backoff_limit
    counts = (spec.completions or 1, spec.parallelism or 1, spec.active_deadline_seconds)
    return (spec.template.spec, limit, *counts)


def images(job: Job) -> frozenset[str]:
    """Return the names of what a Job runs, without registry and tag."""
    containers = job.spec.template.spec.containers or ()
    return frozenset(
        c.image.partition("@")[0].rpartition("/")[2].partition(":")[0] for c in containers
    )


def unfinished(witness: Witness, view: View, job: Job, subject: ObjectRef) -> Evidence:
    """Judge a Job that has not ended: whether it gets on."""
    land = territory(view.look, job.metadata.namespace)
    pods = land.by_owner.get(Owner(kind=Job.__name__, name=job.metadata.name), ())
    troubles = [t for p in pods if stands(p) and (t := trouble_of(p, land, view.scope)) is not None]
    name = job.metadata.name
    if troubles:
        hard = [t for t in troubles if t.settles_by is None or t.settles_by <= witness.at]
        worst = (hard or troubles)[0]
        return witness.violated(
            subject,
            field=worst.field,
            observed=f"pod {worst.pod.metadata.name} of Job {name}: {worst.observed}",
            expected="its pods run",
            settles_by=None if hard else min(t.settles_by for t in troubles if t.settles_by),
            settling=f"Job {name} to run",
        )
    stuck = _stuck(view, job, pods)
    if stuck is None:
        return witness.satisfied(
            subject,
            field="status",
            observed=f"Job {name} runs: {job.status.active} pods active, "
            f"{job.status.succeeded} done",
            expected="succeeded, or running",
        )
    observed, until = stuck
    return witness.violated(
        subject,
        field="status",
        observed=f"Job {name} {observed}",
        expected="succeeded, or running",
        settles_by=until,
        settling=f"Job {name} to get on",
    )


def _stuck(view: View, job: Job, pods: Sequence[Pod]) -> tuple[str, datetime | None] | None:
    status, scope, at = job.status, view.scope, view.look.at
    limit = job.spec.active_deadline_seconds
    if limit is not None and status.start_time is not None:
        due = status.start_time + timedelta(seconds=limit)
        if due <= at:
            return f"is past its activeDeadlineSeconds of {limit}", _reaction(due, view)
    if status.failed and not _runs_quietly(pods, at - timedelta(seconds=scope.quiet_seconds)):
        last = latest(*(p.status.start_time or p.metadata.creation_timestamp for p in pods))
        tried = f"tries again: {status.failed} of its pods have failed"
        return tried, (last or began(job)) + timedelta(seconds=BACK_OFF_SECONDS)
    if not pods and not status.active:
        return "has no pods", _reaction(job.metadata.creation_timestamp, view)
    return None


def _runs_quietly(pods: Sequence[Pod], since: datetime) -> bool:
    """Tell whether a pod has run for a while, so that it is no failing try."""
    running = (p.status.start_time for p in pods if p.status.phase == "Running")
    return any(start is not None and start <= since for start in running)


def _reaction(changed: datetime | None, view: View) -> datetime | None:
    by = changed + timedelta(seconds=REACTION_SECONDS) if changed else None
    return latest(by, reaction_to_write(view.scope))
