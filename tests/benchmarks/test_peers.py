"""The peers say what the published tools say, on the states where those are known to err."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gates.peers import PEERS, SIX
from benchmarks.gates.peers.aiopslab import AIOPSLAB
from benchmarks.gates.peers.argocd import ARGOCD
from benchmarks.gates.peers.helm import HELM
from benchmarks.gates.peers.k8sgpt import K8SGPT
from benchmarks.gates.peers.kstatus import KSTATUS, status
from benchmarks.gates.peers.rollout import ROLLOUT_STATUS
from benchmarks.gates.peers.sregym import SREGYM
from benchmarks.gates.peers.stratus import BUFFER_SECONDS, SILENCE_SECONDS, STRATUS
from benchmarks.gates.world import Peer, Thing, View, World

AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
PROGRESSED = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}


def deployment(*, wanted: int = 3, **changes: Any) -> dict[str, Any]:
    """Return a Deployment that is rolled out, with fields of `spec` and `status` changed."""
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    found: dict[str, Any] = {
        "metadata": {"name": "web", "uid": "d", "generation": 1},
        "spec": {
            "replicas": wanted,
            "progressDeadlineSeconds": 600,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"image": 1}},
            **changes.pop("spec", {}),
        },
        "status": {
            "observedGeneration": 1,
            **{name: wanted for name in counts if wanted},
            "conditions": [PROGRESSED, AVAILABLE],
            **changes,
        },
    }
    return found


def replica_set(*, ready: int, image: int = 1) -> dict[str, Any]:
    """Return a ReplicaSet of the Deployment."""
    labels = {"app": "web", "pod-template-hash": str(image)}
    return {
        "metadata": {
            "name": f"web-{image}",
            "ownerReferences": [{"uid": "d", "controller": True}],
        },
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"image": image}}},
        "status": {"replicas": ready, "readyReplicas": ready},
    }


def pod(name: str, *, phase: str = "Running", ready: bool = True, **state: Any) -> dict[str, Any]:
    """Return a pod with one container; a pod that was never scheduled has no status of one."""
    container = {"name": "app", "ready": ready, "state": state or {"running": {}}}
    statuses = [] if phase == "Pending" and not state else [container]
    return {"metadata": {"name": name}, "status": {"phase": phase, "containerStatuses": statuses}}


SERVICE = {"metadata": {"name": "web"}, "spec": {"clusterIP": "10.0.0.1", "selector": {"a": "b"}}}


def slice_of(*, ends: int = 3, ready: bool = True) -> dict[str, Any]:
    """Return an EndpointSlice of the Service; the API says null where there is nothing."""
    return {
        "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"conditions": {"ready": ready}} for _ in range(ends)] or None,
        "ports": [{"name": "http", "port": 8080}],
    }


def world(at: float = 0.0, alerts: list[Thing] | None = None, **lists: Any) -> World:
    """Return a healthy namespace, with lists replaced."""
    whole = {
        "deployments": [deployment()],
        "replicasets": [replica_set(ready=3)],
        "pods": [pod(f"web-{n}") for n in range(3)],
        "services": [SERVICE],
        "endpointslices": [slice_of()],
        **lists,
    }
    return World(at=at, lists=whole, alerts=alerts if alerts is not None else [])


HEALTHY = world()


def accepts(peer: Peer, now: World) -> bool:
    """Return what a peer says at one look, long after the claim."""
    later = World(at=now.at + 1000, lists=now.lists, alerts=now.alerts)
    return peer.judge(View(now=later, before=HEALTHY, since=(now, later))).accepts


def names(peers: tuple[Peer, ...], now: World) -> set[str]:
    """Return the peers that accept a state."""
    return {peer.name for peer in peers if accepts(peer, now)}


def test_everyone_accepts_a_healthy_namespace() -> None:
    """No peer is so strict that it refuses what is well."""
    assert names(PEERS, HEALTHY) == {peer.name for peer in PEERS}


ORPHAN = [pod("web-0"), pod("web-1"), pod("web-3"), pod("web-2")]
FOOL_ALL = {
    "Service deleted": world(services=[], endpointslices=[]),
    "numeric target port": world(
        endpointslices=[{**slice_of(), "ports": [{"name": "http", "port": 9999}]}]
    ),
    "named target port": world(endpointslices=[{**slice_of(), "ports": None}]),
    "pod relabelled": world(pods=ORPHAN),
}


@pytest.mark.parametrize("state", FOOL_ALL.values(), ids=FOOL_ALL.keys())
def test_four_states_fool_all_six(state: World) -> None:
    """What no rollout shows, no tool that looks at rollouts sees."""
    assert names(SIX, state) == {peer.name for peer in SIX}


AT_ZERO = world(
    deployments=[deployment(wanted=0)],
    replicasets=[replica_set(ready=0)],
    pods=[],
    endpointslices=[{**slice_of(ends=0), "ports": None}],
)


def test_zero_of_zero_is_complete() -> None:
    """Only who has a baseline, or looks for endpoints, notices a workload at zero."""
    assert names(SIX, AT_ZERO) == {KSTATUS.name, ROLLOUT_STATUS.name, ARGOCD.name, HELM.name}


PAUSED = world(deployments=[deployment(spec={"paused": True}, updatedReplicas=0)])


def test_paused_change_passes_who_looks_at_pods_only() -> None:
    """The old pods are ready, and nobody of these reads `paused`."""
    assert names(SIX, PAUSED) == {K8SGPT.name, SREGYM.name}


SELECTS_NOTHING = world(endpointslices=[{**slice_of(ends=0), "ports": None}])


def test_wrong_selector_is_seen_by_who_looks_for_endpoints() -> None:
    """Only K8sGPT reads endpoints."""
    assert names(SIX, SELECTS_NOTHING) == {p.name for p in SIX} - {K8SGPT.name}


HPA: Thing = {
    "metadata": {"name": "web"},
    "status": {
        "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
            {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"},
        ]
    },
}
WARNED: Thing = {
    "type": "Warning",
    "reason": "FailedGetResourceMetric",
    "message": "no metrics",
    "involvedObject": {"kind": "HorizontalPodAutoscaler", "name": "web"},
}


def test_blind_autoscaler_is_seen_by_a_namesake_only() -> None:
    """Argo's older rule stops at the first condition; K8sGPT finds an event of the same name."""
    state = world(horizontalpodautoscalers=[HPA], events=[WARNED])

    assert names(SIX, state) == {p.name for p in SIX} - {K8SGPT.name}


