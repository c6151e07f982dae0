"""Which snapshot is the picture of healthy, and which is passed over."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.errors import BaselineError
from guardrails.gates.reference import choose_reference, find_snapshots, record_baseline
from guardrails.gates.snapshot import ListKey, ObjectList, read_snapshot


def began(world: Any, minutes: float = 5, **more: Any) -> Any:
    """An incident whose alert began some minutes ago."""
    alert = msgspec.structs.replace(world.ALERT, starts_at=world.AT - timedelta(minutes=minutes))
    return world.incident(alerts=(alert,), **more)


def sick(world: Any, name: str = "web") -> Any:
    """An application whose Service reaches nothing."""
    app = world.app(name)
    app["Service"][0]["spec"]["selector"] = {"app": "nope"}
    return app


def minutes(world: Any, objects: Any, ago: float, **more: Any) -> Any:
    """A snapshot of some minutes ago."""
    return world.look(objects, at=-60 * ago, **more)


def test_the_newest_healthy_one_is_chosen(world: Any) -> None:
    """Older ones would do too; newer ones than the incident would not."""
    snapshots = [(f"{ago}.json", minutes(world, world.app(), ago)) for ago in (2, 30, 60)]
    found = choose_reference(snapshots, began(world))
    assert found.info.source == "snapshot"
    assert found.snapshot == snapshots[1][1]
    assert "30.json" in found.info.detail
    assert "2.json passed over: taken at" in found.info.detail


def test_one_that_holds_the_fault_is_passed_over(world: Any) -> None:
    """Alerts fire late, so the newest snapshot before one may show the fault already."""
    snapshots = [
        ("sick.json", minutes(world, sick(world), 25)),
        ("well.json", minutes(world, world.app(), 60)),
    ]
    found = choose_reference(snapshots, began(world))
    assert found.snapshot == snapshots[1][1]
    assert "sick.json passed over: not healthy" in found.info.detail


def test_a_lone_snapshot_with_the_fault_is_no_reference(world: Any) -> None:
    """Shortly before the alert it may be the fault itself; the run's start excuses nothing."""
    start = world.look(sick(world))
    found = choose_reference(
        [("sick.json", minutes(world, sick(world), 8))], began(world), start=start
    )
    assert (found.info.source, found.snapshot, found.start) == ("run-start", None, start)


def test_an_old_snapshot_may_show_chronic_faults(world: Any) -> None:
    """Long before the incident, and not of what the incident names: chronic."""
    old = minutes(world, world.join(world.app(), sick(world, "legacy")), 120)
    found = choose_reference([("old.json", old)], began(world))
    assert found.snapshot == old
    assert "1 things were broken in it already" in found.info.detail
    named = began(world, workloads=(Workload(name="legacy", kind="Service"),))
    assert choose_reference([("old.json", old)], named).snapshot is None


def test_one_in_which_the_alert_is_active_is_passed_over(world: Any) -> None:
    """It began before its startsAt says: another instance of the same alert."""
    firing = world.alerts(world.firing("HighRequestErrorRate"))
    old = minutes(world, world.app(), 60, prometheus=firing)
    found = choose_reference([("old.json", old)], began(world))
    assert found.info.source == "none"
    assert "is active in it" in found.info.detail


def test_an_incomplete_one_is_passed_over(world: Any) -> None:
    """A list that could not be read then says nothing about then."""
    old = minutes(world, world.app(), 60, failed={"Service": world.FORBIDDEN})
    found = choose_reference([("old.json", old)], began(world))
    assert "incomplete" in found.info.detail


def test_one_of_another_cluster_is_passed_over(world: Any) -> None:
    """The same namespace name elsewhere proves nothing here."""
    old = minutes(world, world.app(), 60, cluster="a")
    start = world.look(world.app(), cluster="b")
    found = choose_reference([("old.json", old)], began(world), start=start)
    assert found.info.source == "run-start"
    assert "another cluster" in found.info.detail


def test_without_a_time_of_beginning_it_must_be_older_than_the_run(world: Any) -> None:
    """No alert says when it began; the run began later than that."""
    old, start = minutes(world, world.app(), 1), world.look(world.app())
    found = choose_reference([("old.json", old)], world.incident(), start=start)
    assert found.snapshot == old
    assert choose_reference([("old.json", old)], world.incident()).snapshot is None


def test_nothing_recorded_is_no_reference(world: Any) -> None:
    """And says so."""
    assert choose_reference([], began(world)).info.source == "none"


def test_folders_and_files_are_found(world: Any, tmp_path: Any) -> None:
    """A folder's snapshots, in order; anything else in it is left alone."""
    for name in ("b.json.gz", "a.json", "notes.txt"):
        (tmp_path / name).write_text("")
    assert [p.name for p in find_snapshots([tmp_path])] == ["a.json", "b.json.gz"]
    assert find_snapshots([tmp_path / "a.json"]) == [tmp_path / "a.json"]


def test_paths_that_hold_nothing_are_refused(tmp_path: Any) -> None:
    """A baseline that was asked for and is not there is an error, not a run without one."""
    with pytest.raises(BaselineError, match="no snapshot in it"):
        find_snapshots([tmp_path])
    with pytest.raises(BaselineError, match="no such baseline"):
        find_snapshots([tmp_path / "x"])


class Reader:
    """A reader over raw objects."""

    def __init__(self, world: Any, objects: Any) -> None:
        self.world, self.objects = world, objects

    async def list(self, key: ListKey) -> ObjectList:
        """Answer one list."""
        found: ObjectList = self.world.listed(
            key.kind, self.objects.get(key.kind, []), self.world.look({}).lists[0].read
        )
        return found

    async def identity(self) -> str:
        """Name the cluster."""
        return "c1"


async def test_a_baseline_is_recorded_with_what_is_wrong_in_it(world: Any, tmp_path: Any) -> None:
    """The person who records a sick cluster is told."""
    path = tmp_path / "base.json.gz"
    snapshot, wrong = await record_baseline(
        Reader(world, sick(world)), namespaces=["shop"], path=path, at=world.AT
    )
    assert read_snapshot(path) == snapshot
    assert snapshot.cluster == "c1"
    assert [(e.check, e.state) for e in wrong] == [("service-reaches-pods", EvidenceState.VIOLATED)]


async def test_a_baseline_needs_a_namespace(world: Any, tmp_path: Any) -> None:
    """Nothing in scope is nothing recorded."""
    with pytest.raises(BaselineError, match="at least one namespace"):
        await record_baseline(
            Reader(world, {}), namespaces=[], path=tmp_path / "x.json", at=world.AT
        )
