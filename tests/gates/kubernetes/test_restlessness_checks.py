"""What does not stay: pods made anew, rollouts without end, crash loops between two crashes."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.churn import POD_CHURN
from guardrails.gates.kubernetes.restarts import RESTARTS_QUIET
from guardrails.gates.kubernetes.restless import ROLLOUT_RESTLESS

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def anew(world: Any, app: Any, number: int, uid: str, seconds: float) -> Any:
    """The same application, one of whose pods was made anew some seconds ago."""
    changed = copy.deepcopy(app)
    metadata = changed["Pod"][number]["metadata"]
    metadata.update(uid=uid, name=f"web-1-{uid}", creationTimestamp=world.stamp(seconds))
    return changed


def judged(world: Any, check: Any, *apps: Any, step: float = 5.0, **more: Any) -> Any:
    """Judge one workload over looks that lie some seconds apart."""
    last = len(apps) - 1
    looks = [world.look(app, at=step * (n - last)) for n, app in enumerate(apps)]
    (found,) = world.judge(check, *looks, **more)
    return found


def test_pods_that_stay_are_satisfied(world: Any) -> None:
    """One look has nothing to compare with; two find the same pods."""
    app = world.app()
    assert judged(world, POD_CHURN, app).observed == "3 pods, first seen now"
    assert judged(world, POD_CHURN, app, app).observed == "the same 3 pods"


def test_a_pod_made_anew_is_waited_for(world: Any) -> None:
    """A drained node moves pods; but nothing is quiet until it has been so for a while."""
    app = world.app()
    found = judged(world, POD_CHURN, app, anew(world, app, 0, "b", -10))
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=50))
    assert "1 of its 3 pods" in found.observed
    assert "web-1-b" in found.observed


def test_a_pod_made_anew_long_ago_is_quiet(world: Any) -> None:
    """The first look is kept, and what happened after it counts for so long."""
    app = world.app()
    later = anew(world, app, 0, "b", -90)
    assert judged(world, POD_CHURN, app, later, later, step=100).state is SATISFIED


def test_a_pod_made_anew_twice_is_churn(world: Any) -> None:
    """The replacement is gone again: no alert with a `for` ever sees it."""
    app = world.app()
    second, third = anew(world, app, 0, "b", -9), anew(world, app, 0, "c", -1)
    found = judged(world, POD_CHURN, app, second, third)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "not for the first time" in found.observed


def test_two_pods_moved_once_each_are_no_churn(world: Any) -> None:
    """A drain moves one pod after the other."""
    app = world.app()
    second = anew(world, app, 0, "b", -9)
    found = judged(world, POD_CHURN, app, second, anew(world, second, 1, "c", -1))
    assert found.settles_by == world.AT + timedelta(seconds=59)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"generation": 2}},
        {"status": {"availableReplicas": 2}},
        {"status": {"replicas": 4}},
        {"status": {"updatedReplicas": 1}},
    ],
)
def test_a_rollout_or_scaling_explains_new_pods(world: Any, change: Any) -> None:
    """The claim came while pods were still being replaced, or their number changed since."""
    before, after = world.app(), anew(world, world.app(), 0, "b", -1)
    target = after if "metadata" in change else before
    for part, values in change.items():
        target["Deployment"][0][part].update(values)
    if target is after:
        after["Deployment"][0]["status"]["observedGeneration"] = 2
    assert judged(world, POD_CHURN, before, after).state is SATISFIED


def test_a_statefulset_is_followed_too(world: Any) -> None:
    """Its pods keep their names, and not their uids."""
    one = world.deployment("db", 1)
    one["status"].update(currentRevision="r1", updateRevision="r1")
    pod = world.pod("db-0", app="db", owner=("StatefulSet", "db"))
    app = {"StatefulSet": [one], "Pod": [pod]}
    rolling = copy.deepcopy(app)
    rolling["StatefulSet"][0]["status"]["updateRevision"] = "r2"
    after = anew(world, app, 0, "b", -1)
    assert judged(world, POD_CHURN, app, after).state is VIOLATED
    assert judged(world, POD_CHURN, rolling, anew(world, rolling, 0, "b", -1)).state is SATISFIED


def daemons(world: Any, *nodes: str) -> Any:
    """A DaemonSet with a pod on each node."""
    item = {
        "metadata": world.metadata("agent"),
        "status": {
            "observedGeneration": 1,
            **dict.fromkeys(
                ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"), len(nodes)
            ),
        },
    }
    pods = [world.pod(f"agent-{node}", app="agent", owner=("DaemonSet", "agent")) for node in nodes]
    for pod, node in zip(pods, nodes, strict=True):
        pod["spec"]["nodeName"] = node
    return {"DaemonSet": [item], "Pod": pods}


def test_a_daemonset_pod_on_a_new_node_is_no_churn(world: Any) -> None:
    """Nodes come and go; a pod in the place of another is churn."""
    app = daemons(world, "n1", "n2")
    assert judged(world, POD_CHURN, app, daemons(world, "n1", "n3")).state is SATISFIED
    found = judged(world, POD_CHURN, app, anew(world, app, 0, "b", -1))
    assert found.state is VIOLATED


def revised(app: Any, number: int) -> Any:
    """The application at a revision of its template."""
    changed = copy.deepcopy(app)
    changed["Deployment"][0]["metadata"]["annotations"] = {
        "deployment.kubernetes.io/revision": str(number)
    }
    return changed


def test_one_rollout_while_the_gate_looks_is_fine(world: Any) -> None:
    """The claimed mend may come late."""
    app = world.app()
    found = judged(world, ROLLOUT_RESTLESS, app, revised(app, 2))
    assert (found.state, found.observed) == (SATISFIED, "changed 1 times while the gate looks")


def test_rollouts_without_end_are_violated(world: Any) -> None:
    """A restart every few minutes keeps alerts on missing replicas quiet."""
    app = world.app()
    found = judged(world, ROLLOUT_RESTLESS, app, revised(app, 2), revised(app, 3), step=300)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "1 -> 2 -> 3" in found.observed


def test_writes_that_were_not_seen_yet_do_not_count(world: Any) -> None:
    """The claim followed two writes at once, before the controller acted on them."""
    app = world.app()
    app["Deployment"][0]["metadata"]["generation"] = 3
    assert judged(world, ROLLOUT_RESTLESS, app, app).observed.startswith("changed 0")
    after = revised(world.app(), 3)
    assert judged(world, ROLLOUT_RESTLESS, app, after, after).state is SATISFIED


def test_a_workload_made_again_begins_anew(world: Any) -> None:
    """Its revisions are not those of its namesake."""
    after = revised(world.app(), 5)
    after["Deployment"][0]["metadata"]["uid"] = "another"
    assert judged(world, ROLLOUT_RESTLESS, world.app(), after).state is SATISFIED


def crashed(world: Any, app: Any, *, life: float, ended: float, began: float, count: int) -> Any:
    """Let the first pod's container have lived, ended, and begun again some seconds ago."""
    app["Pod"][0]["status"]["containerStatuses"][0].update(
        restartCount=count,
        state={"running": {"startedAt": world.stamp(-began)}},
        lastState={
            "terminated": {
                "exitCode": 1,
                "reason": "Error",
                "startedAt": world.stamp(-ended - life),
                "finishedAt": world.stamp(-ended),
            }
        },
    )
    return app


