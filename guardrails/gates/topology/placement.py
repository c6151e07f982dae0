"""Edges of placement: pods and the nodes that they are on, or cannot get on."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import Node, Pod
from guardrails.gates.kubernetes.topology import condition
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Reach, Thing
from guardrails.gates.topology.templates import thing_of

_KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})


def placement(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every pod to its node; one that is not scheduled to the nodes that take none.

    A node's fault is a trouble of its pods. A pod may wear its node out, but what then becomes of
    its neighbours is not laid on it: every pod of a small cluster would explain every other.
    """
    closed = [(thing_of(node), reason) for node, reason in _closed(look, namespace)]
    for pod in look.objects(Pod, namespace):
        thing = thing_of(pod)
        if pod.spec.node_name:
            node = Thing("Node", pod.spec.node_name)
            yield Edge(node, thing, f"{thing} is on {node}")
            yield Edge(thing, node, f"{thing} is on {node}", Reach.LAST)
        elif _is_left_out(pod):
            for node, reason in closed:
                yield Edge(node, thing, f"{thing} is not scheduled, and {node} {reason}")


def _is_left_out(pod: Pod) -> bool:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    return scheduled is not None and scheduled.status == "False"


def _closed(look: Snapshot, namespace: str) -> Iterator[tuple[Node, str]]:
    for node in look.objects(Node, namespace):
        ready = condition(node.status.conditions, "Ready")
        taint = next((t for t in node.spec.taints or () if t.effect in _KEEPS_OFF), None)
        if node.spec.unschedulable:
            yield node, "is cordoned"
        elif taint is not None:
            yield node, f"has the taint {taint.key}"
        elif ready is not None and ready.status != "True":
            yield node, "is not ready"
