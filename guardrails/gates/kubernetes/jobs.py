"""Whether Jobs that stand on their own do end well; those of a CronJob are judged by its runs.

A Job cannot be mended, only made again: one that another did over is history, and so is one that
failed long before the incident.
"""

from collections.abc import Sequence

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import Condition, CronJob, Job
from guardrails.gates.kubernetes.runs import (
    began,
    failure_of,
    images,
    is_complete,
    is_history,
    unfinished,
)

ID = CheckId("jobs-succeed")

LISTS = ("Job", "CronJob", "Pod")


def judge_jobs(view: View) -> list[Evidence]:
    """Judge every Job in scope that no CronJob in scope made, less the suspended ones."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        jobs = view.look.objects(Job, namespace)
        crons = {c.metadata.name for c in view.look.objects(CronJob, namespace)}
        found.extend(_judge(witness, view, j, jobs) for j in jobs if _stands_alone(j, crons))
    return found


JOBS_SUCCEED = Check(id=ID, judge=judge_jobs, lists=LISTS)


def cron_of(job: Job) -> str:
    """Return the CronJob that a Job was made from: one started by hand has no controller."""
    owners = job.metadata.owner_references or ()
    return next((o.name for o in owners if o.kind == CronJob.__name__), "")


def _stands_alone(job: Job, crons: set[str]) -> bool:
    going = job.metadata.deletion_timestamp is not None
    held = job.spec.suspend and failure_of(job) is None and not is_complete(job)
    return not going and not held and cron_of(job) not in crons


def _judge(witness: Witness, view: View, job: Job, jobs: Sequence[Job]) -> Evidence:
    failure = failure_of(job)
    if failure is not None:
        return _failed(witness, view, job, failure, jobs)
    if is_complete(job):
        return witness.satisfied(
            refer(job), field="status", observed="succeeded", expected="succeeded, or running"
        )
    return unfinished(witness, view, job, refer(job))


def _failed(
    witness: Witness, view: View, job: Job, failure: Condition, jobs: Sequence[Job]
) -> Evidence:
    excuse = _excuse(view, job, failure, jobs)
    evidence = witness.violated(
        refer(job),
        field="status.conditions[Failed]",
        observed=f"{failure.reason}: {failure.message}".rstrip(": ") + (excuse or ""),
        expected="succeeded, or running",
    )
    return evidence if excuse is None else aside(evidence)


def _excuse(view: View, job: Job, failure: Condition, jobs: Sequence[Job]) -> str | None:
    again = next((j.metadata.name for j in jobs if _does_over(j, job)), None)
    if again is not None:
        return f" (done over by Job {again})"
    if view.scope.names(Job.__name__, job.metadata.name, job.metadata.namespace):
        return None
    if _is_new(view, job):
        return " (the reference did not have it)"
    return " (long before the incident)" if is_history(view, failure) else None


def _does_over(new: Job, old: Job) -> bool:
    """Tell whether a Job was made after another, of the same image, and has not failed."""
    return (
        began(new) > began(old)
        and failure_of(new) is None
        and new.metadata.deletion_timestamp is None
        and not new.spec.suspend
        and not images(new).isdisjoint(images(old))
    )


def _is_new(view: View, job: Job) -> bool:
    """Tell whether a Job came after the reference: a try, a tool; nothing rested on it."""
    past, home = view.reference.snapshot, job.metadata.namespace
    if past is None or not view.reference.knows(Job.__name__, home):
        return False
    return all(old.metadata.name != job.metadata.name for old in past.objects(Job, home))
