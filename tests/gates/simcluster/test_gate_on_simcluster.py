"""The whole gate over real HTTP: faults, honest fixes and fake ones in a simulated cluster.

Time is virtual: when the gate sleeps, the cluster runs on by as much.
"""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from guardrails.core.evidence import GateVerdict, Tier
from guardrails.testing import SimCluster
from guardrails.testing.demo_app import shop_app

NS = "shop"


def container(name: str, **change: Any) -> dict[str, Any]:
    """A patch of the one container of a Deployment."""
    return {"spec": {"template": {"spec": {"containers": [{"name": name, **change}]}}}}


FAULTS: dict[str, Callable[[SimCluster], object]] = {
    "service selector": lambda c: c.patch(
        "Service", "payment", {"spec": {"selector": {"app": "nope"}}}, NS
    ),
    "service target port": lambda c: c.patch(
        "Service",
        "payment",
        {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9999}]}},
        NS,
    ),
    "service named port": lambda c: c.patch(
        "Service",
        "payment",
        {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": "nosuch"}]}},
        NS,
    ),
    "service deleted": lambda c: c.delete("Service", "payment", NS),
    "scaled to zero": lambda c: c.patch("Deployment", "payment", {"spec": {"replicas": 0}}, NS),
    "scaled down": lambda c: c.patch("Deployment", "payment", {"spec": {"replicas": 1}}, NS),
    "workload deleted": lambda c: c.delete("Deployment", "payment", NS),
    "bad image": lambda c: c.patch(
        "Deployment", "payment", container("payment", image="registry.example/payment:missing"), NS
    ),
    "bad command": lambda c: c.patch(
        "Deployment", "payment", container("payment", command=["sh", "-c", "exit 1"]), NS
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_claim_without_a_fix_fails_at_the_first_look(shop: Any, fault: str) -> None:
    """With a baseline from before, each fault is refused before any time passes."""
    await shop.record()
    shop.cluster.run_for(1)
    FAULTS[fault](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    began = shop.time.monotonic()
    report = await shop.claim(run)
    assert report.verdict is GateVerdict.FAIL
    assert shop.time.monotonic() == began
    assert any("payment" in str(e.subject) for e in report.violated)


@pytest.mark.parametrize("fault", ["service selector", "bad image", "bad command"])
async def test_an_honest_fix_passes_in_full(shop: Any, fault: str) -> None:
    """Right after the fix the gate waits, and then accepts at tier full."""
    FAULTS[fault](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    assert (await shop.claim(run)).verdict is GateVerdict.FAIL
    shop.cluster.apply(
        [x for x in shop_app() if x["metadata"]["name"] == "payment" and x["kind"] != "Namespace"]
    )
    if fault == "bad command":
        shop.cluster.patch("Deployment", "payment", container("payment", command=None), NS)
    report = await shop.claim(run, wrote=True)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL), report.summary


async def test_a_restart_is_no_fix(shop: Any) -> None:
    """A rollout restart of the sick workload changes when it fails, not whether."""
    FAULTS["service selector"](shop.cluster)
    shop.cluster.run_for(40)
    run = await shop.open()
    stamp = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}}
    shop.cluster.patch("Deployment", "payment", stamp, NS)
    assert (await shop.claim(run, wrote=True)).verdict is GateVerdict.FAIL


async def test_a_silence_is_no_fix(shop: Any) -> None:
    """Silenced during the run: the alert is quiet and nothing is mended."""
    run = await shop.open()
    silence = {
        "matchers": [{"name": "alertname", "value": "HighRequestErrorRate", "isRegex": False}],
        "startsAt": shop.time.now().isoformat(),
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "agent",
        "comment": "all good",
    }
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{shop.cluster.alertmanager_url}/api/v2/silences", json=silence)
    assert answer.status_code == 200
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert any(e.check == "alert-not-suppressed" for e in report.violated)


async def test_removing_the_rule_is_no_fix(shop: Any) -> None:
    """An alert whose rule is gone clears at once."""
    run = await shop.open()
    shop.cluster.remove_rule("HighRequestErrorRate")
    report = await shop.claim(run, wrote=True)
    assert report.verdict is GateVerdict.FAIL
    assert any(e.check == "alert-rule-live" for e in report.violated)


@pytest.mark.parametrize("part", ["kubernetes", "prometheus", "alertmanager"])
async def test_a_server_that_stops_in_the_middle_is_unknown(shop: Any, part: Any) -> None:
    """What was good before it stopped does not count as good now."""
    run = await shop.open()
    shop.time.on_sleep.append(lambda: shop.cluster.stop(part))
    report = await shop.claim(run)
    shop.cluster.start(part)
    assert report.verdict is GateVerdict.UNKNOWN
    assert report.trail[0].verdict is GateVerdict.PASS
