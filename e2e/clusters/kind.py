"""The same cluster through kind: real kubelets, kube-state-metrics and the Prometheus operator.

For machines whose Docker may run privileged containers. Pods run for real, so states come from
the kubelet instead of the node simulator; requests are still the traffic model's, which reads the
same objects. One docker network gateway address is listened on, for the cluster to scrape it.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx2
import yaml

from e2e.clusters.child import Child, answers
from e2e.clusters.cluster import MONITORING, WHOLE_RUN, Cluster
from e2e.clusters.ending import down_on_sigterm
from e2e.clusters.errors import ClusterError, ClusterUnavailableError
from e2e.clusters.monitoring import RULES, traffic_child
from e2e.clusters.ports import free_ports
from e2e.clusters.processes import RBAC
from e2e.waiting import wait_until

NEEDED = {
    "docker": "a Docker that may run privileged containers",
    "kind": "https://kind.sigs.k8s.io",
    "helm": "https://helm.sh",
    "kubectl": "Kubernetes' command line",
}

NODE_IMAGE_VARIABLE = "E2E_KIND_IMAGE"
"""Names the node image, and with it the Kubernetes version; default is kind's own."""

CHART = "kube-prometheus-stack"
CHART_REPOSITORY = "https://prometheus-community.github.io/helm-charts"
CHART_VERSION = "88.5.0"
RELEASE = "monitoring"
VALUES = Path(__file__).with_name("kind-values.yaml")

PROMETHEUS_NODE_PORT = 30090
ALERTMANAGER_NODE_PORT = 30093
"""As in `kind-values.yaml`; kind maps them to free loopback ports of this machine."""

MANIFEST = "kube-apiserver.yaml"
"""The kubelet runs the API server while this file lies in its manifest folder."""

SLOW_SECONDS = 300.0
"""For anything that may pull images."""


class KindCluster(Cluster):
    """A kind cluster with the Prometheus stack."""

    def __init__(
        self, *, name: str, folder: Path, prometheus_port: int, alertmanager_port: int
    ) -> None:
        super().__init__(
            kubectl_program=Path(_program("kubectl")),
            admin_kubeconfig=folder / "admin.kubeconfig",
            folder=folder,
            prometheus_url=f"http://127.0.0.1:{prometheus_port}",
            alertmanager_url=f"http://127.0.0.1:{alertmanager_port}",
        )
        self._node = f"{name}-control-plane"

    def stop_api_server(self) -> None:
        """Take the static pod's manifest away; its kubelet then stops the API server."""
        self._move(f"/etc/kubernetes/manifests/{MANIFEST}", f"/etc/kubernetes/{MANIFEST}")
        wait_until(lambda: not self._ready(), what="the API server stops", timeout=SLOW_SECONDS)

    def start_api_server(self) -> None:
        """Put the manifest back and wait for the API server to be ready."""
        self._move(f"/etc/kubernetes/{MANIFEST}", f"/etc/kubernetes/manifests/{MANIFEST}")
        wait_until(self._ready, what="the API server starts", timeout=SLOW_SECONDS)

    def stop_prometheus(self) -> None:
        """Let the operator take Prometheus to no replicas; its volume stays."""
        self._scale_prometheus(0)
        self._wait_for_prometheus(ready=False)

    def start_prometheus(self) -> None:
        """Let the operator bring Prometheus back on its volume."""
        self._scale_prometheus(1)
        self._wait_for_prometheus(ready=True)

    def wait_for_monitoring(self) -> None:
        """Wait until Prometheus and Alertmanager answer on their loopback ports."""
        self._wait_for_prometheus(ready=True)
        with _http() as http:
            wait_until(
                lambda: answers(f"{self.alertmanager_url}/-/ready", http=http),
                what="Alertmanager is ready",
                timeout=SLOW_SECONDS,
            )

    def _ready(self) -> bool:
        return self.try_kubectl("get", "--raw", "/readyz", "--request-timeout=2s").code == 0

    def _move(self, source: str, target: str) -> None:
        _run("docker", "exec", self._node, "mv", source, target)

    def _scale_prometheus(self, replicas: int) -> None:
        patch = f'{{"spec":{{"replicas":{replicas}}}}}'
        # The chart makes up the name, and there is one.
        name = self.kubectl("get", "prometheus", "-n", RELEASE, "-o", "name").strip()
        self.kubectl("patch", name, "--type=merge", "-n", RELEASE, "-p", patch)

    def _wait_for_prometheus(self, *, ready: bool) -> None:
        with _http() as http:
            wait_until(
                lambda: answers(f"{self.prometheus_url}/-/ready", http=http) == ready,
                what=f"Prometheus {'answers' if ready else 'is gone'}",
                timeout=SLOW_SECONDS,
            )


