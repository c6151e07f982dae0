"""Edges of policies: NetworkPolicies and disruption budgets, and the pods that they select."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import NetworkPolicy, PodDisruptionBudget
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge
from guardrails.gates.topology.templates import labels_of, thing_of


def policies(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every policy to what it selects."""
    labels = labels_of(look, namespace)
    selecting = [
        *((thing_of(p), p.spec.pod_selector) for p in look.objects(NetworkPolicy, namespace)),
        *((thing_of(b), b.spec.selector) for b in look.objects(PodDisruptionBudget, namespace)),
    ]
    for policy, selector in selecting:
        for selected in labels.selected(selector) if selector is not None else ():
            pods = selected if selected.kind == "Pod" else f"the pods of {selected}"
            yield Edge(policy, selected, f"{policy} selects {pods}")
