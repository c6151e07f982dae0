"""Work that ends: Jobs on their own, and the newest run of each CronJob."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import AlertMatcher, Workload
from guardrails.gates.kubernetes.cronjobs import CRONJOB_RUNS
from guardrails.gates.kubernetes.jobs import JOBS_SUCCEED
from guardrails.gates.kubernetes.pods import PODS_READY
from guardrails.gates.kubernetes.restarts import RESTARTS_QUIET
from tests.gates.kubernetes.conftest import states

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def only(world: Any, check: Any, objects: Any, **more: Any) -> Any:
    """Return the one fact."""
    (found,) = world.judge(check, world.look(objects), **more)
    return found


def run_by(world: Any, job: Any, *, phase: str = "Running", seconds: float = -30.0) -> Any:
    """A pod of a Job, begun some seconds ago."""
    pod = world.pod(f"{job['metadata']['name']}-x", owner=("Job", job["metadata"]["name"]))
    pod["status"].update(phase=phase, startTime=world.stamp(seconds))
    pod["metadata"]["creationTimestamp"] = world.stamp(seconds)
    pod["spec"]["restartPolicy"] = "Never"
    return pod


def test_a_job_that_succeeded_is_well(world: Any, stock: Any) -> None:
    """Its pods have ended, which is how it should be."""
    job = stock.job(end="Complete")
    objects = {"Job": [job], "Pod": [run_by(world, job, phase="Succeeded")]}
    assert only(world, JOBS_SUCCEED, objects).state is SATISFIED
    assert world.judge(PODS_READY, world.look(objects)) == []


def test_a_job_that_runs_is_well(world: Any, stock: Any) -> None:
    """However long it takes."""
    job = stock.job()
    found = only(world, JOBS_SUCCEED, {"Job": [job], "Pod": [run_by(world, job)]})
    assert (found.state, found.observed) == (
        SATISFIED,
        "Job import runs: 1 pods active, 0 done",
    )


def test_a_job_that_failed_is_violated(world: Any, stock: Any) -> None:
    """No waiting makes it succeed."""
    found = only(world, JOBS_SUCCEED, {"Job": [stock.job(end="Failed")]})
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert found.observed.startswith("BackoffLimitExceeded")


@pytest.mark.parametrize("end", ["Complete", "", "Failed"])
def test_a_job_that_was_made_again_is_history(world: Any, stock: Any, end: str) -> None:
    """Jobs cannot be changed, so a mend makes another; it must not have failed, too."""
    old, new = stock.job(end="Failed"), stock.job("import-2", end=end, ago=60)
    found = world.judge(JOBS_SUCCEED, world.look({"Job": [old, new], "Pod": [run_by(world, new)]}))
    assert found[0].counts is (end == "Failed")


def test_another_image_does_not_do_it_over(world: Any, stock: Any) -> None:
    """Some Job succeeded; not this one's work."""
    old, new = stock.job(end="Failed"), stock.job("other", end="Complete", ago=60)
    new["spec"]["template"] = stock.template("registry:5000/else/thing:2")
    found = world.judge(JOBS_SUCCEED, world.look({"Job": [old, new]}))
    assert states(found) == [("violated", "import", True), ("satisfied", "other", True)]


def test_a_job_that_came_after_the_reference_is_only_reported(world: Any, stock: Any) -> None:
    """A try of the agent's may fail; unless the incident names it."""
    look, reference = (
        world.look({"Job": [stock.job(end="Failed")]}),
        world.reference(world.look({})),
    )
    (found,) = world.judge(JOBS_SUCCEED, look, reference=reference)
    assert not found.counts
    named = world.incident(workloads=(Workload(kind="Job", name="import", namespace="shop"),))
    (found,) = world.judge(JOBS_SUCCEED, look, reference=reference, incident=named)
    assert found.counts


def test_a_job_that_ran_in_the_reference_is_missed(world: Any, stock: Any) -> None:
    """It was at work, and has failed since."""
    before = world.reference(world.look({"Job": [stock.job()]}))
    assert only(world, JOBS_SUCCEED, {"Job": [stock.job(end="Failed")]}, reference=before).counts


