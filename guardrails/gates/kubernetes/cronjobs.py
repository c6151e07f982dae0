"""Whether the newest run of every CronJob ended well; older failed runs are history.

A mended CronJob proves itself only by its next run, which may be a day away. So a template that
had worked, as the reference shows, is believed where only its surroundings failed it, or where it
was just brought back; any other must run once.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.jobs import LISTS, cron_of
from guardrails.gates.kubernetes.objects import Condition, CronJob, Job
from guardrails.gates.kubernetes.runs import (
    began,
    failure_of,
    is_complete,
    is_history,
    is_same_program,
    unfinished,
)
from guardrails.gates.kubernetes.schedules import longest_gap

ID = CheckId("cronjob-runs")

RUN_SECONDS = 600.0
"""How long after a change a CronJob's next run is waited for: most frequent ones run every five
minutes. Rarer ones need to be run once by hand."""

LATE_SECONDS = 120.0
"""How late a run may be made: the controller looks every 10 s, and may be restarting."""


def judge_cronjobs(view: View) -> list[Evidence]:
    """Judge every CronJob in scope that is not suspended by its newest run."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        runs: defaultdict[str, list[Job]] = defaultdict(list)
        for job in view.look.objects(Job, namespace):
            runs[cron_of(job)].append(job)
        crons = (c for c in view.look.objects(CronJob, namespace) if _is_active(c))
        found.extend(_judge(witness, view, cron, runs[cron.metadata.name]) for cron in crons)
    return found


CRONJOB_RUNS = Check(id=ID, judge=judge_cronjobs, lists=LISTS)


def _is_active(cron: CronJob) -> bool:
    return not cron.spec.suspend and cron.metadata.deletion_timestamp is None


def _judge(witness: Witness, view: View, cron: CronJob, runs: Sequence[Job]) -> Evidence:
    overdue = _overdue(view, cron)
    if overdue is not None:
        return witness.violated(
            refer(cron),
            field="status.lastScheduleTime",
            observed=f"{cron.status.last_schedule_time:%Y-%m-%d %H:%M}",
            expected=f"a run on time ({cron.spec.schedule})",
            settles_by=overdue,
            settling=_settling(cron),
        )
    if not runs:
        return _without_runs(witness, view, cron)
    newest = max(runs, key=began)
    failure = failure_of(newest)
    if failure is not None:
        return _failed(witness, view, cron, newest, failure)
    if is_complete(newest):
        return _well(witness, cron, f"its newest run {newest.metadata.name} succeeded")
    return unfinished(witness, view, newest, refer(cron))


def _overdue(view: View, cron: CronJob) -> datetime | None:
    """Return until when a run that was missed may still be made up for; None when none was."""
    gap, last = longest_gap(cron.spec.schedule), cron.status.last_schedule_time
    if gap is None or last is None or cron.status.active:
        return None
    patience = gap + timedelta(seconds=LATE_SECONDS)
    if last + patience > view.look.at:
        return None
    return max(last, view.scope.last_write_at or last) + patience


def _well(witness: Witness, cron: CronJob, observed: str) -> Evidence:
    return witness.satisfied(
        refer(cron), field="status", observed=observed, expected="a newest run that succeeded"
    )


def _without_runs(witness: Witness, view: View, cron: CronJob) -> Evidence:
    """Judge by the times alone, where no Job is kept."""
    status = cron.status
    planned, succeeded = status.last_schedule_time, status.last_successful_time
    if planned is None or status.active or (succeeded is not None and succeeded >= planned):
        return _well(witness, cron, "no run is left over" if planned else "has not been due yet")
    said = f"it last succeeded at {succeeded:%Y-%m-%d %H:%M}" if succeeded else "it never succeeded"
    return witness.violated(
        refer(cron),
        field="status.lastSuccessfulTime",
        observed=f"its run of {planned:%Y-%m-%d %H:%M} did not succeed; {said}",
        expected="a newest run that succeeded",
        settles_by=_next_run_by(view),
        settling=_settling(cron),
    )


def _failed(witness: Witness, view: View, cron: CronJob, run: Job, failure: Condition) -> Evidence:
    known = _as_it_was(view, cron)
    now, ran = cron.spec.job_template.spec, run.spec
    unchanged = is_same_program(now, ran)
    trusted = known is not None and is_same_program(now, known.spec.job_template.spec)
    if trusted and not unchanged:
        return _well(
            witness, cron, f"runs again as in the reference, after run {run.metadata.name} failed"
        )
    evidence = witness.violated(
        refer(cron),
        field="status",
        observed=f"its newest run {run.metadata.name} failed ({failure.reason}: {failure.message})"
        + ("" if unchanged else ", and what it runs was changed since"),
        expected="a newest run that succeeded",
        # What failed, as it failed: no other run will do better where the reference knows better.
        settles_by=None if unchanged and known is not None else _next_run_by(view),
        settling=_settling(cron),
    )
    named = view.scope.names(CronJob.__name__, cron.metadata.name, cron.metadata.namespace)
    mended = trusted and _was_before(failure, view.scope.last_write_at)
    return aside(evidence) if not named and (mended or is_history(view, failure)) else evidence


def _was_before(failure: Condition, changed: datetime | None) -> bool:
    ended = failure.last_transition_time
    return changed is not None and ended is not None and ended <= changed


def _as_it_was(view: View, cron: CronJob) -> CronJob | None:
    past = view.reference.snapshot
    if past is None:
        return None
    olds = past.objects(CronJob, cron.metadata.namespace)
    return next((old for old in olds if old.metadata.name == cron.metadata.name), None)


def _next_run_by(view: View) -> datetime | None:
    changed = view.scope.last_write_at
    return changed + timedelta(seconds=RUN_SECONDS) if changed else None


def _settling(cron: CronJob) -> str:
    return f"the next run of CronJob {cron.metadata.name}"
