"""One lane: takes a case from its fresh app to the verdict of every gate, and cleans up.

A lane is a process of its own, so that the gates of one lane do not wait for those of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import yaml

from benchmarks.gates.cases.load import fill, names_in
from benchmarks.gates.cases.model import Case, Expect, Fault
from benchmarks.gates.live.acting import Actor, Kubectl
from benchmarks.gates.live.app import (
    FAULT_SECONDS,
    App,
    NotSetUpError,
    carry_out,
    fires,
    until,
)
from benchmarks.gates.live.judging import (
    PEER_EVERY_SECONDS,
    REFUSAL_SECONDS,
    SETTINGS,
    OurGate,
    PeerGates,
    named,
)
from benchmarks.gates.live.reading import EVERYTHING, FOR_PEERS, RawReader
from benchmarks.gates.live.sources import Noted, sources_of
from benchmarks.gates.peers import PEERS
from benchmarks.gates.recording import Recorder
from benchmarks.gates.results import CaseResult, Ours, Said
from benchmarks.gates.world import World
from e2e.lanes.monitoring import LaneMonitoring, LanePorts
from guardrails.core.incident import AlertMatcher, Incident, Workload
from guardrails.errors import GuardrailsError
from guardrails.gates.base import GateRun
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.reference import record_baseline

CASE_SECONDS = 240.0
"""After this a case is given up."""

PEER_SECONDS = 25.0
"""How long peers are asked about an honest mend; ours had its verdict by then in every run."""

SCRAPE_GAP_SECONDS = 2.5
"""Scrapes are due every second; with more than this between two, alerts clear later than the
gate may count on (two evaluations)."""

SPARE_LOOKS = 4
"""Looks that a recording keeps beyond the verdict: its looks are not those that our gate made, and
a replay reaches the end of a window a little later."""

HEAL_SECONDS = 60.0
"""How long a mend may take to show before the fault is brought back."""

RELAPSE_AFTER_SECONDS = 0.5
"""From all being well to the relapse: well inside every window."""

RELAPSE_SHOWS_SECONDS = 1.5
"""From a relapse to its first trace in objects: a controller has to act, and a poll to come."""

RELAPSE_ALERTS_SECONDS = 5.0
"""The same where alerts tell of it: requests have to fail, be scraped and be evaluated. A relapse
that comes later before the window's end than this was not inside the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSpec:
    """What a lane process is given."""

    number: int
    folder: Path
    kubectl: Path
    admin: Path
    guard: Path
    guard_name: str
    guard_rights: str
    """Manifests of the guard's rights, put back after a case took them away."""
    ports: LanePorts
    metrics_port: int
    rules: str
    manifests: Mapping[str, Path]
    capabilities: frozenset[str]
    record: Path | None = None
    """Folder that gets the recordings."""

    def can_run(self, case: Case) -> bool:
        """Tell whether the cluster has everything that a case needs."""
        return self.capabilities.issuperset(case.needs)


class Lane:
    """A lane that is up."""

    def __init__(self, spec: LaneSpec) -> None:
        self.spec = spec
        self.monitoring = LaneMonitoring(
            lane=spec.number,
            folder=spec.folder,
            ports=spec.ports,
            metrics_port=spec.metrics_port,
            rules=yaml.safe_load(spec.rules),
        )
        self.kubectl = Kubectl(
            program=spec.kubectl, kubeconfig=spec.admin, cache=spec.folder / "kubectl-cache"
        )

    def start(self) -> None:
        """Start the lane's alerting."""
        self.monitoring.start()

    def run(self, case: Case, *, number: int) -> CaseResult:
        """Run one case; whatever happens, the lane is ready for the next one after it."""
        lacking = [need for need in case.needs if need not in self.spec.capabilities]
        if lacking:
            return _not_run(case, f"this cluster has no {', '.join(lacking)}")
        try:
            return asyncio.run(self._run(case, number=number))
        except TimeoutError:
            return _not_run(case, f"not over within {CASE_SECONDS:.0f} s")
        except NotSetUpError as error:
            return _not_run(case, str(error))
        except Exception as error:  # noqa: BLE001  # one broken case must not end the run
            return _not_run(case, _why(error))

    async def _run(self, case: Case, *, number: int) -> CaseResult:
        async with asyncio.timeout(CASE_SECONDS), self._world(case, number=number) as world:
            return await world.play()

    @contextlib.asynccontextmanager
    async def _world(self, case: Case, *, number: int) -> AsyncGenerator[_Played]:
        spec = self.spec
        namespace = f"shop-{number:04d}"
        reader = RawReader(spec.guard, prometheus_url=self.monitoring.prometheus_url)
        app = App(namespace=namespace, kubectl=self.kubectl, reader=reader, lane=spec.number)
        names = {"namespace": namespace, "guard": spec.guard_name}
        actor = Actor(kubectl=self.kubectl, monitoring=self.monitoring, names=names)
        try:
            yield _Played(lane=self, case=case, app=app, actor=actor, reader=reader)
        finally:
            await asyncio.shield(self._clean(case, app, actor, reader))

    async def _clean(self, case: Case, app: App, actor: Actor, reader: RawReader) -> None:
        await reader.close()
        for step in case.cleanup:
            with contextlib.suppress(Exception):  # nothing to remove is as good
                await actor.do([step])
        await app.throw_away()
        if "guard" in names_in(case):
            await self.kubectl.run("apply", "-f", "-", stdin=self.spec.guard_rights)
        await asyncio.to_thread(self.monitoring.reset)


