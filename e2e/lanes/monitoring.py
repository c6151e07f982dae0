"""Prometheus and Alertmanager of one lane: real servers, whose files and lives a test may change.

Every change is undone by `reset`, so that the next app in the lane finds alerting as it should be.
"""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from e2e.clusters.child import Child, answers
from e2e.clusters.monitoring import RESEND_DELAY, program

Document = dict[str, Any]

REQUEST_TIMEOUT_SECONDS = 5.0

SCRAPE_INTERVAL = "1s"
EVALUATION_INTERVAL = "2s"
"""What waits for an alert to clear counts on two evaluations. Within them has to fit what an object
takes to be seen by the exporter, to be scraped and to be evaluated, on a busy machine too."""

ALERTING: Document = {
    "route": {
        "receiver": "oncall",
        "group_by": ["alertname", "namespace"],
        "group_wait": "1s",
        "group_interval": "2s",
        "repeat_interval": "1h",
    },
    # Nobody is paged: the API is read.
    "receivers": [{"name": "oncall"}, {"name": "nobody"}],
    # A common one: planned work silences what it causes.
    "inhibit_rules": [
        {
            "source_matchers": ['alertname = "PlannedMaintenance"'],
            "target_matchers": ['severity =~ "critical|warning"'],
            "equal": ["namespace"],
        }
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePorts:
    """Where the two servers of a lane listen."""

    prometheus: int
    alertmanager: int


class LaneMonitoring:
    """The alerting pair of one lane."""

    def __init__(
        self, *, lane: int, folder: Path, ports: LanePorts, metrics_port: int, rules: Document
    ) -> None:
        self._lane = lane
        self._folder = folder
        self._metrics = f"http://127.0.0.1:{metrics_port}"
        self._original = rules
        self._files = {
            "rules": folder / "rules.yaml",
            "alerting": folder / "alertmanager.yaml",
            "prometheus": folder / "prometheus.yaml",
        }
        self._touched: set[str] = set()
        self.prometheus_url = f"http://127.0.0.1:{ports.prometheus}"
        self.alertmanager_url = f"http://127.0.0.1:{ports.alertmanager}"
        folder.mkdir(parents=True, exist_ok=True)
        self._http = httpx2.Client(timeout=REQUEST_TIMEOUT_SECONDS, trust_env=False)
        self._write_all(metrics_port=metrics_port, alertmanager_port=ports.alertmanager)
        self._children = {
            "alertmanager": Child(
                "alertmanager",
                command=[
                    program("prometheus-alertmanager"),
                    f"--config.file={self._files['alerting']}",
                    f"--storage.path={folder / 'alertmanager'}",
                    f"--web.listen-address=127.0.0.1:{ports.alertmanager}",
                    "--cluster.listen-address=",  # no gossip port
                ],
                log=folder / "alertmanager.log",
            ),
            "prometheus": Child(
                "prometheus",
                command=[
                    program("prometheus"),
                    f"--config.file={self._files['prometheus']}",
                    f"--storage.tsdb.path={folder / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{ports.prometheus}",
                    "--web.enable-lifecycle",
                    f"--rules.alert.resend-delay={RESEND_DELAY}",
                ],
                log=folder / "prometheus.log",
            ),
        }

    def start(self) -> None:
        """Start both; returns when they are ready."""
        for name in self._children:
            self.start_one(name)

    def stop(self) -> None:
        """Stop both."""
        for child in self._children.values():
            child.stop(timeout=1.0)
        self._http.close()

    def start_one(self, name: str) -> None:
        """Start one of `prometheus` and `alertmanager`."""
        child = self._children[name]
        url = self.prometheus_url if name == "prometheus" else self.alertmanager_url
        child.start()
        child.wait_until(lambda: answers(f"{url}/-/ready", http=self._http))

    def stop_one(self, name: str) -> None:
        """Stop one of the two."""
        self._touched.add(f"stopped {name}")
        self._children[name].stop(timeout=1.0)

    def restart(self, name: str) -> None:
        """Stop one of the two and start it again over its data."""
        self._touched.add(f"restarted {name}")
        self._children[name].stop(timeout=1.0)
        self.start_one(name)

    def edit(self, name: str, change: Callable[[Document], None]) -> None:
        """Change one of the files `rules`, `alerting` and `prometheus`, and have it loaded."""
        path = self._files[name]
        document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document)
        self._touched.add(name)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        self._reload(name)

    def set_load(self, state: str) -> None:
        """Turn the lane's load generator on or off, or its metrics away (see `LoadState`)."""
        self._touched.add("load")
        url = f"{self._metrics}/requests"
        self._http.put(url, params={"lane": str(self._lane), "state": state}).raise_for_status()

    def request(self, server: str, path: str, *, method: str, body: object) -> None:
        """Send JSON to `prometheus` or `alertmanager`."""
        self._touched.add(f"requested {server}")
        base = self.prometheus_url if server == "prometheus" else self.alertmanager_url
        self._http.request(method, base + path, json=body).raise_for_status()

    def reset(self) -> None:
        """Undo everything that was changed since the last time."""
        touched, self._touched = self._touched, set()
        if "load" in touched:
            self.set_load("on")
            self._touched.discard("load")
        for name in ("rules", "prometheus"):
            if name in touched:
                self._files[name].write_text(self._kept[name], encoding="utf-8")
        if touched & {"stopped prometheus", "restarted prometheus"}:
            # Series that ended while it was down have no last sample: queries that look back
            # would find them, and alerts fire by them, for five minutes.
            self._children["prometheus"].stop(timeout=1.0)
            shutil.rmtree(self._folder / "prometheus", ignore_errors=True)
            self.start_one("prometheus")
        elif touched & {"rules", "prometheus"}:
            self._reload("rules")
        if touched & {"alerting", "stopped alertmanager", "requested alertmanager"}:
            # Silences and forged alerts live in its memory and its folder.
            self._children["alertmanager"].stop(timeout=1.0)
            shutil.rmtree(self._folder / "alertmanager", ignore_errors=True)
            self._files["alerting"].write_text(self._kept["alerting"], encoding="utf-8")
            self.start_one("alertmanager")

    def wait_scraped(self, *, timeout: float = 15.0) -> bool:
        """Wait until both jobs are scraped; tell whether they are."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            answer = self._http.get(
                f"{self.prometheus_url}/api/v1/query", params={"query": "count(up == 1)"}
            )
            found = answer.json().get("data", {}).get("result", [])
            if found and found[0]["value"][1] == "2":
                return True
            time.sleep(0.1)
        return False

    def _write_all(self, *, metrics_port: int, alertmanager_port: int) -> None:
        documents = {
            "rules": self._original,
            "alerting": copy.deepcopy(ALERTING),
            "prometheus": self._prometheus(metrics_port, alertmanager_port),
        }
        self._kept = {
            name: yaml.safe_dump(document, sort_keys=False) for name, document in documents.items()
        }
        for name, text in self._kept.items():
            self._files[name].write_text(text, encoding="utf-8")

    def _prometheus(self, metrics_port: int, alertmanager_port: int) -> Document:
        def job(name: str, path: str) -> Document:
            return {
                "job_name": name,
                # The series speak about objects in namespaces of their own: keep those labels.
                "honor_labels": True,
                "metrics_path": path,
                "params": {"lane": [str(self._lane)]},
                "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}],
            }

        return {
            "global": {
                "scrape_interval": SCRAPE_INTERVAL,
                "scrape_timeout": SCRAPE_INTERVAL,
                "evaluation_interval": EVALUATION_INTERVAL,
                "external_labels": {"cluster": "e2e"},
            },
            "rule_files": [str(self._files["rules"])],
            "scrape_configs": [
                job("kube-state-metrics", "/objects"),
                job("traffic", "/requests"),
            ],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}
                ]
            },
        }

    def _reload(self, name: str) -> None:
        base = self.alertmanager_url if name == "alerting" else self.prometheus_url
        self._http.post(f"{base}/-/reload").raise_for_status()
