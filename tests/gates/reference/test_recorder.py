"""Recording on a timer: what is stored, what is not, and what stays."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardrails import BaselineRecorder
from guardrails.errors import BaselineError
from guardrails.gates.reference import Baselines, Recorded, RecordedAs, Retention, choose_among
from guardrails.gates.reference.folder import Mark, stored_in
from guardrails.gates.snapshot import (
    ListKey,
    ObjectList,
    PrometheusState,
    Read,
    encode_snapshot,
    read_snapshot,
)
from guardrails.testing.clock import ManualClock


class Cluster:
    """A cluster that holds what it is told, and fails as it is told."""

    def __init__(self, world: Any) -> None:
        self.world, self.objects, self.version = world, world.app(), 0
        self.failed: dict[str, Read] = {}
        self.raises: type[Exception] | None = None

    async def list(self, key: ListKey) -> ObjectList:
        """Answer one list, with versions that change at every look."""
        self.version += 1
        found: ObjectList = self.world.listed(
            key.kind, self.objects.get(key.kind, []), self.failed.get(key.kind, Read())
        )
        return msgspec.structs.replace(found, resource_version=str(self.version))

    async def identity(self) -> str:
        """Name the cluster."""
        if self.raises is not None:
            raise self.raises
        return "c1"


class Alerts:
    """A Prometheus whose rules were evaluated just now."""

    def __init__(self, world: Any, clock: ManualClock) -> None:
        self.world, self.clock, self.read_as = world, clock, Read()

    async def read(self, *, queries: Any = ()) -> PrometheusState:
        """Answer."""
        rule = self.world.rule(last_evaluation=self.clock.now())
        return PrometheusState(alerts_read=self.read_as, rules=(rule,))


@pytest.fixture
def clock() -> ManualClock:
    """Return virtual time."""
    return ManualClock()


@pytest.fixture
def cluster(world: Any) -> Cluster:
    """Return a healthy cluster."""
    return Cluster(world)


@pytest.fixture
def recorder(cluster: Cluster, clock: ManualClock, tmp_path: Path) -> BaselineRecorder:
    """Return a recorder into a folder that is not there yet."""
    return BaselineRecorder(
        cluster, namespaces=["shop"], folder=tmp_path / "base", clock=clock, every=300
    )


def names(tmp_path: Path) -> list[str]:
    """Everything in the folder, hidden or not."""
    return sorted(p.name for p in (tmp_path / "base").iterdir())


async def test_a_look_is_stored_under_its_time(recorder: BaselineRecorder, tmp_path: Path) -> None:
    """Compressed, marked, and by UTC, so that names sort."""
    recorded = await recorder.look()
    assert (recorded.outcome, recorded.mark) == (RecordedAs.STORED, Mark.HEALTHY)
    assert names(tmp_path) == ["20260101T120000Z.healthy.json.gz"]
    assert recorded.path is not None
    assert read_snapshot(recorded.path).at == recorded.at


async def test_an_unchanged_world_costs_a_rename(
    recorder: BaselineRecorder, clock: ManualClock, tmp_path: Path
) -> None:
    """The file says from when until when; what a list's version says is no change."""
    size = None
    for _ in range(5):
        recorded = await recorder.look()
        assert recorded.path is not None
        assert size in {None, recorded.path.stat().st_size}
        size = recorded.path.stat().st_size
        clock.advance(300)
    assert recorded.outcome is RecordedAs.UNCHANGED
    assert names(tmp_path) == ["20260101T120000Z--20260101T122000Z.healthy.json.gz"]


