"""docs/tutorial/guard-a-deployment.md, tried as it is written.

Helm and kubectl are real, and so are the API server and every right. Images cannot be built here,
so the containers of the two images are run as processes, with what their pods are given.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest
import yaml

from e2e.clusters.build import CHART_TOOLS, REPO_ROOT, build
from e2e.clusters.cluster import Cluster
from e2e.clusters.ports import free_ports
from e2e.scenarios.runs import GUARDED_AGENT, POLICY, bring_about
from e2e.sidecar.node import Image, Node, node
from e2e.sidecar.upstream import KEY, Upstream, calls, says, thinking, upstream
from e2e.waiting import wait_until

PAGE = REPO_ROOT / "docs" / "tutorial" / "guard-a-deployment.md"
BLOCK = re.compile(r"^```(\w+) *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REGISTRY = "suite.example"
COMMAND_SECONDS = 120.0
REFERENCE = re.compile(r"^guarded_agent_reference_last_good_timestamp_seconds (\S+)$", re.MULTILINE)

VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  capacity: {storage: 2Gi}
  accessModes: [ReadWriteOnce]
  hostPath: {path: /nowhere}
"""
"""No provisioner runs here. The process writes into a folder of the test."""

VOLUMES = ("tutorial-standalone", "tutorial-sidecar")