def test_workload_that_is_gone_is_missed_by_nobody_of_the_six() -> None:
    """It is not found, not in the baseline's place, or leaves a Service without endpoints."""
    state = world(deployments=[], replicasets=[], pods=[], endpointslices=[slice_of(ends=0)])

    assert names(SIX, state) == set()
    assert names((STRATUS, AIOPSLAB), state) == {STRATUS.name, AIOPSLAB.name}


def test_helm_accepts_a_share_of_the_replicas() -> None:
    """Three of four are enough with the default `maxUnavailable`."""
    counts = {"readyReplicas": 3, "availableReplicas": 3}
    state = world(deployments=[deployment(wanted=4, **counts)])

    assert accepts(HELM, state)
    assert not accepts(KSTATUS, state)


def test_helm_looks_at_the_new_replica_set() -> None:
    """Old pods that serve do not make a rollout ready."""
    stuck = deployment(updatedReplicas=1, replicas=4, spec={"template": {"spec": {"image": 2}}})
    state = world(deployments=[stuck], replicasets=[replica_set(ready=3)])

    assert not accepts(HELM, state)


def test_kstatus_knows_failure_only_by_the_deadline() -> None:
    """A rollout that hangs is in progress until its deadline."""
    late = {**PROGRESSED, "status": "False", "reason": "ProgressDeadlineExceeded"}
    hangs = deployment(updatedReplicas=1)

    assert status("deployments", hangs) == "InProgress"
    assert status("deployments", deployment(conditions=[late, AVAILABLE])) == "Failed"


@pytest.mark.parametrize(
    ("plural", "thing"),
    [
        ("statefulsets", {"spec": {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}}),
        ("jobs", {"status": {"startTime": "2026-01-01T00:00:00Z"}}),
        ("cronjobs", {"spec": {"suspend": True}}),
        ("services", {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}),
        ("daemonsets", {"status": {"observedGeneration": 1, "desiredNumberScheduled": 0}}),
    ],
)
def test_kstatus_calls_current_what_it_does_not_look_into(plural: str, thing: Thing) -> None:
    """OnDelete, a started Job, a suspended CronJob, a Service, a DaemonSet without nodes."""
    whole = {"metadata": {"generation": 1}, **thing}

    assert status(plural, whole) == "Current"


def test_sregym_does_not_know_how_many_there_were() -> None:
    """Scaling from three to one passes, as what is desired is read from the current spec."""
    assert accepts(SREGYM, world(deployments=[deployment(wanted=1)], pods=[pod("web-0")]))


def test_unscheduled_pods_are_skipped_by_aiopslab() -> None:
    """A pod without container statuses has no container that is not ready."""
    state = world(pods=[pod("web-0"), pod("web-1", phase="Pending")])

    assert accepts(AIOPSLAB, state)
    assert not accepts(SREGYM, state)


FIRES: Thing = {
    "state": "firing",
    "labels": {"alertname": "HighRequestErrorRate", "namespace": "shop"},
}


def stratus(*looks: World) -> bool:
    """Return what STRATUS says at the last of some looks."""
    return STRATUS.judge(View(now=looks[-1], before=HEALTHY, since=looks)).accepts


def test_stratus_waits_for_its_silence() -> None:
    """Pods that look well are not enough before the silence is over."""
    over = BUFFER_SECONDS + SILENCE_SECONDS

    assert not stratus(world(0.0), world(over - 0.1))
    assert stratus(world(0.0), world(over))


def test_stratus_hears_an_alert_after_the_buffer() -> None:
    """An alert in the silence counts, and the next silence begins after it."""
    loud = world(BUFFER_SECONDS + 1, alerts=[FIRES])

    assert not stratus(world(0.0), loud, world(BUFFER_SECONDS + SILENCE_SECONDS))
    assert stratus(world(0.0), loud, world(BUFFER_SECONDS + 1 + SILENCE_SECONDS))


def test_stratus_takes_an_unreadable_list_for_silence() -> None:
    """A query that fails answers like one that finds nothing."""
    deaf = World(at=100.0, lists=HEALTHY.lists, alerts=None)

    assert stratus(world(0.0), deaf)
