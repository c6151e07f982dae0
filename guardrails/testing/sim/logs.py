"""Pod logs of the simulated cluster: what each container would have written, from its state."""

from guardrails.testing.sim.controllers.symptoms import diagnose, listening_ports
from guardrails.testing.sim.http import Request
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.requests import Target, number
from guardrails.testing.sim.status import bad_request


def _container(pod: Obj, wanted: str) -> Obj:
    containers: list[Obj] = pod["spec"]["containers"]
    names = [container["name"] for container in containers]
    if not wanted and len(containers) > 1:
        raise bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, "
            f"choose one of: {names}"
        )
    for container in containers:
        if wanted in ("", container["name"]):
            return container
    raise bad_request(f"container {wanted} is not valid for pod {pod['metadata']['name']}")


def lines(pod: Obj, container: Obj, state: Obj, *, registry: Registry) -> list[str]:
    """What one container wrote.

    Raises:
        StatusError: 400 while it has not started.
    """
    waiting: Obj = state.get("state", {}).get("waiting") or {}
    name, pod_name = container["name"], pod["metadata"]["name"]
    if waiting and not state.get("lastState"):
        reason = waiting.get("reason", "ContainerCreating")
        text = {
            "ErrImagePull": "image can't be pulled",
            "ImagePullBackOff": "trying and failing to pull image",
        }.get(reason, reason)
        raise bad_request(f'container "{name}" in pod "{pod_name}" is waiting to start: {text}')
    started = [f"{container['image']}: starting"]
    symptom = diagnose(pod, container, store=registry.store)
    if symptom is not None and symptom.log:
        return [*started, symptom.log]
    ports = sorted(listening_ports(pod, container))
    return [*started, *(f"listening on :{port}" for port in ports)]


def read(registry: Registry, target: Target, request: Request) -> str:
    """Answer a log request.

    Raises:
        StatusError: 400 or 404.
    """
    kind = registry.kinds.named("Pod")
    pod = registry.get(kind, target.name, namespace=target.namespace)
    container = _container(pod, request.param("container"))
    statuses: list[Obj] = parts(part(pod, "status"), "containerStatuses")
    state = next((one for one in statuses if one["name"] == container["name"]), None)
    if state is None:
        raise bad_request(
            f'container "{container["name"]}" in pod "{target.name}" is waiting to start: '
            "ContainerCreating"
        )
    if request.flag("previous") and not state.get("lastState"):
        raise bad_request(
            f'previous terminated container "{container["name"]}" in pod "{target.name}" not found'
        )
    found = lines(pod, container, state, registry=registry)
    if request.param("tailLines"):
        tail = number(request, "tailLines")
        found = found[-tail:] if tail else []
    return "".join(f"{line}\n" for line in found)
