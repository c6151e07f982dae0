"""Chaos Mesh: what strikes the scope, what is at rest, and what the cluster does not know."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.chaos import LISTS
from guardrails.gates.kubernetes.chaos import NO_CHAOS as CHECK
from guardrails.gates.snapshot import Read, ReadStatus


def chaos(net: Any, kind: str = "NetworkChaos", **more: Any) -> Any:
    """An experiment in a namespace of its own, which strikes the shop."""
    strikes = {"action": "delay", "selector": {"namespaces": ["shop"]}}
    spec: Any = strikes
    if kind == "Schedule":
        spec = {"type": "NetworkChaos", "schedule": "@every 1m", "networkChaos": strikes}
    metadata = net.world.metadata("storm", namespace="chaos", **more.pop("metadata", {}))
    return {kind: [{"metadata": metadata, "spec": more.pop("spec", spec), **more}]}


@pytest.mark.parametrize("kind", LISTS)
def test_every_kind_of_experiment_is_found(net: Any, kind: str) -> None:
    """Wherever it lives, with or without a reference."""
    (said,) = net.wrong(CHECK, chaos(net, kind))
    assert said == "storm: strikes shop (delay)"
    assert net.wrong(CHECK, chaos(net, kind), before=net.shop()) == [said]


def test_what_ran_in_the_reference_is_set_aside(net: Any) -> None:
    """The game day began before the incident; one that was paused then did not run."""
    paused = {"annotations": {"experiment.chaos-mesh.org/pause": "true"}}
    assert net.wrong(CHECK, chaos(net), before=chaos(net)) == []
    assert len(net.aside(CHECK, chaos(net), before=chaos(net))) == 1
    assert len(net.wrong(CHECK, chaos(net), before=chaos(net, metadata=paused))) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": "true"}}},
        {
            "status": {
                "experiment": {"desiredPhase": "Stop"},
                "conditions": [{"type": "AllRecovered", "status": "True"}],
            }
        },
        {
            "spec": {"action": "pod-kill", "selector": {"namespaces": ["shop"]}},
            "status": {"conditions": [{"type": "AllInjected", "status": "True"}]},
        },
    ],
)
def test_what_does_no_harm_any_more_is_fine(net: Any, more: Any) -> None:
    """Paused, over, or done once and for all."""
    found = net.judged(CHECK, chaos(net, **more))
    assert [e.state for e in found] == [EvidenceState.SATISFIED]


@pytest.mark.parametrize(
    ("selector", "hits"),
    [
        ({"namespaces": ["other"]}, 0),
        ({"pods": {"shop": ["web-1-0"]}}, 1),
        ({}, 0),
    ],
)
def test_the_selector_tells_where_it_strikes(net: Any, selector: Any, hits: int) -> None:
    """Without one, in its own namespace, which is not the shop."""
    spec = {"action": "delay", "selector": selector}
    assert len(net.wrong(CHECK, chaos(net, spec=spec))) == hits


def test_either_end_of_a_broken_connection_is_struck(net: Any) -> None:
    """The target counts as much as the selector."""
    spec = {
        "action": "partition",
        "selector": {"namespaces": ["other"]},
        "target": {"selector": {"namespaces": ["shop"]}},
    }
    assert len(net.wrong(CHECK, chaos(net, spec=spec))) == 1


def test_an_experiment_that_is_being_deleted_settles(net: Any) -> None:
    """Its finalizer takes the fault back first."""
    (found,) = net.judged(CHECK, chaos(net, metadata={"deletionTimestamp": net.world.stamp(-1)}))
    assert (found.state, found.settles_by is None) == (EvidenceState.VIOLATED, False)


def test_a_cluster_without_chaos_mesh_says_nothing(net: Any, world: Any) -> None:
    """No such kinds, so no such fault."""
    absent = dict.fromkeys(LISTS, Read(status=ReadStatus.NOT_SERVED))
    assert world.judge(CHECK, world.look(net.shop(), failed=absent)) == []


def test_a_refusal_is_named_and_a_failure_is_unknown(net: Any, world: Any) -> None:
    """The rights are for the whole cluster, and not everybody grants them."""
    refused = world.judge(CHECK, world.look(net.shop(), failed={"Schedule": world.FORBIDDEN}))
    assert [e.counts for e in refused] == [False]
    late = world.judge(CHECK, world.look(net.shop(), failed={"Schedule": world.TIMEOUT}))
    assert [(e.state, e.counts) for e in late] == [(EvidenceState.UNKNOWN, True)]
