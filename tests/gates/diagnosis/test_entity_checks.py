"""Diagnoses: what they name must exist and must have been looked at."""

from typing import Any

import pytest

from guardrails.actions.classify import classify
from guardrails.actions.facts.ledger import Ledger
from guardrails.actions.facts.noting import noted
from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import EvidenceState
from guardrails.gates.diagnosis import ENTITY_EXISTS, ENTITY_OBSERVED
from guardrails.gates.diagnosis.naming import written

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


ALIASES = {
    "deploy": "Deployment",
    "deployments.apps": "Deployment",
    "sts": "StatefulSet",
    "ds": "DaemonSet",
    "rs": "ReplicaSet",
    "po": "Pod",
    "cj": "CronJob",
    "jobs": "Job",
    "svc": "Service",
    "ing": "Ingress",
    "netpol": "NetworkPolicy",
    "networkpolicies.networking.k8s.io": "NetworkPolicy",
    "hpa": "HorizontalPodAutoscaler",
    "pdb": "PodDisruptionBudget",
    "quota": "ResourceQuota",
    "limits": "LimitRange",
    "pvc": "PersistentVolumeClaim",
    "no": "Node",
    "NS": "Namespace",
    "cm": "ConfigMap",
    "sa": "ServiceAccount",
    "podchaos.chaos-mesh.org": "PodChaos",
    "EndpointSlices": "EndpointSlice",
}


@pytest.mark.parametrize(("alias", "kind"), ALIASES.items())
def test_kinds_are_understood_as_kubectl_does(alias: str, kind: str) -> None:
    """Short names, plurals and groups, in any case."""
    assert written(alias) == kind


def states(world: Any, check: Any, *entities: NamedEntity, **more: Any) -> list[EvidenceState]:
    """Judge a diagnosis that names these."""
    look = more.pop("look", None) or world.look(world.app())
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=entities)
    return [e.state for e in world.judge(check, look, claim=claim, **more)]


@pytest.mark.parametrize(
    ("entity", "state"),
    [
        (NamedEntity(name="web"), SATISFIED),
        (NamedEntity(name="web", kind="deployments", namespace="shop"), SATISFIED),
        (NamedEntity(name="web-1-0", kind="Pod"), SATISFIED),
        (NamedEntity(name="web", kind="Pod"), VIOLATED),
        (NamedEntity(name="web", namespace="other"), UNKNOWN),
        (NamedEntity(name="shop/web", kind="deploy"), SATISFIED),
        (NamedEntity(name="Web", kind="deployments.apps", namespace="Shop"), SATISFIED),
        (NamedEntity(name="web", kind="endpoints"), SATISFIED),
        (NamedEntity(name="app", kind="container"), SATISFIED),
        (NamedEntity(name="web-1-x8kzq", kind="po"), SATISFIED),
        (NamedEntity(name="web-2-x8kzq", kind="po"), VIOLATED),
        (NamedEntity(name="web", kind="HPA"), VIOLATED),
        (NamedEntity(name="invented"), VIOLATED),
        (NamedEntity(name="web", kind="Gateway"), UNKNOWN),
    ],
)
def test_an_entity_exists(world: Any, entity: NamedEntity, state: EvidenceState) -> None:
    """By name, and by kind and namespace where the claim gives them, as people write them."""
    assert states(world, ENTITY_EXISTS, entity) == [state]


def test_an_entity_that_is_gone_exists_in_the_reference(world: Any) -> None:
    """A deleted Service may well be the root cause."""
    before = world.reference(world.look(world.app(), at=-3600))
    entity = NamedEntity(name="web", kind="Service")
    assert states(world, ENTITY_EXISTS, entity, look=world.look({}), reference=before) == [
        SATISFIED
    ]


def test_what_is_not_found_in_half_the_lists_is_unknown(world: Any) -> None:
    """It may be in the list that could not be read, which is named too."""
    look = world.look(world.app(), failed={"Service": world.FORBIDDEN})
    found = states(world, ENTITY_EXISTS, NamedEntity(name="cart"), look=look)
    assert found == [UNKNOWN, UNKNOWN]


