"""False all-clears that are done to objects (rows 15 to 21 and 25), on a real API server.

As in `test_false_all_clears.py`: a healthy state is recorded, a trick is played, and our gate
does not pass, by evidence about the object that the trick was played on.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.alerts import fires, in_prometheus
from e2e.app import NAMESPACE
from e2e.clusters.cluster import Cluster
from e2e.clusters.monitoring import program
from e2e.faults import load
from e2e.waiting import wait_until
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.clock import SystemClock
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    ObjectRef,
    SourceRef,
)
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.alertmanager import Alertmanager
from guardrails.gates.alerts.prometheus import Prometheus
from guardrails.gates.base import GateRequest, GateRun
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.reference import record_baseline
from guardrails.policy.models import GateSettings

pytestmark = pytest.mark.timeout(110)

SETTINGS = {"stable_for": "4s", "poll_every": "1s"}
INCIDENT = Incident(
    task="Customers see errors.",
    namespaces=(NAMESPACE,),
    alerts=(AlertMatcher(labels={"alertname": "HighRequestErrorRate", "service": "payment"}),),
)
DONE = Claim(kind=ClaimKind.MITIGATED, text="Everything is fine again.")


class Watch:
    """The gate over the app of the suite, with its healthy state recorded."""

    def __init__(self, app: Cluster, folder: Path, *, guard: Path | None = None) -> None:
        self.app = app
        self.baseline = folder / "healthy.json"
        self.reader = connect(guard or app.kubeconfig_for("guard", "sre"))
        self.prometheus = Prometheus(app.prometheus_url)
        self.alertmanager = Alertmanager(app.alertmanager_url)

    def record(self) -> None:
        """Record what is, as healthy."""
        asyncio.run(
            record_baseline(
                self.reader,
                namespaces=[NAMESPACE],
                path=self.baseline,
                at=SystemClock().now(),
                prometheus=self.prometheus,
                alertmanager=self.alertmanager,
            )
        )

    def open(self) -> GateRun:
        """Begin a run."""
        gate = EvidenceGate(
            reader=self.reader,
            prometheus=self.prometheus,
            alertmanager=self.alertmanager,
            settings=GateSettings.model_validate(SETTINGS),
            baselines=[self.baseline],
        )
        return asyncio.run(gate.open(INCIDENT))

    def claim(self, run: GateRun) -> GateReport:
        """Claim right after a write that all is well, and look once."""
        request = GateRequest(
            incident=INCIDENT, claim=DONE, wait=False, last_write_at=SystemClock().now()
        )
        return asyncio.run(run.evaluate(request))

    def payment(self) -> dict[str, Any]:
        """Return the payment Deployment."""
        printed = self.app.kubectl("get", "deployment", "payment", "-n", NAMESPACE, "-o", "json")
        return json.loads(printed)

    def patch(self, what: str, patch: object, *, how: str = "merge") -> None:
        """Patch an object of the app."""
        kind, _, name = what.partition("/")
        options = ("-n", NAMESPACE, f"--type={how}", "-p", json.dumps(patch))
        self.app.kubectl("patch", kind, name, *options)


@pytest.fixture
def watch(app: Cluster, tmp_path: Path) -> Iterator[Watch]:
    """A gate, and the app recorded as healthy."""
    made = Watch(app, tmp_path)
    made.record()
    yield made
    made.reader.close()


def is_refused_over(report: GateReport, *things: str) -> None:
    """Hold a report to not passing, by evidence against the claim that names each of these."""
    assert report.verdict is not GateVerdict.PASS, report.summary
    told = [
        _told(e) for e in report.evidence if e.counts and e.state is not EvidenceState.SATISFIED
    ]
    missing = [thing for thing in things if not any(thing in words for words in told)]
    assert not missing, f"nothing speaks of {missing}: {told}"


def _told(evidence: Evidence) -> str:
    subject = evidence.subject
    what = f"{subject.kind} {subject.name}" if isinstance(subject, ObjectRef) else ""
    return f"{what}: {evidence.field} {evidence.observed} ({evidence.expected})"


def simulated(folder: Path, rule: dict[str, Any], series: dict[str, str], minutes: int) -> None:
    """Let promtool live through hours, and find that a rule fires at no minute of them."""
    (folder / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}), encoding="utf-8"
    )
    test: dict[str, Any] = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "alert_rule_test": [
                    {"eval_time": f"{minute}m", "alertname": rule["alert"], "exp_alerts": []}
                    for minute in range(20, minutes)
                ],
            }
        ],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    program("prometheus")
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_15_a_restart_every_few_minutes(watch: Watch, tmp_path: Path) -> None:
    """kube-prometheus' rule for missing replicas is quiet while rollouts go on; objects are not."""
    rule = {
        "alert": "KubeDeploymentReplicasMismatch",
        "expr": "(kube_deployment_spec_replicas > kube_deployment_status_replicas_available)"
        " and (changes(kube_deployment_status_replicas_updated[10m]) == 0)",
        "for": "15m",
    }
    restarts = " ".join(["0", *["1"] * 17] * 14)  # a rollout restart every nine minutes
    series = {
        'kube_deployment_spec_replicas{deployment="payment"}': "3x252",
        'kube_deployment_status_replicas_available{deployment="payment"}': "0x252",
        'kube_deployment_status_replicas_updated{deployment="payment"}': restarts,
    }
    simulated(tmp_path, rule, series, minutes=120)

    load("bad-command").bring_about(watch.app)
    run = watch.open()
    watch.app.kubectl("rollout", "restart", "deployment/payment", "-n", NAMESPACE)
    is_refused_over(watch.claim(run), "payment")


