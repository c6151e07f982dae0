"""Custom checks inside the gate: asked once per look, part of the verdict, and replayed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.errors import PolicyError
from guardrails.gates.alerts.prometheus import Prometheus
from guardrails.gates.base import GateRequest
from guardrails.gates.composition import replays
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.connect import connect
from guardrails.policy.models import GateSettings
from guardrails.testing import ClusterTime, ManualClock, SimCluster
from guardrails.testing.demo_app import shop_app, shop_flows

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="done")
INCIDENT = Incident(task="Mend the shop.", namespaces=("shop",))
CHECKOUT = {
    "kind": "Deployment",
    "group": "apps",
    "namespace": "shop",
    "name": "checkout",
    "path": "status.readyReplicas",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[SimCluster]:
    """A shop that has been well for a minute, and that no test changes."""
    with SimCluster(autorun=False, clock=ManualClock(), tick_seconds=0.25) as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        cluster.settle()
        cluster.run_for(60)
        yield cluster


async def judge(
    cluster: SimCluster, folder: Path, *custom: dict[str, Any], **settings: Any
) -> GateReport:
    """Judge one end with custom checks."""
    written = {
        "stable_for": "4s",
        "window": "4s",
        "poll_every": "2s",
        "custom": list(custom),
        **settings,
    }
    gate = EvidenceGate(
        reader=connect(cluster.write_kubeconfig(folder / "config"), timeout_seconds=5),
        prometheus=Prometheus(cluster.prometheus_url, timeout_seconds=5),
        settings=GateSettings.model_validate(written),
        clock=ClusterTime(cluster),
    )
    run = await gate.open(INCIDENT)
    report = await run.evaluate(GateRequest(incident=INCIDENT, claim=MITIGATED))
    assert replays(report)
    return report


def states(report: GateReport) -> dict[str, str]:
    """Give the states of custom facts."""
    return {e.check: e.state for e in report.evidence if e.check.startswith("custom:")}


async def test_what_holds_passes_with_the_rest(cluster: SimCluster, tmp_path: Path) -> None:
    """A comparison, a probe and a condition, each required."""
    report = await judge(
        cluster,
        tmp_path,
        {"name": "up", "promql": "min(up) == 1"},
        {"name": "api", "http": {"url": f"{cluster.prometheus_url}/-/ready"}},
        {"name": "ready", "object": {**CHECKOUT, "at_least": 2}},
    )
    assert report.verdict is GateVerdict.PASS, report.summary
    assert set(states(report)) == {"custom:up", "custom:api", "custom:ready"}
    assert set(states(report)) <= set(report.required)


@pytest.mark.parametrize(
    ("custom", "verdict"),
    [
        ({"promql": "min(up) == 2"}, GateVerdict.FAIL),
        ({"promql": "min(no_such_series) == 1"}, GateVerdict.UNKNOWN),
        ({"http": {"url": "{prometheus}/nowhere"}}, GateVerdict.FAIL),
        ({"http": {"url": "http://127.0.0.1:1/", "timeout": "1s"}}, GateVerdict.UNKNOWN),
        ({"object": {**CHECKOUT, "equals": 7}}, GateVerdict.FAIL),
        ({"object": {**CHECKOUT, "name": "nowhere", "equals": 7}}, GateVerdict.UNKNOWN),
        ({"object": {**CHECKOUT, "path": "status.nowhere", "equals": 7}}, GateVerdict.UNKNOWN),
    ],
)
async def test_what_does_not_hold_does_not_pass(
    cluster: SimCluster, tmp_path: Path, custom: dict[str, Any], verdict: GateVerdict
) -> None:
    """A violation fails the end, what cannot be told leaves it unknown."""
    if "http" in custom:
        url = custom["http"]["url"].replace("{prometheus}", cluster.prometheus_url)
        custom = {"http": {**custom["http"], "url": url}}
    report = await judge(cluster, tmp_path, {"name": "mine", **custom})
    assert report.verdict is verdict
    told = await judge(cluster, tmp_path, {"name": "mine", "required": False, **custom})
    assert told.verdict is GateVerdict.PASS


async def test_a_skipped_check_is_named_in_the_report(cluster: SimCluster, tmp_path: Path) -> None:
    """Nobody has to know the policy to see what was not looked at."""
    report = await judge(cluster, tmp_path, skip_checks=["autoscaler-active"])
    assert report.verdict is GateVerdict.PASS
    (named,) = [e for e in report.evidence if e.check == "autoscaler-active"]
    assert (named.counts, named.observed) == (False, "not run: the policy skips it")
    assert "not run: autoscaler-active" in report.summary


async def test_a_check_that_is_not_there_cannot_be_skipped(
    cluster: SimCluster, tmp_path: Path
) -> None:
    """A mistyped name would otherwise skip nothing, in silence."""
    with pytest.raises(PolicyError, match="did you mean 'pods-ready'"):
        await judge(cluster, tmp_path, skip_checks=["pod-ready"])
