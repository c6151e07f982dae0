"""Server-side printing: the Table answers that `kubectl get` asks for.

Columns as the real server prints them for the kinds that agents look at most; every other kind
gets name and age. Also the metadata-only form that some clients list with.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from guardrails.testing.sim.kinds import Kind, Obj, part, parts

Row = Callable[[Obj], list[Any]]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def _age(obj: Obj, now: datetime) -> str:
    text = obj["metadata"].get("creationTimestamp")
    if not text:
        return "<unknown>"
    born = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    seconds = max(0, int((now - born).total_seconds()))
    # kubectl switches units at two of the larger one, so that the number stays precise.
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _pod_status(pod: Obj) -> str:
    status: Obj = part(pod, "status")
    reason = status.get("reason") or status.get("phase", "Unknown")
    for container in parts(status, "containerStatuses"):
        state: Obj = part(container, "state")
        for name in ("waiting", "terminated"):
            if state.get(name, {}).get("reason"):
                reason = state[name]["reason"]
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else reason


def _pod(pod: Obj) -> list[Any]:
    statuses: list[Obj] = parts(part(pod, "status"), "containerStatuses")
    ready = sum(1 for one in statuses if one.get("ready"))
    restarts = sum(one.get("restartCount", 0) for one in statuses)
    return [f"{ready}/{len(pod['spec']['containers'])}", _pod_status(pod), restarts]


def _count(obj: Obj, name: str) -> int:
    return int(part(obj, "status").get(name) or 0)


def _ports(service: Obj) -> str:
    ports: list[Obj] = parts(service["spec"], "ports")
    return ",".join(f"{port['port']}/{port['protocol']}" for port in ports) or "<none>"


def _node(node: Obj) -> list[Any]:
    conditions: list[Obj] = parts(part(node, "status"), "conditions")
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    text = "Ready" if ready else "NotReady"
    if node["spec"].get("unschedulable"):
        text += ",SchedulingDisabled"
    return [text, "<none>", node["status"].get("nodeInfo", {}).get("kubeletVersion", "")]


def _event(event: Obj) -> list[Any]:
    about = event["involvedObject"]
    name = f"{about['kind'].lower()}/{about['name']}"
    return [event.get("type"), event.get("reason"), name, event.get("message")]


def _slice(one: Obj) -> list[Any]:
    ports = ",".join(str(port.get("port")) for port in parts(one, "ports")) or "<unset>"
    endpoints: list[Obj] = parts(one, "endpoints")
    addresses = ",".join(item["addresses"][0] for item in endpoints) or "<unset>"
    return [one.get("addressType"), ports, addresses]


_COLUMNS: dict[str, tuple[tuple[str, ...], Row]] = {
    "Pod": (("Ready", "Status", "Restarts"), _pod),
    "Deployment": (
        ("Ready", "Up-to-date", "Available"),
        lambda obj: [
            f"{_count(obj, 'readyReplicas')}/{obj['spec']['replicas']}",
            _count(obj, "updatedReplicas"),
            _count(obj, "availableReplicas"),
        ],
    ),
    "ReplicaSet": (
        ("Desired", "Current", "Ready"),
        lambda obj: [
            obj["spec"]["replicas"],
            _count(obj, "replicas"),
            _count(obj, "readyReplicas"),
        ],
    ),
    "StatefulSet": (
        ("Ready",),
        lambda obj: [f"{_count(obj, 'readyReplicas')}/{obj['spec']['replicas']}"],
    ),
    "DaemonSet": (
        ("Desired", "Current", "Ready", "Up-to-date", "Available"),
        lambda obj: [
            _count(obj, name)
            for name in (
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            )
        ],
    ),
    "Service": (
        ("Type", "Cluster-IP", "External-IP", "Port(s)"),
        lambda obj: [
            obj["spec"]["type"],
            obj["spec"].get("clusterIP", "None"),
            "<none>",
            _ports(obj),
        ],
    ),
    "EndpointSlice": (("AddressType", "Ports", "Endpoints"), _slice),
    "Node": (("Status", "Roles", "Version"), _node),
    "Namespace": (("Status",), lambda obj: [part(obj, "status").get("phase", "Active")]),
    "ConfigMap": (("Data",), lambda obj: [len(part(obj, "data"))]),
    "Job": (
        ("Completions",),
        lambda obj: [f"{_count(obj, 'succeeded')}/{obj['spec'].get('completions', 1)}"],
    ),
}


def _cells(kind: Kind, obj: Obj, now: datetime) -> list[Any]:
    if kind.kind == "Event":
        # Events are told by what they are about and when, not by their names.
        return [_age(obj, now), *_event(obj)]
    print_row = _COLUMNS[kind.kind][1] if kind.kind in _COLUMNS else None
    return [obj["metadata"]["name"], *(print_row(obj) if print_row else ()), _age(obj, now)]


def _definitions(kind: Kind) -> list[Obj]:
    names = ("Name", *_COLUMNS.get(kind.kind, ((), None))[0], "Age")
    if kind.kind == "Event":
        names = ("Last Seen", "Type", "Reason", "Object", "Message")
    return [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": 0,
        }
        for name in names
    ]


def metadata_only(obj: Obj) -> Obj:
    """An object as PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def table(kind: Kind, objects: Sequence[Obj], *, metadata: Obj, now: datetime, include: str) -> Obj:
    """A Table of objects; `include` is the `includeObject` parameter."""
    rows: list[Obj] = []
    for obj in objects:
        row: Obj = {"cells": _cells(kind, obj, now)}
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = metadata_only(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": _definitions(kind),
        "rows": rows,
    }
