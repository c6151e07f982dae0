"""Pods: starting, unable to start, flapping, and left behind."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.pods import CANNOT_START, PODS_READY
from guardrails.gates.kubernetes.restarts import RESTARTS_QUIET

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def unready(world: Any, app: Any, seconds: float, **status: Any) -> Any:
    """Make the first pod unready, begun some seconds ago."""
    pod = app["Pod"][0]
    pod["metadata"]["creationTimestamp"] = world.stamp(seconds)
    pod["status"].update(
        startTime=world.stamp(seconds),
        conditions=[world.condition("Ready", "False", "ContainersNotReady", seconds)],
        **status,
    )
    return pod


def waiting(reason: str, restarts: int = 0) -> list[dict[str, Any]]:
    """Statuses of a container that waits."""
    return [
        {
            "name": "app",
            "ready": False,
            "restartCount": restarts,
            "state": {"waiting": {"reason": reason, "message": "said so"}},
        }
    ]


def only(world: Any, app: Any, check: Any = PODS_READY, **more: Any) -> Any:
    """Judge the pods of one workload."""
    (found,) = world.judge(check, world.look(app), **more)
    return found


def test_ready_pods_are_one_fact_about_their_workload(world: Any) -> None:
    """The evidence names the Deployment, however many pods it has."""
    found = only(world, world.app())
    assert (found.state, found.subject.kind, found.subject.name) == (SATISFIED, "Deployment", "web")


@pytest.mark.parametrize("reason", sorted(CANNOT_START))
def test_what_cannot_start_is_violated_at_once(world: Any, reason: str) -> None:
    """Waiting does not help a container that waits for such a reason."""
    app = world.app()
    unready(world, app, -5, containerStatuses=waiting(reason, 7))
    found = only(world, app)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert reason in found.observed


def test_init_containers_are_read(world: Any) -> None:
    """A crashing init container leaves the pod Pending with no word in its main statuses."""
    app = world.app()
    unready(
        world,
        app,
        -5,
        phase="Pending",
        initContainerStatuses=waiting("CrashLoopBackOff", 3),
        containerStatuses=waiting("PodInitializing"),
    )
    found = only(world, app)
    assert found.settles_by is None
    assert found.field.startswith("status.initContainerStatuses")


def test_a_finished_init_container_is_fine(world: Any) -> None:
    """Init containers end with exit code 0, and stay so."""
    app = world.app()
    app["Pod"][0]["status"]["initContainerStatuses"] = [
        {"name": "init", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    ]
    assert only(world, app).state is SATISFIED


def test_a_starting_pod_has_its_time(world: Any) -> None:
    """ContainerCreating is no fault while it is young."""
    app = world.app()
    unready(world, app, -20, phase="Pending", containerStatuses=waiting("ContainerCreating"))
    found = only(world, app)
    assert found.settles_by == world.AT + timedelta(seconds=100)
    assert "ContainerCreating" in found.observed


def test_a_pod_that_never_becomes_ready_runs_out_of_time(world: Any) -> None:
    """A readiness probe that fails for good is not waited for."""
    app = world.app()
    unready(world, app, -900)
    app["Pod"][0]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = world.stamp(
        -900
    )
    found = only(world, app)
    assert (found.state, found.settles_by) == (VIOLATED, None)


def test_a_pod_that_lost_readiness_just_now_gets_a_moment(world: Any) -> None:
    """A blip of an old pod is not a pass, and not a failure before a moment has gone by."""
    app = world.app()
    app["Pod"][0]["status"]["conditions"] = [
        world.condition("Ready", "False", "ContainersNotReady", -1)
    ]
    assert only(world, app).settles_by == world.AT + timedelta(seconds=14)


def test_an_unschedulable_pod_has_a_short_time(world: Any) -> None:
    """No node fits; the message says why."""
    app = world.app()
    pod = unready(world, app, -10, phase="Pending", containerStatuses=None)
    pod["status"]["conditions"] = [world.condition("PodScheduled", "False", "Unschedulable", -10)]
    found = only(world, app)
    assert found.settles_by == world.AT + timedelta(seconds=20)
    assert "Unschedulable" in found.observed


def test_an_unschedulable_pod_gets_time_after_a_write(world: Any) -> None:
    """After an uncordon the scheduler needs a moment."""
    app = world.app()
    pod = unready(world, app, -900, phase="Pending", containerStatuses=None)
    pod["status"]["conditions"] = [world.condition("PodScheduled", "False", "Unschedulable", -900)]
    assert only(world, app).settles_by is None
    assert only(world, app, last_write_at=world.AT).settles_by > world.AT


def test_an_outdated_pod_is_left_to_its_rollout(world: Any) -> None:
    """After an honest fix the broken pod of the old revision goes away by itself."""
    app = world.app()
    app["Deployment"][0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    unready(world, app, -30, containerStatuses=waiting("ImagePullBackOff"))
    found = only(world, app)
    assert found.settles_by is not None
    assert found.settles_by > world.AT


def test_terminating_pods_are_ignored(world: Any) -> None:
    """What is being deleted need not be ready."""
    app = world.app()
    unready(world, app, -900)["metadata"]["deletionTimestamp"] = world.stamp(-5)
    assert only(world, app).observed == "2 of 2 pods ready"


def test_an_evicted_pod_of_a_controller_is_only_reported(world: Any) -> None:
    """Evictions leave a Failed pod behind, which its controller has replaced."""
    app = world.app()
    app["Pod"][0]["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    ready, left = world.judge(PODS_READY, world.look(app))
    assert ready.state is SATISFIED
    assert (left.state, left.counts, left.subject.name) == (VIOLATED, False, "web-1-0")
    assert left.observed.startswith("Failed (Evicted: low on memory): left behind by Deployment")


def test_a_failed_pod_without_controller_is_violated(world: Any) -> None:
    """Nobody replaces a bare pod."""
    pod = world.pod("lone")
    pod["metadata"] = world.metadata("lone")
    pod["status"] = {"phase": "Failed", "reason": "OOMKilled"}
    found = only(world, {"Pod": [pod]})
    assert (found.state, found.subject.name) == (VIOLATED, "lone")


def test_a_finished_job_pod_is_fine(world: Any) -> None:
    """Succeeded is how a Job ends."""
    pod = world.pod("job-1", owner=("Job", "job"))
    pod["status"]["phase"] = "Succeeded"
    assert world.judge(PODS_READY, world.look({"Pod": [pod]})) == []


def test_a_pod_released_from_its_workload_is_violated(world: Any) -> None:
    """Relabelled out of its ReplicaSet it runs on, unowned: all six tools call that healthy."""
    app = world.app()
    orphan = world.pod("web-1-x")
    orphan["metadata"].pop("ownerReferences")
    orphan["metadata"]["labels"]["app"] = "debug"
    app["Pod"].append(orphan)
    found = [e for e in world.judge(PODS_READY, world.look(app)) if e.state is VIOLATED]
    assert [e.subject.name for e in found] == ["web-1-x"]


def test_a_bare_pod_that_no_controller_made_is_no_orphan(world: Any) -> None:
    """People run single pods on purpose."""
    pod = world.pod("toolbox")
    pod["metadata"] = world.metadata("toolbox", labels={"run": "toolbox"})
    assert only(world, {"Pod": [pod]}).state is SATISFIED


def test_pods_without_statuses_are_read(world: Any) -> None:
    """A pod that no kubelet has touched has neither conditions nor statuses."""
    app = world.app()
    unready(world, app, -5)
    app["Pod"][0]["status"] = {}
    found = only(world, app)
    assert found.settles_by is not None


def test_unread_pods_are_unknown(world: Any) -> None:
    """A failed list is not an empty one."""
    look = world.look(world.app(), failed={"Pod": world.TIMEOUT})
    (found,) = world.judge(PODS_READY, look)
    assert (found.state, found.temporary) == (EvidenceState.UNKNOWN, True)


def restarted(world: Any, app: Any, count: int, seconds: float) -> None:
    """Let the first pod's container have restarted some seconds ago."""
    app["Pod"][0]["status"]["containerStatuses"][0].update(
        restartCount=count,
        lastState={
            "terminated": {
                "exitCode": 137,
                "reason": "OOMKilled",
                "finishedAt": world.stamp(seconds),
            }
        },
    )


