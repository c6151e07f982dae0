"""Pods that slipped out of their workload, and those that people run beside it."""

import copy
from typing import Any

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.orphans import PODS_OWNED
from tests.gates.kubernetes.conftest import states


def slipped(world: Any, name: str = "web-1-x4k2d", **labels: str) -> Any:
    """An application with one more pod, which has no owner and no label of a controller."""
    app = world.app()
    pod = world.pod(name)
    del pod["metadata"]["ownerReferences"]
    pod["metadata"]["labels"] = labels or {"app": "debug"}
    app["Pod"].append(pod)
    return app


def owned(app: Any) -> Any:
    """The same, before the pod was taken out."""
    before = copy.deepcopy(app)
    before["Pod"][-1]["metadata"]["ownerReferences"] = before["Pod"][0]["metadata"][
        "ownerReferences"
    ]
    return before


def test_a_healthy_application_has_no_orphan(world: Any) -> None:
    """Owned pods are not even mentioned."""
    assert world.judge(PODS_OWNED, world.look(world.app())) == []


def test_a_pod_with_a_replicasets_name_was_taken_out_of_it(world: Any) -> None:
    """Whoever removed its hash label left its name."""
    (found,) = world.judge(PODS_OWNED, world.look(slipped(world)))
    assert found.state is EvidenceState.VIOLATED
    assert "bears the name of ReplicaSet web-1" in found.observed


def test_a_pod_that_had_an_owner_before_was_taken_out(world: Any) -> None:
    """In the reference, at the start of the run, or at an earlier look."""
    app = slipped(world, "db-0")
    look, past = world.look(app), world.look(owned(app), at=-5)
    for reference in (world.reference(past), world.reference(None, start=past)):
        (found,) = world.judge(PODS_OWNED, look, reference=reference)
        assert "had one before" in found.observed
        assert found.counts
    (found,) = world.judge(PODS_OWNED, past, look)
    assert "had one before" in found.observed


def test_a_pod_that_was_bare_before_is_left_alone(world: Any) -> None:
    """The reference had it as it is."""
    app = slipped(world)
    assert (
        world.judge(PODS_OWNED, world.look(app), reference=world.reference(world.look(app))) == []
    )


def test_a_persons_pod_beside_a_workload_is_only_reported(world: Any) -> None:
    """It may even serve; but nobody makes it again."""
    for name in ("toolbox", "web-1-debug"):
        found = world.judge(PODS_OWNED, world.look(slipped(world, name, app="web")))
        assert states(found) == [("violated", name, False)]


def test_all_labels_but_one_of_several_still_resemble(world: Any) -> None:
    """One label was changed so that the selector lets it go."""
    app = slipped(world, "toolbox", app="web", tier="debug")
    app["Deployment"][0]["spec"]["selector"] = {"matchLabels": {"app": "web", "tier": "front"}}
    assert states(world.judge(PODS_OWNED, world.look(app))) == [("violated", "toolbox", False)]


def test_a_pod_of_nobodys_labels_is_not_mentioned(world: Any) -> None:
    """People run single pods on purpose, and some are about to go."""
    app = slipped(world, "toolbox", run="toolbox")
    going = slipped(world)
    going["Pod"][-1]["metadata"]["deletionTimestamp"] = world.stamp(-1)
    assert world.judge(PODS_OWNED, world.look(app)) == []
    assert world.judge(PODS_OWNED, world.look(going)) == []


def test_unread_pods_are_unknown(world: Any) -> None:
    """A failed list is not an empty one."""
    (found,) = world.judge(PODS_OWNED, world.look(slipped(world), failed={"Pod": world.TIMEOUT}))
    assert found.state is EvidenceState.UNKNOWN
