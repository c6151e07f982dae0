"""Defaulting and validation that the API server does before it stores an object.

Only what clients, controllers and checks read: pod templates, Services, workload strategies,
and the validation errors that agents provoke most often.
"""

import re
from collections.abc import Callable

from guardrails.testing.sim.kinds import Kind, Obj, part, parts
from guardrails.testing.sim.selectors import match_selector
from guardrails.testing.sim.status import invalid

MAX_PORT = 65_535
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"})

_POD_IS_FIXED = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"

Cause = tuple[str, str, str]


def _probe(probe: Obj) -> None:
    for key, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe.setdefault(key, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _container(container: Obj) -> None:
    image = str(container.get("image", ""))
    floating = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in parts(container, "ports"):
        port.setdefault("protocol", "TCP")
    for name in _PROBES:
        if container.get(name):
            _probe(container[name])


def pod_spec(spec: Obj) -> None:
    """Default a pod spec in place."""
    for container in [*parts(spec, "containers"), *parts(spec, "initContainers")]:
        _container(container)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _deployment(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    pod_spec(spec["template"].setdefault("spec", {}))


def _replicaset(obj: Obj) -> None:
    obj["spec"].setdefault("replicas", 1)
    pod_spec(obj["spec"]["template"].setdefault("spec", {}))


def _statefulset(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    pod_spec(spec["template"].setdefault("spec", {}))


def _daemonset(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    pod_spec(spec["template"].setdefault("spec", {}))


def _job(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("parallelism", 1)
    spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", 6)
    name = obj["metadata"]["name"]
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels.setdefault("batch.kubernetes.io/job-name", name)
    labels.setdefault("job-name", name)
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/job-name": name}})
    pod_spec(spec["template"].setdefault("spec", {}))


def _service(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in parts(spec, "ports"):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {"loadBalancer": {}})


def _network_policy(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


_DEFAULTS: dict[str, Callable[[Obj], None]] = {
    "Deployment": _deployment,
    "ReplicaSet": _replicaset,
    "StatefulSet": _statefulset,
    "DaemonSet": _daemonset,
    "Job": _job,
    "Service": _service,
    "NetworkPolicy": _network_policy,
    "Pod": lambda obj: pod_spec(obj["spec"]),
}


def apply_defaults(kind: Kind, obj: Obj) -> None:
    """Fill in what the API server would, in place, and drop the empty maps that it drops."""
    template = part(part(obj, "spec"), "template")
    for meta in (obj["metadata"], part(template, "metadata")):
        for name in ("labels", "annotations"):
            if name in meta and not meta[name]:
                del meta[name]
    default = _DEFAULTS.get(kind.kind)
    if default is not None:
        default(obj)


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
        for at, port in enumerate(parts(container, "ports")):
            causes += _port_causes(port.get("containerPort"), f"{where}.ports[{at}].containerPort")
    return causes


def _port_causes(value: object, field: str) -> list[Cause]:
    if isinstance(value, int) and 0 < value <= MAX_PORT:
        return []
    why = f"Invalid value: {value}: must be between 1 and {MAX_PORT}, inclusive"
    return [("FieldValueInvalid", field, why)]


def _workload_causes(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
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
    elif kind.kind == "Service":
        causes += _service_causes(spec)
    if causes:
        raise invalid(kind, name, causes)


def _frozen_pod(spec: Obj) -> tuple[Obj, list[Obj]]:
    mutable = ("nodeName", "tolerations", "activeDeadlineSeconds", "containers", "initContainers")
    rest = {key: value for key, value in spec.items() if key not in mutable}
    containers = [
        {key: value for key, value in one.items() if key != "image"} for one in spec["containers"]
    ]
    return rest, containers
