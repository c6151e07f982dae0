"""Which nodes take the pods of a template: what the scheduler asks first, without counting room."""

from collections.abc import Iterable, Iterator

from guardrails.gates.kubernetes.objects import Node, PodTemplate
from guardrails.gates.kubernetes.objects.capacity import Taint
from guardrails.gates.kubernetes.objects.templates import NodeTerm, TemplateSpec, Toleration
from guardrails.gates.kubernetes.topology import condition

AUTOMATIC = "node.kubernetes.io/"
"""Taints of this group follow conditions and the cordon, which are judged as such."""

REPELS = frozenset({"NoSchedule", "NoExecute"})


def is_up(node: Node) -> bool:
    """Tell whether a node is there and ready."""
    ready = condition(node.status.conditions, "Ready")
    going = node.metadata.deletion_timestamp is not None
    return not going and ready is not None and ready.status == "True"


def barriers(node: Node, template: PodTemplate) -> tuple[str, ...]:
    """Return what keeps a template's pods off a node, in words: the cordon and its taints."""
    return tuple(_barriers(node, template.spec.tolerations or ()))


def _barriers(node: Node, tolerations: Iterable[Toleration]) -> Iterator[str]:
    if node.spec.unschedulable:
        yield "cordoned"
    for taint in node.spec.taints or ():
        if taint.effect not in REPELS or taint.key.startswith(AUTOMATIC):
            continue
        if not any(_bears(toleration, taint) for toleration in tolerations):
            value = f"={taint.value}" if taint.value else ""
            yield f"tainted {taint.key}{value}:{taint.effect}"


def _bears(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in ("", taint.effect):
        return False
    if toleration.operator == "Exists":
        return toleration.key in ("", taint.key)
    return toleration.key == taint.key and toleration.value == taint.value


def is_meant(node: Node, spec: TemplateSpec) -> bool:
    """Tell whether a template's node selector and required affinity choose a node."""
    labels = node.metadata.labels or {}
    if not (spec.node_selector or {}).items() <= labels.items():
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    terms = required.node_selector_terms if required else None
    return terms is None or any(_fits(node, term) for term in terms)


def _fits(node: Node, term: NodeTerm) -> bool:
    labels, fields = node.metadata.labels or {}, {"metadata.name": node.metadata.name}
    return all(r.holds(labels) for r in term.match_expressions or ()) and all(
        r.holds(fields) for r in term.match_fields or ()
    )
