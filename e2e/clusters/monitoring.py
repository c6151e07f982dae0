"""Prometheus and Alertmanager from Debian, and what they scrape, as processes on loopback.

Real servers with real rule files: alerts travel exporter → Prometheus → Alertmanager. Intervals
are half a second, so that what takes minutes in production takes seconds here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx2
import yaml

from e2e.clusters.child import Child, answers
from e2e.clusters.errors import ClusterUnavailableError

RULES = Path(__file__).resolve().parents[1] / "monitoring" / "rules.yaml"

FLOWS = Path(__file__).resolve().parents[1] / "faults" / "app" / "flows.yaml"

LOOPBACK = "127.0.0.1"

PACKAGES = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
"""Debian's package by the program it brings. Their services do not start where no init runs."""

INTERVAL = "500ms"
"""Scrape and evaluation interval."""

RESEND_DELAY = "2s"
"""How often a firing alert is sent again (default 1 m). Alertmanager drops an alert after four of
these when Prometheus has gone away, which a test wants to see within seconds."""


class MonitoringPorts(NamedTuple):
    """Where each part listens."""

    prometheus: int
    alertmanager: int
    exporter: int
    traffic: int


class Monitoring:
    """The exporter, the traffic model, Prometheus and Alertmanager of one cluster."""

    def __init__(
        self, *, folder: Path, logs: Path, kubeconfig: Path, ports: MonitoringPorts
    ) -> None:
        self.ports = ports
        programs = {name: program(name) for name in PACKAGES}
        self.prometheus_url = f"http://127.0.0.1:{ports.prometheus}"
        self.alertmanager_url = f"http://127.0.0.1:{ports.alertmanager}"
        self.exporter = python_child(
            "exporter",
            module="e2e.exporter",
            arguments=["--kubeconfig", str(kubeconfig), "--port", str(ports.exporter)],
            log=logs / "exporter.log",
        )
        self.traffic = traffic_child(logs=logs, kubeconfig=kubeconfig, port=ports.traffic)
        self.alertmanager = Child(
            "alertmanager",
            command=[
                programs["prometheus-alertmanager"],
                f"--config.file={_write(folder / 'alertmanager.yaml', _alertmanager())}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports.alertmanager}",
                "--cluster.listen-address=",  # no gossip port
            ],
            log=logs / "alertmanager.log",
        )
        self.prometheus = Child(
            "prometheus",
            command=[
                programs["prometheus"],
                f"--config.file={_write(folder / 'prometheus.yaml', _prometheus(ports))}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports.prometheus}",
                "--web.enable-lifecycle",
                f"--rules.alert.resend-delay={RESEND_DELAY}",
            ],
            log=logs / "prometheus.log",
        )

    @property
    def children(self) -> tuple[Child, ...]:
        """In the order of starting."""
        return (self.exporter, self.traffic, self.alertmanager, self.prometheus)

    def start(self, *, http: httpx2.Client) -> None:
        """Start all four, then wait for each."""
        for child in self.children:
            child.start()
        metrics = (
            (self.exporter, f"http://127.0.0.1:{self.ports.exporter}/metrics"),
            (self.traffic, f"http://127.0.0.1:{self.ports.traffic}/metrics"),
            (self.alertmanager, f"{self.alertmanager_url}/-/ready"),
            (self.prometheus, f"{self.prometheus_url}/-/ready"),
        )
        for child, url in metrics:
            child.wait_until(lambda url=url: answers(url, http=http))


def python_child(name: str, *, module: str, arguments: list[str], log: Path) -> Child:
    """Return a child that runs one of the suite's own modules with this interpreter."""
    root = Path(__file__).resolve().parents[2]
    return Child(
        name,
        command=[sys.executable, "-m", module, *arguments],
        log=log,
        environment={"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"},
    )


def traffic_child(*, logs: Path, kubeconfig: Path, port: int, address: str = LOOPBACK) -> Child:
    """Return the traffic model, which sends the app's requests and counts their answers."""
    return python_child(
        "traffic",
        module="e2e.traffic",
        arguments=[
            *("--kubeconfig", str(kubeconfig)),
            *("--address", address),
            *("--port", str(port)),
            *("--flows", str(FLOWS)),
        ],
        log=logs / "traffic.log",
    )


def program(name: str) -> str:
    """Return the path of a Debian program, installing its package when this user may.

    Raises:
        ClusterUnavailableError: It is absent and cannot be installed.
    """
    found = shutil.which(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        install_package(PACKAGES[name])
        found = shutil.which(name)
    if found is None:
        wanted = " ".join(PACKAGES.values())
        raise ClusterUnavailableError(
            f"`{name}` is not on PATH. Install it (Debian: apt-get install "
            f"--no-install-recommends {wanted}), or choose E2E_PROVIDER=kind."
        )
    return found


def install_package(package: str) -> None:
    """Install a Debian package.

    Raises:
        ClusterUnavailableError: It cannot be installed.
    """
    sys.stderr.write(f"e2e: installing the Debian package {package}\n")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterUnavailableError(
                f"`apt-get {' '.join(arguments)}` failed: {done.stderr.strip()}"
            )


def _prometheus(ports: MonitoringPorts) -> dict[str, object]:
    def job(name: str, port: int) -> dict[str, object]:
        return {
            "job_name": name,
            # The exporters speak about objects in namespaces of their own: keep those labels.
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }

    return {
        "global": {
            "scrape_interval": INTERVAL,
            "scrape_timeout": INTERVAL,
            "evaluation_interval": INTERVAL,
            "external_labels": {"cluster": "e2e"},
        },
        "rule_files": [str(RULES)],
        "scrape_configs": [
            job("kube-state-metrics", ports.exporter),
            job("traffic", ports.traffic),
            job("prometheus", ports.prometheus),
        ],
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}
            ]
        },
    }


def _alertmanager() -> dict[str, object]:
    """Nobody is paged: the suite reads the API."""
    return {
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname", "namespace"],
            "group_wait": "1s",
            "group_interval": "2s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "nobody"}],
    }


def _write(path: Path, document: dict[str, object]) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path