def test_a_claim_that_names_nothing_is_unknown(world: Any) -> None:
    """There is nothing to check it by."""
    assert states(world, ENTITY_EXISTS) == states(world, ENTITY_OBSERVED) == [UNKNOWN]


def test_an_entity_was_observed_when_a_tool_returned_it(world: Any) -> None:
    """The agent's words do not make it so."""
    entities = (NamedEntity(name="web"), NamedEntity(name="cart"))
    found = states(world, ENTITY_OBSERVED, *entities, observed=frozenset({"web"}))
    assert found == [SATISFIED, VIOLATED]


def test_how_a_cause_looked_to_the_agent_is_told(world: Any) -> None:
    """By its pods too; one that was only ever seen to be well is told, and not refused."""
    action = classify("kubectl", '{"command": "get pods -n shop"}')
    table = (
        "NAME                    READY   STATUS             RESTARTS   AGE\n"
        "web-7d4b9c5f6-x2x5q     0/1     CrashLoopBackOff   9          5m\n"
        "cart-6f5d8b7c9-b4k7z    1/1     Running            0          5m\n"
    )
    ledger = noted(Ledger(), action, table, step=4)
    claim = Claim(
        kind=ClaimKind.DIAGNOSED,
        entities=(NamedEntity(name="web"), NamedEntity(name="cart"), NamedEntity(name="db")),
    )
    names = frozenset({"web", "cart", "db"})
    look = world.look(world.app())
    found = world.judge(ENTITY_OBSERVED, look, claim=claim, observed=names, ledger=ledger)
    assert [e.observed for e in found] == [
        "returned by a tool of this run: CrashLoopBackOff at step 4 (pod web-7d4b9c5f6-x2x5q)",
        "returned by a tool of this run: well at step 4",
        "returned by a tool of this run",
    ]


def test_an_entity_that_another_object_names_exists(shop: Any) -> None:
    """A Secret is never read, and a missing Service may be the very cause."""
    objects = shop.objects()
    shop.container(objects, "checkout")["env"] += [
        {"name": "BROKER_URL", "value": "amqp://broker:5672"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
    ]
    claim = shop.claim("Secret/keys", "Service/broker", "Secret/none")
    look = shop.look(objects)
    found = ENTITY_EXISTS.judge(shop.view(look, claim))
    assert [e.state for e in found] == [SATISFIED, SATISFIED, UNKNOWN]
    assert "env KEY of Deployment checkout reads Secret keys" in found[0].observed


def test_a_victim_elsewhere_decides_nothing(world: Any) -> None:
    """What lies outside the scope is not read; only a cause there leaves the claim unproved."""
    cause = NamedEntity(name="web", kind="Deployment", root_cause=True)
    victim = NamedEntity(name="kafka", kind="Service", namespace="infra")
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=(cause, victim))
    found = world.judge(ENTITY_EXISTS, world.look(world.app()), claim=claim)
    assert [(e.state, e.counts) for e in found] == [(SATISFIED, True), (UNKNOWN, False)]


def test_what_could_not_be_read_in_a_claim_is_unknown(world: Any) -> None:
    """Nothing that a claim names is dropped in silence."""
    claim = Claim(
        kind=ClaimKind.DIAGNOSED, entities=(NamedEntity(name="web"),), unread=("the left one",)
    )
    found = world.judge(ENTITY_EXISTS, world.look(world.app()), claim=claim)
    assert {e.state for e in found} == {UNKNOWN, SATISFIED}


def test_only_the_lists_that_could_hold_it_matter(world: Any) -> None:
    """A kind that may not be listed hides no object of another kind."""
    look = world.look(world.app(), failed={"Node": world.FORBIDDEN})
    entity = NamedEntity(name="cart", kind="Deployment")
    assert states(world, ENTITY_EXISTS, entity, look=look) == [VIOLATED]
    assert UNKNOWN in states(world, ENTITY_EXISTS, NamedEntity(name="n1", kind="no"), look=look)
