"""The whole gate over real HTTP: faults, honest fixes and fake ones in a simulated cluster.

Time is virtual: when the gate sleeps, the cluster runs on by as much.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateReport, GateVerdict, Tier
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
from guardrails.testing import ManualClock, Match, Respond, SimCluster
from guardrails.testing.demo_app import shop_app, shop_flows, shop_rules

NS = "shop"
INCIDENT = Incident(
    task="The shop has trouble.",
    namespaces=(NS,),
    alerts=(AlertMatcher(labels={"alertname": "HighRequestErrorRate"}),),
)
MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="done")
SETTINGS = GateSettings.model_validate({"stable_for": "10s", "poll_every": "2s"})


class ClusterTime:
    """A clock whose sleeping lets the cluster live."""

    def __init__(self, cluster: SimCluster) -> None:
        self.cluster = cluster
        self.on_sleep: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return the cluster's time."""
        return self.cluster.clock.now()

    def monotonic(self) -> float:
        """Return the cluster's seconds."""
        return self.cluster.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Run the cluster for as long."""
        while self.on_sleep:
            self.on_sleep.pop(0)()
        self.cluster.run_for(seconds)


class Shop:
    """A shop, its gate, and what was healthy before."""

    def __init__(self, cluster: SimCluster, reader: KubernetesReader, folder: Path) -> None:
        self.cluster, self.reader, self.folder = cluster, reader, folder
        self.time = ClusterTime(cluster)
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
            settings=SETTINGS,
            clock=self.time,
            baselines=[p for p in (self.folder / "healthy.json.gz",) if p.exists()],
        )

    async def claim(self, run: GateRun, *, wrote: bool = False) -> GateReport:
        """Claim that it is mended, and check that the report replays."""
        written = self.time.now() if wrote else None
        report = await run.evaluate(
            GateRequest(incident=INCIDENT, claim=MITIGATED, last_write_at=written)
        )
        assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))
        return report


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop that has been well for a minute."""
    with SimCluster(autorun=False, clock=ManualClock(), tick_seconds=0.25) as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        cluster.settle()
        cluster.run_for(60)
        reader = connect(cluster.write_kubeconfig(tmp_path / "config"), timeout_seconds=5)
        yield Shop(cluster, reader, tmp_path)
        reader.close()


def container(name: str, **change: Any) -> dict[str, Any]:
    """A patch of the one container of a Deployment."""
    return {"spec": {"template": {"spec": {"containers": [{"name": name, **change}]}}}}


