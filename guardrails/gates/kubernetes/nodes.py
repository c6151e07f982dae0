"""Whether the nodes under the scope's pods are well.

A node that carries nothing of the scope is reported and held against nobody.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import Condition, DaemonSet, Node
from guardrails.gates.kubernetes.pods import LISTS as POD_LISTS
from guardrails.gates.kubernetes.pods import stands
from guardrails.gates.kubernetes.topology import condition, latest, territory

ID = CheckId("nodes-ready")

LISTS = (*POD_LISTS, "Node")

LOST_SECONDS = 60.0
"""What a node gets to report again: a kubelet does every 10 s, and is called lost after 50 s."""

PRESSURE_SECONDS = 330.0
"""A kubelet reports pressure for 5 minutes after it is gone, by default; a bit more."""

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
TROUBLES = (*PRESSURES, "NetworkUnavailable")


def judge_nodes(view: View) -> list[Evidence]:
    """Judge every node that carries pods of the scope; report others that are unwell."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    carried = _carried(view)
    for node in view.look.objects(Node, ""):
        count = carried.get(node.metadata.name, 0)
        trouble = _trouble(node)
        if trouble is not None:
            evidence = _unwell(witness, view, node, trouble, count)
            found.append(evidence if count else aside(evidence))
        elif count:
            found.append(
                witness.satisfied(
                    refer(node), observed=f"ready, with {count} pods", expected="ready"
                )
            )
    return found


NODES_READY = Check(id=ID, judge=judge_nodes, lists=LISTS)


def _carried(view: View) -> Mapping[str, int]:
    """Count the scope's pods on each node, less those of DaemonSets, which cannot go elsewhere."""
    counts: defaultdict[str, int] = defaultdict(int)
    for namespace in view.scope.namespaces:
        for owner, pods in territory(view.look, namespace).by_owner.items():
            if owner.kind != DaemonSet.__name__:
                for pod in filter(stands, pods):
                    counts[pod.spec.node_name] += 1
    return counts


def _trouble(node: Node) -> Condition | None:
    ready = condition(node.status.conditions, "Ready")
    if ready is None or ready.status != "True":
        return ready or Condition(type="Ready", status="Unknown", reason="NeverReported")
    pressed = (condition(node.status.conditions, type_) for type_ in TROUBLES)
    return next((c for c in pressed if c is not None and c.status == "True"), None)


def _unwell(witness: Witness, view: View, node: Node, trouble: Condition, count: int) -> Evidence:
    pressed = trouble.type in PRESSURES
    changed = latest(None if pressed else trouble.last_transition_time, view.scope.last_write_at)
    patience = timedelta(seconds=PRESSURE_SECONDS if pressed else LOST_SECONDS)
    said = f"{trouble.status} {trouble.reason}: {trouble.message}".rstrip(": ")
    return witness.violated(
        refer(node),
        field=f"status.conditions[{trouble.type}]",
        observed=f"{said}; {count} pods of the scope run on it",
        expected="True" if trouble.type == "Ready" else "False",
        settles_by=changed + patience if changed else None,
        settling=f"node {node.metadata.name} to recover",
    )
