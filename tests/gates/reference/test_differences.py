"""A report says how the cluster differs from what it was, field by field."""

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.evidence import (
    ChangeKind,
    ClusterChanges,
    ReferenceInfo,
    ReferenceSource,
)
from guardrails.gates.checks import NO_REFERENCE, Reference
from guardrails.gates.reference.differences import FIELDS, OBJECTS, TEXT, changes_since
from guardrails.gates.snapshot import Snapshot
from tests.gates.reference.test_suspects import FAULTS, container, healthy, scale, seen

SHOP = ("shop",)


def against(past: Snapshot) -> Reference:
    """A recorded snapshot as the reference."""
    return Reference(info=ReferenceInfo(source=ReferenceSource.SNAPSHOT), snapshot=past)


def between(past: Snapshot, now: Snapshot) -> ClusterChanges:
    """What is told of two looks."""
    found = changes_since(against(past), now, SHOP)
    assert found is not None
    return found


def test_an_untouched_cluster_differs_in_nothing(world: Any) -> None:
    """Time, restarts and numbers of versions are no changes."""
    found = between(seen(world, healthy(world), 60), seen(world, healthy(world), 0))
    assert found.objects == ()
    assert found.against is ReferenceSource.SNAPSHOT
    assert found.since == seen(world, healthy(world), 60).at


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "pods not ready"])
def test_every_declared_fault_is_told(world: Any, fault: str) -> None:
    """And told of the other way round, where it was mended."""
    broken = healthy(world)
    FAULTS[fault](world, broken)
    past, now = seen(world, healthy(world), 60), seen(world, broken, 0)
    there, back = between(past, now).objects, between(now, past).objects
    assert there
    opposite = {
        ChangeKind.ADDED: ChangeKind.DELETED,
        ChangeKind.DELETED: ChangeKind.ADDED,
        ChangeKind.CHANGED: ChangeKind.CHANGED,
    }
    assert [(one.subject.name, opposite[one.kind]) for one in there] == [
        (one.subject.name, one.kind) for one in back
    ]
    assert [(f.field, f.before, f.after) for one in there for f in one.fields] == [
        (f.field, f.after, f.before) for one in back for f in one.fields
    ]


def test_a_field_is_named_as_kubectl_would(world: Any) -> None:
    """A container by its name, and what is new or gone with nothing beside it."""
    changed = healthy(world)
    container(changed).update(image="web:2", command=["sleep", "inf"])
    container(changed).pop("readinessProbe")
    changed["Deployment"][0]["spec"].update(paused=True, replicas=1)
    (found,) = between(seen(world, healthy(world), 60), seen(world, changed, 0)).objects
    assert (found.subject.kind, found.subject.name, found.kind) == (
        "Deployment",
        "web",
        ChangeKind.CHANGED,
    )
    told = {one.field: (one.before, one.after) for one in found.fields}
    app = "spec.template.spec.containers[app]"
    assert told[f"{app}.image"] == ("web:1", "web:2")
    assert told[f"{app}.command"][0] == ""
    # Words of a command may be secrets, so nobody keeps them.
    assert re.fullmatch(r'\["sha256:\w+", "sha256:\w+"\]', told[f"{app}.command"][1])
    assert told[f"{app}.readinessProbe"][1] == ""
    assert "/healthz" in told[f"{app}.readinessProbe"][0]
    assert told["spec.paused"] == ("", "true")
    assert told["spec.replicas"] == ("3", "1")


def test_many_changes_are_counted(world: Any) -> None:
    """A report stays readable, and says how much it leaves out."""
    past = world.look(world.app("web"), at=-60)
    many = world.join(*(world.app(f"w{n:03}") for n in range(OBJECTS)), world.app("web"))
    found = between(past, world.look(many, at=0))
    assert len(found.objects) == OBJECTS
    assert found.more_objects > 0
    changed = healthy(world)
    container(changed)["env"] = [{"name": f"N{n}", "value": "x"} for n in range(FIELDS + 5)]
    before = healthy(world)
    container(before)["env"] = []
    some = between(seen(world, before, 60), seen(world, changed, 0)).objects[0]
    assert len(some.fields) == FIELDS
    assert some.more_fields == 5


def test_a_long_value_is_cut(world: Any) -> None:
    """Between words and with a sign: half a secret would not be told from other letters."""
    changed = healthy(world)
    container(changed)["image"] = "x" * 500
    container(changed)["command"] = [f"word-{n}" for n in range(100)]
    (found,) = between(seen(world, healthy(world), 60), seen(world, changed, 0)).objects
    told = {one.field.rpartition(".")[2]: one.after for one in found.fields}
    assert told["image"] == "…"
    words, _, sign = told["command"].rpartition(" ")
    assert sign == "…"
    assert 1 < len(words) <= TEXT
    assert re.fullmatch(r'\[("sha256:\w{8}",? ?)+', words)


def test_a_list_that_was_not_read_says_nothing(world: Any) -> None:
    """Neither that all was deleted, nor that all is new."""
    past, now = seen(world, healthy(world), 60), seen(world, healthy(world), 0)
    unread = msgspec.structs.replace(
        now,
        lists=tuple(
            world.listed("Deployment", [], world.FORBIDDEN) if x.key.kind == "Deployment" else x
            for x in now.lists
        ),
    )
    assert between(past, unread).objects == ()
    assert between(unread, past).objects == ()


def test_the_start_stands_in_for_a_reference_that_is_not_whole(world: Any) -> None:
    """Revisions and manifests do not tell what else there was."""
    start, now = seen(world, healthy(world), 10), seen(world, healthy(world), 0)
    known = replace(against(seen(world, healthy(world), 60)), start=start)
    for reference in (replace(known, partial=True), replace(NO_REFERENCE, start=start)):
        found = changes_since(reference, now, SHOP)
        assert found is not None
        assert (found.against, found.since) == (ReferenceSource.RUN_START, start.at)
    assert changes_since(NO_REFERENCE, now, SHOP) is None


@settings(deadline=None)
@given(replicas=st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_only_what_differs_is_told(world: Any, replicas: tuple[int, int]) -> None:
    """Scaling tells one field, and nothing when nothing was scaled."""
    looks: list[Snapshot] = []
    for number in replicas:
        objects = healthy(world)
        scale(world, objects, number)
        looks.append(seen(world, objects, 0))
    told = [(o.subject.kind, f.field) for o in between(*looks).objects for f in o.fields]
    wanted = [("Deployment", "spec.replicas")] if replicas[0] != replicas[1] else []
    assert told == wanted