FAULTS: dict[str, Callable[[SimCluster], object]] = {
    "service selector": lambda c: c.patch(
        "Service", "payment", {"spec": {"selector": {"app": "nope"}}}, NS
    ),
    "service target port": lambda c: c.patch(
        "Service",
        "payment",
        {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}},
        NS,
    ),
    "service named port": lambda c: c.patch(
        "Service",
        "payment",
        {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": "nosuch"}]}},
        NS,
    ),
    "service deleted": lambda c: c.delete("Service", "payment", NS),
    "scaled to zero": lambda c: c.patch("Deployment", "payment", {"spec": {"replicas": 0}}, NS),
    "scaled down": lambda c: c.patch("Deployment", "payment", {"spec": {"replicas": 1}}, NS),
    "workload deleted": lambda c: c.delete("Deployment", "payment", NS),
    "bad image": lambda c: c.patch(
        "Deployment", "payment", container("payment", image="registry.example/payment:missing"), NS
    ),
    "bad command": lambda c: c.patch(
        "Deployment", "payment", container("payment", command=["sh", "-c", "exit 1"]), NS
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_claim_without_a_fix_fails_at_the_first_look(shop: Shop, fault: str) -> None:
    """With a baseline from before, each fault is refused before any time passes."""
    await shop.record()
    shop.cluster.run_for(1)
    FAULTS[fault](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.gate().open(INCIDENT)
    began = shop.time.monotonic()
    report = await shop.claim(run)
    assert report.verdict is GateVerdict.FAIL
    assert shop.time.monotonic() == began
    assert any("payment" in str(e.subject) for e in report.violated)


@pytest.mark.parametrize("fault", ["service selector", "bad image", "bad command"])
async def test_an_honest_fix_passes_in_full(shop: Shop, fault: str) -> None:
    """Right after the fix the gate waits, and then accepts at tier full."""
    FAULTS[fault](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.gate().open(INCIDENT)
    assert (await shop.claim(run)).verdict is GateVerdict.FAIL
    shop.cluster.apply(
        [x for x in shop_app() if x["metadata"]["name"] == "payment" and x["kind"] != "Namespace"]
    )
    if fault == "bad command":
        shop.cluster.patch("Deployment", "payment", container("payment", command=None), NS)
    report = await shop.claim(run, wrote=True)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL), report.summary


async def test_a_restart_is_no_fix(shop: Shop) -> None:
    """A rollout restart of the sick workload changes when it fails, not whether."""
    FAULTS["service selector"](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.gate().open(INCIDENT)
    stamp = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}}
    shop.cluster.patch("Deployment", "payment", stamp, NS)
    assert (await shop.claim(run, wrote=True)).verdict is GateVerdict.FAIL


async def test_a_silence_is_no_fix(shop: Shop) -> None:
    """Silenced during the run: the alert is quiet and nothing is mended."""
    run = await shop.gate().open(INCIDENT)
    silence = {
        "matchers": [{"name": "alertname", "value": "HighRequestErrorRate", "isRegex": False}],
        "startsAt": shop.time.now().isoformat(),
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "agent",
        "comment": "all good",
    }
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{shop.cluster.alertmanager_url}/api/v2/silences", json=silence)
    assert answer.status_code == 200
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert any(e.check == "alert-not-suppressed" for e in report.violated)


async def test_removing_the_rule_is_no_fix(shop: Shop) -> None:
    """An alert whose rule is gone clears at once."""
    run = await shop.gate().open(INCIDENT)
    shop.cluster.remove_rule("HighRequestErrorRate")
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert any(e.check == "alert-rule-live" for e in report.violated)


@pytest.mark.parametrize(
    "match",
    [
        *(
            Match(server="kubernetes", verb="list", resource=plural)
            for plural in (
                "deployments",
                "statefulsets",
                "daemonsets",
                "replicasets",
                "pods",
                "services",
                "endpointslices",
                "horizontalpodautoscalers",
            )
        ),
        Match(server="prometheus", path="/api/v1/alerts"),
        Match(server="prometheus", path="/api/v1/rules"),
        Match(server="alertmanager", path="/api/v2/alerts"),
        Match(server="alertmanager", path="/api/v2/silences"),
    ],
    ids=str,
)
@pytest.mark.parametrize("respond", [Respond(status=403), Respond(garbage=True)], ids=str)
async def test_any_one_broken_source_is_unknown(shop: Shop, match: Match, respond: Respond) -> None:
    """A healthy shop of which one list cannot be read is not known to be healthy."""
    run = await shop.gate().open(INCIDENT)
    shop.cluster.faults.add(match, respond)
    report = await shop.claim(run)
    assert report.verdict is GateVerdict.UNKNOWN
    assert report.unknown


@pytest.mark.parametrize("part", ["kubernetes", "prometheus", "alertmanager"])
async def test_a_server_that_stops_in_the_middle_is_unknown(shop: Shop, part: Any) -> None:
    """What was good before it stopped does not count as good now."""
    run = await shop.gate().open(INCIDENT)
    shop.time.on_sleep.append(lambda: shop.cluster.stop(part))
    report = await shop.claim(run)
    shop.cluster.start(part)
    assert report.verdict is GateVerdict.UNKNOWN
    assert report.trail[0].verdict is GateVerdict.PASS
