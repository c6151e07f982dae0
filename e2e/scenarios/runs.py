"""Guarded runs as a user makes them: the command, its files, and what it prints.

Guard and agent are different identities with different rights, as they would be in production.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2
import msgspec

from e2e.alerts import arrived, fires
from e2e.app import NAMESPACE
from e2e.clusters.build import REPO_ROOT
from e2e.clusters.cluster import Cluster
from e2e.faults import Fault, load
from e2e.scenarios.agent import SETTING_VARIABLE, AgentSetting
from e2e.scenarios.scripts import ClusterScenario
from e2e.waiting import wait_until
from guardrails.cli.output import RunOutput
from guardrails.core.events import GateReported
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.trace import StoredRun, read_trace

POLICY = Path(__file__).resolve().parent / "policy.yaml"

AGENT = ("sre-agent", "sre")
GUARD = ("guard", "sre")
"""Name and namespace of the two ServiceAccounts."""

GUARDED_AGENT = (sys.executable, "-m", "guarded_agent_entry")
"""The command, by the interpreter that runs the suite."""

RUN_SECONDS = 110
"""Longest time of one run: below the limit of a test, so that its output is seen when it hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over."""

    code: int
    output: str
    """Standard output: what `-o json` printed."""
    printed: RunOutput
    """The same, decoded."""
    narrated: str
    """Standard error: the run as it went, in lines."""
    trace: StoredRun

    @property
    def reports(self) -> list[GateReport]:
        """Every report of the run, the last one last."""
        facts = (event.fact for event in self.trace.events)
        return [fact.report for fact in facts if isinstance(fact, GateReported)]

    @property
    def report(self) -> GateReport:
        """The last gate report."""
        assert self.printed.report is not None, self.narrated
        return self.printed.report


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A run that goes on."""

    process: subprocess.Popen[str]
    trace: Path
    narration: Path

    def wait_until_judged(self, verdict: GateVerdict) -> None:
        """Wait until a look of the gate has found so, and the gate goes on looking."""
        wait_until(
            lambda: any(progress.verdict is verdict for progress in self._progress()),
            what=f"the gate finds {verdict}",
            timeout=60,
            seen=self.narrated,
        )

    def _progress(self) -> list[GateProgress]:
        """Return what the gate has said so far; the trace is flushed record by record."""
        runs = read_trace(self.trace) if self.trace.exists() else []
        return [one for run in runs for one in run.records if isinstance(one, GateProgress)]

    def narrated(self) -> str:
        """Return the lines so far."""
        return self.narration.read_text(encoding="utf-8")

    def ended(self) -> Ended:
        """Wait for the end of the run."""
        stdout, _ = self.process.communicate(timeout=RUN_SECONDS)
        assert stdout, self.narrated()
        return Ended(
            code=self.process.returncode,
            output=stdout,
            printed=msgspec.json.decode(stdout, type=RunOutput),
            narrated=self.narrated(),
            trace=read_trace(self.trace)[0],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A cluster with a fault, and the files that a run is given."""

    cluster: Cluster
    scenario: ClusterScenario
    fault: Fault
    incident: Path
    baseline: Path
    folder: Path
    """Gets trace and narration."""

    def play(self) -> Ended:
        """Run the scenario to its end."""
        with self.start() as underway:
            return underway.ended()

    @contextmanager
    def start(
        self, *, guard: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Generator[Underway]:
        """Start `guarded-agent run` and hand it over while it goes on; the block ends it.

        Args:
            guard: Kubeconfig that the gate reads with; the guard's own when left out.
            settings: `--set`, over the scenario's.
        """
        cluster = self.cluster
        trace, narration = self.folder / "trace.jsonl", self.folder / "narration.txt"
        chosen = {**self.scenario.settings, **settings}
        command_line = [
            *GUARDED_AGENT,
            *("run", "e2e.scenarios.agent:build", "-o", "json", "--trace", str(trace)),
            *("--incident", str(self.incident), "--baseline", str(self.baseline)),
            *("--policy", str(POLICY)),
            *(part for key, value in chosen.items() for part in ("--set", f"{key}={value}")),
            *("--kubeconfig", str(guard or cluster.kubeconfig_for(*GUARD))),
            *monitoring_options(cluster),
        ]
        with (
            narration.open("w", encoding="utf-8") as log,
            subprocess.Popen(
                command_line,
                cwd=REPO_ROOT,
                env={**os.environ, SETTING_VARIABLE: msgspec.json.encode(self.agent).decode()},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as process,
        ):
            try:
                yield Underway(process=process, trace=trace, narration=narration)
            finally:
                process.kill()  # does nothing to one that has ended

    @property
    def agent(self) -> AgentSetting:
        """Where the agent works, with credentials of its own."""
        return AgentSetting(
            scenario=self.scenario.name,
            kubectl_folder=str(self.cluster.kubectl_program.parent),
            kubeconfig=str(self.cluster.kubeconfig_for(*AGENT)),
            prometheus_url=self.cluster.prometheus_url,
            alertmanager_url=self.cluster.alertmanager_url,
        )


def prepare(cluster: Cluster, scenario: ClusterScenario, folder: Path) -> Case:
    """Record the healthy app, break it, wait for the alert, and write the incident down."""
    baseline = record_baseline(cluster, folder)
    fault = bring_about(cluster, scenario.fault)
    return Case(
        cluster=cluster,
        scenario=scenario,
        fault=fault,
        incident=_write_incident(cluster, fault, scenario, folder),
        baseline=baseline,
        folder=folder,
    )


def record_baseline(cluster: Cluster, folder: Path) -> Path:
    """Record the healthy app by `guarded-agent baseline record`, with the guard's rights."""
    path = folder / "baseline.json.gz"
    guarded_agent(
        *("baseline", "record", "-n", NAMESPACE, "-o", str(path)),
        *("--kubeconfig", str(cluster.kubeconfig_for(*GUARD))),
        *monitoring_options(cluster),
    )
    return path


def bring_about(cluster: Cluster, name: str) -> Fault:
    """Bring a fault about, and wait until its first alert has arrived."""
    fault = load(name)
    fault.bring_about(cluster)
    alert = fault.alerts[0]
    wait_until(
        lambda: fires(cluster, alert) and arrived(cluster, alert),
        what=f"{alert} fires and arrives",
        timeout=60,
    )
    return fault


def monitoring_options(cluster: Cluster) -> tuple[str, ...]:
    """Return the options that say where the alerts are."""
    return ("--prometheus", cluster.prometheus_url, "--alertmanager", cluster.alertmanager_url)


def _write_incident(
    cluster: Cluster, fault: Fault, scenario: ClusterScenario, folder: Path
) -> Path:
    """Write the incident file of a fault, with the alert as Prometheus tells it."""
    alert = fault.alerts[0]
    document = {
        "task": scenario.task,
        "goal": scenario.goal,
        "namespaces": [NAMESPACE],
        "workloads": [{"kind": "Deployment", "name": name} for name in scenario.workloads],
        "alerts": [{"labels": alert, "startsAt": _active_since(cluster, alert)}],
    }
    path = folder / "incident.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def guarded_agent(*arguments: str, stdin: str | None = None, code: int = 0) -> str:
    """Run `guarded-agent` to its end, and return what it printed.

    Args:
        arguments: Its command line.
        stdin: Its standard input.
        code: The exit code that it must end with.
    """
    done = subprocess.run(
        [*GUARDED_AGENT, *arguments],
        cwd=REPO_ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def _active_since(cluster: Cluster, labels: dict[str, str]) -> str:
    answer = httpx2.get(f"{cluster.prometheus_url}/api/v1/alerts", timeout=5.0, trust_env=False)
    alerts = answer.raise_for_status().json()["data"]["alerts"]
    return min(a["activeAt"] for a in alerts if labels.items() <= a["labels"].items())
