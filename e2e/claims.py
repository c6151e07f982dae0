"""A claim that all is well, made to our gate over real alert servers.

The objects are those of a healthy simulated shop, so that only alert evidence can refuse the
claim: that it does not pass is then the work of the check that a test names.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from e2e.alert_servers import AlertServers
from e2e.waiting import wait_until
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.clock import Clock, SystemClock
from guardrails.core.evidence import Evidence, EvidenceState, GateProgress, GateReport, GateVerdict
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
from guardrails.testing import SimCluster
from guardrails.testing.demo_app import shop_app

NAMESPACE = "shop"
ERRORS = "HighRequestErrorRate"
SETTINGS = {"stable_for": "1s", "poll_every": "300ms", "list_timeout": "5s"}
DONE = Claim(kind=ClaimKind.MITIGATED, text="Everything is fine again.")
WAIT_SECONDS = 20.0
"""Longest wait of one claim: the window of these rules is 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewedClock:
    """The machine's clock, wrong by a constant."""

    off: timedelta

    def now(self) -> datetime:
        """Return the wrong time."""
        return SystemClock().now() + self.off

    def monotonic(self) -> float:
        """Return the right seconds."""
        return SystemClock().monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep as everybody does."""
        await SystemClock().sleep(seconds)


class Desk:
    """Where runs are opened and claims are made."""

    def __init__(self, servers: AlertServers, objects: SimCluster, folder: Path) -> None:
        self.servers, self.objects = servers, objects
        self.reader: KubernetesReader = connect(objects.write_kubeconfig(folder / "kubeconfig"))
        self.baseline = folder / "healthy.json"
        self.prometheus = Prometheus(servers.prometheus_url, timeout_seconds=5)
        self.alertmanager = Alertmanager(servers.alertmanager_url, timeout_seconds=5)
        self.incident = incident(ERRORS)

    def reset(self) -> None:
        """Put everything back as it was, and record it as healthy."""
        servers = self.servers
        servers.start_alertmanager()
        servers.start_prometheus()
        servers.app.heal()
        for silence in servers.silences():
            if silence["status"]["state"] != "expired":
                servers.delete(f"/api/v2/silence/{silence['id']}")
        servers.load_routes(lambda _: None)
        servers.load_rules(lambda _: None)
        self.incident = incident(ERRORS)
        wait_until(self._is_quiet, what="only the watchdog fires", seen=self._active)
        _, wrong = asyncio.run(
            record_baseline(
                self.reader,
                namespaces=[NAMESPACE],
                path=self.baseline,
                at=SystemClock().now(),
                prometheus=self.prometheus,
                alertmanager=self.alertmanager,
            )
        )
        assert wrong == []

    def _is_quiet(self) -> bool:
        flows = self.servers.query("sum(rate(http_requests_total[3s])) > 500")
        return bool(flows) and self._active() == ["Watchdog"]

    def _active(self) -> list[str]:
        servers = self.servers
        names = (ERRORS, "QueueGrows", "QueueStaysLong", "NoRequestsReceived", "ClusterDown")
        active = [name for name in names if servers.states(name) or servers.held(name)]
        return [*active, *(["Watchdog"] if servers.held("Watchdog") else [])]

    def break_down(self, *services: str) -> None:
        """Let requests fail until the alert is everywhere."""
        self.servers.app.failing.update(services or ("payment",))
        self.wait_for(ERRORS)

    def wait_for(self, alert: str, state: str = "firing") -> None:
        """Wait until an alert is in this state, and Alertmanager has heard of it if it fires."""
        wait_until(lambda: state in self.servers.states(alert), what=f"{alert} is {state}")
        if state == "firing":
            wait_until(lambda: bool(self.servers.held(alert)), what=f"{alert} has arrived")

    def wait_until_clear(self, alert: str = ERRORS) -> None:
        """Wait until Prometheus no longer lists an alert."""
        wait_until(lambda: not self.servers.states(alert), what=f"{alert} is gone")

    def gate(
        self,
        *,
        clock: Clock | None = None,
        prometheus: Prometheus | None = None,
        only_alertmanager: bool = False,
        **settings: object,
    ) -> EvidenceGate:
        """Build the gate, with what was recorded as healthy."""
        given = prometheus or self.prometheus
        return EvidenceGate(
            reader=self.reader,
            prometheus=None if only_alertmanager else given,
            alertmanager=self.alertmanager,
            settings=GateSettings.model_validate({**SETTINGS, **settings}),
            clock=clock,
            baselines=[self.baseline],
        )

    def open(self, gate: EvidenceGate | None = None) -> GateRun:
        """Begin a run."""
        return asyncio.run((gate or self.gate()).open(self.incident))

    def claim(
        self,
        run: GateRun,
        *,
        wait: bool = True,
        on_progress: Callable[[GateProgress], None] | None = None,
    ) -> GateReport:
        """Claim that all is well, right after a write; hold the report to its own evidence."""
        request = GateRequest(
            incident=self.incident,
            claim=DONE,
            wait=wait,
            last_write_at=SystemClock().now(),
            wait_at_most_seconds=WAIT_SECONDS,
        )
        report = asyncio.run(run.evaluate(request, on_progress=on_progress))
        assert replays(report)
        return report


def incident(*alerts: str) -> Incident:
    """Return an incident about these alerts of the shop."""
    return Incident(
        task="Customers see errors.",
        namespaces=(NAMESPACE,),
        alerts=tuple(AlertMatcher(labels={"alertname": name}) for name in alerts),
    )


def against(report: GateReport) -> dict[str, list[Evidence]]:
    """Return the counted evidence that speaks against a claim, by check.

    That no rule was evaluated since the claim's own write is true of every claim for a moment.
    """
    found: dict[str, list[Evidence]] = {}
    for evidence in report.evidence:
        is_young = evidence.field == "lastEvaluation"
        if evidence.counts and evidence.state is not EvidenceState.SATISFIED and not is_young:
            found.setdefault(evidence.check, []).append(evidence)
    return found


def is_refused_by(report: GateReport, *checks: str) -> None:
    """Hold a report to not passing, by the evidence of these checks among others."""
    assert report.verdict is not GateVerdict.PASS, report.summary
    missing = set(checks) - against(report).keys()
    assert not missing, f"{report.summary}; against it: {sorted(against(report))}"


@contextlib.contextmanager
def desk(servers: AlertServers, folder: Path) -> Generator[Desk]:
    """Set up a healthy shop beside the servers."""
    with SimCluster(tick_seconds=0.2) as objects:
        objects.apply(shop_app())
        objects.settle()
        made = Desk(servers, objects, folder)
        try:
            yield made
        finally:
            made.reader.close()