async def test_rules_that_are_evaluated_again_are_no_change(
    world: Any, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """Nor is the time of it."""
    alerts = Alerts(world, clock)
    recorder = BaselineRecorder(
        cluster, namespaces=["shop"], folder=tmp_path, prometheus=alerts, clock=clock
    )
    await recorder.look()
    clock.advance(300)
    assert (await recorder.look()).outcome is RecordedAs.UNCHANGED
    alerts.read_as = world.TIMEOUT
    clock.advance(300)
    skipped = await recorder.look()
    assert skipped.outcome is RecordedAs.SKIPPED
    assert "alerts: no answer in 10 s" in skipped.trouble


async def test_a_changed_world_is_a_new_file(
    world: Any, recorder: BaselineRecorder, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """Also when it is not well, and it says so."""
    await recorder.look()
    clock.advance(300)
    cluster.objects["Service"][0]["spec"]["selector"] = {"app": "nope"}
    recorded = await recorder.look()
    assert (recorded.outcome, recorded.mark) == (RecordedAs.STORED, Mark.UNWELL)
    assert [e.check for e in recorded.wrong] == ["service-reaches-pods"]
    assert names(tmp_path) == [
        "20260101T120000Z.healthy.json.gz",
        "20260101T120500Z.unwell.json.gz",
    ]


async def test_an_incomplete_look_is_told_and_not_stored(
    world: Any, recorder: BaselineRecorder, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """What was stored stays, and the next good look follows it."""
    await recorder.look()
    clock.advance(300)
    cluster.failed = {"Service": world.TIMEOUT}
    skipped = await recorder.look()
    assert (skipped.outcome, skipped.path) == (RecordedAs.SKIPPED, None)
    assert "incomplete, so not stored" in skipped.trouble
    clock.advance(300)
    cluster.failed = {}
    assert (await recorder.look()).outcome is RecordedAs.UNCHANGED
    assert names(tmp_path) == ["20260101T120000Z--20260101T121000Z.healthy.json.gz"]


async def test_an_empty_namespace_is_not_stored(
    recorder: BaselineRecorder, cluster: Cluster, tmp_path: Path
) -> None:
    """Nothing in it is nothing that was healthy."""
    cluster.objects = {}
    assert (await recorder.look()).outcome is RecordedAs.SKIPPED
    assert names(tmp_path) == []


async def test_a_disk_that_fails_is_told_and_survived(
    recorder: BaselineRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look may find room again."""
    (tmp_path / "base").mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        skipped = await recorder.look()
    assert skipped.outcome is RecordedAs.SKIPPED
    assert "No space left" in skipped.trouble
    assert stored_in(tmp_path / "base") == []
    assert (await recorder.look()).outcome is RecordedAs.STORED


async def test_what_a_crash_left_half_is_not_listed_and_cleared(
    recorder: BaselineRecorder, tmp_path: Path
) -> None:
    """A killed recorder leaves a hidden file under another name."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / ".20260101T115500Z.healthy.json.gz.partial").write_bytes(b"\x1f\x8b half")
    assert stored_in(folder) == []
    await recorder.look()
    assert names(tmp_path) == ["20260101T120000Z.healthy.json.gz"]


async def test_a_recorder_that_starts_again_goes_on(
    recorder: BaselineRecorder, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """The world did not change meanwhile, and the file says so; a torn one is passed by."""
    await recorder.look()
    clock.advance(600)
    (tmp_path / "base" / "20260101T120900Z.healthy.json.gz").write_bytes(b"torn")
    again = BaselineRecorder(cluster, namespaces=["shop"], folder=tmp_path / "base", clock=clock)
    assert (await again.look()).outcome is RecordedAs.UNCHANGED


async def test_a_file_that_was_taken_away_is_written_again(
    recorder: BaselineRecorder, clock: ManualClock, tmp_path: Path
) -> None:
    """Somebody cleaned up by hand."""
    first = await recorder.look()
    assert first.path is not None
    first.path.unlink()
    clock.advance(300)
    assert (await recorder.look()).outcome is RecordedAs.STORED
    assert names(tmp_path) == ["20260101T120500Z.healthy.json.gz"]


async def test_a_folder_of_other_namespaces_is_refused(
    recorder: BaselineRecorder, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """Two recordings in one folder would thin each other out."""
    await recorder.look()
    other = BaselineRecorder(cluster, namespaces=["bank"], folder=tmp_path / "base", clock=clock)
    with pytest.raises(BaselineError, match="holds snapshots of namespace shop"):
        await other.run()


@pytest.mark.parametrize(("more", "said"), [({"namespaces": []}, "namespace"), ({"every": 0}, "0")])
def test_a_recorder_that_could_record_nothing_is_refused(
    cluster: Cluster, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    """Before it runs."""
    with pytest.raises(BaselineError, match=said):
        BaselineRecorder(cluster, **{"namespaces": ["shop"], "folder": tmp_path, **more})


async def test_old_ones_go_and_the_newest_healthy_one_stays(
    cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """Days of trouble do not push it out."""
    keep = Retention(all_seconds=900, hourly_seconds=3600, daily_seconds=0)
    recorder = BaselineRecorder(
        cluster, namespaces=["shop"], folder=tmp_path / "base", clock=clock, keep=keep
    )
    await recorder.look()
    removed = 0
    for hour in range(30):
        clock.advance(3600)
        cluster.objects["Service"][0]["spec"]["selector"] = {"app": f"nope-{hour}"}
        removed += (await recorder.look()).removed
    assert names(tmp_path) == [
        "20260101T120000Z.healthy.json.gz",
        "20260102T170000Z.unwell.json.gz",
        "20260102T180000Z.unwell.json.gz",
    ]
    assert removed == 28


async def test_it_looks_on_time_until_it_is_cancelled(
    cluster: Cluster, tmp_path: Path, world: Any
) -> None:
    """Every interval, through failures."""
    looks: list[Recorded] = []

    def note(recorded: Recorded) -> None:
        looks.append(recorded)
        cluster.failed = {"Pod": world.TIMEOUT} if len(looks) == 1 else {}
        if len(looks) == 4:
            task.cancel()

    clock = ManualClock(auto_advance=True)
    recorder = BaselineRecorder(
        cluster, namespaces=["shop"], folder=tmp_path / "b", clock=clock, every=60, on_look=note
    )
    task = asyncio.create_task(recorder.run())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [r.outcome.value for r in looks] == ["stored", "skipped", "unchanged", "unchanged"]
    assert [(r.at - looks[0].at).total_seconds() for r in looks] == [0, 60, 120, 180]


async def test_what_was_recorded_is_chosen_by_its_name_and_judged_again(
    world: Any, recorder: BaselineRecorder, cluster: Cluster, clock: ManualClock, tmp_path: Path
) -> None:
    """A mark is no proof: a sick snapshot that is called healthy is passed over."""
    await recorder.look()
    clock.advance(3600)
    cluster.objects["Service"][0]["spec"]["selector"] = {"app": "nope"}
    sick = await recorder.look()
    assert sick.path is not None
    sick.path.rename(sick.path.with_name(sick.path.name.replace("unwell", "healthy")))
    start = msgspec.structs.replace(read_snapshot(stored_in(tmp_path / "base")[0].path))
    clock.advance(60)
    start = msgspec.structs.replace(start, at=clock.now())
    baselines = Baselines([tmp_path / "base"])
    found = choose_among(baselines.candidates(), world.incident(), start=start)
    assert found.info.detail.startswith("20260101T120000Z.healthy.json.gz; ")
    assert "not healthy: service-reaches-pods" in found.info.detail


async def test_a_gate_sees_what_is_recorded_after_it_was_made(
    world: Any, recorder: BaselineRecorder, clock: ManualClock, tmp_path: Path
) -> None:
    """A folder is listed for each run; a file that was renamed meanwhile is still found."""
    await recorder.look()
    baselines = Baselines([tmp_path / "base"])
    listed = baselines.candidates()
    clock.advance(300)
    await recorder.look()
    assert listed[0].load().at == world.AT
    assert [c.last for c in baselines.candidates()] == [clock.now()]
    (tmp_path / "base" / "later.json").write_text("{}")
    late = next(c for c in baselines.candidates() if c.name == "later.json")
    found = choose_among([late], world.incident(), start=world.look(world.app()))
    assert "later.json passed over: " in found.info.detail


async def test_a_torn_file_is_passed_over_by_name(
    world: Any, recorder: BaselineRecorder, clock: ManualClock, tmp_path: Path
) -> None:
    """One bad file does not take the others away."""
    await recorder.look()
    whole = (tmp_path / "base" / "20260101T120000Z.healthy.json.gz").read_bytes()
    (tmp_path / "base" / "20260101T120500Z.healthy.json.gz").write_bytes(whole[:60])
    start = world.look(world.app(), at=3600)
    candidates = Baselines([tmp_path / "base"]).candidates()
    found = choose_among(candidates, world.incident(), start=start)
    assert found.info.detail.startswith("20260101T120000Z.healthy.json.gz; 20260101T120500Z")
    assert "cut short" in found.info.detail


async def test_the_size_of_a_stored_snapshot_is_small(
    world: Any, cluster: Cluster, recorder: BaselineRecorder
) -> None:
    """Fifty Deployments of three pods: the how-to says how many bytes; this holds the order."""
    cluster.objects = world.join(*(world.app(f"app-{n}") for n in range(50)))
    recorded = await recorder.look()
    assert recorded.path is not None
    stored = recorded.path.stat().st_size
    assert stored < 40_000
    raw = len(gzip.decompress(recorded.path.read_bytes()))
    assert raw == len(encode_snapshot(read_snapshot(recorded.path)))
