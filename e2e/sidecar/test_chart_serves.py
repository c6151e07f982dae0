"""The service of the rendered chart, alive: it judges with its own identity, and is watched.

Its container runs as a process with what its pod is given: ConfigMap, Secrets, and the token of the
chart's ServiceAccount. Prometheus has the rules of the chart's PrometheusRule.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from e2e.alerts import fires
from e2e.app import NAMESPACE
from e2e.clusters.child import Child, answers
from e2e.clusters.cluster import Cluster
from e2e.clusters.monitoring import program
from e2e.clusters.ports import free_ports
from e2e.scenarios.runs import GUARDED_AGENT, POLICY, bring_about
from e2e.sidecar.charts import CASES, Rendered, render
from e2e.sidecar.installation import FULL_NAME, Installation, installed
from e2e.sidecar.node import Image, Node, node
from e2e.waiting import wait_until

WHERE = "serving"
"""The namespace of the release."""

REFERENCE = "guarded_agent_reference_last_good_timestamp_seconds"
LOOKS = (f"get service payment -n {NAMESPACE} -o yaml", f"get events -n {NAMESPACE}")
CLAIM = {"kind": "mitigated", "text": "payment answers again"}
PATIENCE = 90.0
WRITER = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: too-much, namespace: {NAMESPACE}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}
subjects: [{{kind: ServiceAccount, name: {FULL_NAME}, namespace: {WHERE}}}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The chart's service."""

    url: str
    installation: Installation
    node: Node

    def token(self, role: str) -> str:
        """Return the token that the chart has made for a role."""
        tokens = self.installation.rendered.one("Secret", "-tokens")["stringData"]
        return str(tokens[role]).split(":")[2]

    def ask(self, path: str, body: object = None, *, role: str = "agent") -> httpx2.Response:
        """Ask the decision API; with a body by POST."""
        return httpx2.request(
            "GET" if body is None else "POST",
            self.url + path,
            json=body,
            headers={"Authorization": f"Bearer {self.token(role)}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    def restart(self, *, allow_write_identity: bool) -> None:
        """Replace the pod, with a setting changed."""
        settings = self.installation.rendered.one("ConfigMap", "guarded-agent")
        serve = yaml.safe_load(settings["data"]["serve.yaml"])
        serve["scope"]["allow_write_identity"] = allow_write_identity
        self.installation.apply({**settings, "data": {"serve.yaml": yaml.safe_dump(serve)}})
        self.installation.cluster.kubectl("delete", "pods", "--all", "-n", WHERE)

    def metric(self, name: str) -> float:
        """Return a sample without labels."""
        text = httpx2.get(f"{self.url}/metrics", timeout=5.0, trust_env=False).text
        return float(next(x for x in text.splitlines() if x.startswith(f"{name} ")).split()[1])


@pytest.fixture(scope="module")
def serving(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The chart, installed, and its pod ready."""
    folder = tmp_path_factory.mktemp("serving")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    rendered = render(
        CASES["standalone"],
        {
            "scope.namespaces": [NAMESPACE],
            "sources.prometheus": cluster.prometheus_url,
            "sources.alertmanager": cluster.alertmanager_url,
            "image.repository": "suite.example/guarded-agent",
            "persistence.enabled": False,
            "reference.every": "5s",
            "policy.default": POLICY.read_text(encoding="utf-8"),
            "monitoring.rules.enabled": True,
        },
        namespace=WHERE,
    )
    own = Rendered(tuple(m for m in rendered.manifests if m["kind"] != "PrometheusRule"))
    images = {"suite.example/guarded-agent": Image(command=GUARDED_AGENT, answers=url)}
    renamed = {"host: 0.0.0.0": "host: 127.0.0.1", "port: 8321": f"port: {port}"}
    with (
        node(cluster, folder / "node", images=images, renamed=renamed) as running,
        installed(cluster, own, WHERE) as installation,
    ):
        wait_until(
            lambda: ready(installation),
            what="the guard is ready",
            timeout=60,
            seen=lambda: running.log("", "guarded-agent"),
        )
        yield Serving(url=url, installation=Installation(cluster, rendered, WHERE), node=running)


def ready(installation: Installation) -> bool:
    """Tell whether the Deployment has its replica, by its readiness probe."""
    (deployment,) = installation.objects("deployments")
    return deployment["status"].get("readyReplicas") == 1


@pytest.mark.timeout(240)
def test_an_incident_is_judged_by_the_decision_api(app: Cluster, serving: Serving) -> None:
    """With the chart's identity alone: refused while broken, accepted when mended."""
    begun = time.time()
    wait_until(
        lambda: serving.metric(REFERENCE) > begun, what="a healthy state is recorded", timeout=40
    )
    fault = bring_about(app, "service-target-port")
    incident = {
        "task": "payment fails",
        "namespaces": [NAMESPACE],
        "alerts": [{"labels": fault.alerts[0]}],
    }
    run = serving.ask("/v1/sessions", {"incident": incident}).raise_for_status().json()["run"]
    number = looks(app, serving, run)
    broken = ended(serving, run, number + 1)
    assert verdict(broken) == "deny"
    assert "payment" in broken["decision"]["to_model"]
    violated = serving.ask(f"/v1/sessions/{run}/report", role="viewer").text
    assert "targetPort" in violated or "9999" in violated

    fault.cure(app)
    wait_until(lambda: not fires(app, {"namespace": NAMESPACE}), what="every alert has cleared")
    turn = {"type": "model_replied", "text": "Somebody has mended service/payment."}
    facts = {"events": [{"number": number + 2, "fact": turn}]}
    serving.ask(f"/v1/sessions/{run}/events", facts).raise_for_status()
    mended = ended(serving, run, number + 3)
    assert verdict(mended) == "allow", mended["decision"].get("to_model")
    view = serving.ask(f"/v1/sessions/{run}", role="viewer").json()
    assert view["outcome"] == "resolved"


def test_each_token_has_its_role(serving: Serving) -> None:
    """The agent's cannot allow a loss, and without one nothing is shown."""
    incident = {"task": "payment fails", "namespaces": [NAMESPACE]}
    run = serving.ask("/v1/sessions", {"incident": incident}).raise_for_status().json()["run"]
    allowance = {"check": "x", "kind": "x", "name": "x", "reason": "x", "by": "x"}
    refused = serving.ask(f"/v1/sessions/{run}/allowances", allowance)
    assert refused.status_code == httpx2.codes.FORBIDDEN.value
    assert httpx2.get(f"{serving.url}/v1/sessions", trust_env=False).status_code == (
        httpx2.codes.UNAUTHORIZED.value
    )


def looks(app: Cluster, serving: Serving, run: str) -> int:
    """Do what an agent does first, each call asked for before; return the last fact's number."""
    number = 0
    for command in LOOKS:
        call = {"call_id": f"c{number}", "tool": "kubectl"}
        asked = {**call, "number": number + 1, "arguments": json.dumps({"command": command})}
        decided = serving.ask(f"/v1/sessions/{run}/decisions", asked).raise_for_status().json()
        assert verdict(decided) == "allow", decided
        seen = {**call, "type": "tool_returned", "text": app.kubectl(*command.split())}
        facts = {"events": [{"number": number + 2, "fact": seen}]}
        serving.ask(f"/v1/sessions/{run}/events", facts).raise_for_status()
        number += 2
    return number


def verdict(answer: dict[str, Any]) -> str:
    """Return what was decided; `allow` is left out, as every default is."""
    return str(answer["decision"].get("verdict", "allow"))


def ended(serving: Serving, run: str, number: int) -> dict[str, Any]:
    """Ask to end until there is a decision."""
    body = {"number": number, "exit": "final_answer", "claim": CLAIM, "wait": 60}
    answer: dict[str, Any] = {}

    def decided() -> bool:
        nonlocal answer
        answer = serving.ask(f"/v1/sessions/{run}/end", body).raise_for_status().json()
        return answer["decision"] is not None

    wait_until(decided, what="the end is decided", timeout=PATIENCE)
    return answer


@pytest.fixture
def writer(serving: Serving) -> Iterator[None]:
    """A right too many for the chart's identity."""
    serving.installation.cluster.kubectl("apply", "-f", "-", stdin=WRITER)
    yield
    serving.installation.cluster.kubectl("delete", "-f", "-", stdin=WRITER)


@pytest.mark.usefixtures("writer")
def test_it_does_not_start_with_a_right_too_many(serving: Serving) -> None:
    """Somebody bound `edit` to its ServiceAccount: the new pod says so, and ends."""
    serving.restart(allow_write_identity=False)
    wait_until(
        lambda: "may change the cluster" in serving.node.log("", "guarded-agent"),
        what="the guard refuses to start",
        seen=lambda: serving.node.log("", "guarded-agent"),
    )


@pytest.mark.usefixtures("writer")
def test_prometheus_takes_the_rules_and_one_fires(serving: Serving, tmp_path: Path) -> None:
    """Each is evaluated without an error; the one about a right too many fires."""
    folder = tmp_path
    rules = serving.installation.rendered.one("PrometheusRule")["spec"]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    target = serving.url.removeprefix("http://")
    document = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "guard", "static_configs": [{"targets": [target]}]}],
    }
    # The groups have no interval of their own, so the global one is theirs.
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    prometheus = Child(
        "prometheus",
        command=[
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log=folder / "prometheus.log",
    )
    prometheus.start()
    try:
        with httpx2.Client(base_url=url, timeout=5.0, trust_env=False) as http:
            prometheus.wait_until(lambda: answers("/-/ready", http=http))
            shipped = {rule.get("alert") for group in rules["groups"] for rule in group["rules"]}
            wait_until(lambda: healthy(http) >= shipped - {None}, what="every rule is evaluated")
            serving.restart(allow_write_identity=True)
            wait_until(
                lambda: "GuardedAgentMayWrite" in firing(http),
                what="the alert fires",
                timeout=60,
                seen=lambda: httpx2.get(f"{serving.url}/readyz", trust_env=False).text,
            )
    finally:
        prometheus.stop()


def healthy(http: httpx2.Client) -> set[str]:
    """Return the alerting rules that Prometheus evaluates without an error."""
    groups = http.get("/api/v1/rules").json()["data"]["groups"]
    return {r["name"] for group in groups for r in group["rules"] if r["health"] == "ok"}


def firing(http: httpx2.Client) -> set[str]:
    """Return the names of alerts that fire."""
    alerts = http.get("/api/v1/alerts").json()["data"]["alerts"]
    return {a["labels"]["alertname"] for a in alerts if a["state"] == "firing"}