class KindProvider:
    """Brings a kind cluster up and deletes it."""

    def __init__(self) -> None:
        # A name of its own, so that a cluster of the developer's is never touched.
        self._name = f"guarded-agent-e2e-{secrets.token_hex(3)}"
        self._folder: Path | None = None
        self._created = False
        self._traffic: Child | None = None

    def up(self) -> Cluster:
        """Create the cluster, install the charts and wait until alerts can travel.

        Raises:
            ClusterUnavailableError: Docker, kind, helm or kubectl is missing or unusable.
            ClusterError: A command failed; the message holds what it printed.
        """
        _require_programs()
        atexit.register(self.down)
        down_on_sigterm(self.down)
        try:
            return self._start()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Delete the cluster, stop the traffic model and remove the folder."""
        if self._traffic is not None:
            self._traffic.stop()
            self._traffic = None
        if self._created:
            _run("kind", "delete", "cluster", "--name", self._name)
            self._created = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        atexit.unregister(self.down)

    def _start(self) -> Cluster:
        folder = self._folder = Path(tempfile.mkdtemp(prefix=f"{self._name}-"))
        logs = folder / "logs"
        logs.mkdir()
        prometheus_port, alertmanager_port, traffic_port = free_ports(3)
        self._create(folder, prometheus_port=prometheus_port, alertmanager_port=alertmanager_port)
        cluster = KindCluster(
            name=self._name,
            folder=folder,
            prometheus_port=prometheus_port,
            alertmanager_port=alertmanager_port,
        )
        cluster.kubectl("apply", "-f", str(RBAC))
        gateway = _gateway()
        self._traffic = traffic_child(
            logs=logs,
            kubeconfig=cluster.kubeconfig_for(*MONITORING, duration=WHOLE_RUN),
            port=traffic_port,
            address=gateway,
        )
        self._traffic.start()
        _install_charts(cluster, traffic=f"{gateway}:{traffic_port}")
        cluster.wait_for_monitoring()
        with _http() as http:
            url = f"http://{gateway}:{traffic_port}/metrics"
            self._traffic.wait_until(lambda: answers(url, http=http))
        return cluster

    def _create(self, folder: Path, *, prometheus_port: int, alertmanager_port: int) -> None:
        config = folder / "kind.yaml"
        mapped = (
            (PROMETHEUS_NODE_PORT, prometheus_port),
            (ALERTMANAGER_NODE_PORT, alertmanager_port),
        )
        ports = [
            {"containerPort": inner, "hostPort": outer, "listenAddress": "127.0.0.1"}
            for inner, outer in mapped
        ]
        nodes = [{"role": "control-plane", "extraPortMappings": ports}, {"role": "worker"}]
        document = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
        config.write_text(yaml.safe_dump(document), encoding="utf-8")
        image = os.environ.get(NODE_IMAGE_VARIABLE)
        self._created = True  # also a half-made cluster is to be deleted
        _run(
            *("kind", "create", "cluster", "--name", self._name),
            *("--config", str(config)),
            *("--kubeconfig", str(folder / "admin.kubeconfig")),
            *("--wait", "180s"),
            *(("--image", image) if image else ()),
            timeout=2 * SLOW_SECONDS,
        )


def _install_charts(cluster: KindCluster, *, traffic: str) -> None:
    """Install the stack with the suite's own rules, scraping at the suite's own pace."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    values = {
        "additionalPrometheusRulesMap": {"e2e": rules},
        "prometheus": {
            "prometheusSpec": {
                "additionalScrapeConfigs": [
                    _scrape("traffic", target=traffic),
                    _scrape(
                        "kube-state-metrics",
                        target=f"{RELEASE}-kube-state-metrics.{RELEASE}.svc:8080",
                    ),
                ]
            }
        },
    }
    path = cluster.folder / "chart-values.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    _run(
        *("helm", "upgrade", "--install", RELEASE, CHART),
        *("--repo", CHART_REPOSITORY, "--version", CHART_VERSION),
        *("--namespace", RELEASE, "--create-namespace"),
        *("--values", str(VALUES), "--values", str(path)),
        *("--kubeconfig", str(cluster.admin_kubeconfig)),
        *("--wait", "--timeout", f"{SLOW_SECONDS:.0f}s"),
        timeout=2 * SLOW_SECONDS,
    )


def _scrape(name: str, *, target: str) -> dict[str, object]:
    return {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [target]}]}


def _gateway() -> str:
    """Return the address under which kind's containers reach this machine."""
    template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    printed = _run("docker", "network", "inspect", "kind", "--format", template)
    version_4 = [each for each in printed.split() if "." in each]
    if not version_4:
        raise ClusterError(f"docker's network `kind` has no IPv4 gateway; it has {printed!r}")
    return version_4[0]


def _require_programs() -> None:
    for name in NEEDED:
        _program(name)
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterUnavailableError(
            f"Docker does not answer, and E2E_PROVIDER=kind needs {NEEDED['docker']}: "
            f"{done.stderr.strip()}. Start it, or use E2E_PROVIDER=processes."
        )


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ClusterUnavailableError(
            f"`{name}` is not on PATH, and E2E_PROVIDER=kind needs it ({NEEDED[name]}). "
            "Install it, or use E2E_PROVIDER=processes, which needs no containers."
        )
    return found


def _run(program: str, *arguments: str, timeout: float = SLOW_SECONDS) -> str:
    done = subprocess.run(
        [_program(program), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(
            f"`{program} {' '.join(arguments)}` exited with {done.returncode}: "
            f"{done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def _http() -> httpx2.Client:
    return httpx2.Client(timeout=2.0, trust_env=False)
