"""The gate with losses that somebody allowed."""

from typing import Any

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.ids import CheckId
from guardrails.gates.composition import replays
from guardrails.gates.snapshot import write_snapshot

SCALED = {"check": "replicas-kept", "kind": "Deployment", "name": "web", "reason": "night mode"}


def scaled_down(stage: Any, world: Any, tmp_path: Any) -> Any:
    """A baseline of three replicas, and a world of two."""
    path = tmp_path / "healthy.json"
    write_snapshot(world.look(world.app(), at=-7200), path)
    stage.cluster.script = lambda _: world.app(replicas=2)
    return [path]


async def test_a_policy_lets_a_loss_pass(stage: Any, world: Any, tmp_path: Any) -> None:
    """The report names it, and replays to the same verdict."""
    baselines = scaled_down(stage, world, tmp_path)
    policy = {"require": "state", "allow_no_alert_source": True}
    refused = await stage.judge(policy=policy, baselines=baselines)
    passed = await stage.judge(policy={**policy, "allow": [SCALED]}, baselines=baselines)
    assert (refused.verdict, passed.verdict) == (GateVerdict.FAIL, GateVerdict.PASS)
    assert [e.allowed_by for e in passed.allowed] == ["policy: night mode"]
    assert "Allowed: replicas-kept of Deployment shop/web (policy: night mode)." in passed.summary
    stored = msgspec.json.decode(msgspec.json.encode(passed), type=GateReport)
    assert replays(stored)
    assert stored.allowed == passed.allowed


async def test_a_person_lets_a_loss_pass(stage: Any, world: Any, tmp_path: Any) -> None:
    """For this request alone."""
    baselines = scaled_down(stage, world, tmp_path)
    allowance = Allowance(
        check=CheckId("replicas-kept"),
        kind="Deployment",
        name="web",
        reason="agreed",
        by="the lead",
        at=world.AT,
    )
    passed = await stage.judge(baselines=baselines, allowances=(allowance,))
    refused = await stage.judge(baselines=baselines)
    assert (passed.verdict, refused.verdict) == (GateVerdict.PASS, GateVerdict.FAIL)
    assert "approved by the lead: agreed" in passed.summary
