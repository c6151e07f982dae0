"""Real Prometheus and Alertmanager over a scripted application, without any control plane.

For tests that need alert servers and no objects: up within seconds, every rule, route and metric
in the test's hand. Ranges and `for` are a second or two where production has minutes.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import yaml

from e2e.clusters.child import Child, answers
from e2e.clusters.monitoring import program
from e2e.clusters.ports import free_ports
from e2e.waiting import wait_until

INTERVAL = "500ms"
"""Scrape and evaluation interval."""

RESEND_DELAY = "4s"
"""How often a firing alert is sent again (default 1 m): what was sent before Prometheus knew of
Alertmanager is lost, and a test wants it within seconds."""

SERVICES = ("frontend", "checkout", "payment")
RATE = 200.0
"""Requests per second to each service."""

BY_SERVICE = "sum by (namespace, service)"

RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "shop",
            "rules": [
                {
                    "alert": "HighRequestErrorRate",
                    "expr": f'{BY_SERVICE} (rate(http_requests_total{{code="500"}}[3s]))'
                    f" / {BY_SERVICE} (rate(http_requests_total[3s])) > 0.05",
                    "for": "1s",
                    "labels": {"severity": "critical"},
                },
                {
                    "alert": "NoRequestsReceived",
                    "expr": f"{BY_SERVICE} (rate(http_requests_total[5s])) == 0",
                    "for": "10m",
                    "labels": {"severity": "critical"},
                },
            ],
        },
        {
            "name": "queues",
            "rules": [
                {
                    "alert": "QueueGrows",
                    "expr": "queue_depth * on (service) group_left (team) service_info > 100",
                    "for": "1s",
                    "labels": {"severity": "warning"},
                },
                {
                    "alert": "QueueStaysLong",
                    "expr": "queue_depth > 100",
                    "for": "10m",
                    "labels": {"severity": "warning"},
                },
            ],
        },
        {
            "name": "meta",
            "rules": [
                {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}},
            ],
        },
    ]
}

ALERTMANAGER: dict[str, Any] = {
    "route": {"receiver": "page", "group_wait": "1s", "group_by": ["alertname"]},
    "receivers": [
        {"name": "page", "webhook_configs": [{"url": "http://127.0.0.1:9/nobody-listens"}]},
        {"name": "nobody"},
    ],
    "inhibit_rules": [
        {
            "source_matchers": ["alertname=ClusterDown"],
            "target_matchers": ["severity=~critical|warning"],
        }
    ],
    "time_intervals": [{"name": "always", "time_intervals": [{"months": ["1:12"]}]}],
}


@dataclass(slots=True)
class Application:
    """What the scripted application exports; tests change it while it is scraped."""

    failing: set[str] = field(default_factory=set[str])
    """Services of whose requests half fail."""
    rate: float = RATE
    answers_scrapes: bool = True
    counts_requests: bool = True
    queue: float = 1.0
    teams: tuple[str, ...] = ("a",)
    _counts: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    _at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heal(self) -> None:
        """Be well again, with traffic, targets and series as they were."""
        self.failing.clear()
        self.rate, self.answers_scrapes, self.counts_requests = RATE, True, True
        self.queue, self.teams = 1.0, ("a",)

    def metrics(self) -> str:
        """Count what has happened since the last scrape, and write it down."""
        with self._lock:
            now = time.monotonic()
            passed, self._at = now - self._at, now
            for service in SERVICES:
                bad = 0.5 if service in self.failing else 0.0
                for code, share in (("200", 1 - bad), ("500", bad)):
                    key = (service, code)
                    grown = passed * self.rate * share
                    self._counts[key] = self._counts.get(key, 0.0) + grown
            lines = [
                f'http_requests_total{{namespace="shop",service="{s}",code="{c}"}} {count}'
                for (s, c), count in self._counts.items()
                if self.counts_requests
            ]
        lines.append(f'queue_depth{{namespace="shop",service="payment"}} {self.queue}')
        lines += [f'service_info{{service="payment",team="{team}"}} 1' for team in self.teams]
        return "\n".join(lines) + "\n"


class AlertServers:
    """The running servers, and everything a test may do to them."""

    def __init__(self, folder: Path, *, cluster: str = "light") -> None:
        self.app = Application()
        self._folder = folder
        self._cluster = cluster
        ports = free_ports(3)
        self._exporter = _serve(self.app, ports[0])
        self._target = f"127.0.0.1:{ports[0]}"
        self._send_to = f"127.0.0.1:{ports[2]}"
        self.prometheus_url = f"http://127.0.0.1:{ports[1]}"
        self.alertmanager_url = f"http://127.0.0.1:{ports[2]}"
        self._http = httpx2.Client(timeout=5.0, trust_env=False)
        self.rules: dict[str, Any] = {}
        self.prometheus = Child(
            "prometheus",
            command=[
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports[1]}",
                "--web.enable-lifecycle",
                f"--rules.alert.resend-delay={RESEND_DELAY}",
            ],
            log=folder / "prometheus.log",
        )
        self.alertmanager = Child(
            "alertmanager",
            command=[
                program("prometheus-alertmanager"),
                f"--config.file={folder / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports[2]}",
                "--cluster.listen-address=",
            ],
            log=folder / "alertmanager.log",
        )

    # Life

    def start(self) -> None:
        """Write the usual configuration, start both, and wait until the application is scraped."""
        self._write_prometheus(scrapes=True)
        self._write("rules.yaml", RULES)
        self._write("alertmanager.yaml", ALERTMANAGER)
        self.start_alertmanager()
        self.start_prometheus()
        wait_until(lambda: self.query("up == 1") != [], what="the application is scraped")

    def stop(self) -> None:
        """End everything."""
        self.prometheus.stop()
        self.alertmanager.stop()
        self._exporter.shutdown()
        self._exporter.server_close()
        self._http.close()

    def start_prometheus(self) -> None:
        """Start Prometheus, on the data it had."""
        self._start(self.prometheus, self.prometheus_url)

    def start_alertmanager(self) -> None:
        """Start Alertmanager; what it held in memory is gone."""
        self._start(self.alertmanager, self.alertmanager_url)

    def _start(self, child: Child, url: str) -> None:
        child.start()
        child.wait_until(lambda: answers(f"{url}/-/ready", http=self._http))

    # Configuration

    def load_rules(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the rules as loaded at first, and load them."""
        rules = copy.deepcopy(RULES)
        change(rules)
        self._write("rules.yaml", rules)
        self._reload(self.prometheus_url)

    def load_routes(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change Alertmanager's configuration as loaded at first, and load it."""
        configuration = copy.deepcopy(ALERTMANAGER)
        change(configuration)
        self._write("alertmanager.yaml", configuration)
        self._reload(self.alertmanager_url)

    def scrape(self, *, on: bool) -> None:
        """Load a configuration with or without the application as a target."""
        self._write_prometheus(scrapes=on)
        self._reload(self.prometheus_url)

    def _reload(self, url: str) -> None:
        self._http.post(f"{url}/-/reload").raise_for_status()

    def _write(self, name: str, document: dict[str, Any]) -> None:
        text = yaml.safe_dump(document, sort_keys=False, width=1000)
        (self._folder / name).write_text(text, encoding="utf-8")

    def _write_prometheus(self, *, scrapes: bool) -> None:
        job = {"job_name": "shop", "static_configs": [{"targets": [self._target]}]}
        other = {"job_name": "itself", "static_configs": [{"targets": [self.prometheus_url[7:]]}]}
        document = {
            "global": {
                "scrape_interval": INTERVAL,
                "scrape_timeout": INTERVAL,
                "evaluation_interval": INTERVAL,
                "external_labels": {"cluster": self._cluster},
            },
            "rule_files": [str(self._folder / "rules.yaml")],
            # The application speaks of objects in namespaces of their own: keep those labels.
            "scrape_configs": [{**job, "honor_labels": True}, other] if scrapes else [other],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self._send_to]}]}]},
        }
        self._write("prometheus.yaml", document)

    # What is seen

    def query(self, query: str) -> list[Any]:
        """Ask Prometheus for a vector."""
        body = self._get(self.prometheus_url, "/api/v1/query", query=query)
        return list(body["data"]["result"])

    def states(self, alert: str = "HighRequestErrorRate") -> set[str]:
        """Return the states of an alert in Prometheus."""
        alerts = self._get(self.prometheus_url, "/api/v1/alerts")["data"]["alerts"]
        return {a["state"] for a in alerts if a["labels"]["alertname"] == alert}

    def held(self, alert: str = "HighRequestErrorRate", **filters: str) -> list[Any]:
        """Return what Alertmanager lists of an alert."""
        found = self._get(self.alertmanager_url, "/api/v2/alerts", **filters)
        return [a for a in found if a["labels"]["alertname"] == alert]

    def silences(self) -> list[Any]:
        """Return every silence that Alertmanager lists."""
        return list(self._get(self.alertmanager_url, "/api/v2/silences"))

    def post(self, path: str, body: object) -> None:
        """Send something to Alertmanager."""
        self._http.post(self.alertmanager_url + path, json=body).raise_for_status()

    def delete(self, path: str) -> None:
        """Take something away from Alertmanager."""
        self._http.delete(self.alertmanager_url + path).raise_for_status()

    def _get(self, url: str, path: str, **params: str) -> Any:  # noqa: ANN401  # JSON
        answer = self._http.get(url + path, params=params)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def alert_servers(folder: Path, *, cluster: str = "light") -> Generator[AlertServers]:
    """Run a pair of servers for as long as it is needed."""
    servers = AlertServers(folder, cluster=cluster)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def _serve(app: Application, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = app.metrics().encode()
            # A scrape that was given up has nobody to read the rest.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(200 if app.answers_scrapes else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Say nothing of each scrape."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