def delete_payment_pods(app: Cluster) -> None:
    """Delete the pods of payment, at once."""
    options = ("-l", "app=payment", "--wait=false", "--grace-period=1")
    app.kubectl("delete", "pods", "-n", NAMESPACE, *options)


def payment_pods(app: Cluster) -> list[dict[str, Any]]:
    """Return the pods of payment that stay."""
    printed = app.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app=payment", "-o", "json")
    pods: list[dict[str, Any]] = json.loads(printed)["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def nodes_in_use(app: Cluster) -> list[str]:
    """Return the names of the nodes that pods of the app's Deployments run on."""
    path = "jsonpath={range .items[?(@.status.phase=='Running')]}{.spec.nodeName}{'\\n'}{end}"
    printed = app.kubectl("get", "pods", "-n", NAMESPACE, "-l", "pod-template-hash", "-o", path)
    return sorted(set(printed.split()))


def are_ready(pods: list[dict[str, Any]]) -> bool:
    """Tell whether two pods are ready, which is all of payment."""
    ready = [
        pod
        for pod in pods
        for condition in pod["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    return len(ready) == len(pods) == 2


def test_16_pods_younger_than_the_for(watch: Watch, tmp_path: Path) -> None:
    """An alert of a pod ends with the pod: pods deleted in time never raise one."""
    rule = {
        "alert": "KubePodNotReady",
        "expr": 'sum by (namespace, pod) (kube_pod_status_phase{phase="Pending"}) > 0',
        "for": "5m",
    }
    series = {
        f'kube_pod_status_phase{{phase="Pending",namespace="shop",pod="payment-{n}"}}': (
            f"_x{n * 8} 1x7 stale" if n else "1x7 stale"
        )
        for n in range(30)
    }
    simulated(tmp_path, rule, series, minutes=120)

    load("bad-command").bring_about(watch.app)
    wait_until(lambda: len(payment_pods(watch.app)) > 2, what="the rollout has begun")
    run = watch.open()
    delete_payment_pods(watch.app)
    assert not fires(watch.app, {"alertname": "KubePodNotReady"}), in_prometheus(watch.app)
    is_refused_over(watch.claim(run), "payment")


def test_17_a_crash_loop_that_is_ready_now(watch: Watch) -> None:
    """Each container is ready until its liveness probe has it killed again."""
    run = watch.open()
    probe = {"httpGet": {"path": "/nowhere", "port": "http"}, "failureThreshold": 1}
    probe |= {"initialDelaySeconds": 2, "periodSeconds": 1}
    container = {"name": "server", "livenessProbe": probe}
    watch.patch(
        "deployment/payment",
        {"spec": {"template": {"spec": {"containers": [container]}}}},
        how="strategic",
    )
    wait_until(lambda: _restarted(payment_pods(watch.app)), what="ready after a restart")
    report = watch.claim(run)
    is_refused_over(report, "payment")
    assert any(e.check == "restarts-quiet" for e in report.violated), report.summary


def _restarted(pods: list[dict[str, Any]]) -> bool:
    counts = [s["restartCount"] for p in pods for s in p["status"].get("containerStatuses", [])]
    return are_ready(pods) and len(counts) == 2 and min(counts) > 0


BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: payment-budget, namespace: shop}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: payment}}
"""


def test_18_a_guard_is_deleted(watch: Watch) -> None:
    """Nothing is unhealthy about a budget that is gone.

    An autoscaler is not healthy here to begin with: the suite has no metrics API. That its loss is
    seen is shown by `tests/gates/losses`.
    """
    watch.app.kubectl("apply", "-f", "-", stdin=BUDGET)
    synced = "--for=jsonpath={.status.expectedPods}=2"
    watch.app.kubectl("wait", "pdb/payment-budget", "-n", NAMESPACE, synced, "--timeout=20s")
    watch.record()
    run = watch.open()
    watch.app.kubectl("delete", "-f", "-", stdin=BUDGET)
    is_refused_over(watch.claim(run), "PodDisruptionBudget payment-budget")


def test_18_what_fails_is_taken_away(watch: Watch) -> None:
    """No pod is unready where there is none."""
    run = watch.open()
    watch.app.kubectl("scale", "deployment/payment", "--replicas=0", "-n", NAMESPACE)
    watch.app.kubectl("delete", "service/catalog", "deployment/checkout", "-n", NAMESPACE)
    is_refused_over(
        watch.claim(run), "Deployment payment", "Service catalog", "Deployment checkout"
    )


CONTAINER = "/spec/template/spec/containers/0"
WEAKER = [
    {"op": "replace", "path": "/spec/replicas", "value": 1},
    {"op": "remove", "path": f"{CONTAINER}/readinessProbe"},
    {"op": "replace", "path": f"{CONTAINER}/resources/limits/memory", "value": "33Mi"},
    {"op": "replace", "path": "/spec/strategy/rollingUpdate/maxUnavailable", "value": "100%"},
]


def test_19_less_is_asked_of_it(watch: Watch) -> None:
    """Ready sooner, because less is asked for: each part that was taken away is named."""
    run = watch.open()
    watch.patch("deployment/payment", WEAKER, how="json")
    status = ("rollout", "status", "deployment/payment", "-n", NAMESPACE, "--timeout=30s")
    watch.app.try_kubectl(*status)
    is_refused_over(watch.claim(run), "replicas", "eadinessProbe", "memory", "maxUnavailable")


def test_20_the_deployment_is_paused(watch: Watch) -> None:
    """The old pods serve, the change never comes, and SREGym's oracle passes it."""
    load("bad-image").bring_about(watch.app)
    run = watch.open()
    watch.app.kubectl("rollout", "pause", "deployment/payment", "-n", NAMESPACE)
    watch.app.kubectl("delete", "rs", "-n", NAMESPACE, "-l", "app=payment", "--wait=false")
    is_refused_over(watch.claim(run), "payment")


