"""Checks for a diagnosis: what it names must exist, and must have been looked at.

No mitigation is asked of a diagnosis, so nothing here needs time to pass. How a named cause
accounts for the alerts is a check of its own, which needs the topology and is not here.
"""

from collections.abc import Iterator, Sequence

from guardrails.core.claims import ClaimKind, NamedEntity
from guardrails.core.evidence import Evidence, EvidenceState, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Scope, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.snapshot import Snapshot

EXISTS_ID = CheckId("entity-exists")
OBSERVED_ID = CheckId("entity-observed")

LISTS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Pod",
    "Service",
    "HorizontalPodAutoscaler",
)

DIAGNOSED = frozenset({ClaimKind.DIAGNOSED})

NO_ENTITY = "the claim names no object"


def judge_existence(view: View) -> list[Evidence]:
    """Judge whether every object that the claim names exists, now or before."""
    look = view.look
    witness = Witness(check=EXISTS_ID, at=look.at)
    entities = _named(view.scope)
    if not entities:
        return [witness.unknown(SourceRef(source="claim"), observed=NO_ENTITY)]
    looks = [x for x in (look, view.reference.snapshot, view.reference.start) if x is not None]
    unread = list(unread_lists(witness, view, LISTS))
    judged = [_exists(witness, entity, looks, unread=bool(unread)) for entity in entities]
    needed = any(e.state is not EvidenceState.SATISFIED for e in judged)
    return [*judged, *(unread if needed else ())]


ENTITY_EXISTS = Check(id=EXISTS_ID, judge=judge_existence, lists=LISTS, claims=DIAGNOSED)


def _named(scope: Scope) -> tuple[NamedEntity, ...]:
    return scope.claim.entities if scope.claim is not None else ()


def _exists(
    witness: Witness, entity: NamedEntity, looks: Sequence[Snapshot], *, unread: bool
) -> Evidence:
    subject = ObjectRef(kind=entity.kind, name=entity.name, namespace=entity.namespace)
    for look in looks:
        for item in _objects(look):
            if _is(entity, item):
                return witness.satisfied(refer(item), observed="exists", expected="exists")
    kinds = {k.lower() for k in LISTS}
    if entity.kind and _singular(entity.kind) not in kinds:
        return witness.unknown(
            subject,
            observed=f"kind {entity.kind} is not read by this gate",
            expected="an object of a kind that can be looked up",
        )
    if unread:
        return witness.unknown(subject, observed="not found, and not every list could be read")
    return witness.violated(
        subject, observed="no object of this name in scope, now or before", expected="exists"
    )


def _objects(look: Snapshot) -> Iterator[KubeObject]:
    for listed in look.lists:
        if listed.read.ok:
            yield from listed.objects


def _singular(kind: str) -> str:
    lower = kind.lower()
    return lower.removesuffix("s")


def _is(entity: NamedEntity, item: KubeObject) -> bool:
    if entity.name != item.metadata.name:
        return False
    if entity.kind and _singular(entity.kind) != type(item).__name__.lower():
        return False
    return entity.namespace in ("", item.metadata.namespace)


def judge_observation(view: View) -> list[Evidence]:
    """Judge whether the agent's own tools ever returned what its claim names."""
    witness = Witness(check=OBSERVED_ID, at=view.look.at)
    entities = _named(view.scope)
    if not entities:
        return [witness.unknown(SourceRef(source="claim"), observed=NO_ENTITY)]
    return [_observed(witness, entity, view.scope) for entity in entities]


ENTITY_OBSERVED = Check(id=OBSERVED_ID, judge=judge_observation, claims=DIAGNOSED)


def _observed(witness: Witness, entity: NamedEntity, scope: Scope) -> Evidence:
    subject = ObjectRef(kind=entity.kind, name=entity.name, namespace=entity.namespace)
    if entity.name in scope.observed:
        return witness.satisfied(
            subject, observed="returned by a tool of this run", expected="looked at"
        )
    return witness.violated(
        subject, observed="no tool of this run returned it", expected="looked at before it is named"
    )
