"""A check on how much a diagnosis blames: whoever names everything has found nothing.

A claim that lists thirty objects would account for every alert by luck. Few causes are a finding.
"""

from guardrails.core.claims import NamedEntity
from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness
from guardrails.gates.diagnosis.entities import CLAIM, HOW_TO_NAME, NO_ENTITY
from guardrails.gates.diagnosis.naming import DIAGNOSED, LISTS, causes_of, meant, named
from guardrails.gates.topology import Thing, Topology, topology_seen

FEW_ID = CheckId("causes-few")

MOST_CAUSES = 5
"""Causes that one diagnosis may name. ITBench injects at most a few faults at once (67 scenarios
hold 77), a fault has a chain of two or three objects at most (ConfigMap, Deployment, Service), and
agents in its traces name at most five objects in all."""

_TIES = frozenset({"Pod", "ReplicaSet", "Job", "EndpointSlice"})
"""What counts as the object that it belongs to: two pods of a Deployment are one cause."""


def judge_causes(view: View) -> list[Evidence]:
    """Judge whether the claim blames few enough objects to say something."""
    witness = Witness(check=FEW_ID, at=view.look.at)
    causes = causes_of(view.scope)
    if not causes:
        return [witness.unknown(CLAIM, observed=NO_ENTITY, expected=HOW_TO_NAME)]
    graph = topology_seen(view)
    distinct = {_family(cause, graph) for cause in causes}
    count = f"{len(distinct)} {'cause' if len(distinct) == 1 else 'causes'}"
    expected = f"at most {MOST_CAUSES} objects that are called the root cause"
    if len(distinct) <= MOST_CAUSES:
        return [witness.satisfied(CLAIM, observed=f"{count} named", expected=expected)]
    if not any(e.root_cause for e in named(view.scope)):
        count = f"{len(distinct)} objects named, and none of them called the root cause"
    return [witness.violated(CLAIM, observed=count, expected=expected)]


CAUSES_FEW = Check(id=FEW_ID, judge=judge_causes, lists=LISTS, claims=DIAGNOSED)


def _family(cause: NamedEntity, graph: Topology) -> Thing | tuple[str, str]:
    """Return what a cause counts as: what it belongs to, else the application of its name."""
    things = meant(cause, graph)
    if not things:
        return cause.name, cause.namespace
    top = things[0]
    for _ in range(len(_TIES)):
        owner = next(
            (e.effect for e in graph.outgoing.get(top, ()) if _owns(e.effect, top, e.why)), None
        )
        if top.kind not in _TIES or owner is None:
            break
        top = owner
    return top.name, top.namespace


def _owns(above: Thing, owned: Thing, why: str) -> bool:
    return why == f"{owned} belongs to {above}"
