"""Faults of capacity, of pods that do not stay and of work that fails, with their honest fixes."""

from collections.abc import Callable
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState, GateReport, GateVerdict
from guardrails.testing import SimCluster

NS = "shop"

Act = Callable[[SimCluster], object]
Obj = dict[str, Any]


def violated(report: GateReport) -> set[str]:
    """The checks that count something as violated."""
    return {e.check for e in report.evidence if e.counts and e.state is EvidenceState.VIOLATED}


def quota(cluster: SimCluster) -> None:
    """A quota below what runs, and a pod that is to come back under it."""
    manifest = {"kind": "ResourceQuota", "metadata": {"name": "pods", "namespace": NS}}
    cluster.apply({**manifest, "spec": {"hard": {"pods": "1"}}})
    name = next(p["metadata"]["name"] for p in cluster.objects("Pod", NS))
    cluster.delete("Pod", name, NS)


def cordon(cluster: SimCluster) -> None:
    """One of two nodes takes no pods any more; those on it stay."""
    cluster.patch("Node", "node-2", {"spec": {"unschedulable": True}})


def uncordon(cluster: SimCluster) -> None:
    """Both take pods again."""
    cluster.patch("Node", "node-2", {"spec": {"unschedulable": False}})


def another_node(cluster: SimCluster) -> None:
    """The cordoned node stays as it is, and another comes in its place."""
    found = cluster.get("Node", "node-1")
    assert found is not None
    labels = {**found["metadata"]["labels"], "kubernetes.io/hostname": "node-3"}
    cluster.apply(
        {"kind": "Node", "metadata": {"name": "node-3", "labels": labels}, "spec": {},
         "status": found["status"]}
    )  # fmt: skip


def mount(claim: str) -> Act:
    """Let the payment service mount a claim."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    patch = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    return lambda cluster: cluster.patch("Deployment", "payment", patch, NS)


def job(name: str, command: str) -> Act:
    """A Job that runs a command, and is not tried again."""
    container = {"name": "main", "image": "shop/tool:1", "command": ["sh", "-c", command]}
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers":
            [container]}}}  # fmt: skip
    manifest = {"kind": "Job", "metadata": {"name": name, "namespace": NS}, "spec": spec}
    return lambda cluster: cluster.apply(manifest)


def autoscale(cluster: SimCluster) -> None:
    """An autoscaler of a Deployment that does not exist."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}
    cluster.apply(
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "scaler", "namespace": NS},
         "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    )  # fmt: skip


def delete(kind: str, name: str) -> Act:
    """Delete an object."""
    return lambda cluster: cluster.delete(kind, name, NS)


def unmount(cluster: SimCluster) -> None:
    """Go back to a template without the claim."""
    volumes = [{"$patch": "delete", "name": "data"}]
    patch = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    cluster.patch("Deployment", "payment", patch, NS)


FAULTS: dict[str, tuple[Act, str, Act]] = {
    "quota": (quota, "pods-admitted", delete("ResourceQuota", "pods")),
    "cordon, lifted": (cordon, "nodes-open", uncordon),
    "cordon, another node": (cordon, "nodes-open", another_node),
    "claim missing": (mount("nope"), "volumes-bound", unmount),
    "autoscaler of nothing": (
        autoscale,
        "autoscaler-active",
        delete("HorizontalPodAutoscaler", "scaler"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_fails_and_its_mend_passes(shop: Any, name: str) -> None:
    """Refused by name as long as it is there, and accepted once it is mended."""
    await shop.record()
    fault, check, mend = FAULTS[name]
    fault(shop.cluster)
    shop.cluster.run_for(130)
    run = await shop.open()
    refused = await shop.claim(run)
    assert refused.verdict is GateVerdict.FAIL
    assert check in violated(refused)
    mend(shop.cluster)
    accepted = await shop.claim(run, wrote=True)
    assert accepted.verdict is GateVerdict.PASS, accepted.summary


async def test_a_job_that_fails_is_done_over(shop: Any) -> None:
    """It succeeded before the incident; a Job cannot be mended, only made again."""
    job("import", "true")(shop.cluster)
    shop.cluster.run_for(5)
    await shop.record()
    shop.cluster.delete("Job", "import", NS)
    shop.cluster.run_for(2)
    job("import", "exit 1")(shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    refused = await shop.claim(run)
    assert violated(refused) == {"jobs-succeed"}
    job("import-2", "true")(shop.cluster)
    accepted = await shop.claim(run, wrote=True)
    assert accepted.verdict is GateVerdict.PASS, accepted.summary


def kill_one(shop: Any) -> Callable[[], None]:
    """Delete the newest pod of the catalog service."""

    def act() -> None:
        pods = [p for p in shop.cluster.objects("Pod", NS) if "catalog" in p["metadata"]["name"]]
        newest = max(pods, key=lambda p: p["metadata"]["creationTimestamp"])
        shop.cluster.delete("Pod", newest["metadata"]["name"], NS)

    return act


async def test_a_pod_that_is_moved_once_delays_the_pass(shop: Any) -> None:
    """A node was drained while the gate looked."""
    run = await shop.open()
    quiet = await shop.claim(run)
    began = shop.time.now()
    shop.time.on_sleep.append(kill_one(shop))
    report = await shop.claim(run)
    assert (quiet.verdict, report.verdict) == (GateVerdict.PASS, GateVerdict.PASS)
    assert report.ended_at - began > quiet.ended_at - quiet.started_at


def at_every_sleep(monkeypatch: pytest.MonkeyPatch, shop: Any, act: Callable[[], None]) -> None:
    """Let something happen after every look."""
    sleep = shop.time.sleep

    async def eventful(seconds: float) -> None:
        act()
        await sleep(seconds)

    monkeypatch.setattr(shop.time, "sleep", eventful)


async def test_pods_that_are_made_anew_again_and_again_fail(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is ready within a second, and none lives long enough for an alert on it."""
    run = await shop.open()
    at_every_sleep(monkeypatch, shop, kill_one(shop))
    report = await shop.claim(run)
    assert report.verdict is GateVerdict.FAIL
    assert "pod-churn" in violated(report)


async def test_rollouts_without_end_fail(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart after every look, each of which is over at the next."""

    def restart() -> None:
        stamp = {"kubectl.kubernetes.io/restartedAt": shop.time.now().isoformat()}
        patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
        shop.cluster.patch("Deployment", "payment", patch, NS)

    run = await shop.open()
    at_every_sleep(monkeypatch, shop, restart)
    report = await shop.claim(run)
    assert report.verdict is GateVerdict.FAIL
    assert "rollout-restless" in violated(report)