def test_no_restart_is_quiet(world: Any) -> None:
    """Containers that stayed up are satisfied, whatever happened long ago."""
    app = world.app()
    restarted(world, app, 4, -3000)
    assert only(world, app, RESTARTS_QUIET).state is SATISFIED


def test_a_recent_restart_settles_until_it_has_been_quiet(world: Any) -> None:
    """A container that is ready between two crashes is not well yet."""
    app = world.app()
    restarted(world, app, 4, -20)
    found = only(world, app, RESTARTS_QUIET)
    assert found.settles_by == world.AT + timedelta(seconds=40)
    assert "OOMKilled" in found.observed


def test_a_restart_while_the_gate_looks_is_hard(world: Any) -> None:
    """The count grew between two looks of the same pod."""
    before, after = world.app(), world.app()
    restarted(world, before, 4, -3000)
    restarted(world, after, 5, -1)
    (found,) = world.judge(RESTARTS_QUIET, world.look(before, at=-5), world.look(after))
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "was 4" in found.observed


def test_a_new_pod_does_not_inherit_the_count_of_another(world: Any) -> None:
    """Restarts are counted per pod uid."""
    before, after = world.app(), world.app()
    restarted(world, after, 2, -3000)
    after["Pod"][0]["metadata"]["uid"] = "another"
    (found,) = world.judge(RESTARTS_QUIET, world.look(before, at=-5), world.look(after))
    assert found.state is SATISFIED


def test_a_hanging_init_container_is_named(world: Any) -> None:
    """It runs and does not end; the others wait for it."""
    app = world.app()
    running = {"running": {"startedAt": world.stamp(-900)}}
    pod = unready(
        world,
        app,
        -900,
        phase="Pending",
        initContainerStatuses=[{"name": "wait-for-db", "state": running}],
        containerStatuses=waiting("PodInitializing"),
    )
    pod["status"]["conditions"].append(
        world.condition("Initialized", "False", "ContainersNotInitialized", -900)
    )
    found = only(world, app)
    assert found.settles_by is None
    assert "init container wait-for-db runs since" in found.observed


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("spec", {"schedulingGates": [{"name": "example.com/hold"}]}, "gates example.com/hold"),
        ("status", {"nominatedNodeName": "n2"}, "preempted on n2"),
    ],
)
def test_what_holds_a_pod_back_is_told(world: Any, part: str, change: Any, words: str) -> None:
    """A scheduling gate needs somebody to lift it; a preemption comes by itself."""
    app = world.app()
    pod = unready(world, app, -10, phase="Pending", containerStatuses=None)
    pod["status"]["conditions"] = [world.condition("PodScheduled", "False", "SchedulingGated", -10)]
    pod[part].update(change)
    assert words in only(world, app).observed
