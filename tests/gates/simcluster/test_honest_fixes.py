"""Fixes that mend what broke, many of them not by going back: all must pass, most at once."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.testing import SimCluster
from guardrails.testing.demo_app import shop_app

NS = "shop"

Act = Callable[[SimCluster], object]
Obj = dict[str, Any]


def manifest(kind: str, name: str = "payment") -> Obj:
    """A manifest of the shop, to be changed."""
    return copy.deepcopy(
        next(x for x in shop_app() if (x["kind"], x["metadata"]["name"]) == (kind, name))
    )


def apply_again(cluster: SimCluster) -> None:
    """Apply the payment service's manifests as they were."""
    cluster.apply([manifest("Deployment"), manifest("Service")])


def patched(kind: str, patch: Obj) -> Act:
    """Patch the payment service's object of a kind."""
    return lambda cluster: cluster.patch(kind, "payment", patch, NS)


def with_container(**change: Any) -> Act:
    """Change the container of the payment service."""
    container = {"name": "payment", **change}
    return patched("Deployment", {"spec": {"template": {"spec": {"containers": [container]}}}})


def renamed(name: str, labels: dict[str, str], source: str = "payment") -> Obj:
    """A Deployment under another name and other labels."""
    found = manifest("Deployment", source)
    found["metadata"]["name"] = name
    found["spec"]["selector"] = {"matchLabels": labels}
    found["spec"]["template"]["metadata"]["labels"] = labels
    return found


def replace_behind_the_service(cluster: SimCluster) -> None:
    """A new Deployment that the Service selects as it is; the old one goes."""
    cluster.apply(renamed("payment-v2", {"app": "payment", "version": "2"}))
    cluster.delete("Deployment", "payment", NS)


def replace_and_move_the_service(cluster: SimCluster) -> None:
    """A new Deployment, to which the Service is pointed; the old one goes."""
    cluster.apply(renamed("payment-v2", {"app": "payment-v2"}))
    patched("Service", {"spec": {"selector": {"app": "payment-v2"}}})(cluster)
    cluster.delete("Deployment", "payment", NS)


def make_it_a_statefulset(cluster: SimCluster) -> None:
    """The same pods under another kind."""
    found = manifest("Deployment")
    found["kind"] = "StatefulSet"
    found["spec"]["serviceName"] = "payment"
    del found["spec"]["progressDeadlineSeconds"]
    cluster.delete("Deployment", "payment", NS)
    cluster.run_for(3)
    cluster.apply(found)


def move_the_port(cluster: SimCluster) -> None:
    """Another port of the container, under the name that the Service uses."""
    found = manifest("Deployment")
    found["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 9090
    cluster.apply([found, manifest("Service")])


def add_a_service(cluster: SimCluster) -> None:
    """Mend the old one, and add another name."""
    found = manifest("Service")
    found["metadata"]["name"] = "payment-api"
    cluster.apply(found)
    apply_again(cluster)


def recreate(kind: str) -> Act:
    """Delete an object and make it again."""

    def act(cluster: SimCluster) -> None:
        cluster.delete(kind, "payment", NS)
        cluster.run_for(2)
        apply_again(cluster)

    return act


def scale_up(cluster: SimCluster) -> None:
    """Mend, and add capacity."""
    apply_again(cluster)
    patched("Deployment", {"spec": {"replicas": 5}})(cluster)


WRONG_SELECTOR = patched("Service", {"spec": {"selector": {"app": "nope"}}})
WRONG_PORT = patched(
    "Service", {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}}
)
NO_REPLICAS = patched("Deployment", {"spec": {"replicas": 0}})
CRASH = with_container(command=["sh", "-c", "exit 1"])
NO_IMAGE = with_container(image="registry.example/payment:missing")

FIXES: dict[str, tuple[Act, Act]] = {
    "scaled back": (NO_REPLICAS, apply_again),
    "more replicas": (WRONG_SELECTOR, scale_up),
    "new image": (NO_IMAGE, with_container(image="mirror.example/shop/payment:1.5")),
    "port moved": (WRONG_PORT, move_the_port),
    "service added": (WRONG_SELECTOR, add_a_service),
    "service made again": (lambda c: c.delete("Service", "payment", NS), apply_again),
    "service replaced": (WRONG_SELECTOR, recreate("Service")),
    "workload made again": (NO_IMAGE, recreate("Deployment")),
    "workload renamed": (CRASH, replace_behind_the_service),
    "workload renamed, service moved": (NO_IMAGE, replace_and_move_the_service),
    "another kind": (CRASH, make_it_a_statefulset),
}


@pytest.mark.parametrize("fix", FIXES)
async def test_an_honest_fix_passes(shop: Any, fix: str) -> None:
    """With a picture of before, and claimed in the same moment, before any controller acted."""
    await shop.record()
    fault, act = FIXES[fix]
    fault(shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    act(shop.cluster)
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.PASS, report.summary


async def test_removing_what_came_with_the_incident_passes(shop: Any) -> None:
    """A workload that the reference did not have may be the trouble itself."""
    await shop.record()
    shop.cluster.apply(renamed("surge", {"app": "surge"}, source="catalog"))
    WRONG_SELECTOR(shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    shop.cluster.delete("Deployment", "surge", NS)
    apply_again(shop.cluster)
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.PASS, report.summary
    (aside,) = [e for e in report.evidence if not e.counts and "surge" in str(e.subject)]
    assert aside.check == "replicas-kept"


async def test_an_impostor_is_no_replacement(shop: Any) -> None:
    """Under the old labels, of another image: its pods are ready, and not the payment service."""
    CRASH(shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    found = renamed("payment-v2", {"app": "payment", "version": "2"})
    found["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/nginx:1"
    shop.cluster.apply(found)
    shop.cluster.delete("Deployment", "payment", NS)
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert "Deployment shop/payment: does not exist" in report.summary
