"""Nodes: under the scope's pods or not, open to them or not, and what DaemonSets make of them."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.gates.kubernetes.daemons import DAEMONS_EVERYWHERE
from guardrails.gates.kubernetes.nodes import NODES_READY
from guardrails.gates.kubernetes.openness import NODES_OPEN
from guardrails.gates.kubernetes.pods import SCHEDULE_SECONDS
from tests.gates.kubernetes.conftest import states

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def town(world: Any, stock: Any, *names: str, on: tuple[str, ...] = ("n1", "n2")) -> Any:
    """An application on nodes."""
    nodes = [stock.node(name) for name in names or ("n1", "n2")]
    return {**stock.on_nodes(world.app(), *on), "Node": nodes}


def node(objects: Any, name: str) -> Any:
    """One of the nodes."""
    return next(n for n in objects["Node"] if n["metadata"]["name"] == name)


def sick(world: Any, objects: Any, name: str, kind: str = "Ready", seconds: float = -3600.0) -> Any:
    """Make a node unready, or press it."""
    status = "False" if kind == "Ready" else "True"
    node(objects, name)["status"]["conditions"] = [
        *([] if kind == "Ready" else [world.condition("Ready", "True", "KubeletReady")]),
        world.condition(kind, status, "Said", seconds),
    ]
    return objects


def judged(world: Any, check: Any, objects: Any, before: Any = None, **more: Any) -> Any:
    """Shorten what a check says of the nodes, Namespaces left out."""
    reference = world.reference(world.look(before)) if before else None
    found = world.judge(check, world.look(objects), reference=reference, **more)
    return states([e for e in found if e.subject.kind != "Namespace"])


def test_ready_nodes_under_pods_are_satisfied(world: Any, stock: Any) -> None:
    """A node that carries nothing of the scope is not mentioned."""
    objects = town(world, stock, "n1", "n2", "n3")
    assert judged(world, NODES_READY, objects) == [
        ("satisfied", "n1", True),
        ("satisfied", "n2", True),
    ]


@pytest.mark.parametrize(
    "kind", ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"]
)
def test_a_sick_node_counts_where_it_carries_pods(world: Any, stock: Any, kind: str) -> None:
    """Elsewhere it is reported."""
    objects = sick(world, town(world, stock, "n1", "n2", "n3"), "n2", kind)
    assert ("violated", "n2", True) in judged(world, NODES_READY, objects)
    objects = sick(world, town(world, stock, "n1", "n2", "n3"), "n3", kind)
    assert ("violated", "n3", False) in judged(world, NODES_READY, objects)


def test_a_sick_node_has_its_time(world: Any, stock: Any) -> None:
    """A kubelet reports every ten seconds; pressure is reported for minutes after it is gone."""
    lost = sick(world, town(world, stock), "n1", seconds=-10)
    (found, _) = world.judge(NODES_READY, world.look(lost))
    assert found.settles_by == world.AT + timedelta(seconds=50)
    pressed = sick(world, town(world, stock), "n1", "DiskPressure", seconds=-10)
    (found, _) = world.judge(NODES_READY, world.look(pressed))
    assert found.settles_by is None
    (found, _) = world.judge(NODES_READY, world.look(pressed), last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=330)


def test_a_node_that_never_reported_is_not_ready(world: Any, stock: Any) -> None:
    """It has no conditions at all."""
    objects = town(world, stock)
    node(objects, "n1")["status"] = {}
    assert ("violated", "n1", True) in judged(world, NODES_READY, objects)


def test_a_drained_node_carries_nothing(world: Any, stock: Any) -> None:
    """Its pods are on their way out, or are those of DaemonSets."""
    objects = sick(world, town(world, stock), "n1")
    for pod in objects["Pod"]:
        if pod["spec"]["nodeName"] == "n1":
            pod["metadata"]["deletionTimestamp"] = world.stamp(-1)
    daemon = world.pod("agent-x", owner=("DaemonSet", "agent"))
    daemon["spec"]["nodeName"] = "n1"
    objects["Pod"].append(daemon)
    assert ("violated", "n1", False) in judged(world, NODES_READY, objects)


def cordon(objects: Any, *names: str) -> Any:
    """Cordon nodes."""
    changed = copy.deepcopy(objects)
    for name in names:
        node(changed, name)["spec"]["unschedulable"] = True
    return changed


def unplaced(world: Any, objects: Any, message: str, seconds: float = -300.0) -> Any:
    """Let the first pod wait for a node."""
    pod = objects["Pod"][0]
    pod["status"] = {
        "phase": "Pending",
        "conditions": [
            {**world.condition("PodScheduled", "False", "Unschedulable", seconds),
             "message": message}
        ],
    }  # fmt: skip
    del pod["spec"]["nodeName"]
    return objects


def test_open_nodes_are_satisfied(world: Any, stock: Any) -> None:
    """As many as before."""
    objects = town(world, stock)
    reference = world.reference(world.look(objects))
    (found,) = world.judge(NODES_OPEN, world.look(objects), reference=reference)
    assert (found.state, found.observed) == (SATISFIED, "2 nodes take its pods")


def test_a_cordon_that_takes_a_used_node_away_counts(world: Any, stock: Any) -> None:
    """Nothing waits yet; but the next pod has one place less than before."""
    objects = town(world, stock)
    assert judged(world, NODES_OPEN, cordon(objects, "n2"), objects) == [("violated", "n2", True)]
    drained = stock.on_nodes(cordon(objects, "n2"), "n1")
    assert judged(world, NODES_OPEN, drained, objects) == [("violated", "n2", True)]


def test_a_cordon_that_hurts_nobody_is_reported(world: Any, stock: Any) -> None:
    """On a node without pods of the scope, with another in its place, or as it was before."""
    objects = town(world, stock, "n1", "n2", "n3")
    assert judged(world, NODES_OPEN, cordon(objects, "n3"), objects) == [("violated", "n3", False)]
    more = town(world, stock, "n1", "n2", "n3", "n4")
    assert judged(world, NODES_OPEN, cordon(more, "n2"), objects) == [("violated", "n2", False)]
    before = cordon(objects, "n2")
    assert judged(world, NODES_OPEN, before, before) == []
    assert judged(world, NODES_OPEN, before) == [("violated", "n2", False)]


@pytest.mark.parametrize(
    ("about", "began", "counts"),
    [
        ("web", "closed", True),
        ("cart", "closed", False),
        ("", "closed", True),
        ("cart", "open", True),
        ("cart", "unknown", True),
    ],
)
def test_a_node_closed_before_the_run_counts_for_what_it_is_about(
    world: Any,
    stock: Any,
    about: str,
    began: str,
    counts: bool,  # noqa: FBT001  # a table
) -> None:
    """Who mended what was named need not end a maintenance; nobody may begin one."""
    before = town(world, stock)
    now = cordon(before, "n2")
    start = {"closed": now, "open": before, "unknown": None}[began]
    reference = world.reference(
        world.look(before), start=world.look(start, at=-60) if start else None
    )
    named = (Workload(name=about),) if about else ()
    found = world.judge(
        NODES_OPEN,
        world.look(now),
        reference=reference,
        incident=world.incident(workloads=named),
    )
    assert [s for s in states(found) if s[1] == "n2"] == [("violated", "n2", counts)]


def test_workloads_that_may_go_elsewhere_are_judged_apart(world: Any, stock: Any) -> None:
    """What hurts one counts, whatever it is to the other."""
    before = world.join(town(world, stock), stock.on_nodes(world.app("cart"), "n1"))
    before["Deployment"][1]["spec"]["template"] = {
        "spec": {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchFields": [
                                    {"key": "metadata.name", "operator": "In", "values": ["n1"]}
                                ]
                            }
                        ]
                    }
                }
            }
        }
    }
    assert judged(world, NODES_OPEN, cordon(before, "n2"), before) == [("violated", "n2", True)]


def test_the_scheduler_has_its_time_from_when_it_tried(world: Any, stock: Any) -> None:
    """Or from when the pod was made, where it says no time."""
    message = "0/2 nodes are available: 2 node(s) were unschedulable."
    objects = unplaced(world, cordon(town(world, stock), "n1", "n2"), message, seconds=-10)
    (found, _) = world.judge(NODES_OPEN, world.look(objects))
    assert found.settles_by == world.AT + timedelta(seconds=SCHEDULE_SECONDS - 10)
    del objects["Pod"][0]["status"]["conditions"][0]["lastTransitionTime"]
    (found, _) = world.judge(NODES_OPEN, world.look(objects))
    made = timedelta(seconds=SCHEDULE_SECONDS - 3600)
    assert found.settles_by == world.AT + made


def test_nodes_that_are_gone_are_not_closed(world: Any, stock: Any) -> None:
    """An autoscaler takes nodes away, and puts others under other names."""
    before = town(world, stock, "n1", "n2", "n3")
    after = town(world, stock, "n1", "n7", on=("n1", "n7"))
    assert judged(world, NODES_OPEN, after, before) == []


def test_a_sick_node_is_judged_as_such(world: Any, stock: Any) -> None:
    """Whoever cordoned it was right."""
    before = town(world, stock)
    assert judged(world, NODES_OPEN, sick(world, cordon(before, "n2"), "n2"), before) == []


def test_a_cordon_that_pods_wait_for_counts(world: Any, stock: Any) -> None:
    """Without a reference, too; it is the scheduler that says so."""
    message = "0/2 nodes are available: 2 node(s) were unschedulable."
    objects = unplaced(world, cordon(town(world, stock), "n1", "n2"), message)
    found = world.judge(NODES_OPEN, world.look(objects))
    assert states(found) == [("violated", "n1", True), ("violated", "n2", True)]
    assert found[0].observed == (
        "cordoned: 0 nodes take the pods of namespace shop; 1 of them wait for a node"
    )
    assert found[0].settles_by < world.AT
    (found, _) = world.judge(NODES_OPEN, world.look(objects), last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=15)


def test_pods_that_wait_for_room_do_not_blame_a_cordon(world: Any, stock: Any) -> None:
    """The open nodes are full."""
    objects = cordon(town(world, stock), "n2")
    unplaced(world, objects, "0/2 nodes are available: 1 Insufficient cpu.")
    assert judged(world, NODES_OPEN, objects) == [("violated", "n2", False)]


@pytest.mark.parametrize(
    ("taint", "tolerations", "closes"),
    [
        ({"key": "gpu", "effect": "NoSchedule"}, [], "closes"),
        ({"key": "gpu", "value": "a", "effect": "NoExecute"}, [], "closes"),
        ({"key": "gpu", "effect": "PreferNoSchedule"}, [], ""),
        ({"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}, [], ""),
        ({"key": "gpu", "effect": "NoSchedule"}, [{"operator": "Exists"}], ""),
        ({"key": "gpu", "effect": "NoSchedule"}, [{"key": "gpu", "operator": "Exists"}], ""),
        ({"key": "gpu", "value": "a", "effect": "NoSchedule"}, [{"key": "gpu", "value": "a"}], ""),
        ({"key": "gpu", "value": "a", "effect": "NoSchedule"}, [{"key": "gpu", "value": "b"}],
         "closes"),
        ({"key": "gpu", "effect": "NoSchedule"},
         [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}], "closes"),
    ],
)  # fmt: skip
def test_a_taint_closes_a_node_to_who_does_not_bear_it(
    world: Any, stock: Any, taint: Any, tolerations: Any, closes: str
) -> None:
    """Some only prefer, some follow conditions, and some are borne."""
    before = town(world, stock)
    before["Deployment"][0]["spec"]["template"] = {"spec": {"tolerations": tolerations}}
    after = copy.deepcopy(before)
    node(after, "n2")["spec"]["taints"] = [taint]
    expected = [("violated", "n2", True)] if closes else []
    assert judged(world, NODES_OPEN, after, before) == expected


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"disk": "fast"}},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [
                {"key": "disk", "operator": "In", "values": ["fast"]}]}]}}}},
    ],
)  # fmt: skip
def test_a_node_whose_label_was_taken_is_closed(world: Any, stock: Any, spec: Any) -> None:
    """The pods run on, and cannot come back."""
    before = town(world, stock)
    before["Deployment"][0]["spec"]["template"] = {"spec": spec}
    for one in before["Node"]:
        one["metadata"]["labels"]["disk"] = "fast"
    after = copy.deepcopy(before)
    del node(after, "n2")["metadata"]["labels"]["disk"]
    assert judged(world, NODES_OPEN, after, before) == [("violated", "n2", True)]


def test_a_template_that_chooses_no_node_blames_none(world: Any, stock: Any) -> None:
    """The nodes are as they were; the pods wait, which is told of them."""
    before = town(world, stock)
    after = copy.deepcopy(before)
    after["Deployment"][0]["spec"]["template"] = {"spec": {"nodeSelector": {"disk": "none"}}}
    unplaced(world, after, "0/2 nodes are available: 2 node(s) didn't match affinity/selector")
    assert judged(world, NODES_OPEN, after, before) == []
    assert judged(world, NODES_OPEN, after) == []


def daemons(world: Any, desired: int, **status: Any) -> Any:
    """A DaemonSet that has chosen so many nodes."""
    return {
        "metadata": world.metadata("agent"),
        "status": {"observedGeneration": 1, "desiredNumberScheduled": desired, **status},
    }


def covered(world: Any, stock: Any, desired: int, *names: str, **status: Any) -> Any:
    """A DaemonSet and the nodes that there are."""
    nodes = [stock.node(name) for name in names]
    return {"DaemonSet": [daemons(world, desired, **status)], "Node": nodes}


@pytest.mark.parametrize(
    ("desired", "names", "state"),
    [
        (3, ("n1", "n2", "n3"), SATISFIED),
        (2, ("n1", "n2", "n3"), VIOLATED),
        (2, ("n1", "n2"), SATISFIED),
        (2, ("n1", "n2", "n9"), SATISFIED),
        (1, ("n1", "n2"), VIOLATED),
        (4, ("n1", "n2", "n3", "n4"), SATISFIED),
    ],
)
def test_a_daemonset_keeps_its_nodes(
    world: Any, stock: Any, desired: int, names: tuple[str, ...], state: EvidenceState
) -> None:
    """Less those that are gone."""
    reference = world.reference(world.look(covered(world, stock, 3, "n1", "n2", "n3")))
    look = world.look(covered(world, stock, desired, *names))
    (found,) = world.judge(DAEMONS_EVERYWHERE, look, reference=reference)
    assert (found.state, found.settles_by) == (state, None)


def test_a_daemonset_without_a_past_is_only_described(world: Any, stock: Any) -> None:
    """Also where the reference did not read the nodes; pods astray are told."""
    look = world.look(covered(world, stock, 1, "n1", numberMisscheduled=1))
    (found,) = world.judge(DAEMONS_EVERYWHERE, look)
    assert found.observed == "chooses 1 nodes, and 1 on nodes that it does not choose"
    blind = world.look(covered(world, stock, 3, "n1"), failed={"Node": world.FORBIDDEN})
    (found,) = world.judge(DAEMONS_EVERYWHERE, look, reference=world.reference(blind))
    assert found.state is SATISFIED


def test_a_daemonset_that_was_just_changed_is_waited_for(world: Any, stock: Any) -> None:
    """The controller has not counted yet."""
    reference = world.reference(world.look(covered(world, stock, 2, "n1", "n2")))
    objects = covered(world, stock, 1, "n1", "n2")
    objects["DaemonSet"][0]["metadata"]["generation"] = 2
    (found,) = world.judge(DAEMONS_EVERYWHERE, world.look(objects), reference=reference)
    assert found.settles_by == world.AT + timedelta(seconds=15)


@pytest.mark.parametrize("check", [NODES_READY, NODES_OPEN, DAEMONS_EVERYWHERE])
def test_unread_nodes_are_unknown(world: Any, stock: Any, check: Any) -> None:
    """A failed list is not an empty one."""
    look = world.look(town(world, stock), failed={"Node": world.FORBIDDEN})
    assert [e.state for e in world.judge(check, look)] == [EvidenceState.UNKNOWN]
