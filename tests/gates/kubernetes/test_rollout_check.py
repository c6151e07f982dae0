"""Rollouts: what kubectl, kstatus and Argo CD see, and what they miss."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.rollout import ROLLOUT_COMPLETE


def only(world: Any, objects: Any, **more: Any) -> Any:
    """Judge one workload and return its evidence."""
    found = world.judge(ROLLOUT_COMPLETE, world.look(objects), **more)
    assert len(found) == 1
    return found[0]


def statefulset(world: Any, **status: Any) -> Any:
    """A StatefulSet of 3 that is complete unless its status says otherwise."""
    return {
        "metadata": world.metadata("db"),
        "spec": {
            "replicas": 3,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "updatedReplicas": 3,
            "currentRevision": "db-2",
            "updateRevision": "db-2",
            **status,
        },
    }


def daemonset(world: Any, **status: Any) -> Any:
    """A DaemonSet on 2 nodes that is complete unless its status says otherwise."""
    return {
        "metadata": world.metadata("agent"),
        "spec": {"updateStrategy": {"type": "RollingUpdate"}},
        "status": {
            "observedGeneration": 1,
            "desiredNumberScheduled": 2,
            "currentNumberScheduled": 2,
            "updatedNumberScheduled": 2,
            "numberAvailable": 2,
            "numberReady": 2,
            **status,
        },
    }


def test_a_complete_deployment_is_satisfied(world: Any) -> None:
    """Everything on the newest spec and available."""
    assert only(world, world.app()).state is EvidenceState.SATISFIED


def test_an_unobserved_generation_gets_the_controller_time(world: Any) -> None:
    """Right after a change the status still speaks of the old spec."""
    app = world.app()
    app["Deployment"][0]["metadata"]["generation"] = 2
    found = only(world, app)
    assert found.state is EvidenceState.VIOLATED
    assert found.settles_by is not None
    assert found.settles_by > world.AT


def test_a_rollout_in_progress_has_its_deadline(world: Any) -> None:
    """A rollout may settle until its progress deadline, counted from its last progress."""
    app = world.app()
    status = app["Deployment"][0]["status"]
    status.update(updatedReplicas=1, replicas=4)
    status["conditions"][1] = world.condition("Progressing", "True", "ReplicaSetUpdated", -100)
    found = only(world, app)
    assert found.field == "status.updatedReplicas"
    assert found.settles_by == world.AT + timedelta(seconds=500)


def test_an_exceeded_deadline_is_hard(world: Any) -> None:
    """ProgressDeadlineExceeded fails at once, though the old pods still serve."""
    app = world.app()
    status = app["Deployment"][0]["status"]
    status["updatedReplicas"] = 1
    status["conditions"][1] = world.condition("Progressing", "False", "ProgressDeadlineExceeded")
    found = only(world, app)
    assert "ProgressDeadlineExceeded" in found.observed
    assert found.settles_by is None


def test_conditions_are_found_by_type_not_by_position(world: Any) -> None:
    """The order of conditions varies between states of a real server."""
    app = world.app()
    conditions = app["Deployment"][0]["status"]["conditions"]
    conditions[1] = world.condition("Progressing", "False", "ProgressDeadlineExceeded")
    conditions.reverse()
    assert only(world, app).state is EvidenceState.VIOLATED


def test_a_workload_that_broke_after_its_rollout_runs_out_of_time(world: Any) -> None:
    """Progressing stays True for ever after a rollout, so time decides."""
    app = world.app()
    status = app["Deployment"][0]["status"]
    status.update(availableReplicas=1, readyReplicas=1)
    status["conditions"][0] = world.condition(
        "Available", "False", "MinimumReplicasUnavailable", -300
    )
    found = only(world, app)
    assert found.settles_by is not None
    assert found.settles_by < world.AT


def test_a_quota_failure_is_hard_without_a_write(world: Any) -> None:
    """With a quota there are no pending pods at all; only ReplicaFailure shows it."""
    app = world.app(replicas=0)
    app["Deployment"][0]["spec"]["replicas"] = 3
    app["Deployment"][0]["status"]["conditions"].append(
        world.condition("ReplicaFailure", "True", "FailedCreate")
    )
    found = only(world, app)
    assert "FailedCreate" in found.observed
    assert found.settles_by is None


def test_a_quota_failure_gets_time_after_a_write(world: Any) -> None:
    """The controller took 5 s to try again after a quota was lifted."""
    app = world.app()
    app["Deployment"][0]["status"]["conditions"].append(
        world.condition("ReplicaFailure", "True", "FailedCreate")
    )
    found = only(world, app, last_write_at=world.AT - timedelta(seconds=2))
    assert found.settles_by == world.AT + timedelta(seconds=13)


def test_paused_with_a_pending_change_is_hard(world: Any) -> None:
    """A paused Deployment never rolls its change out by waiting."""
    app = world.app()
    app["Deployment"][0]["spec"]["paused"] = True
    app["Deployment"][0]["status"].pop("updatedReplicas")
    found = only(world, app)
    assert (found.field, found.settles_by) == ("spec.paused", None)


def test_paused_without_a_pending_change_is_satisfied(world: Any) -> None:
    """Pausing alone takes nothing away."""
    app = world.app()
    app["Deployment"][0]["spec"]["paused"] = True
    assert only(world, app).state is EvidenceState.SATISFIED


def test_status_may_be_empty(world: Any) -> None:
    """`status: {}` and null conditions are read, and nothing is available then."""
    app = world.app()
    app["Deployment"][0]["status"] = {"observedGeneration": 1, "conditions": None}
    assert only(world, app).state is EvidenceState.VIOLATED


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"readyReplicas": 2}, "status.readyReplicas"),
        ({"availableReplicas": 2}, "status.availableReplicas"),
        ({"updatedReplicas": 1}, "status.updatedReplicas"),
        ({"replicas": 4}, "status.replicas"),
        ({"currentRevision": "db-1"}, "status.currentRevision"),
    ],
)
def test_a_statefulset_is_incomplete(world: Any, status: Any, field: str) -> None:
    """Readiness, availability and the real revisions all count."""
    found = only(world, {"StatefulSet": [statefulset(world, **status)]})
    assert (found.state, found.field) == (EvidenceState.VIOLATED, field)


def test_a_partition_holds_old_pods_back_on_purpose(world: Any) -> None:
    """With a partition only the pods above it must be new."""
    item = statefulset(world, updatedReplicas=1, currentRevision="db-1")
    item["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 2
    assert only(world, {"StatefulSet": [item]}).state is EvidenceState.SATISFIED


def test_on_delete_is_not_complete_because_it_never_rolls(world: Any) -> None:
    """OnDelete is called current at once by kstatus, even with nothing ready."""
    item = statefulset(world, readyReplicas=0, availableReplicas=0)
    item["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert only(world, {"StatefulSet": [item]}).state is EvidenceState.VIOLATED


def test_on_delete_with_old_pods_waits_for_nobody(world: Any) -> None:
    """Old pods stay until somebody deletes them, so waiting is in vain."""
    item = statefulset(world, updatedReplicas=1)
    item["spec"]["updateStrategy"] = {"type": "OnDelete"}
    found = only(world, {"StatefulSet": [item]})
    assert found.settles_by is None
    assert "OnDelete" in found.observed


def test_a_daemonset_must_be_available_everywhere(world: Any) -> None:
    """One node without its pod is not complete."""
    found = only(world, {"DaemonSet": [daemonset(world, numberAvailable=1)]})
    assert found.field == "status.numberAvailable"


def test_a_daemonset_that_matches_no_node_any_more_is_violated(world: Any) -> None:
    """Desired 0 looks complete to six tools; the reference knows better."""
    empty = dict.fromkeys(
        (
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberReady",
        ),
        0,
    )
    now = world.look({"DaemonSet": [daemonset(world, **empty)]})
    before = world.reference(world.look({"DaemonSet": [daemonset(world)]}, at=-3600))
    (found,) = world.judge(ROLLOUT_COMPLETE, now, reference=before)
    assert found.state is EvidenceState.VIOLATED
    (alone,) = world.judge(ROLLOUT_COMPLETE, now)
    assert alone.state is EvidenceState.SATISFIED


def test_an_unread_list_is_unknown_and_the_others_are_still_judged(world: Any) -> None:
    """A 403 on one kind hides neither itself nor the rest."""
    app = world.app()
    look = world.look(app, failed={"StatefulSet": world.FORBIDDEN})
    found = world.judge(ROLLOUT_COMPLETE, look)
    assert [e.state for e in found] == [EvidenceState.UNKNOWN, EvidenceState.SATISFIED]
    assert "forbidden" in found[0].observed
