"""Whether scheduled work still runs as often: suspended, put off, or made rarer.

A CronJob whose Jobs fail is quiet once it is suspended; the work is not done either.
"""

from collections.abc import Iterator

from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import CronJob, Job
from guardrails.gates.kubernetes.topology import controller_of
from guardrails.gates.losses.comparing import Ground, Loss, Pair, loss_check
from guardrails.gates.losses.cron import runs_per_year

LISTS = ("CronJob", "Job")

RUNS_SHARE = 0.9
"""Of the runs of a year, what must be left: another minute or hour is no loss, weekdays are."""

START_SECONDS = 10
"""The controller looks every 10 s; with less time to start, Kubernetes documents that a CronJob
may never be scheduled."""


def find(ground: Ground) -> Iterator[Loss]:
    """Yield the CronJobs that run less than in the reference, and unfinished Jobs on hold."""
    for pair in ground.pairs():
        if isinstance(pair.old, CronJob) and isinstance(pair.new, CronJob):
            yield from _cron(pair, pair.old, pair.new)
    for old, new in ground.both(Job):
        if new is not None and new.spec.suspend and not old.spec.suspend and _is_bare(old):
            yield Loss(
                subject=refer(new),
                field="spec.suspend",
                observed="suspended",
                expected="runs (the reference)",
            )


SCHEDULE_KEPT = loss_check("schedule-kept", LISTS, find)


def _is_bare(job: Job) -> bool:
    return controller_of(job.metadata) is None


def _cron(pair: Pair, old: CronJob, new: CronJob) -> Iterator[Loss]:
    if new.spec.suspend and not old.spec.suspend:
        yield pair.loss("spec.suspend", "suspended", "runs")
    before, after = runs_per_year(old.spec.schedule), runs_per_year(new.spec.schedule)
    if before and (after is None or after < RUNS_SHARE * before):
        rate = "cannot be read" if after is None else f"{after} runs a year"
        yield pair.loss(
            "spec.schedule", f"{new.spec.schedule} ({rate})", f"{old.spec.schedule} ({before})"
        )
    had, has = old.spec.starting_deadline_seconds, new.spec.starting_deadline_seconds
    if has is not None and has < START_SECONDS and (had is None or had >= START_SECONDS):
        yield pair.loss(
            "spec.startingDeadlineSeconds", f"{has}: it may never start", str(had or "none")
        )