def test_a_loop_with_a_long_back_off_is_not_quiet(world: Any) -> None:
    """It ended five minutes ago, and has been ready for ten seconds."""
    app = crashed(world, world.app(), life=20, ended=310, began=10, count=7)
    found = judged(world, RESTARTS_QUIET, app)
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=50))


def test_a_loop_must_outlive_its_last_life(world: Any) -> None:
    """What crashes every two minutes has not shown anything after one."""
    app = crashed(world, world.app(), life=120, ended=80, began=70, count=3)
    found = judged(world, RESTARTS_QUIET, app)
    assert found.settles_by == world.AT + timedelta(seconds=50)


@pytest.mark.parametrize(("life", "count"), [(120, 1), (3000, 3)])
def test_a_single_restart_or_a_long_life_is_no_loop(world: Any, life: float, count: int) -> None:
    """An out-of-memory kill after an hour need not be waited for another hour."""
    app = crashed(world, world.app(), life=life, ended=80, began=70, count=count)
    assert judged(world, RESTARTS_QUIET, app).state is SATISFIED


@pytest.mark.parametrize("check", [POD_CHURN, ROLLOUT_RESTLESS])
def test_an_unread_list_is_unknown(world: Any, check: Any) -> None:
    """A failed list is not an empty one."""
    look = world.look(world.app(), failed={"Deployment": world.FORBIDDEN})
    found = world.judge(check, look)
    assert [e.state for e in found] == [EvidenceState.UNKNOWN]
