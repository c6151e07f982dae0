"""What is wrong with a container, read from its spec: faults vanish when the spec is mended.

Three annotations on the pod template say what an image cannot:
`sim.guarded-agent/requires-env` (names, or NAME=VALUE, that the program needs),
`sim.guarded-agent/needs-memory` (a quantity below whose limit it is killed) and
`sim.guarded-agent/listens` (ports the program really opens, if not its containerPorts).
"""

import re
from dataclasses import dataclass
from typing import Literal

from guardrails.testing.sim.kinds import Obj, part, parts, texts
from guardrails.testing.sim.quantities import parse_quantity
from guardrails.testing.sim.store import Store

PREFIX = "sim.guarded-agent/"
REQUIRES_ENV = PREFIX + "requires-env"
NEEDS_MEMORY = PREFIX + "needs-memory"
LISTENS = PREFIX + "listens"

OOM_EXIT = 137
"""128 + SIGKILL, as the kernel's OOM killer leaves it."""

_BAD_IMAGE = re.compile(r":[\w.-]*(missing|broken)")
_EXIT = re.compile(r"\bexit\s+([1-9]\d*)\b")
_FALSE = re.compile(r"(^|[\s;&|/])false(\s|;|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One reason why a container does not run or is not ready."""

    kind: Literal["config", "mount", "image", "crash", "unready"]
    reason: str
    message: str
    exit_code: int = 0
    log: str = ""


def annotations_of(obj: Obj) -> dict[str, str]:
    """An object's annotations; empty when it has none."""
    return part(obj["metadata"], "annotations")


def listening_ports(pod: Obj, container: Obj) -> set[int]:
    """The ports that the container's program opens."""
    declared = annotations_of(pod).get(LISTENS)
    if declared is not None:
        return {int(port) for port in declared.split(",") if port.strip()}
    return {int(port["containerPort"]) for port in parts(container, "ports")}


def _reference(pod: Obj, kind: str, source: Obj, store: Store, *, key: str = "") -> Symptom | None:
    name = source.get("name", "")
    if source.get("optional"):
        return None
    namespace = pod["metadata"]["namespace"]
    found = store.get(kind, name, namespace=namespace)
    if found is None:
        message = f'{kind.lower()} "{name}" not found'
    elif key and key not in {**part(found, "data"), **part(found, "stringData")}:
        message = f"couldn't find key {key} in {kind} {namespace}/{name}"
    else:
        return None
    return Symptom(kind="config", reason="CreateContainerConfigError", message=message)


def _config(pod: Obj, container: Obj, store: Store) -> Symptom | None:
    for one in parts(container, "env"):
        source: Obj = part(one, "valueFrom")
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            ref: Obj | None = source.get(field)
            if ref is not None:
                found = _reference(pod, kind, ref, store, key=ref.get("key", ""))
                if found is not None:
                    return found
    for one in parts(container, "envFrom"):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in one and (found := _reference(pod, kind, one[field], store)) is not None:
                return found
    return None


def _mount(pod: Obj, store: Store) -> Symptom | None:
    for volume in parts(pod["spec"], "volumes"):
        for field, kind, name_field in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ):
            source: Obj | None = volume.get(field)
            if source is None or source.get("optional"):
                continue
            name = source.get(name_field, "")
            if store.get(kind, name, namespace=pod["metadata"]["namespace"]) is None:
                message = (
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
                    f'{kind.lower()} "{name}" not found'
                )
                return Symptom(kind="mount", reason="ContainerCreating", message=message)
    return None


def _missing_env(pod: Obj, container: Obj, store: Store) -> str | None:
    wanted = annotations_of(pod).get(REQUIRES_ENV, "")
    env: dict[str, str] = {}
    for one in parts(container, "envFrom"):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in one:
                namespace = pod["metadata"]["namespace"]
                found = store.get(kind, one[field].get("name", ""), namespace=namespace)
                env.update((found or {}).get("data") or {})
    for one in parts(container, "env"):
        env[one["name"]] = str(one.get("value", "set"))
    for one in filter(None, (text.strip() for text in wanted.split(","))):
        name, has_value, value = one.partition("=")
        if name not in env or (has_value and env[name] != value):
            return name
    return None


def _crash(pod: Obj, container: Obj, store: Store) -> Symptom | None:
    command = " ".join([*texts(container, "command"), *texts(container, "args")])
    code = _EXIT.search(command)
    if code is not None or _FALSE.search(command):
        number = int(code[1]) if code is not None else 1
        return Symptom(
            kind="crash",
            reason="Error",
            message="",
            exit_code=number,
            log=f"command {command!r} ended with exit code {number}",
        )
    name = _missing_env(pod, container, store)
    if name is not None:
        return Symptom(
            kind="crash",
            reason="Error",
            message="",
            exit_code=1,
            log=f"fatal: environment variable {name} is not set or not valid",
        )
    needs = annotations_of(pod).get(NEEDS_MEMORY)
    limit = part(part(container, "resources"), "limits").get("memory")
    if needs and limit and parse_quantity(limit) < parse_quantity(needs):
        return Symptom(
            kind="crash",
            reason="OOMKilled",
            message="",
            exit_code=OOM_EXIT,
            log="allocating working set",
        )
    return None


def _probe_fails(pod: Obj, container: Obj, probe: Obj) -> str | None:
    command = " ".join(texts(part(probe, "exec"), "command"))
    if _EXIT.search(command) or _FALSE.search(command):
        return f"command {command!r} failed"
    action: Obj | None = probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc")
    if action is None:
        return None
    port = action.get("port")
    if isinstance(port, str) and not port.isdigit():
        named = {one.get("name"): one["containerPort"] for one in parts(container, "ports")}
        if port not in named:
            return f"invalid port name {port!r}"
        port = named[port]
    if int(port or 0) in listening_ports(pod, container):
        return None
    return f"dial tcp {pod['status'].get('podIP', '')}:{port}: connect: connection refused"


def diagnose(pod: Obj, container: Obj, *, store: Store) -> Symptom | None:
    """The first thing that is wrong with a container, or None if it will run and be ready."""
    mount = _mount(pod, store)
    if mount is not None:
        return mount
    image = str(container["image"])
    if _BAD_IMAGE.search(image):
        message = f'Back-off pulling image "{image}"'
        return Symptom(kind="image", reason="ImagePullBackOff", message=message)
    found = _config(pod, container, store) or _crash(pod, container, store)
    if found is not None:
        return found
    if container.get("livenessProbe"):
        why = _probe_fails(pod, container, container["livenessProbe"])
        if why is not None:
            return Symptom(
                kind="crash",
                reason="Error",
                message=f"Liveness probe failed: {why}",
                exit_code=OOM_EXIT,
                log="received SIGTERM, shutting down",
            )
    for name in ("startupProbe", "readinessProbe"):
        if container.get(name) and (why := _probe_fails(pod, container, container[name])):
            return Symptom(
                kind="unready",
                reason="Unhealthy",
                message=f"{name.removesuffix('Probe').capitalize()} probe failed: {why}",
            )
    return None
