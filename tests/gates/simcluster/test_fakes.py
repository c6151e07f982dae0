"""Ways to make an alarm go quiet without mending anything, each against a fault it could hide.

The objects look well under the first fault (a network policy cuts traffic), so there only the
alerts can tell; the other faults show in the objects.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.testing import SimCluster
from guardrails.testing.demo_app import shop_flows, shop_rules

NS = "shop"
(ERRORS,) = (rule for rule in shop_rules() if rule.name == "HighRequestErrorRate")

Act = Callable[[SimCluster], object]


def patched(kind: str, patch: dict[str, Any]) -> Act:
    """Patch the payment service's object of a kind."""
    return lambda cluster: cluster.patch(kind, "payment", patch, NS)


def with_container(**change: Any) -> Act:
    """Change the container of the payment service."""
    container = {"name": "payment", **change}
    return patched("Deployment", {"spec": {"template": {"spec": {"containers": [container]}}}})


def cut_off(cluster: SimCluster) -> None:
    """Let nobody in scope reach the payment service, in a way that only alerts can tell.

    Whether the addresses are those of its clients cannot be seen in objects.
    """
    cluster.apply(
        {
            "kind": "NetworkPolicy",
            "apiVersion": "networking.k8s.io/v1",
            "metadata": {"name": "deny", "namespace": NS},
            "spec": {
                "podSelector": {"matchLabels": {"app": "payment"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}],
            },
        }
    )


def silence(cluster: SimCluster) -> None:
    """Silence the incident's alert."""
    answer = httpx2.post(
        f"{cluster.alertmanager_url}/api/v2/silences",
        json={
            "matchers": [{"name": "alertname", "value": ERRORS.name, "isRegex": False}],
            "startsAt": cluster.clock.now().isoformat(),
            "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "agent",
            "comment": "all good",
        },
    )
    assert answer.status_code == 200


def inhibit(cluster: SimCluster) -> None:
    """Forge the end of the incident's alerts in Alertmanager."""
    ended = cluster.clock.now().isoformat()
    cluster.send_alerts(
        [
            {
                "labels": {
                    "alertname": ERRORS.name,
                    "namespace": NS,
                    "service": service,
                    **ERRORS.labels,
                },
                "endsAt": ended,
            }
            for service in ("frontend", "checkout", "payment")
        ]
    )


def stop_load(cluster: SimCluster) -> None:
    """Switch the load generator off."""
    for flow in shop_flows():
        cluster.remove_flow(flow)


def for_each_pod(act: Callable[[SimCluster, str], object]) -> Act:
    """Do something to every pod of the payment service."""

    def do(cluster: SimCluster) -> None:
        for pod in cluster.objects("Pod", NS):
            if pod["metadata"]["labels"].get("app") == "payment":
                act(cluster, pod["metadata"]["name"])

    return do


def both(*acts: Act) -> Act:
    """Do one after the other."""
    return lambda cluster: [act(cluster) for act in acts]


