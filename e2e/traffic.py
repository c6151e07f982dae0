"""Request traffic of the app, as its users and its services would see it.

For every declared flow this walks the way a packet goes: client pod, Service, EndpointSlice,
port, ready pod, container port, NetworkPolicies and mesh on the way. What is found there decides
whether the request counts as answered or as an error, under the metric names that the rules read.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import msgspec
import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.metrics import disable_created_metrics

from e2e.api import KubernetesApi
from e2e.mesh import NO_MESH, Mesh
from e2e.network_policy import NetworkPolicy, Packet, allowed
from e2e.objects import ApiStruct, EndpointSlice, Metadata, Pod, Service, ServicePort

LOOK_EVERY_SECONDS = 0.2

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
HOP_SECONDS = 0.004
"""What one hop takes; a refused connection takes no longer, a dropped one its client's patience."""
PATIENCE_SECONDS = 1.0

OK = 200
ERROR_BELOW = 500
"""The service answered, but something it calls did not."""
REFUSED = 503
TIMED_OUT = 504


class Flow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client calls one Service."""

    client: str | None = None
    """Value of the client pods' `app` label; `None` means users outside the cluster."""
    service: str
    port: int
    env: str = ""
    """Variable of the client that holds the URL it calls; without one it calls the Service."""
    load: float = 1.0
    """How many times the declared rate its clients put on the service while they run. Only the
    service's latency shows it: as many requests are counted as for any other flow."""


class Flows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flows of an app. A request to a service causes one to each service that it calls."""

    namespace: str
    requests_per_second: float
    flows: list[Flow]
    pod_capacity: float = 0.0
    """Requests per second that a pod answers in time; 0 means any number."""

    @property
    def roots(self) -> list[Flow]:
        """The flows that no other flow causes."""
        called = {each.service for each in self.flows}
        return [each for each in self.flows if each.client is None or each.client not in called]


class Namespace(ApiStruct, frozen=True, kw_only=True):
    """A namespace's labels."""

    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The objects that decide where a packet ends."""

    services: Mapping[str, Service]
    slices: Sequence[EndpointSlice]
    pods: Sequence[Pod]
    policies: Sequence[NetworkPolicy]
    namespaces: Mapping[str, Mapping[str, str]]
    mesh: Mesh = NO_MESH


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one request to one service ended, as its client saw it."""

    service: str
    code: int
    seconds: float


def read_flows(path: Path) -> Flows:
    """Read a flows file."""
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Flows)


def request(flow: Flow, *, flows: Flows, world: World, turn: int) -> list[Answer]:
    """Send one request along a flow, and those it causes; the first answer is its own.

    Args:
        flow: Who calls whom.
        flows: All flows of the app, for what the called service calls in turn.
        world: The objects as they are.
        turn: Counts requests up, so that endpoints take turns.
    """
    source = _client(flow, world=world, turn=turn)
    if flow.client is not None and source is None:
        return []  # nobody is there to send it
    code = _walk(flow, source=source, world=world, turn=turn)
    caused: list[Answer] = []
    if code == OK:
        for each in flows.flows:
            if each.client == flow.service:
                caused.extend(request(each, flows=flows, world=world, turn=turn))
        if any(answer.code != OK for answer in caused):
            code = ERROR_BELOW
    slow = code == TIMED_OUT or _overloaded(flow.service, flows=flows, world=world)
    own = PATIENCE_SECONDS if slow else HOP_SECONDS
    seconds = own + sum(answer.seconds for answer in caused)
    return [Answer(service=flow.service, code=code, seconds=seconds), *caused]


def _client(flow: Flow, *, world: World, turn: int) -> Pod | None:
    pods = [
        pod for pod in world.pods if pod.metadata.labels.get("app") == flow.client and _ready(pod)
    ]
    return pods[turn % len(pods)] if flow.client is not None and pods else None


def _overloaded(service: str, *, flows: Flows, world: World) -> bool:
    """Tell whether a service's pods get more requests than they answer in time."""
    if not flows.pod_capacity:
        return False
    pods = [p for p in world.pods if p.metadata.labels.get("app") == service and _ready(p)]
    loads = [
        each.load
        for each in flows.flows
        if each.service == service
        and (each.client is None or _client(each, world=world, turn=0) is not None)
    ]
    return sum(loads) * flows.requests_per_second > flows.pod_capacity * max(1, len(pods))


def _destination(flow: Flow, *, source: Pod | None) -> tuple[str, int]:
    """Return the Service and port that the client calls, as its environment says."""
    if source is None or not flow.env:
        return flow.service, flow.port
    variables = {v.name: v.value for one in source.spec.containers for v in one.env}
    try:
        parts = urlsplit(variables.get(flow.env, ""))
        return (parts.hostname or "").partition(".")[0], parts.port or 80
    except ValueError:
        return "", 0  # no URL: nothing of that name exists