LOOK = "get service payment -n shop -o yaml"
ENDPOINTS = "get endpointslices -n shop -l kubernetes.io/service-name=payment -o yaml"
EVENTS = "get events -n shop"
BELIEF = (
    "service/payment sends to targetPort 9999, and no container of its pods listens there: "
    "they have the port named http. I mend it."
)
MEND = (
    "patch service payment -n shop --type=merge "
    """-p '{"spec":{"ports":[{"name":"http","port":80,"targetPort":"http"}]}}'"""
)
FALSE, TRUE = (
    "All pods run. The incident is resolved.",
    "payment answers. The incident is resolved.",
)
SETTLED = 1.5
"""More than the settle time of the suite's policy."""
SCRIPT = (
    calls("I look at the Service and at what happened.", "kubectl", LOOK, ENDPOINTS, EVENTS),
    says(FALSE),
    calls(BELIEF, "kubectl", MEND),
    thinking(SETTLED, calls("Does it arrive?", "kubectl", LOOK, ENDPOINTS)),
    says(TRUE),
    # The alert may take some seconds more to clear, and the gate refuses while it fires.
    *[thinking(4.0, says(TRUE))] * 2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who follows the page."""

    folder: Path
    environment: Mapping[str, str]
    node: Node
    model: Upstream
    guard: str
    """Where the guard listens."""
    renamed: Mapping[str, str]

    def follow(self, heading: str) -> str:
        """Write the files of a section, run its commands, and return what they printed."""
        printed = ""
        for language, words, text in section(heading):
            here = text
            for name, there in self.renamed.items():
                here = here.replace(name, there)
            if words.startswith("file="):
                (self.folder / words.removeprefix("file=")).write_text(
                    here + (SECONDS if "image:\n  repository" in here else ""), encoding="utf-8"
                )
            elif words == "cluster":
                assert language == "sh"
                printed += self._run(here)
        return printed

    def _run(self, text: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"set -e -o pipefail\n{text}"],  # bash by name
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        logs = self.node.log("", "guarded-agent")[-2000:] + self.node.log("", "doctor")[-2000:]
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}\n{logs}"
        return done.stdout

    def uninstall(self) -> None:
        """Take every release away: one guard at a time has the port here."""
        self._run("helm uninstall guard -n guard --wait --ignore-not-found")
        self._run("helm uninstall sre-agent -n agents --wait --ignore-not-found")

    def call(self) -> None:
        """Call the agent as Alertmanager does, and wait until it has come to its end."""
        labels = {"alertname": "HighRequestErrorRate", "namespace": "shop", "service": "payment"}
        self.model.plays(SCRIPT)
        httpx2.post(
            f"http://127.0.0.1:{self.node.port('agent')}",
            json={"alerts": [{"labels": labels}]},
            timeout=90.0,
            trust_env=False,
        ).raise_for_status()
        wait_until(
            lambda: "resolved" in self.agent_said(),
            what="the agent ends",
            timeout=60,
            seen=lambda: (
                self.agent_said()[-3000:],
                self.node.log("", "guarded-agent")[-3000:],
                self.model.asked[-1:],
            ),
        )

    def story(self) -> str:
        """Return what the model was last asked and what the agent printed, for a message."""
        return yaml.safe_dump([self.agent_said(), *self.model.asked[-1:]])

    def agent_said(self) -> str:
        """Return what the newest agent has printed."""
        return self.node.log("", "agent")


SECONDS = (
    "policy:\n  default: |\n"
    + textwrap.indent(POLICY.read_text(encoding="utf-8"), "    ")
    + "reference: {every: 5s}\n"
)
"""Of our own: the suite's rules have seconds where production has minutes."""


def section(heading: str) -> list[tuple[str, str, str]]:
    """Return the blocks of a section of the page: language, what its fence says, text."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    assert text, heading
    return BLOCK.findall(text.partition("\n## ")[0])


@pytest.fixture
def reader(app: Cluster, tmp_path: Path) -> Iterator[Reader]:
    """Somebody with Helm, kubectl and the cluster, whose images run."""
    (port,) = free_ports(1)
    guard = f"http://127.0.0.1:{port}"
    (tmp_path / "deploy").symlink_to(REPO_ROOT / "deploy")
    tools = f"{build(CHART_TOOLS).directory}:{app.kubectl_program.parent}"
    path = f"{tools}:{os.environ['PATH']}"
    with upstream() as model:
        renamed = {
            "REGISTRY": REGISTRY,
            "http://prometheus.monitoring:9090": app.prometheus_url,
            "http://alertmanager.monitoring:9093": app.alertmanager_url,
            "https://api.openai.com/v1": model.url,
            "127.0.0.1:8321": f"127.0.0.1:{port}",
        }
        in_pods = {
            "http://guard-guarded-agent.guard.svc:8321": guard,
            "http://127.0.0.1:8321": guard,
            "host: 0.0.0.0": "host: 127.0.0.1",
            "port: 8321": f"port: {port}",
        }
        images = {
            f"{REGISTRY}/guarded-agent": Image(command=GUARDED_AGENT, answers=guard),
            f"{REGISTRY}/sre-agent": Image(
                command=(sys.executable, str(tmp_path / "agent.py")),
                environment={"PATH": path},
                port_variable="PORT",
            ),
        }
        wanted = "---".join(VOLUME.replace("NAME", name) for name in VOLUMES)
        app.kubectl("apply", "-f", "-", stdin=wanted)
        try:
            with node(app, tmp_path / "node", images=images, renamed=in_pods) as running:
                somebody = Reader(
                    folder=tmp_path,
                    environment=MappingProxyType({
                        "PATH": path,
                        "KUBECONFIG": str(app.admin_kubeconfig),
                        "OPENAI_API_KEY": KEY,
                        "HELM_CACHE_HOME": str(tmp_path / "helm"),
                    }),
                    node=running,
                    model=model,
                    guard=guard,
                    renamed=renamed,
                )  # fmt: skip
                try:
                    yield somebody
                finally:
                    somebody.uninstall()
        finally:
            options = ("--ignore-not-found", "--wait=false")
            app.kubectl("delete", "namespaces", "agents", "guard", *options)
            app.kubectl("delete", "persistentvolumes", *VOLUMES, *options)
            app.kubectl("delete", "--ignore-not-found", "rolebinding", "sre-agent", "-n", "shop")


def runs_in(runs: str) -> list[dict[str, object]]:
    """Return the runs that the page's last command printed."""
    return yaml.safe_load(runs)["sessions"]


@pytest.mark.timeout(300)
def test_the_page_guards_a_deployment(app: Cluster, reader: Reader) -> None:
    """From the plain Deployment to a refused false claim and an accepted true one, both modes."""
    reader.follow("The agent")
    printed = reader.follow("Standalone")
    assert "Phase:          Succeeded" in printed
    wait_until(lambda: recorded(reader.guard), what="a healthy state is recorded", timeout=40)

    bring_about(app, "service-target-port")
    reader.call()
    assert TRUE in reader.agent_said(), reader.story()
    assert FALSE not in reader.agent_said()
    told = str(reader.model.asked[2]["messages"][-1]["content"])
    assert "payment" in told, "the model was asked again, with the evidence"
    (run,) = runs_in(reader.follow("See it work"))
    assert run["ended"]

    reader.uninstall()
    bring_about(app, "service-target-port")
    printed = reader.follow("Sidecar")
    assert "Phase:          Succeeded" in printed
    reader.call()
    assert TRUE in reader.agent_said(), reader.story()
    assert FALSE not in reader.agent_said()


def recorded(guard: str) -> bool:
    """Tell whether the guard holds a reference."""
    text = httpx2.get(f"{guard}/metrics", timeout=5.0, trust_env=False).text
    found = re.search(REFERENCE, text)
    return found is not None and float(found[1]) > 0
