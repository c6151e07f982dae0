"""What a rollout or the kubelet is about to mend is waited for, and not held against a mend."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS
from guardrails.gates.kubernetes.pods import PODS_READY, RETRY_SECONDS, START_SECONDS
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT

VIOLATED = EvidenceState.VIOLATED


def wait_for(world: Any, pod: Any, reason: str) -> None:
    """Let a pod's container wait."""
    pod["status"]["containerStatuses"][0].update(
        ready=False, state={"waiting": {"reason": reason, "message": "said"}}
    )
    pod["status"]["conditions"] = [world.condition("Ready", "False", "ContainersNotReady")]


def violated(world: Any, check: Any, app: Any, **more: Any) -> Any:
    """Return the one violation."""
    (found,) = [e for e in world.judge(check, world.look(app), **more) if e.state is VIOLATED]
    return found


def test_a_missing_configmap_may_be_there_by_now(world: Any) -> None:
    """The kubelet tries again by itself; without a write nothing has changed for it."""
    app = world.app()
    wait_for(world, app["Pod"][0], "CreateContainerConfigError")
    written = violated(world, PODS_READY, app, last_write_at=world.AT)
    assert written.settles_by == world.AT + timedelta(seconds=RETRY_SECONDS)
    assert violated(world, PODS_READY, app).settles_by is None


def kept_by(world: Any, kind: str, **status: Any) -> Any:
    """A StatefulSet or DaemonSet with one stuck pod of the revision `db-1`."""
    item = world.deployment("db", 1)
    item["status"].update(status)
    pod = world.pod("db-0", app="db", owner=(kind, "db"))
    pod["metadata"]["labels"]["controller-revision-hash"] = "db-1"
    wait_for(world, pod, "ImagePullBackOff")
    return {kind: [item], "Pod": [pod]}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("StatefulSet", {"updateRevision": "db-2", "currentRevision": "db-1"}),
        ("DaemonSet", {"desiredNumberScheduled": 1}),
    ],
)
def test_a_stuck_pod_of_an_older_revision_is_left_to_its_rollout(
    world: Any, kind: str, status: dict[str, Any]
) -> None:
    """Of every kind of workload."""
    found = violated(world, PODS_READY, kept_by(world, kind, **status), last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=START_SECONDS)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("StatefulSet", {"updateRevision": "db-1"}),
        ("DaemonSet", {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1}),
    ],
)
def test_a_stuck_pod_of_the_newest_revision_is_not(
    world: Any, kind: str, status: dict[str, Any]
) -> None:
    """Nothing is coming that would replace it."""
    found = violated(world, PODS_READY, kept_by(world, kind, **status), last_write_at=world.AT)
    assert found.settles_by is None


def test_what_is_replaced_by_hand_only_is_not_being_replaced(world: Any) -> None:
    """With OnDelete somebody has to delete the old pod."""
    app = kept_by(world, "StatefulSet", updateRevision="db-2")
    app["StatefulSet"][0]["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert violated(world, PODS_READY, app, last_write_at=world.AT).settles_by is None


def test_a_port_that_the_next_pods_have_is_waited_for(world: Any) -> None:
    """A port that is renamed in its workload is there when the rollout is over."""
    app = world.app()
    app["Service"] = [world.service(target="web")]
    hard = violated(world, SERVICE_REACHES_PODS, app, last_write_at=world.AT)
    assert hard.settles_by is None

    app["Deployment"][0]["metadata"]["generation"] = 2
    soft = violated(world, SERVICE_REACHES_PODS, app, last_write_at=world.AT)
    assert soft.settles_by == world.AT + timedelta(seconds=START_SECONDS)


def test_what_came_after_the_reference_is_not_asked_back(world: Any) -> None:
    """A client that overloads the others may be scaled down, unless the incident names it."""
    before = world.look(world.app())
    began = world.look(world.join(world.app(), world.app("surge", 3)))
    now = world.join(world.app(), world.app("surge", 0))
    reference = world.reference(before, start=began)

    (found,) = [
        e
        for e in world.judge(REPLICAS_KEPT, world.look(now), reference=reference)
        if e.state is not EvidenceState.SATISFIED
    ]

    assert (found.subject.name, found.counts) == ("surge", False)
