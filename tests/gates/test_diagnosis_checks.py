"""Diagnoses: what they name must exist and must have been looked at."""

from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import EvidenceState
from guardrails.gates.diagnosis import ENTITY_EXISTS, ENTITY_OBSERVED

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


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
        (NamedEntity(name="web", namespace="other"), VIOLATED),
        (NamedEntity(name="invented"), VIOLATED),
        (NamedEntity(name="web", kind="Gateway"), UNKNOWN),
    ],
)
def test_an_entity_exists(world: Any, entity: NamedEntity, state: EvidenceState) -> None:
    """By name, and by kind and namespace where the claim gives them."""
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
