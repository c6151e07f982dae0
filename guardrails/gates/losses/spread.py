"""Whether pods are still kept apart: anti-affinity, spreading, and freedom from single nodes.

Weaker wishes are honest where nodes are few; what counts is that there still is a rule for the
same kind of place, and that pods are not nailed to one node.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import CronJob, PodTemplate
from guardrails.gates.kubernetes.objects.meta import Requirement
from guardrails.gates.kubernetes.objects.templates import Affinity, PodAffinity
from guardrails.gates.kubernetes.topology import wanted
from guardrails.gates.losses.comparing import Loss, Pair, template_check

HOSTNAME = "kubernetes.io/hostname"
NODE_NAME = "metadata.name"


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield what keeps a workload's pods apart no more."""
    where = "spec.template.spec"
    old, new = pair.old, pair.new
    if not isinstance(old, CronJob) and not isinstance(new, CronJob):
        kept = apart_over(pair.after, replicas=wanted(new))
        for key in sorted(apart_over(pair.before, replicas=wanted(old)) - kept):
            yield pair.loss(
                f"{where}.affinity", f"nothing keeps its pods apart over {key}", "a rule that does"
            )
    if pinned_to(pair.before) is None and (node := pinned_to(pair.after)) is not None:
        yield pair.loss(f"{where}.nodeSelector", f"only on node {node}", "on any fitting node")


SPREAD_KEPT = template_check("spread-kept", compare)


def apart_over(template: PodTemplate, *, replicas: int) -> frozenset[str]:
    """Return the topology keys that pods are kept apart over.

    Args:
        template: Of the pods.
        replicas: How many; a spread whose skew all of them fit into keeps nothing apart.
    """
    against = (template.spec.affinity or Affinity()).pod_anti_affinity or PodAffinity()
    hard = against.required_during_scheduling_ignored_during_execution or ()
    soft = against.preferred_during_scheduling_ignored_during_execution or ()
    spread = template.spec.topology_spread_constraints or ()
    return frozenset(
        (
            *(term.topology_key for term in hard),
            *(term.pod_affinity_term.topology_key for term in soft),
            *(s.topology_key for s in spread if s.max_skew < max(2, replicas)),
        )
    )


def pinned_to(template: PodTemplate) -> str | None:
    """Return the one node that pods are nailed to, if they are."""
    spec = template.spec
    if spec.node_name:
        return spec.node_name
    host = (spec.node_selector or {}).get(HOSTNAME)
    if host is not None:
        return host
    affinity = (spec.affinity or Affinity()).node_affinity
    needed = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    terms = needed.node_selector_terms or () if needed is not None else ()
    if len(terms) != 1:
        return None
    rules = (*(terms[0].match_expressions or ()), *(terms[0].match_fields or ()))
    return next((found for rule in rules if (found := _single(rule)) is not None), None)


def _single(rule: Requirement) -> str | None:
    values = rule.values or ()
    is_node = rule.key in {HOSTNAME, NODE_NAME} and rule.operator == "In"
    return values[0] if is_node and len(values) == 1 else None
