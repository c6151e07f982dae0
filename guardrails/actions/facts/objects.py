"""Kubernetes objects, as JSON or as YAML: what an incident turns on, told in kubectl's own words.

Specs say what is wanted (replicas, images, ports), and the status what is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, cast

from guardrails.actions.facts.fact import Place, Shown, shown
from guardrails.actions.facts.fields import Fields, images, number, part, rows, text
from guardrails.actions.facts.podstatus import pod_facts
from guardrails.actions.kinds import kind_of

OBJECTS_READ: Final = 256
"""Most objects read of one output: more than 16 kB of JSON can hold."""
_DEEPEST: Final = 4
"""Levels of lists and wrappers (`{"items": […]}`, `{"pods": […]}`) that are looked into."""
_NAME_KEYS = ("name", "pod_name", "podName", "object_name", "resource_name", "resourceName")
_STATUS_KEYS = ("status", "pod_status", "podStatus", "phase", "state")
_SPACE_KEYS = ("namespace", "resource_namespace")


def objects_in(value: object, *, kind: str, namespace: str) -> Iterator[Shown]:
    """Yield what decoded JSON or YAML says of objects.

    Args:
        value: An object, a list, or a tool's wrapper around either.
        kind: The kind that the call asked for, for briefs that do not name theirs.
        namespace: The same for the namespace.
    """
    left = [OBJECTS_READ]
    yield from _walk(value, kind, namespace, _DEEPEST, left)


def _walk(value: object, kind: str, space: str, depth: int, left: list[int]) -> Iterator[Shown]:
    if depth < 0 or left[0] <= 0:
        return
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _walk(item, kind, space, depth - 1, left)
        return
    if not isinstance(value, dict):
        return
    fields = cast("Fields", value)
    found = _object(fields, space) or _brief(fields, kind, space)
    if found is not None:
        left[0] -= 1
        yield found
        return
    space = text(fields, "namespace") or space
    for key, item in fields.items():
        if isinstance(item, list | dict) and key not in _OF_OTHERS:
            named = kind_of(key) if key in _LISTS else kind
            yield from _walk(cast("object", item), named, space, depth - 1, left)


_LISTS = frozenset(
    {"pods", "services", "deployments", "nodes", "statefulsets", "daemonsets", "jobs"}
)
_OF_OTHERS = frozenset(
    {"containers", "traces", "spans", "logs", "metrics", "series", "values", "labels"}
)
"""Parts whose items have names and are no objects of a cluster."""


def _object(fields: Fields, namespace: str) -> Shown | None:
    kind, metadata = text(fields, "kind"), part(fields, "metadata")
    name = text(metadata, "name")
    if not kind or kind.endswith("List") or not name:
        return None
    place = Place(kind_of(kind), text(metadata, "namespace") or namespace, name)
    if place.kind == "event":
        return _event(fields, place)
    if place.kind in CLUSTER_WIDE:
        place = place._replace(namespace="")
    read = _BY_KIND.get(place.kind, _other_facts)
    told = read(fields)
    if text(metadata, "deletionTimestamp"):
        told["status"] = "Terminating"
    return shown(place, told)


CLUSTER_WIDE: Final = frozenset(
    {
        *("node", "namespace", "persistentvolume", "storageclass", "customresourcedefinition"),
        *("clusterrole", "clusterrolebinding", "priorityclass", "ingressclass"),
    }
)


def _event(fields: Fields, place: Place) -> Shown | None:
    """Tell a warning of the object that it is about."""
    about = part(fields, "involvedObject") or part(fields, "regarding")
    reason, name = text(fields, "reason"), text(about, "name")
    if text(fields, "type") != "Warning" or not reason or not name:
        return shown(place, {})
    namespace = text(about, "namespace") or place.namespace
    said = text(fields, "message") or text(fields, "note") or reason
    return shown(Place(kind_of(text(about, "kind")), namespace, name), {f"event:{reason}": said})


def _brief(fields: Fields, kind: str, namespace: str) -> Shown | None:
    """Read what tools make of objects: `{"name": …, "kind": …, "status": …}`."""
    name, status = _first(fields, _NAME_KEYS), _first(fields, _STATUS_KEYS)
    own = text(fields, "kind") or text(fields, "resource_type")
    if "pod_name" in fields or "podName" in fields:
        own = "pod"
    if not name or not (status or own) or not (own or kind) or " " in name:
        return None
    place = Place(kind_of(own) if own else kind, _first(fields, _SPACE_KEYS) or namespace, name)
    if place.kind in _WITHOUT_STATUS or (status == "Active" and place.kind != "namespace"):
        return shown(place, {"type": status} if place.kind in _TYPED else {})
    if ready := _READY.fullmatch(status):
        return shown(place, {"ready": ready[1]})
    return shown(place, {"status": status})


_TYPED = frozenset({"service", "secret"})
"""Kinds of which tools show the type in the place of a status."""
_WITHOUT_STATUS = _TYPED | {"configmap", "serviceaccount", "role", "rolebinding", "endpoints"}
"""Kinds whose status is a tool's own filling word, as `Active` is for any but a namespace."""
_READY = re.compile(r"(\d+/\d+) ready")
"""What the `kubectl_get` tool of a common MCP server makes of a workload's status."""