def test_a_job_that_failed_long_before_the_incident_is_only_reported(
    world: Any, stock: Any
) -> None:
    """It failed 45 minutes ago: 16 minutes before the alert is history, 14 may not be."""
    job = stock.job(end="Failed", ago=5400)
    for minutes, counts in ((31, True), (29, False)):
        starts_at = world.AT - timedelta(minutes=minutes)
        alert = AlertMatcher(labels={"alertname": "X"}, starts_at=starts_at)
        incident = world.incident(alerts=(alert,))
        assert only(world, JOBS_SUCCEED, {"Job": [job]}, incident=incident).counts is counts


def test_a_failure_of_another_day_is_only_reported(world: Any, stock: Any) -> None:
    """Without an alert's time: nobody is called after a day. The same for a CronJob's run."""
    for hours, counts in ((25, False), (23, True)):
        ago = 2 * hours * 3600
        assert (
            only(world, JOBS_SUCCEED, {"Job": [stock.job(end="Failed", ago=ago)]}).counts is counts
        )
        assert only(world, CRONJOB_RUNS, crons(stock, ("Failed", ago))).counts is counts


def test_a_job_whose_pod_cannot_start_is_violated(world: Any, stock: Any) -> None:
    """Judged with its Job, and nowhere else."""
    job = stock.job()
    pod = run_by(world, job, phase="Pending")
    pod["status"]["containerStatuses"] = [
        {"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    ]
    look = {"Job": [job], "Pod": [pod]}
    found = only(world, JOBS_SUCCEED, look)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "ImagePullBackOff" in found.observed
    for check in (PODS_READY, RESTARTS_QUIET):
        assert world.judge(check, world.look(look)) == []


def test_a_job_that_starts_has_its_time(world: Any, stock: Any) -> None:
    """Its pod is being made ready."""
    job = stock.job(ago=10)
    pod = run_by(world, job, phase="Pending", seconds=-10)
    pod["status"].update(
        conditions=[world.condition("Ready", "False", "ContainersNotReady", -10)],
        containerStatuses=[{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}],
    )
    found = only(world, JOBS_SUCCEED, {"Job": [job], "Pod": [pod]})
    assert found.settles_by == world.AT + timedelta(seconds=110)


def test_a_job_that_tries_again_is_waited_for(world: Any, stock: Any) -> None:
    """One try has failed; the next has just begun, and one that lasts is well."""
    job = stock.job()
    job["status"]["failed"] = 2
    objects = {"Job": [job], "Pod": [run_by(world, job)]}
    found = only(world, JOBS_SUCCEED, objects)
    assert found.settles_by == world.AT + timedelta(seconds=330)
    assert "2 of its pods have failed" in found.observed
    objects["Pod"] = [run_by(world, job, seconds=-90)]
    assert only(world, JOBS_SUCCEED, objects).state is SATISFIED


def test_a_job_without_pods_is_stuck(world: Any, stock: Any) -> None:
    """Nothing makes its pods; after a write the controller gets a moment."""
    job = stock.job()
    del job["status"]["active"]
    found = only(world, JOBS_SUCCEED, {"Job": [job]})
    assert (found.state, found.observed) == (VIOLATED, "Job import has no pods")
    assert found.settles_by < world.AT
    found = only(world, JOBS_SUCCEED, {"Job": [job]}, last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=15)


def test_a_job_past_its_deadline_is_violated(world: Any, stock: Any) -> None:
    """The controller ends it within moments."""
    job = stock.job()
    job["spec"]["activeDeadlineSeconds"] = 60
    found = only(world, JOBS_SUCCEED, {"Job": [job], "Pod": [run_by(world, job)]})
    assert "past its activeDeadlineSeconds of 60" in found.observed
    job["spec"]["activeDeadlineSeconds"] = 6000
    assert only(world, JOBS_SUCCEED, {"Job": [job], "Pod": [run_by(world, job)]}).counts


def test_suspended_and_deleted_jobs_are_left_alone(world: Any, stock: Any) -> None:
    """Whether a Job should be suspended is another check's question."""
    held, gone = stock.job(), stock.job("gone", end="Failed")
    held["spec"]["suspend"] = True
    gone["metadata"]["deletionTimestamp"] = world.stamp(-1)
    assert world.judge(JOBS_SUCCEED, world.look({"Job": [held, gone]})) == []


def crons(stock: Any, *runs: tuple[str, float], **status: Any) -> Any:
    """A CronJob with runs that ended so, as many seconds ago."""
    jobs = [
        stock.job(f"backup-{n}", end=end, ago=ago, cron="backup")
        for n, (end, ago) in enumerate(runs)
    ]
    return {"CronJob": [stock.cronjob(**status)], "Job": jobs}


def test_only_the_newest_run_counts(world: Any, stock: Any) -> None:
    """Older failed runs are history, also those of other Jobs' check."""
    objects = crons(stock, ("Complete", 600), ("Failed", 4200))
    assert only(world, CRONJOB_RUNS, objects).state is SATISFIED
    assert world.judge(JOBS_SUCCEED, world.look(objects)) == []


def test_a_newest_run_that_failed_is_violated(world: Any, stock: Any) -> None:
    """Told of the CronJob, whose name stays; after a write its next run is waited for."""
    objects = crons(stock, ("Complete", 4200), ("Failed", 600))
    found = only(world, CRONJOB_RUNS, objects)
    assert (found.state, found.subject.kind, found.settles_by) == (VIOLATED, "CronJob", None)
    assert "backup-1 failed (BackoffLimitExceeded" in found.observed
    later = only(world, CRONJOB_RUNS, objects, last_write_at=world.AT)
    assert later.settles_by == world.AT + timedelta(seconds=600)


def test_surroundings_that_failed_a_good_template_are_forgiven(world: Any, stock: Any) -> None:
    """The database was away; it is back, and the next run will show."""
    objects = crons(stock, ("Failed", 600))
    reference = world.reference(world.look(crons(stock, ("Complete", 600))))
    found = only(world, CRONJOB_RUNS, objects, reference=reference, last_write_at=world.AT)
    assert (found.state, found.counts) == (VIOLATED, False)
    named = world.incident(workloads=(Workload(kind="CronJob", name="backup", namespace="shop"),))
    more = {"reference": reference, "last_write_at": world.AT}
    assert only(world, CRONJOB_RUNS, objects, incident=named, **more).counts
    early = {"reference": reference, "last_write_at": world.AT - timedelta(seconds=900)}
    assert only(world, CRONJOB_RUNS, objects, **early).counts


def test_a_template_brought_back_is_believed(world: Any, stock: Any) -> None:
    """It runs what had worked; its last run was of the broken one."""
    objects = crons(stock, ("Failed", 600))
    objects["Job"][0]["spec"]["template"] = stock.template("tool:broken")
    reference = world.reference(world.look(crons(stock, ("Complete", 600))))
    found = only(world, CRONJOB_RUNS, objects, reference=reference)
    assert (found.state, found.observed) == (
        SATISFIED,
        "runs again as in the reference, after run backup-0 failed",
    )


def test_a_broken_template_is_violated_at_once(world: Any, stock: Any) -> None:
    """It runs what has failed, and not what the reference had; waiting does not help."""
    objects = crons(stock, ("Failed", 600))
    for spec in (objects["Job"][0]["spec"], objects["CronJob"][0]["spec"]["jobTemplate"]["spec"]):
        spec["template"] = stock.template("tool:broken")
    reference = world.reference(world.look(crons(stock, ("Complete", 600))))
    more = {"reference": reference, "last_write_at": world.AT}
    found = only(world, CRONJOB_RUNS, objects, **more)
    assert (found.counts, found.settles_by) == (True, None)


def test_a_new_template_must_run_once(world: Any, stock: Any) -> None:
    """Neither the one that failed nor the one that had worked."""
    objects = crons(stock, ("Failed", 600))
    objects["CronJob"][0]["spec"]["jobTemplate"]["spec"]["template"] = stock.template("tool:2")
    reference = world.reference(world.look(crons(stock, ("Complete", 600))))
    more = {"reference": reference, "last_write_at": world.AT}
    found = only(world, CRONJOB_RUNS, objects, **more)
    assert found.settles_by == world.AT + timedelta(seconds=600)
    assert "was changed since" in found.observed


def test_a_run_by_hand_counts(world: Any, stock: Any) -> None:
    """`kubectl create job --from` gives an owner that is no controller."""
    objects = crons(stock, ("Failed", 600), ("Complete", 30))
    del objects["Job"][1]["metadata"]["ownerReferences"][0]["controller"]
    assert only(world, CRONJOB_RUNS, objects).state is SATISFIED


def test_a_run_that_goes_on_is_judged_as_a_job(world: Any, stock: Any) -> None:
    """By its pods."""
    objects = crons(stock, ("", 30))
    objects["Pod"] = [run_by(world, objects["Job"][0])]
    found = only(world, CRONJOB_RUNS, objects)
    assert (found.state, found.subject.kind) == (SATISFIED, "CronJob")


@pytest.mark.parametrize(
    ("planned", "succeeded", "state"),
    [(None, None, SATISFIED), (-600, -500, SATISFIED), (-600, None, VIOLATED),
     (-600, -4100, VIOLATED)],
)  # fmt: skip
def test_without_jobs_the_times_tell(
    world: Any, stock: Any, planned: float | None, succeeded: float | None, state: EvidenceState
) -> None:
    """Histories may be kept empty."""
    times = {"lastScheduleTime": planned, "lastSuccessfulTime": succeeded}
    crons_of_days = {"schedule": "0 3 * * *"}
    status = {key: world.stamp(at) for key, at in times.items() if at is not None}
    objects = crons(stock, **status)
    objects["CronJob"][0]["spec"].update(crons_of_days)
    found = only(world, CRONJOB_RUNS, objects)
    assert (found.state, found.settles_by) == (state, None)


def test_a_run_that_was_not_made_is_missed(world: Any, stock: Any) -> None:
    """Every five minutes, and the last ten minutes ago; a run that goes on may hold it up."""
    objects = crons(stock, ("Complete", 600), lastScheduleTime=world.stamp(-600))
    objects["CronJob"][0]["spec"]["schedule"] = "*/5 * * * *"
    found = only(world, CRONJOB_RUNS, objects)
    assert (found.state, found.field) == (VIOLATED, "status.lastScheduleTime")
    assert found.settles_by == world.AT - timedelta(seconds=180)
    later = only(world, CRONJOB_RUNS, objects, last_write_at=world.AT)
    assert later.settles_by == world.AT + timedelta(seconds=420)
    busy = {**objects["CronJob"][0]["status"], "active": [{"kind": "Job", "name": "backup-0"}]}
    objects["CronJob"][0]["status"] = busy
    assert only(world, CRONJOB_RUNS, objects).state is SATISFIED


def test_suspended_cronjobs_are_left_alone(world: Any, stock: Any) -> None:
    """Whether it should be suspended is another check's question."""
    objects = crons(stock, ("Failed", 600))
    objects["CronJob"][0]["spec"]["suspend"] = True
    assert world.judge(CRONJOB_RUNS, world.look(objects)) == []


def test_a_run_without_its_cronjob_stands_alone(world: Any, stock: Any) -> None:
    """Nobody will run it again."""
    objects = crons(stock, ("Failed", 600))
    objects["CronJob"] = []
    assert only(world, JOBS_SUCCEED, objects).state is VIOLATED


@pytest.mark.parametrize("check", [JOBS_SUCCEED, CRONJOB_RUNS])
def test_an_unread_list_is_unknown(world: Any, check: Any) -> None:
    """A failed list is not an empty one."""
    look = world.look({}, failed={"Job": world.FORBIDDEN})
    assert [e.state for e in world.judge(check, look)] == [EvidenceState.UNKNOWN]
