"""K8sGPT's default analyzers: a list of problems, healthy when it is empty.

Rules: `pkg/analyzer` of k8sgpt-ai/k8sgpt (pod, deployment, replicaset, service, statefulset,
daemonset, pvc, job, cronjob, node). Two of them are imitated with their accidents: the Service
analyzer takes any warning about any object of the Service's name, and a pod that runs unready is
noticed only while its latest event says so. Endpoints are read from EndpointSlices.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gates.world import (
    Answer,
    Peer,
    Thing,
    View,
    World,
    dig,
    each,
    holds,
    name_of,
    no,
    number,
    replicas,
    yes,
)

WAITING = frozenset(
    {
        *("CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError", "ErrImagePull"),
        *("PreCreateHookError", "CreateContainerError", "PreStartHookError", "RunContainerError"),
        *("ImageInspectError", "ErrImageNeverPull", "InvalidImageName"),
    }
)
"""The waiting reasons that it knows."""

SERVICE = "kubernetes.io/service-name"


def judge(view: View) -> Answer:
    """Accept when no analyzer finds anything."""
    found = next(_problems(view.now), None)
    return yes("no problems detected") if found is None else no(found)


def _problems(world: World) -> Iterator[str]:
    for analyzer in _ANALYZERS:
        yield from analyzer(world)


def _pods(world: World) -> Iterator[str]:
    for pod in world.of("pods"):
        name = name_of(pod)
        if dig(pod, "status", "phase") == "Pending":
            for one in each(pod, "status", "conditions"):
                if one.get("type") == "PodScheduled" and one.get("reason") in {
                    "Unschedulable", "SchedulingGated",
                }:  # fmt: skip
                    yield f"Pod {name}: {one.get('message')}"
        if dig(pod, "status", "reason") == "Evicted":
            yield f"Pod {name}: evicted"
        statuses = [
            *each(pod, "status", "initContainerStatuses"),
            *each(pod, "status", "containerStatuses"),
        ]
        for status in statuses:
            yield from _container(pod, status, world)


def _container(pod: Thing, status: Thing, world: World) -> Iterator[str]:
    name, phase = name_of(pod), dig(pod, "status", "phase")
    reason = dig(status, "state", "waiting", "reason")
    if reason == "CrashLoopBackOff" and dig(status, "lastState", "terminated") is None:
        return
    if reason in WAITING:
        yield f"Pod {name}: {reason}"
    elif reason == "ContainerCreating" and phase == "Pending":
        latest = _latest_event(world, name)
        if dig(latest, "reason") in {"FailedCreatePodSandBox", "FailedMount"}:
            yield f"Pod {name}: {dig(latest, 'message')}"
    ended = dig(status, "state", "terminated")
    if ended is not None and number(ended, "exitCode") != 0:
        yield f"Pod {name}: exit code {number(ended, 'exitCode')}"
    if not status.get("ready") and phase == "Running":
        latest = _latest_event(world, name)
        if dig(latest, "reason") == "Unhealthy":
            yield f"Pod {name}: {dig(latest, 'message')}"


def _latest_event(world: World, name: str) -> Thing | None:
    about = [e for e in world.of("events") if dig(e, "involvedObject", "name") == name]
    return max(about, key=lambda e: str(e.get("lastTimestamp") or ""), default=None)


def _deployments(world: World) -> Iterator[str]:
    for one in world.of("deployments"):
        if replicas(one) != number(one, "status", "readyReplicas"):
            yield f"Deployment {name_of(one)}: not all replicas are ready"
        if holds(one, "Progressing", "False"):
            yield f"Deployment {name_of(one)}: does not progress"


def _replica_sets(world: World) -> Iterator[str]:
    for one in world.of("replicasets"):
        failed = any(
            c.get("type") == "ReplicaFailure" and c.get("reason") == "FailedCreate"
            for c in each(one, "status", "conditions")
        )
        if number(one, "status", "replicas") == 0 and failed:
            yield f"ReplicaSet {name_of(one)}: cannot create pods"


def _services(world: World) -> Iterator[str]:
    for one in world.of("services"):
        name = name_of(one)
        if not dig(one, "spec", "selector"):
            continue
        ends = [
            end
            for part in world.of("endpointslices")
            if dig(part, "metadata", "labels", SERVICE) == name
            for end in each(part, "endpoints")
        ]
        if not ends:
            yield f"Service {name}: no endpoints"
        elif any(dig(end, "conditions", "ready") is False for end in ends):
            yield f"Service {name}: endpoints that are not ready"
        for event in world.of("events"):
            if event.get("type") != "Normal" and dig(event, "involvedObject", "name") == name:
                yield f"Service {name}: {event.get('message')}"


def _stateful_sets(world: World) -> Iterator[str]:
    for one in world.of("statefulsets"):
        service = dig(one, "spec", "serviceName")
        if service and world.named("services", service) is None:
            yield f"StatefulSet {name_of(one)}: its Service does not exist"
        if number(one, "status", "availableReplicas") < replicas(one):
            yield f"StatefulSet {name_of(one)}: pods are not running"


def _daemon_sets(world: World) -> Iterator[str]:
    for one in world.of("daemonsets"):
        wanted = number(one, "status", "desiredNumberScheduled")
        if number(one, "status", "numberReady") < wanted:
            yield f"DaemonSet {name_of(one)}: not all pods are ready"


def _claims(world: World) -> Iterator[str]:
    for one in world.of("persistentvolumeclaims"):
        if dig(one, "status", "phase") == "Pending":
            latest = _latest_event(world, name_of(one))
            if dig(latest, "reason") == "ProvisioningFailed":
                yield f"PersistentVolumeClaim {name_of(one)}: {dig(latest, 'message')}"


def _jobs(world: World) -> Iterator[str]:
    for one in world.of("jobs"):
        if dig(one, "spec", "suspend"):
            yield f"Job {name_of(one)}: suspended"
        if number(one, "status", "failed") and not number(one, "status", "succeeded"):
            yield f"Job {name_of(one)}: failed"
    for one in world.of("cronjobs"):
        if dig(one, "spec", "suspend"):
            yield f"CronJob {name_of(one)}: suspended"


def _nodes(world: World) -> Iterator[str]:
    for one in world.of("nodes"):
        for c in each(one, "status", "conditions"):
            good = "True" if c.get("type") == "Ready" else "False"
            if c.get("status") != good:
                yield f"Node {name_of(one)}: {c.get('type')} is {c.get('status')}"


_ANALYZERS = (
    _pods, _deployments, _replica_sets, _services, _stateful_sets, _daemon_sets, _claims, _jobs,
    _nodes,
)  # fmt: skip

K8SGPT = Peer(name="K8sGPT", source="k8sgpt-ai/k8sgpt pkg/analyzer", judge=judge)
