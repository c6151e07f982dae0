"""Checks on what a diagnosis names: it must exist, and must have been looked at.

No mitigation is asked of a diagnosis, so nothing here needs time to pass.
"""

from collections.abc import Sequence

from guardrails.actions.facts.views import seen_as
from guardrails.core.claims import NamedEntity
from guardrails.core.evidence import Evidence, EvidenceState, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Scope, View, Witness, aside, refer, unread_lists
from guardrails.gates.diagnosis.naming import (
    DIAGNOSED,
    LISTS,
    bare_name,
    is_out_of_sight,
    is_read,
    meant,
    named,
    namespace_of,
    refer_to,
    with_container,
    written,
)
from guardrails.gates.kubernetes.objects import Pod
from guardrails.gates.topology import Thing, Topology, topology_seen
from guardrails.gates.topology.build import looks_of
from guardrails.gates.topology.ownership import born_of
from guardrails.gates.topology.templates import makers

EXISTS_ID = CheckId("entity-exists")
OBSERVED_ID = CheckId("entity-observed")

CLAIM = SourceRef(source="claim")
NO_ENTITY = "the claim names no object"
HOW_TO_NAME = "objects as kind/name, namespace/kind/name or `Deployment payment`"
UNREADABLE = "cannot be read as the name of an object"


def judge_existence(view: View) -> list[Evidence]:
    """Judge whether every object that the claim names exists, now or before."""
    witness = Witness(check=EXISTS_ID, at=view.look.at)
    unread = _unread(witness, view.scope)
    entities = named(view.scope)
    if not entities:
        return unread or [witness.unknown(CLAIM, observed=NO_ENTITY, expected=HOW_TO_NAME)]
    graph = topology_seen(view)
    found = [_exists(witness, entity, view, graph) for entity in entities]
    return [*unread, *(e for each in found for e in each)]


ENTITY_EXISTS = Check(id=EXISTS_ID, judge=judge_existence, lists=LISTS, claims=DIAGNOSED)


def _unread(witness: Witness, scope: Scope) -> list[Evidence]:
    """Say what the claim names in a way that nobody can look up."""
    words = scope.claim.unread if scope.claim is not None else ()
    return [
        witness.unknown(
            SourceRef(source="claim", detail=word), observed=UNREADABLE, expected=HOW_TO_NAME
        )
        for word in words
    ]


def _exists(witness: Witness, entity: NamedEntity, view: View, graph: Topology) -> list[Evidence]:
    subject = refer_to(entity)
    things = meant(entity, graph) or _containers(entity, view)
    listed = [graph.objects[thing] for thing in things if thing in graph.objects]
    if listed:
        return [witness.satisfied(refer(listed[0]), observed="exists", expected="exists")]
    if things:
        why = graph.mentions.get(things[0], f"a container of {things[0]}")
        return [witness.satisfied(subject, observed=f"named by another object: {why}")]
    if (owner := _owner_of_gone(entity, view)) is not None:
        return [witness.satisfied(subject, observed=f"gone; its name is of a pod of {owner}")]
    if entity.kind and not is_read(entity.kind):
        observed = f"kind {written(entity.kind)} is not read by this gate"
        expected = "an object of a kind that can be looked up"
        return [witness.unknown(subject, observed=observed, expected=expected)]
    if is_out_of_sight(entity, view.scope):
        observed = f"namespace {namespace_of(entity)} is not in the incident's scope"
        expected = "an object in a namespace that is read"
        hidden = witness.unknown(subject, observed=observed, expected=expected)
        # What is not called the cause and lies elsewhere decides nothing here.
        return [hidden if entity.root_cause or _nothing_blamed(view.scope) else aside(hidden)]
    kinds = (written(entity.kind),) if entity.kind else LISTS
    unread = [e for e in unread_lists(witness, view, kinds) if e.state is EvidenceState.UNKNOWN]
    if unread:
        said = "not found, and not every list could be read"
        return [witness.unknown(subject, observed=said, temporary=_temporary(unread)), *unread]
    return [
        witness.violated(
            subject, observed="no object of this name in scope, now or before", expected="exists"
        )
    ]


def _nothing_blamed(scope: Scope) -> bool:
    return not any(e.root_cause for e in named(scope))


def _temporary(unread: Sequence[Evidence]) -> bool:
    return all(e.temporary for e in unread)


def _containers(entity: NamedEntity, view: View) -> tuple[Thing, ...]:
    if written(entity.kind).lower() not in {"container", "containers"}:
        return ()
    name = bare_name(entity)
    return tuple(
        thing
        for look in looks_of(view)
        for place in view.scope.namespaces
        if namespace_of(entity) in {"", place}
        for thing in with_container(name, look.objects(Pod, place), makers(look, place))
    )


def _owner_of_gone(entity: NamedEntity, view: View) -> Thing | None:
    """Return what made a pod that was replaced since a tool of the agent saw it."""
    if written(entity.kind) not in {"", "Pod"}:
        return None
    name, places = bare_name(entity), view.scope.namespaces
    owners = (
        born_of(name, look, place)
        for look in looks_of(view)
        for place in places
        if namespace_of(entity) in {"", place}
    )
    return next((owner for owner in owners if owner is not None), None)


def judge_observation(view: View) -> list[Evidence]:
    """Judge whether the agent's own tools ever returned what its claim names."""
    witness = Witness(check=OBSERVED_ID, at=view.look.at)
    entities = named(view.scope)
    if not entities:
        return [witness.unknown(CLAIM, observed=NO_ENTITY, expected=HOW_TO_NAME)]
    return [_observed(witness, entity, view.scope) for entity in entities]


ENTITY_OBSERVED = Check(id=OBSERVED_ID, judge=judge_observation, claims=DIAGNOSED)


def _observed(witness: Witness, entity: NamedEntity, scope: Scope) -> Evidence:
    subject = refer_to(entity)
    if bare_name(entity) in scope.observed or entity.name in scope.observed:
        seen = seen_as(scope.ledger, bare_name(entity), namespace=namespace_of(entity))
        observed = f"returned by a tool of this run{f': {seen}' if seen else ''}"
        return witness.satisfied(subject, observed=observed, expected="looked at")
    return witness.violated(
        subject, observed="no tool of this run returned it", expected="looked at before it is named"
    )