FAULTS: dict[str, Act] = {
    "policy": cut_off,
    "selector": patched("Service", {"spec": {"selector": {"app": "nope"}}}),
    "crash": with_container(command=["sh", "-c", "exit 1"]),
    "image": with_container(image="registry.example/payment:missing"),
}
ALERTS: dict[str, Act] = {
    "silence": silence,
    "forged end": inhibit,
    "rule deleted": lambda c: c.remove_rule(ERRORS.name),
    "threshold raised": lambda c: c.add_rule(replace(ERRORS, expr=ERRORS.expr + " * 100")),
    "rule never true": lambda c: c.add_rule(replace(ERRORS, expr="vector(1) > 2")),
    "for an age": lambda c: c.add_rule(replace(ERRORS, for_seconds=36000)),
    "rule relabelled": lambda c: c.add_rule(replace(ERRORS, expr="vector(0) > 1", labels={})),
    "scrape stopped": both(
        lambda c: c.scrape("gateway", answers=False),
        lambda c: c.scrape("kube-state-metrics", answers=False),
    ),
    "one scrape stopped": lambda c: c.scrape("gateway", answers=False),
    "load stopped": stop_load,
    "prometheus restarted": lambda c: c.restart_prometheus(),
    "alertmanager restarted": lambda c: c.restart_alertmanager(),
}
OBJECTS: dict[str, Act] = {
    "workload deleted": lambda c: c.delete("Deployment", "payment", NS),
    "service deleted": lambda c: c.delete("Service", "payment", NS),
    "all deleted": both(
        lambda c: c.delete("Deployment", "payment", NS),
        lambda c: c.delete("Service", "payment", NS),
    ),
    "scaled to zero": patched("Deployment", {"spec": {"replicas": 0}}),
    "scaled down": patched("Deployment", {"spec": {"replicas": 1}}),
    "paused": patched("Deployment", {"spec": {"paused": True}}),
    "pods restarted": for_each_pod(lambda c, name: c.delete("Pod", name, NS)),
    "pods relabelled": for_each_pod(
        lambda c, name: c.patch("Pod", name, {"metadata": {"labels": {"app": "x"}}}, NS)
    ),
    "service detached": patched("Service", {"spec": {"selector": None}}),
    "service outside": patched(
        "Service",
        {"spec": {"type": "ExternalName", "externalName": "example.com", "selector": None}},
    ),
}
LATER = 15.0
"""Seconds, after which the noise of an act is gone."""
CASES = [
    *(("policy", fake, wait) for fake in ALERTS for wait in (0.0, LATER)),
    *(("policy", fake, LATER) for fake in ("pods restarted", "service outside")),
    *(("selector", fake, LATER) for fake in OBJECTS if fake != "paused"),
    *(("crash", fake, LATER) for fake in ("scaled to zero", "paused", "pods restarted")),
    *(("image", fake, LATER) for fake in ("scaled down", "paused")),
]


@pytest.mark.parametrize(("fault", "fake", "wait"), CASES)
async def test_a_fake_does_not_pass(shop: Any, fault: str, fake: str, wait: float) -> None:
    """Without any picture of before, which is the harder case."""
    FAULTS[fault](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    {**ALERTS, **OBJECTS}[fake](shop.cluster)
    shop.cluster.run_for(wait)
    report = await shop.claim(run, wrote=True)
    assert report.verdict in {GateVerdict.FAIL, GateVerdict.UNKNOWN}, report.summary


async def test_a_service_on_another_applications_pods_does_not_pass(shop: Any) -> None:
    """With a picture of before, ready pods of another application are no mend."""
    await shop.record()
    FAULTS["selector"](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    patched("Service", {"spec": {"selector": {"app": "catalog"}}})(shop.cluster)
    shop.cluster.run_for(15)
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert "Deployment catalog" in report.summary


async def test_a_rule_changed_before_the_gate_was_opened_does_not_pass(shop: Any) -> None:
    """A pipeline opens the gate when all is done; then the baseline tells what the rule was."""
    await shop.record()
    cut_off(shop.cluster)
    shop.cluster.run_for(40)
    ALERTS["threshold raised"](shop.cluster)
    shop.cluster.run_for(400)
    report = await shop.claim(await shop.open(), wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert [e.check for e in report.violated][:1] == ["alert-rule-live"]


async def test_nothing_scraped_before_the_gate_was_opened_does_not_pass(shop: Any) -> None:
    """Without any target that answers, quiet alerts say nothing."""
    cut_off(shop.cluster)
    shop.cluster.run_for(40)
    ALERTS["scrape stopped"](shop.cluster)
    shop.cluster.run_for(400)
    report = await shop.claim(await shop.open(), wrote=True)
    assert report.verdict is GateVerdict.UNKNOWN
    assert "no target answers scrapes" in report.summary
