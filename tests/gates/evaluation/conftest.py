"""A gate over scripted sources in virtual time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateProgress, GateReport
from guardrails.gates.base import GateRequest
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.snapshot import (
    AlertmanagerState,
    ListKey,
    ObjectList,
    PrometheusState,
    QueryResult,
    Read,
)
from guardrails.policy.models import GateSettings
from guardrails.testing.clock import ManualClock

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="fixed")
STATE = {"require": "state", "allow_no_alert_source": True}


class Cluster:
    """A scripted cluster: what it holds is a function of the time since the start."""

    def __init__(self, world: Any, clock: ManualClock, script: Callable[[float], Any]) -> None:
        self.world, self.clock, self.script = world, clock, script
        self.failed: Callable[[float], Mapping[str, Read]] = lambda _: {}
        self.asked: Counter[str] = Counter()
        self.uid = "cluster-1"

    async def list(self, key: ListKey) -> ObjectList:
        """Answer one list."""
        self.asked[f"{key.kind}@{self.clock.monotonic():g}"] += 1
        if key.kind == "Namespace" and key.name:
            return ObjectList(key=key)
        seconds = self.clock.monotonic()
        read = self.failed(seconds).get(key.kind, Read())
        return self.world.listed(key.kind, self.script(seconds).get(key.kind, []), read)

    async def identity(self) -> str:
        """Name the cluster."""
        return self.uid


class Prom:
    """A scripted Prometheus."""

    def __init__(
        self, world: Any, clock: ManualClock, script: Callable[[float], Sequence[Any]]
    ) -> None:
        self.world, self.clock, self.script = world, clock, script
        self.read_as: Callable[[float], Read] = lambda _: Read()

    async def read(self, *, queries: Sequence[str] = ()) -> PrometheusState:
        """Answer with what fires now, and rules that were evaluated just now."""
        seconds = self.clock.monotonic()
        read = self.read_as(seconds)
        return PrometheusState(
            alerts_read=read,
            alerts=tuple(self.script(seconds)) if read.ok else (),
            rules_read=read,
            rules=(self.world.rule(last_evaluation=self.clock.now()),) if read.ok else (),
            queries=tuple(QueryResult(query=q, read=read, values=("1",)) for q in queries),
        )


class Alertmanager:
    """An Alertmanager that holds nothing, or cannot be read."""

    def __init__(self, read: Read) -> None:
        self.state = AlertmanagerState(alerts_read=read, silences_read=read)

    async def read(self) -> AlertmanagerState:
        """Answer."""
        return self.state


class Stage:
    """A gate over scripted sources in virtual time."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.clock = ManualClock(world.AT, auto_advance=True)
        app = world.app()
        self.cluster = Cluster(world, self.clock, lambda _: app)
        self.prometheus: Prom | None = None
        self.alertmanager: Alertmanager | None = None
        self.progress: list[GateProgress] = []

    def with_alerts(self, script: Callable[[float], Sequence[Any]] = lambda _: ()) -> "Stage":
        """Give the gate a Prometheus."""
        self.prometheus = Prom(self.world, self.clock, script)
        return self

    def with_alertmanager(self, read: Read) -> "Stage":
        """Give the gate an Alertmanager that holds nothing, or cannot be read."""
        self.alertmanager = Alertmanager(read)
        return self

    def gate(self, **more: Any) -> EvidenceGate:
        """Build the gate."""
        policy = more.pop("policy", STATE)
        return EvidenceGate(
            reader=self.cluster,
            prometheus=self.prometheus,
            alertmanager=self.alertmanager,
            settings=GateSettings.model_validate(policy),
            clock=self.clock,
            **more,
        )

    async def judge(
        self, *, incident: Any = None, claim: Claim | None = MITIGATED, **more: Any
    ) -> GateReport:
        """Open a run, and judge one end of it."""
        ask = {k: more.pop(k) for k in list(more) if k not in {"policy", "checks", "baselines"}}
        about = incident or self.world.incident()
        run = await self.gate(**more).open(about)
        self.cluster.asked.clear()
        request = GateRequest(incident=about, claim=claim, **ask)
        return await run.evaluate(request, on_progress=self.progress.append)


@pytest.fixture(scope="session")
def new_stage(world: Any) -> Callable[[], Stage]:
    """Return a maker of healthy clusters without alerts."""
    return lambda: Stage(world)


@pytest.fixture
def stage(new_stage: Callable[[], Stage]) -> Stage:
    """Return a healthy cluster without alerts."""
    return new_stage()