@dataclass(slots=True, kw_only=True)
class _Played:
    """One case while it is played."""

    lane: Lane
    case: Case
    app: App
    actor: Actor
    reader: RawReader
    relapsed_at: float | None = None
    judged_at: float = 0.0

    async def play(self) -> CaseResult:
        """Bring everything about and have the gates judge.

        Raises:
            NotSetUpError: Something did not come about.
        """
        seconds: dict[str, float] = {}
        began = time.monotonic()
        before = await self._make_app()
        seconds["app"] = time.monotonic() - began
        spec, monitoring = self.lane.spec, self.lane.monitoring
        sources = sources_of(spec.guard, monitoring.prometheus_url, monitoring.alertmanager_url)
        recorder = Recorder(
            reader=self.reader,
            sources=sources,
            namespace=self.app.namespace,
            folder=spec.record,
            private=spec.folder,
            monitoring=(monitoring.prometheus_url, monitoring.alertmanager_url),
        )
        with tempfile.TemporaryDirectory(dir=spec.folder) as folder:
            baseline = Path(folder) / "baseline.json"
            await self._record_baseline(sources, baseline)
            await recorder.frame("reference")
            began = time.monotonic()
            await self._bring_about()
            seconds["fault"] = time.monotonic() - began
            gate = EvidenceGate(
                reader=sources.cluster,
                prometheus=sources.prometheus,
                alertmanager=sources.alertmanager,
                settings=SETTINGS,
                baselines=[baseline],
            )
            incident = await self._incident()
            run = await gate.open(incident)
            await recorder.frame("start")
            began = time.monotonic()
            try:
                said, ours = await self._claim(run, incident, before, recorder)
            finally:
                sources.close()
            seconds["claim"] = time.monotonic() - began
        recorder.write(self.case, incident, ours)
        case = self.case
        return CaseResult(
            id=case.id,
            fault=case.fault.name,
            kind=case.kind,
            expect=case.expect,
            row=case.row,
            gates=said,
            ours=ours,
            seconds={name: round(value, 2) for name, value in seconds.items()},
        )

    @property
    def _fault(self) -> Fault:
        return fill(self.case.fault, {**self.actor.names, "now": "", "past": "", "later": ""})

    async def _make_app(self) -> World:
        manifests = self.lane.spec.manifests
        missing = [part for part in self.case.fault.app if part not in manifests]
        if missing:
            raise NotSetUpError(f"no manifests named {', '.join(missing)}")
        await self.app.make([manifests[part] for part in self.case.fault.app])
        return await self.app.wait_healthy()

    async def _record_baseline(self, sources: Noted, path: Path) -> None:
        try:
            await record_baseline(
                sources.cluster,
                namespaces=(self.app.namespace,),
                path=path,
                at=datetime.now(UTC),
                prometheus=sources.prometheus,
                alertmanager=sources.alertmanager,
            )
        except GuardrailsError as error:
            raise NotSetUpError(f"no baseline: {error}") from error

    async def _bring_about(self) -> None:
        fault = self._fault
        if await self._shows(fault):
            raise NotSetUpError("the fault shows before it is brought about")
        await carry_out(self.actor, fault.inject, "the fault cannot be brought about")
        await until(lambda: self._shows(fault), what="the fault shows", limit=FAULT_SECONDS)
        for labels in fault.alerts:
            await until(
                lambda labels=labels: self._fires(labels),
                what=f"{labels.get('alertname')} fires",
                limit=FAULT_SECONDS,
            )

    async def _shows(self, fault: Fault) -> bool:
        printed = await self.actor.prints(fault.evidence.run)
        return fault.evidence.shows in printed if fault.evidence.shows else not printed

    async def _fires(self, labels: dict[str, str]) -> bool:
        return fires(await self.reader.look(self.app.namespace, ()), labels)

    async def _incident(self) -> Incident:
        fault, namespace = self._fault, self.app.namespace
        now = datetime.now(UTC)
        named = fault.workloads
        if named is None:
            named = (fault.facts["workload"],) if "workload" in fault.facts else ()
        return Incident(
            task=f"Something is wrong in {namespace}. Find out what, and mend it.",
            namespaces=(namespace,),
            workloads=tuple(_workload(text) for text in named),
            alerts=tuple(AlertMatcher(labels=labels, starts_at=now) for labels in fault.alerts),
        )

    async def _claim(
        self, run: GateRun, incident: Incident, before: World, recorder: Recorder
    ) -> tuple[dict[str, Said], Ours]:
        case = self.case
        await carry_out(self.actor, case.steps, "what the agent does fails")
        wrote = datetime.now(UTC) if case.steps else None
        recorder.wrote(wrote)
        ours = OurGate(run=run, incident=incident, expect=case.expect, last_write_at=wrote)
        peers = PeerGates(peers=PEERS, before=before)
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(self._relapse())] if case.then else []
            if case.every is not None:
                again = self.actor.keep_doing(case.again, every=case.every)
                background.append(group.create_task(again))
            judged = group.create_task(ours.judge())
            polled = group.create_task(self._poll(peers, judged, recorder))
            said, more = await judged
            self.judged_at = time.monotonic()
            await polled
            for task in background:
                task.cancel()
        shows = RELAPSE_ALERTS_SECONDS if case.fault.alerts else RELAPSE_SHOWS_SECONDS
        if case.then and more.waited_out and self._relapse_age() < shows:
            raise NotSetUpError("the fault came back too late: the window was over")
        if said.accepted != (case.expect is Expect.ACCEPT):
            await self._hold_scrapes_to_account(said.seconds)
        return named(said, peers), more

    async def _hold_scrapes_to_account(self, seconds: float) -> None:
        """Leave a case that went wrong out when alerts could not be as fresh as rules promise.

        Raises:
            NotSetUpError: Prometheus was starved: between two scrapes lay several intervals.
        """
        span = max(5, round(seconds))
        gap = await self.reader.query(
            f"max(max_over_time((time() - timestamp(up))[{span}s:500ms]))"
        )
        if gap is not None and gap > SCRAPE_GAP_SECONDS:
            raise NotSetUpError(f"the machine is too busy: {gap:.1f} s between two scrapes")

    async def _poll(
        self, peers: PeerGates, judged: asyncio.Task[object], recorder: Recorder
    ) -> None:
        """Show the peers look after look, until all gates are done."""
        plurals = EVERYTHING if recorder.active else FOR_PEERS
        began = time.monotonic()
        spare = SPARE_LOOKS
        while True:
            world = await self.reader.look(self.app.namespace, plurals)
            peers.look(world)
            await recorder.keep(world)
            spent = time.monotonic() - began
            waits = peers.undecided and (
                spent < REFUSAL_SECONDS or self.case.expect is Expect.ACCEPT
            )
            if judged.done() and not (waits and spent < PEER_SECONDS):
                if spare == 0 or not recorder.active:
                    return
                spare -= 1
            await asyncio.sleep(PEER_EVERY_SECONDS)

    async def _relapse(self) -> None:
        fault = self._fault

        async def healed() -> bool:
            return not await self._shows(fault) and await self.app.healthy() is not None

        await until(healed, what="the mend shows", limit=HEAL_SECONDS)
        await asyncio.sleep(RELAPSE_AFTER_SECONDS)
        await carry_out(self.actor, self.case.then, "the relapse cannot be brought about")
        self.relapsed_at = time.monotonic()

    def _relapse_age(self) -> float:
        """Return how long the fault was back when our gate decided."""
        return 0.0 if self.relapsed_at is None else self.judged_at - self.relapsed_at


def _why(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        return "; ".join(_why(one) for one in cast("ExceptionGroup[Exception]", error).exceptions)
    return str(error) if isinstance(error, NotSetUpError) else f"{type(error).__name__}: {error}"


def _workload(text: str) -> Workload:
    kind, _, name = text.rpartition("/")
    return Workload(name=name, kind=kind or "Deployment")


def _not_run(case: Case, why: str) -> CaseResult:
    return CaseResult(
        id=case.id,
        fault=case.fault.name,
        kind=case.kind,
        expect=case.expect,
        row=case.row,
        not_run=why,
    )