def test_21_a_pod_is_relabelled_out_of_its_workload(watch: Watch) -> None:
    """The workload makes another one, and the old one goes on running as nobody's."""
    run = watch.open()
    orphan = payment_pods(watch.app)[0]["metadata"]["name"]
    watch.app.kubectl("label", "pod", orphan, "-n", NAMESPACE, "app=nobody", "--overwrite")
    wait_until(lambda: are_ready(payment_pods(watch.app)), what="another pod is ready")
    is_refused_over(watch.claim(run), orphan)


def test_21_nodes_are_closed(watch: Watch) -> None:
    """What runs goes on running; what comes next finds less room."""
    run = watch.open()
    # Only what takes room away counts: nodes that the scheduler gave pods of the app to.
    cordoned, tainted, *_ = nodes_in_use(watch.app)
    watch.app.kubectl("cordon", cordoned)
    watch.app.kubectl("taint", "node", tainted, "mine=yes:NoSchedule")
    try:
        report = watch.claim(run)
    finally:
        watch.app.kubectl("uncordon", cordoned)
        watch.app.kubectl("taint", "node", tainted, "mine:NoSchedule-")
    is_refused_over(report, f"Node {cordoned}", f"Node {tainted}")


HALF_BLIND = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: half-blind, namespace: sre}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: half-blind}
rules:
- apiGroups: [apps, autoscaling, discovery.k8s.io, policy, batch, networking.k8s.io]
  resources: ["*"]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services, nodes, namespaces]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: half-blind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: half-blind}
subjects:
- {kind: ServiceAccount, name: half-blind, namespace: sre}
"""


def test_25_a_list_that_is_forbidden(app: Cluster, watch: Watch, tmp_path: Path) -> None:
    """A 403 is not an empty list: of pods that nobody may see, none is known to be ready."""
    app.kubectl("apply", "-f", "-", stdin=HALF_BLIND)
    blind = Watch(app, tmp_path, guard=app.kubeconfig_for("half-blind", "sre"))
    try:
        report = blind.claim(blind.open())
    finally:
        blind.reader.close()
        app.kubectl("delete", "-f", "-", "--wait=false", stdin=HALF_BLIND)
    assert report.verdict is GateVerdict.UNKNOWN
    unread = {e.subject.detail for e in report.unknown if isinstance(e.subject, SourceRef)}
    assert f"list Pod in {NAMESPACE}" in unread
    assert watch.baseline.exists()
