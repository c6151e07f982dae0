"""Whether DaemonSets still run on as many nodes as they did.

A DaemonSet counts itself complete on the nodes that it chooses, so a node selector that chooses
fewer passes as a finished rollout. Nodes that are gone take their pods with them, and rightly so.
"""

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import DaemonSet, Node
from guardrails.gates.kubernetes.topology import is_deleted, is_unobserved, reaction_by
from guardrails.gates.snapshot import Snapshot

ID = CheckId("daemons-everywhere")

LISTS = ("DaemonSet", "Node")


def judge_daemons(view: View) -> list[Evidence]:
    """Compare the nodes of every DaemonSet in scope with those of the reference."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        items = view.look.objects(DaemonSet, namespace)
        found.extend(_judge(witness, view, item) for item in items if not is_deleted(item))
    return found


DAEMONS_EVERYWHERE = Check(id=ID, judge=judge_daemons, lists=LISTS)


def _judge(witness: Witness, view: View, item: DaemonSet) -> Evidence:
    status = item.status
    desired, due = status.desired_number_scheduled, _due(view, item)
    astray = status.number_misscheduled
    more = f", and {astray} on nodes that it does not choose" if astray else ""
    observed = f"chooses {desired} nodes{more}"
    if due is None or desired >= due:
        return witness.satisfied(
            refer(item),
            field="status.desiredNumberScheduled",
            observed=observed,
            expected="some" if due is None else f"at least {due}",
        )
    return witness.violated(
        refer(item),
        field="status.desiredNumberScheduled",
        observed=observed,
        expected=f"at least {due} (the reference, less the nodes that are gone)",
        settles_by=reaction_by(view.history, view.scope) if is_unobserved(item) else None,
        settling=f"DaemonSet {item.metadata.name} to count its nodes",
    )


def _due(view: View, item: DaemonSet) -> int | None:
    """Return how many nodes it has to run on; None when nothing tells."""
    past, home = view.reference.snapshot, item.metadata.namespace
    if past is None or not view.reference.knows(DaemonSet.__name__, home):
        return None
    olds = past.objects(DaemonSet, home)
    old = next((d for d in olds if d.metadata.name == item.metadata.name), None)
    if old is None or not _has_nodes(view.look) or not _has_nodes(past):
        return None
    gone = _nodes(past) - _nodes(view.look)
    return max(0, old.status.desired_number_scheduled - len(gone))


def _has_nodes(look: Snapshot) -> bool:
    found = look.list_of(Node.__name__, "")
    return found is not None and found.read.ok


def _nodes(look: Snapshot) -> set[str]:
    return {node.metadata.name for node in look.objects(Node, "")}