NAMES_UNKNOWN = frozenset({"Default", "None"})
"""DNS policies under which a pod does not ask the cluster's DNS for names of Services."""


def _walk(flow: Flow, *, source: Pod | None, world: World, turn: int) -> int:
    name, number = _destination(flow, source=source)
    service = world.services.get(name)
    if service is None or (source is not None and source.spec.dns_policy in NAMES_UNKNOWN):
        return REFUSED  # its name does not resolve
    offered = next((each for each in service.spec.ports or [] if each.port == number), None)
    if offered is None:
        return REFUSED
    backends = _backends(name, offered=offered, world=world)
    if not backends:
        return REFUSED
    address, port = backends[turn % len(backends)]
    target = next((pod for pod in world.pods if pod.status.pod_ip == address), None)
    if target is None:
        return TIMED_OUT  # the address is nobody's any more
    packet = Packet(source=source, target=target, port=port)
    if not allowed(packet, policies=world.policies, namespaces=world.namespaces):
        return TIMED_OUT  # dropped without an answer
    if world.mesh.drops(source=source, target=target):
        return TIMED_OUT
    if world.mesh.denies(source=source, target=target):
        return REFUSED
    declared = {each.container_port for one in target.spec.containers for each in one.ports}
    return OK if port in declared and _ready(target) else REFUSED


def _backends(name: str, *, offered: ServicePort, world: World) -> list[tuple[str, int]]:
    """Return the addresses and ports that the Service's slices lead to."""
    return sorted(
        (address, port.port)
        for each in world.slices
        if each.metadata.labels.get(SERVICE_NAME_LABEL) == name
        for port in each.ports or []
        if (port.name or "") == offered.name and port.port is not None
        for endpoint in each.endpoints or []
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
    )


def _ready(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and any(
        each.type == "Ready" and each.status == "True" for each in pod.status.conditions
    )


class TrafficMetrics:
    """The counters and the histogram that clients would export."""

    def __init__(self, registry: CollectorRegistry, *, flows: Flows) -> None:
        disable_created_metrics()
        self._namespace = flows.namespace
        self._requests = Counter(
            "http_requests",
            "Requests by the service they were sent to and the code their client saw",
            ["namespace", "service", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Duration of requests, as their client saw it",
            ["namespace", "service"],
            buckets=BUCKETS,
            registry=registry,
        )
        for flow, code in itertools.product(flows.flows, (OK, ERROR_BELOW, REFUSED, TIMED_OUT)):
            # From the start, so that the first error is an increase and not a new series.
            self._requests.labels(flows.namespace, flow.service, str(code))

    def count(self, answers: Sequence[Answer]) -> None:
        """Count answers."""
        for each in answers:
            self._requests.labels(self._namespace, each.service, str(each.code)).inc()
            self._seconds.labels(self._namespace, each.service).observe(each.seconds)


def look(api: KubernetesApi, *, namespace: str) -> World:
    """Read the objects of a namespace that decide where its packets end."""
    core = f"/api/v1/namespaces/{namespace}"
    services = api.list(f"{core}/services", Service)
    return World(
        services={each.metadata.name: each for each in services},
        slices=api.list(
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", EndpointSlice
        ),
        pods=api.list(f"{core}/pods", Pod),
        policies=api.list("/apis/networking.k8s.io/v1/networkpolicies", NetworkPolicy),
        namespaces={
            each.metadata.name: each.metadata.labels
            for each in api.list("/api/v1/namespaces", Namespace)
        },
    )


def send_forever(api: KubernetesApi, *, flows: Flows, metrics: TrafficMetrics) -> None:
    """Send requests at the declared rate until the process is killed."""
    nothing: dict[str, Service] = {}
    world = World(services=nothing, slices=(), pods=(), policies=(), namespaces={})
    turns = itertools.count()
    began = time.monotonic()
    sent = 0
    while True:
        try:
            world = look(api, namespace=flows.namespace)
        except httpx2.HTTPError as error:
            # Nodes go on forwarding by what they knew last; so does this.
            sys.stderr.write(f"keeping what was seen last: {error}\n")
        due = int((time.monotonic() - began) * flows.requests_per_second)
        for turn in itertools.islice(turns, due - sent):
            for flow in flows.roots:
                metrics.count(request(flow, flows=flows, world=world, turn=turn))
        sent = due
        time.sleep(LOOK_EVERY_SECONDS)


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--flows", type=Path, required=True)
    options = parser.parse_args()
    flows = read_flows(options.flows)
    registry = CollectorRegistry()
    metrics = TrafficMetrics(registry, flows=flows)
    start_http_server(options.port, addr=options.address, registry=registry)
    send_forever(KubernetesApi(options.kubeconfig), flows=flows, metrics=metrics)


if __name__ == "__main__":
    main()
