"""Autoscalers that cannot work, are at their limit, or move to and fro; and disruption budgets."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.autoscalers import AUTOSCALER_ACTIVE
from guardrails.gates.kubernetes.budgets import DISRUPTION_BUDGET
from guardrails.gates.kubernetes.scaling import AUTOSCALER_SETTLED

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def only(world: Any, check: Any, objects: Any, before: Any = None, **more: Any) -> Any:
    """Return the one fact."""
    reference = world.reference(world.look(before)) if before else None
    (found,) = world.judge(check, world.look(objects), reference=reference, **more)
    return found


def scaled(world: Any, *scalers: Any) -> Any:
    """An application with autoscalers."""
    return {**world.app(), "HorizontalPodAutoscaler": list(scalers)}


def maxed(world: Any, stock: Any, **more: Any) -> Any:
    """An autoscaler at its limit that would go higher."""
    found = stock.autoscaler(current=5, **more)
    found["status"]["conditions"][2] = world.condition("ScalingLimited", "True", "TooManyReplicas")
    return found


def test_an_autoscaler_that_works_is_satisfied(world: Any, stock: Any) -> None:
    """Both checks say so."""
    objects = scaled(world, stock.autoscaler())
    assert only(world, AUTOSCALER_ACTIVE, objects).state is SATISFIED
    assert only(world, AUTOSCALER_SETTLED, objects).observed == "3 of at most 5"


def test_all_conditions_are_read(world: Any, stock: Any) -> None:
    """Real controllers write AbleToScale=True before ScalingActive=False."""
    scaler = stock.autoscaler()
    scaler["status"]["conditions"][1] = world.condition(
        "ScalingActive", "False", "FailedGetResourceMetric"
    )
    found = only(world, AUTOSCALER_ACTIVE, scaled(world, scaler))
    assert (found.state, found.field) == (VIOLATED, "status.conditions[ScalingActive]")
    assert found.settles_by < world.AT
    later = only(world, AUTOSCALER_ACTIVE, scaled(world, scaler), last_write_at=world.AT)
    assert later.settles_by == world.AT + timedelta(seconds=45)


def test_a_target_that_does_not_exist_is_named(world: Any, stock: Any) -> None:
    """Before the controller says so; one of another kind is left to it."""
    objects = {"HorizontalPodAutoscaler": [stock.autoscaler("gone")]}
    found = only(world, AUTOSCALER_ACTIVE, objects)
    assert (found.state, found.observed) == (VIOLATED, "Deployment gone does not exist")
    objects["HorizontalPodAutoscaler"][0]["spec"]["scaleTargetRef"]["kind"] = "Rollout"
    assert only(world, AUTOSCALER_ACTIVE, objects).state is SATISFIED


def test_an_autoscaler_that_nobody_looked_at_is_violated(world: Any, stock: Any) -> None:
    """A new one has a moment."""
    scaler = stock.autoscaler()
    scaler["status"] = {}
    scaler["metadata"]["creationTimestamp"] = world.stamp(-5)
    found = only(world, AUTOSCALER_ACTIVE, scaled(world, scaler))
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=40))


def test_a_target_at_zero_is_judged_elsewhere(world: Any, stock: Any) -> None:
    """ScalingDisabled says no more."""
    scaler = stock.autoscaler()
    scaler["status"]["conditions"][1] = world.condition("ScalingActive", "False", "ScalingDisabled")
    assert only(world, AUTOSCALER_ACTIVE, scaled(world, scaler)).state is SATISFIED


def test_an_autoscaler_at_its_limit_is_violated_where_it_was_not(world: Any, stock: Any) -> None:
    """What drives it there is not mended."""
    before = scaled(world, stock.autoscaler())
    found = only(world, AUTOSCALER_SETTLED, scaled(world, maxed(world, stock)), before)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert found.expected == "below its limit, as in the reference (3 of 5)"


def test_load_may_fall_after_a_write(world: Any, stock: Any) -> None:
    """An autoscaler goes down slowly."""
    before = scaled(world, stock.autoscaler())
    scaler = maxed(world, stock)
    scaler["status"]["lastScaleTime"] = world.stamp(-60)
    more = {"last_write_at": world.AT - timedelta(seconds=100)}
    found = only(world, AUTOSCALER_SETTLED, scaled(world, scaler), before, **more)
    assert found.settles_by == world.AT + timedelta(seconds=300)


def test_an_autoscaler_that_was_at_its_limit_is_satisfied(world: Any, stock: Any) -> None:
    """It is how things are; and without a reference nothing tells otherwise."""
    objects = scaled(world, maxed(world, stock))
    assert "as in the reference" in only(world, AUTOSCALER_SETTLED, objects, objects).observed
    assert "nothing tells" in only(world, AUTOSCALER_SETTLED, objects).observed


@pytest.mark.parametrize("change", ["pinned", "too few", "on its way"])
def test_not_every_limit_is_one(world: Any, stock: Any, change: str) -> None:
    """Pinned by its bounds, held up by its minimum, or with room left."""
    scaler = maxed(world, stock)
    match change:
        case "pinned":
            scaler["spec"]["minReplicas"] = 5
        case "too few":
            scaler["status"]["conditions"][2]["reason"] = "TooFewReplicas"
        case _:
            scaler["status"]["currentReplicas"] = 4
    before = scaled(world, stock.autoscaler())
    assert only(world, AUTOSCALER_SETTLED, scaled(world, scaler), before).state is SATISFIED


def watched(world: Any, stock: Any, *moves: int, step: float = 60.0) -> Any:
    """Judge an autoscaler over looks that saw it want so many replicas."""
    looks: list[Any] = []
    for number, wanted in enumerate(moves):
        scaler = stock.autoscaler(current=wanted, most=9)
        scaler["status"]["lastScaleTime"] = world.stamp(-20)
        at = step * (number - len(moves) + 1)
        looks.append(world.look(scaled(world, scaler), at=at))
    (found,) = world.judge(AUTOSCALER_SETTLED, *looks)
    return found


def test_moving_to_and_fro_is_waited_for(world: Any, stock: Any) -> None:
    """A downscale right after an upscale is no rest."""
    found = watched(world, stock, 3, 6, 3)
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=40))
    assert found.observed == "to and fro: 3 -> 6 -> 3"


@pytest.mark.parametrize(
    ("moves", "step"), [((3, 5, 7), 60.0), ((7, 5, 5), 60.0), ((3, 6, 3), 400.0), ((3, 0, 3), 60.0)]
)
def test_following_the_load_is_no_fault(
    world: Any, stock: Any, moves: tuple[int, ...], step: float
) -> None:
    """One way, or back after a while; a 0 is shown while there are no metrics."""
    assert watched(world, stock, *moves, step=step).state is SATISFIED


def guarded(world: Any, *budgets: Any) -> Any:
    """An application with disruption budgets."""
    return {**world.app(), "PodDisruptionBudget": list(budgets)}


def test_a_budget_that_guards_is_satisfied(world: Any, stock: Any) -> None:
    """It tells how much it allows."""
    found = only(world, DISRUPTION_BUDGET, guarded(world, stock.budget()))
    assert (found.state, found.observed) == (SATISFIED, "allows 1 of 3 pods to be disrupted")


@pytest.mark.parametrize(
    ("healthy", "words"), [(3, "every drain waits for it"), (1, "pods are missing")]
)
def test_a_budget_that_allows_nothing_is_only_told(
    world: Any, stock: Any, healthy: int, words: str
) -> None:
    """It was written so, or pods are missing, which is judged as such."""
    budget = stock.budget(
        disruptionsAllowed=0,
        currentHealthy=healthy,
        desiredHealthy=3,
        conditions=[world.condition("DisruptionAllowed", "False", "InsufficientPods")],
    )
    found = only(world, DISRUPTION_BUDGET, guarded(world, budget))
    assert found.state is SATISFIED
    assert words in found.observed


def test_a_budget_that_cannot_be_worked_out_is_violated(world: Any, stock: Any) -> None:
    """Its pods belong to nothing that can be scaled; the controller gets a moment."""
    budget = stock.budget(conditions=[world.condition("DisruptionAllowed", "False", "SyncFailed")])
    found = only(world, DISRUPTION_BUDGET, guarded(world, budget))
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=15))


def test_a_budget_that_lost_its_pods_is_violated(world: Any, stock: Any) -> None:
    """It guards nobody, where it guarded three; without a reference it is only told."""
    before = guarded(world, stock.budget())
    after = copy.deepcopy(before)
    after["PodDisruptionBudget"][0]["spec"]["selector"] = {"matchLabels": {"app": "nope"}}
    found = only(world, DISRUPTION_BUDGET, after, before)
    assert (found.state, found.expected) == (VIOLATED, "some, as in the reference (3)")
    assert "nothing tells" in only(world, DISRUPTION_BUDGET, after).observed
    empty = guarded(world, stock.budget(expectedPods=0))
    assert only(world, DISRUPTION_BUDGET, after, empty).state is SATISFIED


def test_a_budget_that_goes_is_left_alone(world: Any, stock: Any) -> None:
    """That it goes is another check's question."""
    objects = guarded(world, stock.budget())
    objects["PodDisruptionBudget"][0]["metadata"]["deletionTimestamp"] = world.stamp(-1)
    assert world.judge(DISRUPTION_BUDGET, world.look(objects)) == []


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        (AUTOSCALER_ACTIVE, "HorizontalPodAutoscaler"),
        (AUTOSCALER_SETTLED, "HorizontalPodAutoscaler"),
        (DISRUPTION_BUDGET, "PodDisruptionBudget"),
        (DISRUPTION_BUDGET, "Pod"),
    ],
)
def test_an_unread_list_is_unknown(world: Any, stock: Any, check: Any, kind: str) -> None:
    """A failed list is not an empty one."""
    look = world.look(guarded(world, stock.budget()), failed={kind: world.TIMEOUT})
    assert [e.state for e in world.judge(check, look)] == [EvidenceState.UNKNOWN]
