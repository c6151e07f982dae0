"""Volumes: claims that are missing, unbound, lost, or waiting for somebody to want them."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.claims import VOLUMES_BOUND
from tests.gates.kubernetes.conftest import states

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def mounting(world: Any, claim: str = "data") -> Any:
    """An application whose pods mount a claim."""
    app = world.app()
    app["Deployment"][0]["spec"]["template"] = template(claim)
    return app


def template(claim: str) -> Any:
    """A template with one claim among its volumes."""
    scratch: Any = {"name": "tmp", "emptyDir": {"medium": "Memory"}}
    data: Any = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
    return {"spec": {"volumes": [scratch, data]}}


def only(world: Any, objects: Any, *claims: Any, **more: Any) -> Any:
    """Return the one fact."""
    look = world.look({**objects, "PersistentVolumeClaim": list(claims)})
    (found,) = world.judge(VOLUMES_BOUND, look, **more)
    return found


def test_a_bound_claim_is_well(world: Any, stock: Any) -> None:
    """Whether it is used or not."""
    assert only(world, mounting(world), stock.claim()).observed == "Bound"
    assert only(world, world.app(), stock.claim()).observed == "Bound, and nothing mounts it"


def test_a_claim_that_does_not_exist_is_violated(world: Any) -> None:
    """The scheduler would say so of a pod; here is the root."""
    found = only(world, mounting(world, "nope"))
    assert (found.state, found.subject.name, found.settles_by) == (VIOLATED, "nope", None)
    assert found.observed == "does not exist; Deployment web mounts it"


def test_a_claim_that_is_being_bound_has_its_time(world: Any, stock: Any) -> None:
    """Counted from when it was made, or from the last write."""
    young, old = stock.claim(phase="Pending", seconds=-20), stock.claim(phase="Pending")
    found = only(world, mounting(world), young)
    assert (found.state, found.settles_by) == (VIOLATED, world.AT + timedelta(seconds=100))
    assert only(world, mounting(world), old).settles_by < world.AT
    found = only(world, mounting(world), old, last_write_at=world.AT)
    assert found.settles_by == world.AT + timedelta(seconds=120)


def test_a_claim_that_waits_for_its_first_consumer_is_well(world: Any, stock: Any) -> None:
    """Nobody wants it: no workload names it, or the one that does wants no pods."""
    waiting = stock.claim(phase="Pending")
    assert only(world, world.app(), waiting).state is SATISFIED
    idle = mounting(world)
    idle["Deployment"][0]["spec"]["replicas"] = 0
    assert only(world, idle, waiting).state is SATISFIED


@pytest.mark.parametrize("used", ["used", "unused"])
def test_a_lost_claim_is_violated_where_it_is_used(world: Any, stock: Any, used: str) -> None:
    """Its volume is gone, and does not come back."""
    app = mounting(world) if used == "used" else world.app()
    found = only(world, app, stock.claim(phase="Lost"), last_write_at=world.AT)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert found.counts is (used == "used")


def test_the_claims_of_a_statefulset_are_its_own(world: Any, stock: Any) -> None:
    """It makes them as it comes to them, so a missing one is not missed."""
    one = world.deployment("db", 2)
    one["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    bound, pending = stock.claim("data-db-0"), stock.claim("data-db-1", phase="Pending")
    look = world.look({"StatefulSet": [one], "PersistentVolumeClaim": [bound, pending]})
    found = world.judge(VOLUMES_BOUND, look)
    assert states(found) == [("satisfied", "data-db-0", True), ("violated", "data-db-1", True)]
    assert only(world, {"StatefulSet": [one]}, bound).state is SATISFIED


def test_jobs_and_lone_replicasets_use_claims(world: Any, stock: Any) -> None:
    """A Job that has ended does not want its claim any more."""
    job = stock.job()
    job["spec"]["template"] = template("gone")
    held = world.deployment("lone")
    held["spec"]["template"] = template("gone")
    assert only(world, {"Job": [job]}).observed == "does not exist; Job import mounts it"
    assert "ReplicaSet lone" in only(world, {"ReplicaSet": [held]}).observed
    done = stock.job(end="Complete")
    done["spec"]["template"] = template("gone")
    assert world.judge(VOLUMES_BOUND, world.look({"Job": [done]})) == []


def test_unread_claims_are_unknown(world: Any) -> None:
    """A claim that is not seen is not missing."""
    look = world.look(mounting(world), failed={"PersistentVolumeClaim": world.FORBIDDEN})
    (found,) = world.judge(VOLUMES_BOUND, look)
    assert found.state is EvidenceState.UNKNOWN
