"""How one pod lives: its containers in order, its phase, its conditions.

Pure, like `lifecycle.py`: `look` takes what was remembered about the pod and returns what is the
case now, `status_of` says it in the words of the API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from e2e.kubelet.inputs import NodeInputs, missing_volume
from e2e.kubelet.lifecycle import ContainerLife, NodeEvent, step, timestamp, waiting
from e2e.objects import Container, ContainerStatus, Pod, PodCondition, PodIP, PodStatus

HOST_IP = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLife:
    """All that is remembered about one pod: a life per container name."""

    ip: str
    containers: Mapping[str, ContainerLife]


def look(
    life: PodLife, *, pod: Pod, inputs: NodeInputs, now: float
) -> tuple[PodLife, tuple[NodeEvent, ...]]:
    """Advance a pod's containers: init containers one after the other, then the rest together."""
    lives = dict(life.containers)
    blocked = missing_volume(pod, inputs=inputs)
    events: list[NodeEvent] = []
    if blocked is not None and not lives:
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            lives[container.name] = waiting("ContainerCreating", now=now)
    if blocked is not None and not _any_started(lives):
        name = pod.spec.containers[0].name
        return PodLife(ip=life.ip, containers=lives), (
            NodeEvent(type="Warning", reason="FailedMount", message=blocked, container=name),
        )
    for container in _startable(pod, lives=lives):
        before = lives.get(container.name) or waiting("ContainerCreating", now=now)
        lives[container.name], happened = step(
            before, container=container, pod=pod, inputs=inputs, now=now
        )
        events.extend(happened)
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        lives.setdefault(container.name, waiting("PodInitializing", now=now))
    return PodLife(ip=life.ip, containers=lives), tuple(events)


def status_of(life: PodLife, *, pod: Pod, now: float) -> PodStatus:
    """Return the status a kubelet would write; unchanged parts keep their times."""
    ready = all(_life_of(life, each).ready for each in pod.spec.containers)
    initialised = _initialised(pod, lives=life.containers)
    unready = [each.name for each in pod.spec.containers if not _life_of(life, each).ready]
    text = f"containers with unready status: [{' '.join(unready)}]" if unready else ""
    reason = "" if ready else "ContainersNotReady"
    conditions = [
        PodCondition(type="PodReadyToStartContainers", status="True"),
        PodCondition(type="Initialized", status="True")
        if initialised
        else PodCondition(type="Initialized", status="False", reason="ContainersNotInitialized"),
        PodCondition(type="Ready", status=str(ready), reason=reason, message=text),
        PodCondition(type="ContainersReady", status=str(ready), reason=reason, message=text),
    ]
    kept = {each.type: each for each in pod.status.conditions}
    named = {each.type for each in conditions}
    return PodStatus(
        phase=_phase(life, pod=pod),
        conditions=[
            *(_dated(each, before=kept.get(each.type), pod=pod, now=now) for each in conditions),
            *(each for each in pod.status.conditions if each.type not in named),
        ],
        host_ip=HOST_IP,
        pod_ip=life.ip,
        pod_ips=[PodIP(ip=life.ip)],
        start_time=pod.status.start_time or timestamp(now),
        qos_class=pod.status.qos_class,
        observed_generation=pod.metadata.generation,
        init_container_statuses=_statuses(pod.spec.init_containers, pod=pod, life=life),
        container_statuses=_statuses(pod.spec.containers, pod=pod, life=life),
    )


def _startable(pod: Pod, *, lives: Mapping[str, ContainerLife]) -> Sequence[Container]:
    """Return the containers whose turn it is."""
    for container in pod.spec.init_containers:
        life = lives.get(container.name)
        if life is None or not (life.done or _is_sidecar(container, life)):
            return [container]
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    return [*sidecars, *pod.spec.containers]


def _is_sidecar(container: Container, life: ContainerLife) -> bool:
    return container.restart_policy == "Always" and life.up


def _initialised(pod: Pod, *, lives: Mapping[str, ContainerLife]) -> bool:
    for each in pod.spec.init_containers:
        life = lives.get(each.name)
        if life is None or not (life.done or _is_sidecar(each, life)):
            return False
    return True


def _any_started(lives: Mapping[str, ContainerLife]) -> bool:
    return any(life.outcome is not None for life in lives.values())


def _life_of(life: PodLife, container: Container) -> ContainerLife:
    return life.containers[container.name]


def _phase(life: PodLife, *, pod: Pod) -> str:
    lives = [_life_of(life, each) for each in pod.spec.containers]
    if all(each.state.terminated is not None for each in lives):
        return "Succeeded" if all(each.done for each in lives) else "Failed"
    begun = all(each.outcome is not None for each in lives)
    return "Running" if begun and _initialised(pod, lives=life.containers) else "Pending"


def _statuses(containers: Sequence[Container], *, pod: Pod, life: PodLife) -> list[ContainerStatus]:
    return [
        ContainerStatus(
            name=each.name,
            ready=lived.ready or lived.done,
            restart_count=lived.restarts,
            image=each.image,
            image_id=f"{each.image}@simulated" if lived.outcome else "",
            container_id=f"containerd://{pod.metadata.uid}-{each.name}-{lived.restarts}"
            if lived.outcome
            else "",
            started=lived.up,
            state=lived.state,
            last_state=lived.last_state,
        )
        for each in containers
        for lived in [_life_of(life, each)]
    ]


def _dated(
    condition: PodCondition, *, before: PodCondition | None, pod: Pod, now: float
) -> PodCondition:
    same = before is not None and before.status == condition.status
    return PodCondition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_time=before.last_transition_time if same and before else timestamp(now),
        observed_generation=pod.metadata.generation,
    )
