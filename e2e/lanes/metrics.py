"""One process that serves object metrics and request metrics of every lane.

`GET /objects?lane=N` and `GET /requests?lane=N` answer for the namespaces that carry the lane's
label; `PUT /requests?lane=N&state=…` turns the lane's load generator off, or its metrics away.
One process reads each list once for all lanes: eight exporters would cost eight times as much.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from e2e.api import KubernetesApi
from e2e.exporter import Node, Objects, object_metrics
from e2e.lanes import LANE_LABEL
from e2e.mesh import AMBIENT, read_mesh
from e2e.network_policy import NetworkPolicy
from e2e.objects import Deployment, EndpointSlice, Pod, Service
from e2e.traffic import Flows, Namespace, TrafficMetrics, World, read_flows, request

LOOK_EVERY_SECONDS = 0.3

UNAVAILABLE = 503


class LoadState(StrEnum):
    """What a lane's load generator and its metrics do."""

    ON = "on"
    OFF = "off"
    """No requests; the counters stand still."""
    GONE = "gone"
    """No requests and no series."""
    DOWN = "down"
    """The metrics cannot be scraped."""


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class Lanes:
    """All lanes: what was seen last, and what was counted."""

    def __init__(self, api: KubernetesApi, *, flows: Flows) -> None:
        self._api = api
        self._flows = flows
        self._lock = threading.Lock()
        self._objects = Objects()
        self._lane_of: Mapping[str, str] = {}
        self._counted: dict[str, tuple[CollectorRegistry, TrafficMetrics]] = {}
        self._states: dict[str, LoadState] = {}

    def run_forever(self) -> None:
        """Look and send until the process is killed."""
        turns = itertools.count()
        began, sent = time.monotonic(), 0
        worlds: Mapping[str, World] = {}
        while True:
            try:
                worlds = self._look()
            except httpx2.HTTPError as error:
                sys.stderr.write(f"keeping what was seen last: {error}\n")
            due = int((time.monotonic() - began) * self._flows.requests_per_second)
            for turn in itertools.islice(turns, due - sent):
                for namespace, world in worlds.items():
                    self._send(namespace, world, turn)
            sent = due
            time.sleep(LOOK_EVERY_SECONDS)

    def objects_text(self, lane: str) -> bytes:
        """Return the object metrics of a lane."""
        with self._lock:
            seen, lanes = self._objects, self._lane_of
        mine = Objects(
            pods=tuple(x for x in seen.pods if lanes.get(x.metadata.namespace) == lane),
            deployments=tuple(
                x for x in seen.deployments if lanes.get(x.metadata.namespace) == lane
            ),
            services=tuple(x for x in seen.services if lanes.get(x.metadata.namespace) == lane),
            nodes=seen.nodes,
        )
        registry = CollectorRegistry()
        registry.register(_Collected(object_metrics(mine)))
        return generate_latest(registry)

    def requests_text(self, lane: str) -> bytes | None:
        """Return the request metrics of a lane, or nothing while they cannot be scraped."""
        with self._lock:
            state = self._states.get(lane, LoadState.ON)
            mine = [name for name, number in self._lane_of.items() if number == lane]
            counted = [self._counted[name][0] for name in mine if name in self._counted]
        if state is LoadState.DOWN:
            return None
        if state is LoadState.GONE:
            return b""
        return b"".join(generate_latest(registry) for registry in counted)

    def set_state(self, lane: str, state: LoadState) -> None:
        """Turn a lane's load on or off."""
        with self._lock:
            self._states[lane] = state

    def _look(self) -> Mapping[str, World]:
        api = self._api
        labels = {
            each.metadata.name: each.metadata.labels
            for each in api.list("/api/v1/namespaces", Namespace)
        }
        pods = api.list("/api/v1/pods", Pod)
        services = api.list("/api/v1/services", Service)
        slices = api.list("/apis/discovery.k8s.io/v1/endpointslices", EndpointSlice)
        policies = api.list("/apis/networking.k8s.io/v1/networkpolicies", NetworkPolicy)
        mesh = read_mesh(api)
        seen = Objects(
            pods=tuple(pods),
            deployments=tuple(api.list("/apis/apps/v1/deployments", Deployment)),
            services=tuple(services),
            nodes=tuple(api.list("/api/v1/nodes", Node)),
        )
        lanes = {name: has[LANE_LABEL] for name, has in labels.items() if LANE_LABEL in has}
        with self._lock:
            self._objects, self._lane_of = seen, lanes
        return {
            name: World(
                services={s.metadata.name: s for s in services if s.metadata.namespace == name},
                slices=[x for x in slices if x.metadata.namespace == name],
                pods=[x for x in pods if x.metadata.namespace == name],
                policies=policies,
                namespaces=labels,
                mesh=mesh,
            )
            for name in lanes
        }

    def _send(self, namespace: str, world: World, turn: int) -> None:
        lane = self._lane_of.get(namespace, "")
        if self._states.get(lane, LoadState.ON) is not LoadState.ON:
            return
        metrics = self._metrics_of(namespace, world)
        if metrics is None or world.namespaces[namespace].get(AMBIENT) != "ambient":
            return  # outside the mesh nobody counts
        for flow in self._flows.roots:
            metrics.count(request(flow, flows=self._flows, world=world, turn=turn))

    def _metrics_of(self, namespace: str, world: World) -> TrafficMetrics | None:
        with self._lock:
            if namespace in self._counted:
                return self._counted[namespace][1]
            if not world.pods:
                return None  # load starts with the app, so that a fresh one is not in error
            registry = CollectorRegistry()
            flows = msgspec.structs.replace(self._flows, namespace=namespace)
            counted = TrafficMetrics(registry, flows=flows)
            self._counted[namespace] = (registry, counted)
            return counted


def serve(lanes: Lanes, *, port: int) -> ThreadingHTTPServer:
    """Return a server of the lanes' metrics; it serves on a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lane = self._query().get("lane", "")
            if urlsplit(self.path).path == "/objects":
                self._answer(lanes.objects_text(lane))
            else:
                self._answer(lanes.requests_text(lane))

        def do_PUT(self) -> None:
            query = self._query()
            lanes.set_state(query["lane"], LoadState(query["state"]))
            self._answer(b"")

        def _query(self) -> dict[str, str]:
            return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}

        def _answer(self, text: bytes | None) -> None:
            self.send_response(UNAVAILABLE if text is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text or b"")))
            self.end_headers()
            self.wfile.write(text or b"")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: four requests a second and lane."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--flows", type=Path, required=True)
    options = parser.parse_args()
    lanes = Lanes(KubernetesApi(options.kubeconfig), flows=read_flows(options.flows))
    serve(lanes, port=options.port)
    lanes.run_forever()


if __name__ == "__main__":
    main()
