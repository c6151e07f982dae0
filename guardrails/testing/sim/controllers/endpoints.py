"""The EndpointSlice controller: Service selectors and ports, resolved exactly as the real one.

A selector that matches nothing leaves a slice with `endpoints: null` and `ports: null`; a named
targetPort that no container has leaves `ports: null` beside ready endpoints; a wrong number is
taken at its word and the endpoints are ready on it.
"""

import msgspec

from guardrails.testing.sim.controllers.ownership import children, is_ready, owner_reference
from guardrails.testing.sim.kinds import Obj, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of
from guardrails.testing.sim.store import clone

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
PER_SLICE = 100
"""Endpoints per slice: the real controller's default."""


Nullable = list[Obj] | None
"""A slice's `ports` and `endpoints`: null when there are none, as the real controller writes."""


def resolve_port(target: object, pod: Obj) -> int | None:
    """The number that a Service's targetPort means for one pod."""
    if isinstance(target, int):
        return target
    text = str(target)
    if text.isdigit():
        return int(text)
    for container in pod["spec"]["containers"]:
        for port in parts(container, "ports"):
            if port.get("name") == text:
                return int(port["containerPort"])
    return None


def _ports(service: Obj, pod: Obj) -> list[Obj]:
    found: list[Obj] = []
    for port in parts(service["spec"], "ports"):
        number = resolve_port(port["targetPort"], pod)
        if number is not None:
            entry: Obj = {
                "name": port.get("name", ""),
                "protocol": port["protocol"],
                "port": number,
            }
            found.append(entry)
    return found


def _endpoint(pod: Obj, *, publish: bool) -> Obj:
    meta = pod["metadata"]
    terminating = bool(meta.get("deletionTimestamp"))
    serving = is_ready(pod)
    ready = (serving and not terminating) or publish
    entry: Obj = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {
            "kind": "Pod",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
        },
    }
    if pod["spec"].get("nodeName"):
        entry["nodeName"] = pod["spec"]["nodeName"]
    return entry


class EndpointSlices:
    """The controller."""

    reads = ("Service", "Pod", "EndpointSlice")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("EndpointSlice")

    def step(self, now: float) -> float | None:
        """Bring every Service's slices up to date."""
        del now  # follows changes only
        by_home: dict[str, list[Obj]] = {}
        for pod in self._store.objects("Pod"):
            status = pod["status"]
            if status.get("podIP") and status.get("phase") not in ("Succeeded", "Failed"):
                by_home.setdefault(pod["metadata"]["namespace"], []).append(pod)
        for service in self._store.objects("Service"):
            if service["metadata"].get("deletionTimestamp"):
                continue
            if service["spec"].get("selector"):
                self._sync(service, by_home.get(service["metadata"]["namespace"], []))
        return None

    def _sync(self, service: Obj, pods: list[Obj]) -> None:
        wanted: dict[str, str] = service["spec"]["selector"]
        publish = bool(service["spec"].get("publishNotReadyAddresses"))
        groups: dict[bytes, tuple[list[Obj], list[Obj]]] = {}
        for pod in pods:
            if not wanted.items() <= labels_of(pod).items():
                continue
            ports = _ports(service, pod)
            key = msgspec.json.encode(ports)
            groups.setdefault(key, (ports, []))[1].append(_endpoint(pod, publish=publish))
        parts: list[tuple[Nullable, Nullable]] = [
            (ports or None, endpoints[at : at + PER_SLICE])
            for ports, endpoints in groups.values()
            for at in range(0, len(endpoints), PER_SLICE)
        ] or [(None, None)]
        self._write(service, parts)

    def _write(self, service: Obj, parts: list[tuple[Nullable, Nullable]]) -> None:
        old = children(self._store, "EndpointSlice", service)
        for index, (ports, endpoints) in enumerate(parts):
            if index >= len(old):
                self._create(service, ports, endpoints)
                continue
            one = old[index]
            if (one.get("ports"), one.get("endpoints")) != (ports, endpoints):
                changed = clone(one)
                changed["ports"], changed["endpoints"] = ports, endpoints
                changed["metadata"]["generation"] += 1
                self._store.put("EndpointSlice", changed)
        for one in old[len(parts) :]:
            meta = one["metadata"]
            self._store.remove("EndpointSlice", meta["name"], namespace=meta["namespace"])

    def _create(self, service: Obj, ports: Nullable, endpoints: Nullable) -> None:
        meta = service["metadata"]
        labels = {
            **labels_of(service),
            SERVICE_NAME: meta["name"],
            MANAGED_BY: "endpointslice-controller.k8s.io",
        }
        self._registry.create(
            self._kind,
            {
                "metadata": {
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "labels": labels,
                    "ownerReferences": [owner_reference(service)],
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": ports,
            },
            namespace=meta["namespace"],
        )
