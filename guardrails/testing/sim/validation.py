"""Validation that the API server does before it stores an object.

Only the refusals that agents provoke most often, each with the field as its cause.
"""

import re

from guardrails.testing.sim.kinds import Kind, Obj, part, parts
from guardrails.testing.sim.quantities import parse_quantity
from guardrails.testing.sim.selectors import match_selector
from guardrails.testing.sim.status import invalid

MAX_PORT = 65_535
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"})
_PERCENT = re.compile(r"^\d+%$")
_PERCENT_RULE = "a valid percent string must be a numeric string followed by an ending '%'"

_POD_IS_FIXED = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"

Cause = tuple[str, str, str]


def _container_causes(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not spec.get("containers"):
        causes.append(("FieldValueRequired", f"{path}.containers", "Required value"))
    for index, container in enumerate(parts(spec, "containers")):
        where = f"{path}.containers[{index}]"
        causes += [
            ("FieldValueRequired", f"{where}.{name}", "Required value")
            for name in ("name", "image")
            if not container.get(name)
        ]
        for name in ("requests", "limits"):
            amounts = part(part(container, "resources"), name)
            causes += _quantity_causes(amounts, f"{where}.resources.{name}")
        for at, port in enumerate(parts(container, "ports")):
            causes += _port_causes(port.get("containerPort"), f"{where}.ports[{at}].containerPort")
    return causes


def _port_causes(value: object, field: str) -> list[Cause]:
    if isinstance(value, int) and 0 < value <= MAX_PORT:
        return []
    why = f"Invalid value: {value}: must be between 1 and {MAX_PORT}, inclusive"
    return [("FieldValueInvalid", field, why)]


def _required(spec: Obj, *paths: str) -> list[Cause]:
    causes: list[Cause] = []
    for path in paths:
        *way, last = path.split(".")
        node = spec
        for step in way:
            node = part(node, step)
        if not node.get(last):
            causes.append(("FieldValueRequired", f"spec.{path}", "Required value"))
    return causes


def _share_causes(holder: Obj, path: str, *names: str) -> list[Cause]:
    """What is wrong with fields that are a count or a percentage."""
    return [
        ("FieldValueInvalid", f"{path}.{name}", f"Invalid value: {holder[name]!r}: {_PERCENT_RULE}")
        for name in names
        if isinstance(holder.get(name), str) and not _PERCENT.match(holder[name])
    ]


def _quantity_causes(amounts: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for name, amount in amounts.items():
        try:
            parse_quantity(amount)
        except ValueError as error:
            causes.append(("FieldValueInvalid", f"{path}[{name}]", f"Invalid value: {error}"))
    return causes


def _workload_causes(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for name in ("strategy", "updateStrategy"):
        rolling = part(part(spec, name), "rollingUpdate")
        causes += _share_causes(rolling, f"spec.{name}.rollingUpdate", "maxSurge", "maxUnavailable")
    replicas = spec.get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        causes.append(("FieldValueInvalid", "spec.replicas", why))
    template: Obj = part(spec, "template")
    labels = part(part(template, "metadata"), "labels")
    if not spec.get("selector"):
        causes.append(("FieldValueRequired", "spec.selector", "Required value"))
    elif not match_selector(spec["selector"], labels):
        why = f"Invalid value: {labels}: `selector` does not match template `labels`"
        causes.append(("FieldValueInvalid", "spec.template.metadata.labels", why))
    return causes + _container_causes(part(template, "spec"), "spec.template.spec")


def _service_causes(spec: Obj) -> list[Cause]:
    ports: list[Obj] = parts(spec, "ports")
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        return [("FieldValueRequired", "spec.ports", "Required value")]
    causes: list[Cause] = []
    for index, port in enumerate(ports):
        causes += _port_causes(port.get("port"), f"spec.ports[{index}].port")
        if len(ports) > 1 and not port.get("name"):
            field = f"spec.ports[{index}].name"
            causes.append(("FieldValueRequired", field, "Required value"))
    return causes


def _other_causes(kind: Kind, spec: Obj) -> list[Cause]:
    match kind.kind:
        case "Service":
            return _service_causes(spec)
        case "Job":
            return _container_causes(part(part(spec, "template"), "spec"), "spec.template.spec")
        case "ResourceQuota":
            return _quantity_causes(part(spec, "hard"), "spec.hard")
        case "PodDisruptionBudget":
            return _share_causes(spec, "spec", "minAvailable", "maxUnavailable")
        case "HorizontalPodAutoscaler":
            return _required(spec, "scaleTargetRef.kind", "scaleTargetRef.name", "maxReplicas")
        case "CustomResourceDefinition":
            return _required(spec, "group", "names.plural", "names.kind", "scope", "versions")
        case _:
            return []


def validate(kind: Kind, obj: Obj, *, old: Obj | None) -> None:
    """Refuse what the real server refuses.

    Raises:
        StatusError: 422 with one cause per broken field.
    """
    name = str(obj["metadata"]["name"])
    spec: Obj = part(obj, "spec")
    causes: list[Cause] = []
    if not _NAME.match(name):
        causes.append(
            ("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')
        )
    if kind.kind in _WORKLOADS:
        causes += _workload_causes(spec)
        if old is not None and old["spec"].get("selector") != spec.get("selector"):
            why = f"Invalid value: {spec.get('selector')}: field is immutable"
            causes.append(("FieldValueInvalid", "spec.selector", why))
    elif kind.kind == "Pod":
        causes += _container_causes(spec, "spec")
        if old is not None and _frozen_pod(old["spec"]) != _frozen_pod(spec):
            causes.append(("FieldValueForbidden", "spec", _POD_IS_FIXED))
    else:
        causes += _other_causes(kind, spec)
    if causes:
        raise invalid(kind, name, causes)


def _frozen_pod(spec: Obj) -> tuple[Obj, list[Obj]]:
    mutable = ("nodeName", "tolerations", "activeDeadlineSeconds", "containers", "initContainers")
    rest = {key: value for key, value in spec.items() if key not in mutable}
    containers = [
        {key: value for key, value in one.items() if key != "image"} for one in spec["containers"]
    ]
    return rest, containers
