"""The continuous reference: one replica records, and gates judge by what is there now."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from guardrails.core.evidence import GateVerdict, ReferenceSource
from guardrails.core.incident import Incident
from guardrails.errors import BaselineError
from guardrails.gates.base import Gate, GateRequest
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.reference import Recorded, RecordedAs
from guardrails.policy.models import GateSettings
from guardrails.sidecar.config import ReferenceSettings
from guardrails.sidecar.reference import Recording, ReferencedGate, folder_of
from guardrails.testing.demo_app import shop_app
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.sim import SimCluster

ABOUT = Incident(task="checkout is down", namespaces=("shop",))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KubernetesReader]:
    """Run the shop, and read it."""
    with SimCluster() as sim:
        sim.apply(shop_app())
        sim.settle()
        reader = connect(sim.write_kubeconfig(tmp_path / "config"))
        yield reader
        reader.close()


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.looks: list[Recorded] = []
        self.elsewhere: list[bool] = []
        self.news = asyncio.Event()

    def looked(self, recorded: Recorded) -> None:
        self.looks.append(recorded)
        self.news.set()

    def stood_by(self, *, first: bool) -> None:
        self.elsewhere.append(first)
        self.news.set()


def _recording(reader: KubernetesReader, folder: Path, told: Told) -> Recording:
    settings = ReferenceSettings(folder=folder, every=0.2)
    return Recording(reader, namespaces=["shop"], settings=settings, on_look=told)


async def _until(told: Told) -> None:
    async with asyncio.timeout(20):
        await told.news.wait()


async def test_one_of_two_replicas_records(cluster: KubernetesReader, tmp_path: Path) -> None:
    """When it goes, the other one takes over."""
    one, other = Told(), Told()
    first = asyncio.ensure_future(_recording(cluster, tmp_path / "ref", one).run())
    await _until(one)
    second = asyncio.ensure_future(_recording(cluster, tmp_path / "ref", other).run())
    await _until(other)
    assert one.looks[0].outcome is RecordedAs.STORED
    assert other.looks == []
    assert other.elsewhere[0] is True
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with asyncio.timeout(20):
        while not other.looks:
            other.news.clear()
            await other.news.wait()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_each_scope_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Whatever the order, and however many there are."""
    assert folder_of(tmp_path, ["b", "a"]) == folder_of(tmp_path, ["a", "b", "a"])
    many = [f"namespace-{number}" for number in range(100)]
    assert len(folder_of(tmp_path, many).name) < 130
    assert folder_of(tmp_path, many) != folder_of(tmp_path, [*many[1:], "other"])


async def test_a_folder_that_cannot_be_written_is_told(
    cluster: KubernetesReader, tmp_path: Path
) -> None:
    """There is a file in its place."""
    (tmp_path / "ref").write_text("a file")
    with pytest.raises(BaselineError, match="cannot use the folder"):
        await _recording(cluster, tmp_path / "ref", Told()).run()


async def test_a_gate_judges_by_the_first_snapshot_once_it_is_there(
    cluster: KubernetesReader, tmp_path: Path
) -> None:
    """The service begins before there is any."""
    told = Told()
    recording = _recording(cluster, tmp_path / "ref", told)
    made: list[Sequence[Path]] = []

    def make(baselines: Sequence[Path]) -> Gate:
        made.append(baselines)
        settings = GateSettings(
            allow_no_alert_source=True, stable_for=0.0, window=0.0, require="state"
        )
        return EvidenceGate(reader=cluster, settings=settings, baselines=baselines)

    gate = ReferencedGate(make, folder=recording.folder)
    before = await (await gate.open(ABOUT)).evaluate(_end())
    assert before.reference.source is not ReferenceSource.SNAPSHOT
    task = asyncio.ensure_future(recording.run())
    await _until(told)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gate.open(ABOUT)
    await gate.open(ABOUT)
    assert made == [[], [recording.folder]]


async def test_a_gate_that_cannot_be_opened_again_is_opened(tmp_path: Path) -> None:
    """Gates of others need not know how."""
    gate = ReferencedGate(lambda _: ScriptedGate(GateVerdict.PASS))
    run = await gate.reopen(ABOUT, b"noted")
    assert (await run.evaluate(_end())).verdict is GateVerdict.PASS


def _end() -> GateRequest:
    return GateRequest(incident=ABOUT, claim=None, wait=False)
