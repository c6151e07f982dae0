"""Presence and size of workloads, autoscalers, and scopes with nothing in them."""

import json
from typing import Any

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.gates.kubernetes.autoscalers import AUTOSCALER_ACTIVE
from guardrails.gates.kubernetes.objects import LAST_APPLIED
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT, SCOPE_INHABITED
from guardrails.gates.snapshot import ListKey, ObjectList

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def only(world: Any, app: Any, **more: Any) -> Any:
    """Judge the one workload there is."""
    (found,) = world.judge(REPLICAS_KEPT, world.look(app), **more)
    return found


def scaler(world: Any, *conditions: Any, least: int = 2) -> Any:
    """An autoscaler of the web Deployment."""
    return {
        "metadata": world.metadata("web"),
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "minReplicas": least,
            "maxReplicas": 5,
        },
        "status": {"conditions": list(conditions)},
    }


def test_scaled_to_zero_is_violated_by_the_reference(world: Any) -> None:
    """Available, complete, and gone: four tools call it healthy."""
    before = world.reference(world.look(world.app(), at=-3600))
    found = only(world, world.app(replicas=0), reference=before)
    assert (found.state, found.observed) == (VIOLATED, "0")
    assert "at least 3 (the reference)" in found.expected


def test_fewer_than_the_reference_is_violated(world: Any) -> None:
    """Scaling 3 to 1 makes pods ready faster and takes capacity away."""
    before = world.reference(world.look(world.app(), at=-3600))
    assert only(world, world.app(replicas=1), reference=before).state is VIOLATED


def test_more_than_the_reference_is_fine(world: Any) -> None:
    """Capacity may go up."""
    before = world.reference(world.look(world.app(), at=-3600))
    assert only(world, world.app(replicas=5), reference=before).state is SATISFIED


def test_an_autoscaler_of_the_reference_sets_the_floor(world: Any) -> None:
    """What an autoscaler may take away is no loss."""
    old = {**world.app(), "HorizontalPodAutoscaler": [scaler(world)]}
    before = world.reference(world.look(old, at=-3600))
    assert only(world, world.app(replicas=2), reference=before).state is SATISFIED
    assert only(world, world.app(replicas=1), reference=before).state is VIOLATED


def test_zero_without_any_reference_is_unknown(world: Any) -> None:
    """The start of the run holds the fault already, so its zero proves nothing."""
    app = world.app(replicas=0)
    assert only(world, app).state is UNKNOWN
    start = world.reference(start=world.look(app, at=-60))
    assert only(world, app, reference=start).state is UNKNOWN


def test_last_applied_stands_in_for_a_reference(world: Any) -> None:
    """What was applied says how many there should be."""
    app = world.app(replicas=0)
    applied = json.dumps({"spec": {"replicas": 2, "template": {"env": "secret"}}})
    app["Deployment"][0]["metadata"]["annotations"][LAST_APPLIED] = applied
    found = only(world, app)
    assert found.state is VIOLATED
    assert "last applied" in found.expected


def test_snapshots_keep_no_more_of_last_applied_than_replicas(world: Any) -> None:
    """The annotation repeats literal environment values, which no baseline file should hold."""
    app = world.app()
    applied = json.dumps({"spec": {"replicas": 2, "template": {"env": "hunter2"}}})
    app["Deployment"][0]["metadata"]["annotations"][LAST_APPLIED] = applied
    (item,) = world.look(app).list_of("Deployment", world.NS).objects
    assert "hunter2" not in item.metadata.annotations.last_applied


def test_what_the_run_took_away_is_violated(world: Any) -> None:
    """Without a recorded reference the start still tells what is new."""
    start = world.reference(start=world.look(world.app(), at=-60))
    assert only(world, world.app(replicas=1), reference=start).state is VIOLATED


def test_a_deleted_workload_is_violated(world: Any) -> None:
    """Deleting what is broken is not mending it."""
    before = world.reference(world.look(world.app(), at=-3600))
    found = only(world, {}, reference=before)
    assert (found.state, found.subject.name) == (VIOLATED, "web")


def test_a_workload_that_the_incident_names_must_exist(world: Any) -> None:
    """Even without a reference the incident says what should be there."""
    incident = world.incident(workloads=(Workload(name="cart", kind="deployment"),))
    found = world.judge(REPLICAS_KEPT, world.look(world.app()), incident=incident)
    assert [e.subject.name for e in found if e.state is VIOLATED] == ["cart"]


def test_nothing_is_gone_from_a_list_that_failed(world: Any) -> None:
    """A 403 on Deployments does not make them deleted."""
    before = world.reference(world.look(world.app(), at=-3600))
    look = world.look(world.app(), failed={"Deployment": world.FORBIDDEN})
    assert [e.state for e in world.judge(REPLICAS_KEPT, look, reference=before)] == [UNKNOWN]


def test_an_empty_namespace_is_unknown(world: Any) -> None:
    """Nothing unhealthy is in it, and nothing healthy either."""
    shop = {"metadata": {"name": "shop"}}
    (found,) = world.judge(SCOPE_INHABITED, world.look({"Namespace": [shop]}))
    assert found.state is UNKNOWN
    assert "nothing to judge in namespace shop" in found.observed


def test_a_namespace_that_does_not_exist_is_named(world: Any) -> None:
    """A typo in the scope is told apart from an empty namespace."""
    look = world.look({})
    asked = ObjectList(key=ListKey(kind="Namespace", namespace="shop", name="shop"))
    look = type(look)(at=look.at, lists=(*look.lists, asked))
    (found,) = world.judge(SCOPE_INHABITED, look)
    assert (found.state, found.observed) == (UNKNOWN, "namespace shop does not exist")


def test_an_incident_without_namespace_has_no_scope(world: Any) -> None:
    """Nothing in scope is nothing proved."""
    (found,) = world.judge(SCOPE_INHABITED, world.look({}), incident=world.incident(namespaces=()))
    assert found.state is UNKNOWN


def test_an_autoscaler_without_metrics_is_violated(world: Any) -> None:
    """AbleToScale comes first and is True; the second condition tells."""
    broken = scaler(
        world,
        world.condition("AbleToScale", "True", "SucceededGetScale"),
        world.condition("ScalingActive", "False", "FailedGetResourceMetric"),
    )
    app = {**world.app(), "HorizontalPodAutoscaler": [broken]}
    (found,) = world.judge(AUTOSCALER_ACTIVE, world.look(app))
    assert found.state is VIOLATED
    assert "FailedGetResourceMetric" in found.observed
    assert found.settles_by < world.AT


def test_a_working_autoscaler_is_satisfied(world: Any) -> None:
    """Both conditions True."""
    fine = scaler(
        world,
        world.condition("AbleToScale", "True", "ReadyForNewScale"),
        world.condition("ScalingActive", "True", "ValidMetricFound"),
    )
    app = {**world.app(), "HorizontalPodAutoscaler": [fine]}
    (found,) = world.judge(AUTOSCALER_ACTIVE, world.look(app))
    assert found.state is SATISFIED
