"""Object metrics under kube-state-metrics' documented names, for the process cluster.

On kind the real kube-state-metrics runs. Here a process reads the API at every scrape and shows
the series that the rules, and the guard's own queries, use. While the API server is away it shows
what it saw last, as kube-state-metrics does with its caches.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx2
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from e2e.api import KubernetesApi
from e2e.objects import ApiStruct, Deployment, Metadata, Pod, Service

PHASES = ("Pending", "Succeeded", "Failed", "Running", "Unknown")
CONDITION_STATES = ("true", "false", "unknown")


class NodeSpec(ApiStruct, frozen=True, kw_only=True):
    """What a node should be."""

    unschedulable: bool = False


class Node(ApiStruct, frozen=True, kw_only=True):
    """A node."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What was read at one look."""

    pods: tuple[Pod, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    services: tuple[Service, ...] = ()
    nodes: tuple[Node, ...] = ()


class ObjectMetrics(Collector):
    """A collector that reads the API when it is asked."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._seen = Objects()
        self._failures = 0

    def collect(self) -> Iterable[Metric]:
        """Yield all series of one look."""
        with self._lock:
            self._look()
            failures = CounterMetricFamily(
                "kube_state_metrics_list_errors", "Looks at the API that failed"
            )
            failures.add_metric([], self._failures)
            yield failures
            yield from object_metrics(self._seen)

    def describe(self) -> Iterable[Metric]:
        """Say nothing in advance, so that registering does not read the API."""
        return ()

    def _look(self) -> None:
        try:
            self._seen = Objects(
                pods=tuple(self._api.list("/api/v1/pods", Pod)),
                deployments=tuple(self._api.list("/apis/apps/v1/deployments", Deployment)),
                services=tuple(self._api.list("/api/v1/services", Service)),
                nodes=tuple(self._api.list("/api/v1/nodes", Node)),
            )
        except httpx2.HTTPError as error:
            self._failures += 1
            sys.stderr.write(f"keeping what was seen last: {error}\n")


def object_metrics(seen: Objects) -> Iterable[Metric]:
    """Yield the series of what was read at one look."""
    yield from _pod_metrics(seen.pods)
    yield from _container_metrics(seen.pods)
    yield from _deployment_metrics(seen.deployments)
    yield from _other_metrics(seen)


def _pod_metrics(pods: Iterable[Pod]) -> Iterable[Metric]:
    labels = ["namespace", "pod", "uid"]
    info = GaugeMetricFamily("kube_pod_info", "A pod", labels=[*labels, "node", "pod_ip"])
    owner = GaugeMetricFamily(
        "kube_pod_owner", "Its owner", labels=[*labels, "owner_kind", "owner_name"]
    )
    phase = GaugeMetricFamily("kube_pod_status_phase", "Its phase", labels=[*labels, "phase"])
    ready = GaugeMetricFamily(
        "kube_pod_status_ready", "Its Ready condition", labels=[*labels, "condition"]
    )
    scheduled = GaugeMetricFamily(
        "kube_pod_status_scheduled", "Its PodScheduled condition", labels=[*labels, "condition"]
    )
    for pod in pods:
        meta = pod.metadata
        identity = [meta.namespace, meta.name, meta.uid]
        info.add_metric([*identity, pod.spec.node_name, pod.status.pod_ip], 1)
        for each in meta.owner_references or []:
            owner.add_metric([*identity, each.kind, each.name], 1)
        for name in PHASES:
            phase.add_metric([*identity, name], float(pod.status.phase == name))
        conditions = {each.type: each.status.lower() for each in pod.status.conditions}
        for family, kind in ((ready, "Ready"), (scheduled, "PodScheduled")):
            for state in CONDITION_STATES if kind in conditions else ():
                family.add_metric([*identity, state], float(conditions[kind] == state))
    return info, owner, phase, ready, scheduled


def _container_metrics(pods: Iterable[Pod]) -> Iterable[Metric]:
    labels = ["namespace", "pod", "uid", "container"]
    prefix = "kube_pod_container_status"
    waiting = GaugeMetricFamily(
        f"{prefix}_waiting_reason", "Why it waits", labels=[*labels, "reason"]
    )
    last = GaugeMetricFamily(
        f"{prefix}_last_terminated_reason", "Why it ended before", labels=[*labels, "reason"]
    )
    restarts = CounterMetricFamily(f"{prefix}_restarts", "Its restarts", labels=labels)
    ready = GaugeMetricFamily(f"{prefix}_ready", "Whether it is ready", labels=labels)
    running = GaugeMetricFamily(f"{prefix}_running", "Whether it runs", labels=labels)
    for pod in pods:
        meta = pod.metadata
        for status in pod.status.container_statuses:
            identity = [meta.namespace, meta.name, meta.uid, status.name]
            restarts.add_metric(identity, status.restart_count)
            ready.add_metric(identity, float(status.ready))
            running.add_metric(identity, float(status.state.running is not None))
            if status.state.waiting is not None:
                waiting.add_metric([*identity, status.state.waiting.reason], 1)
            if status.last_state.terminated is not None:
                last.add_metric([*identity, status.last_state.terminated.reason], 1)
    return waiting, last, restarts, ready, running


def _deployment_metrics(deployments: Iterable[Deployment]) -> Iterable[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for each in deployments:
        values = {
            "spec_replicas": each.spec.replicas,
            "spec_paused": each.spec.paused,
            "metadata_generation": each.metadata.generation,
            "status_observed_generation": each.status.observed_generation,
            "status_replicas": each.status.replicas,
            "status_replicas_updated": each.status.updated_replicas,
            "status_replicas_ready": each.status.ready_replicas,
            "status_replicas_available": each.status.available_replicas,
            "status_replicas_unavailable": each.status.unavailable_replicas,
        }
        for name, value in values.items():
            family = families.setdefault(
                name,
                GaugeMetricFamily(
                    f"kube_deployment_{name}", "Of a Deployment", labels=["namespace", "deployment"]
                ),
            )
            family.add_metric([each.metadata.namespace, each.metadata.name], float(value))
    return families.values()


def _other_metrics(seen: Objects) -> Iterable[Metric]:
    services = GaugeMetricFamily(
        "kube_service_info", "A Service", labels=["namespace", "service", "cluster_ip"]
    )
    for service in seen.services:
        meta = service.metadata
        services.add_metric([meta.namespace, meta.name, service.spec.cluster_ip], 1)
    cordoned = GaugeMetricFamily(
        "kube_node_spec_unschedulable", "Whether a node is cordoned", labels=["node"]
    )
    for node in seen.nodes:
        cordoned.add_metric([node.metadata.name], float(node.spec.unschedulable))
    return services, cordoned


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    registry = CollectorRegistry()
    registry.register(ObjectMetrics(KubernetesApi(options.kubeconfig)))
    _server, thread = start_http_server(options.port, addr="127.0.0.1", registry=registry)
    thread.join()


if __name__ == "__main__":
    main()