def _first(fields: Fields, keys: Iterable[str]) -> str:
    return next((found for key in keys if (found := text(fields, key))), "")


def _pod(fields: Fields) -> dict[str, str]:
    return pod_facts(part(fields, "spec"), part(fields, "status"))


def _workload(fields: Fields) -> dict[str, str]:
    spec, status = part(fields, "spec"), part(fields, "status")
    told: dict[str, str] = {}
    wanted = spec.get("replicas", status.get("desiredNumberScheduled"))
    if isinstance(wanted, int):
        told["replicas"] = str(wanted)
        ready = status.get("readyReplicas", status.get("numberReady"))
        if status:
            told["ready"] = f"{ready if isinstance(ready, int) else 0}/{wanted}"
    template = part(part(spec, "template"), "spec")
    told["image"] = images(template)
    if spec.get("paused") is True:
        told["paused"] = "true"
    return told | conditions(status)


def _job(fields: Fields) -> dict[str, str]:
    spec, status = part(fields, "spec"), part(fields, "status")
    wanted, done, failed = (
        spec.get("completions", 1),
        status.get("succeeded", 0),
        status.get("failed"),
    )
    told = {
        "completions": f"{done}/{wanted}",
        "image": images(part(part(spec, "template"), "spec")),
    }
    if isinstance(failed, int) and failed:
        told["failed"] = str(failed)
    return told | conditions(status)


def _service(fields: Fields) -> dict[str, str]:
    spec = part(fields, "spec")
    ports = [
        f"{port.get('port')}→{port.get('targetPort', port.get('port'))}"
        for port in rows(spec, "ports")
    ]
    selector = part(spec, "selector")
    return {
        "type": text(spec, "type"),
        "ports": ",".join(ports),
        "selector": ",".join(f"{key}={value}" for key, value in selector.items()),
    }


def _endpoints(fields: Fields) -> dict[str, str]:
    found: list[str] = []
    for subset in rows(fields, "subsets"):
        ports = [str(port.get("port")) for port in rows(subset, "ports")] or [""]
        found += [f"{text(a, 'ip')}:{p}" for a in rows(subset, "addresses") for p in ports]
    return {"endpoints": ",".join(found) or "<none>"}


def _node(fields: Fields) -> dict[str, str]:
    told = conditions(part(fields, "status"), all_of_them=True)
    ready = told.get("condition:Ready", "")
    status = {"True": "Ready", "": ""}.get(ready, "NotReady")
    if part(fields, "spec").get("unschedulable") is True:
        status = f"{status},SchedulingDisabled".strip(",")
    return {"status": status} | told


def _autoscaler(fields: Fields) -> dict[str, str]:
    spec, status = part(fields, "spec"), part(fields, "status")
    told = {
        "min-replicas": _written(spec, "minReplicas"),
        "max-replicas": _written(spec, "maxReplicas"),
        "replicas": _written(status, "currentReplicas"),
        "desired": _written(status, "desiredReplicas"),
    }
    return told | conditions(status)


def _other_facts(fields: Fields) -> dict[str, str]:
    """Read any other object: its phase, and the conditions that are not well."""
    status = part(fields, "status")
    phase = text(status, "phase") or text(status, "state")
    health, sync = text(part(status, "health"), "status"), text(part(status, "sync"), "status")
    return {"status": phase, "health": health, "sync": sync} | conditions(status)


_BY_KIND: Mapping[str, Callable[[Fields], dict[str, str]]] = {
    "pod": _pod,
    **dict.fromkeys(("deployment", "replicaset", "statefulset", "daemonset", "rollout"), _workload),
    "job": _job,
    "service": _service,
    "endpoints": _endpoints,
    "node": _node,
    "horizontalpodautoscaler": _autoscaler,
}


def conditions(status: Fields, *, all_of_them: bool = False) -> dict[str, str]:
    """Tell the conditions of an object, those with the value that most have left out.

    A condition's reason stands behind its value: `False (Unschedulable)`.
    """
    told: dict[str, str] = {}
    for row in rows(status, "conditions"):
        name, value = text(row, "type"), str(row.get("status", ""))
        if not name or not (all_of_them or name in _USUAL or value != "True"):
            continue
        reason = text(row, "reason")
        told[f"condition:{name}"] = f"{value} ({reason})" if reason and value != "True" else value
    return told


_USUAL = frozenset({"Ready", "Available", "Progressing", "Complete", "Failed"})


def _written(fields: Fields, key: str) -> str:
    found = number(fields, key)
    return "" if found is None else str(found)
