"""Pods that admission refuses: the root is named, and a full quota alone is no fault."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.admission import RETRY_SECONDS_MOST
from guardrails.gates.kubernetes.quotas import PODS_ADMITTED
from guardrails.gates.kubernetes.rollout import ROLLOUT_COMPLETE

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED

OVER = (
    'pods "web-1-x" is forbidden: exceeded quota: memory, requested: memory=64Mi, '
    "used: memory=0, limited: memory=32Mi"
)
TOO_BIG = (
    'pods "web-1-x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi'
)


def refused(world: Any, message: str = OVER, seconds: float = -300) -> Any:
    """An application whose ReplicaSet cannot make pods for some seconds."""
    app = world.app()
    failure = {**world.condition("ReplicaFailure", "True", "FailedCreate", seconds)}
    failure["message"] = message
    for kind in ("ReplicaSet", "Deployment"):
        app[kind][0]["status"]["conditions"] = [failure]
    app["ReplicaSet"][0]["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    app["ReplicaSet"][0]["status"].update(replicas=1, readyReplicas=1, availableReplicas=1)
    del app["Pod"][1:]
    return app


def only(world: Any, objects: Any, **more: Any) -> Any:
    """Return the one fact."""
    (found,) = world.judge(PODS_ADMITTED, world.look(objects), **more)
    return found


def test_nothing_refused_says_nothing(world: Any) -> None:
    """Without quotas and refusals there is nothing to say."""
    assert world.judge(PODS_ADMITTED, world.look(world.app())) == []


def test_the_quota_that_refuses_is_named(world: Any, stock: Any) -> None:
    """With what it has, what was asked, and that the reference did not have it."""
    objects = {**refused(world), "ResourceQuota": [stock.quota()]}
    reference = world.reference(world.look(world.app()))
    found = only(world, objects, reference=reference)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert (found.subject.kind, found.subject.name) == ("ResourceQuota", "memory")
    assert found.observed.startswith("used memory: 0 of 32Mi; new since the reference; ReplicaSet")
    assert "requested: memory=64Mi" in found.observed
    assert "1 of 3 pods" in found.observed


def test_a_quota_that_was_there_is_not_called_new(world: Any, stock: Any) -> None:
    """It blocks all the same."""
    objects = {**refused(world), "ResourceQuota": [stock.quota()]}
    before = world.look({**world.app(), "ResourceQuota": [stock.quota()]})
    found = only(world, objects, reference=world.reference(before))
    assert found.state is VIOLATED
    assert "new since" not in found.observed


def test_a_quota_that_still_refuses_gets_only_a_moment(world: Any, stock: Any) -> None:
    """Writing something does not make room."""
    objects = {**refused(world), "ResourceQuota": [stock.quota()]}
    found = only(world, objects, last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=15)


@pytest.mark.parametrize("quotas", [[], ["64Mi"]])
def test_a_lifted_quota_leaves_the_controller_its_back_off(
    world: Any, stock: Any, quotas: list[str]
) -> None:
    """It tries again after as long as it has failed: an honest fix waits, and is not refused."""
    objects = {**refused(world), "ResourceQuota": [stock.quota(hard=q) for q in quotas]}
    for check in (PODS_ADMITTED, ROLLOUT_COMPLETE):
        (found,) = world.judge(check, world.look(objects), last_write_at=world.AT)
        assert found.state is VIOLATED
        assert found.settles_by == world.AT + timedelta(seconds=300)
    assert only(world, objects).settles_by == world.AT + timedelta(seconds=300)


def test_a_back_off_has_an_end(world: Any) -> None:
    """However long it failed, the queue tries again within its longest delay."""
    found = only(world, refused(world, seconds=-90000), last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=RETRY_SECONDS_MOST)


def test_an_unread_quota_is_not_a_lifted_one(world: Any) -> None:
    """What cannot be read may still refuse; without a write nothing gives it time."""
    look = world.look(refused(world), failed={"ResourceQuota": world.FORBIDDEN})
    unread, found = world.judge(PODS_ADMITTED, look)
    assert unread.state is EvidenceState.UNKNOWN
    assert (found.subject.kind, found.settles_by) == ("ReplicaSet", None)


def test_a_limit_range_that_refuses_is_named(world: Any, stock: Any) -> None:
    """Its message names none; the new one of two is it."""
    objects = {**refused(world, TOO_BIG), "LimitRange": [stock.limits("old"), stock.limits("new")]}
    before = world.look({**world.app(), "LimitRange": [stock.limits("old")]})
    found = only(world, objects, reference=world.reference(before))
    assert (found.subject.kind, found.subject.name) == ("LimitRange", "new")
    assert found.observed.startswith("ReplicaSet web-1 has 1 of 3 pods; new since the reference")


def test_another_refusal_is_its_replicasets(world: Any) -> None:
    """A missing service account, a webhook: the words say which."""
    message = 'pods "web-1-" is forbidden: error looking up service account shop/web: not found'
    found = only(world, refused(world, message))
    assert (found.subject.kind, found.settles_by) == ("ReplicaSet", None)
    assert "service account shop/web" in found.observed


def test_a_standalone_replicaset_is_judged(world: Any) -> None:
    """Nobody stands above it."""
    app = refused(world)
    del app["ReplicaSet"][0]["metadata"]["ownerReferences"]
    assert only(world, {"ReplicaSet": app["ReplicaSet"]}).subject.name == "web-1"


@pytest.mark.parametrize("change", ["old", "empty"])
def test_a_revision_on_its_way_out_is_left_alone(world: Any, change: str) -> None:
    """The mend made another; this one needs no pods any more."""
    app = refused(world)
    if change == "old":
        app["Deployment"][0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    else:
        app["ReplicaSet"][0]["spec"]["replicas"] = 0
    assert world.judge(PODS_ADMITTED, world.look(app)) == []


def test_a_rollout_under_way_makes_room_for_itself(world: Any, stock: Any) -> None:
    """A tight quota refuses the surge, and the rollout goes on."""
    objects = {**refused(world), "ResourceQuota": [stock.quota()]}
    objects["Deployment"][0]["status"]["conditions"].append(
        world.condition("Progressing", "True", "ReplicaSetUpdated", -20)
    )
    assert only(world, objects).settles_by == world.AT + timedelta(seconds=100)


def test_a_full_quota_that_refuses_nobody_is_fine(world: Any, stock: Any) -> None:
    """It is said, and held against nobody."""
    found = only(world, {**world.app(), "ResourceQuota": [stock.quota(used="32Mi")]})
    assert (found.state, found.observed) == (SATISFIED, "refuses no pod (memory used up)")


def test_a_statefulset_is_kept_out_in_silence(world: Any, stock: Any) -> None:
    """It has no condition for it: too few pods, and no room for another."""
    one = world.deployment("db")
    one["spec"]["template"] = {
        "spec": {
            "containers": [{"name": "db", "resources": {"requests": {"memory": "20Mi"}}}],
        }
    }
    one["status"] = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1}
    quota = stock.quota(used="20Mi")
    found = only(world, {"StatefulSet": [one], "ResourceQuota": [quota]})
    assert (found.state, found.subject.kind) == (VIOLATED, "ResourceQuota")
    assert "no room for another pod of StatefulSet db, which has 1 of 3" in found.observed
    roomy = {"StatefulSet": [one], "ResourceQuota": [stock.quota(used="20Mi", hard="40Mi")]}
    assert only(world, roomy).state is SATISFIED
