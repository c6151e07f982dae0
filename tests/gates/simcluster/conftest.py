"""A shop in a simulated cluster with monitoring, and its gate, in virtual time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateReport
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.alertmanager import Alertmanager
from guardrails.gates.alerts.prometheus import Prometheus
from guardrails.gates.base import GateRequest, GateRun
from guardrails.gates.composition import replays
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.reference import record_baseline
from guardrails.policy.models import GateSettings
from guardrails.testing import ClusterTime, ManualClock, SimCluster
from guardrails.testing.demo_app import shop_app, shop_flows, shop_rules

NS = "shop"
MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="done")
SETTINGS = GateSettings.model_validate({"stable_for": "10s", "poll_every": "2s"})


class EventfulTime(ClusterTime):
    """The cluster's time, with things that happen while the gate sleeps."""

    def __init__(self, cluster: SimCluster) -> None:
        super().__init__(cluster)
        self.on_sleep: list[Callable[[], None]] = []

    async def sleep(self, seconds: float) -> None:
        """Let happen what is due, and run the cluster for as long."""
        while self.on_sleep:
            self.on_sleep.pop(0)()
        await super().sleep(seconds)


class Shop:
    """A shop, its gate, and what was healthy before."""

    def __init__(self, cluster: SimCluster, reader: KubernetesReader, folder: Path) -> None:
        self.cluster, self.reader, self.folder = cluster, reader, folder
        self.time = EventfulTime(cluster)
        self.settings = SETTINGS
        self.incident = Incident(
            task="The shop has trouble.",
            namespaces=(NS,),
            alerts=(AlertMatcher(labels={"alertname": "HighRequestErrorRate"}),),
        )
        self.prometheus = Prometheus(cluster.prometheus_url, timeout_seconds=5)
        self.alertmanager = Alertmanager(cluster.alertmanager_url, timeout_seconds=5)

    async def record(self) -> None:
        """Record a baseline of now."""
        _, wrong = await record_baseline(
            self.reader,
            namespaces=[NS],
            path=self.folder / "healthy.json.gz",
            at=self.time.now(),
            prometheus=self.prometheus,
            alertmanager=self.alertmanager,
        )
        assert wrong == []

    def gate(self) -> EvidenceGate:
        """Build the gate, with the baseline if one was recorded."""
        return EvidenceGate(
            reader=self.reader,
            prometheus=self.prometheus,
            alertmanager=self.alertmanager,
            settings=self.settings,
            clock=self.time,
            baselines=[p for p in (self.folder / "healthy.json.gz",) if p.exists()],
        )

    async def open(self) -> GateRun:
        """Begin a run."""
        return await self.gate().open(self.incident)

    async def claim(self, run: GateRun, *, wrote: bool = False) -> GateReport:
        """Claim that it is mended, and check that the report replays."""
        written = self.time.now() if wrote else None
        report = await run.evaluate(
            GateRequest(incident=self.incident, claim=MITIGATED, last_write_at=written)
        )
        assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))
        return report


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """A shop that has been well for a minute."""
    with SimCluster(autorun=False, clock=ManualClock(), tick_seconds=0.25) as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        cluster.settle()
        cluster.run_for(60)
        reader = connect(cluster.write_kubeconfig(folder / "config"), timeout_seconds=5)
        yield Shop(cluster, reader, folder)
        reader.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop of one's own."""
    with open_shop(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def still_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A healthy shop that several tests look at; each takes its faults away again."""
    with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made
