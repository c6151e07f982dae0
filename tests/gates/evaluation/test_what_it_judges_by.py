"""What the gate judges by: alerts, references, diagnoses, and checks that break."""

from datetime import timedelta
from typing import Any

import msgspec

from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import EvidenceState, GateVerdict, Tier
from guardrails.core.incident import Goal, Workload
from guardrails.gates.base import GateRequest
from guardrails.gates.checks import Check
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.snapshot import (
    ListKey,
    ObjectList,
)


async def test_no_alert_source_is_unknown_unless_allowed(stage: Any) -> None:
    """Without Prometheus nothing tells whether alerts are clear."""
    report = await stage.judge(policy={"require": "state"})
    assert report.verdict is GateVerdict.UNKNOWN
    assert any(e.check == "alert-source" for e in report.unknown)


async def test_an_allowed_missing_source_gives_tier_state_at_most(stage: Any) -> None:
    """Whatever tier the policy asks for."""
    report = await stage.judge(policy={"require": "full", "allow_no_alert_source": True})
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.STATE)


async def test_without_a_cluster_everything_is_unknown(stage: Any, world: Any) -> None:
    """A gate without a cluster never passes."""
    stage.cluster = None
    gate = stage.gate()
    run = await gate.open(world.incident())
    report = await run.evaluate(GateRequest(incident=world.incident(), claim=None))
    assert report.verdict is GateVerdict.UNKNOWN
    assert "no cluster was given" in report.summary


async def test_a_firing_alert_without_a_write_fails_at_once(stage: Any, world: Any) -> None:
    """The agent changed nothing, so the alert is not on its way out."""
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={})
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 0


async def test_full_proof_takes_the_window_of_the_rule(stage: Any, world: Any) -> None:
    """The alert clears, and then must stay clear for the derived window."""
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < 100 else [])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={}, last_write_at=world.AT)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL)
    assert stage.clock.monotonic() == 100 + 360
    assert "HighRequestErrorRate" in report.window.derived_from


async def test_an_alert_that_does_not_clear_fails_when_its_time_is_up(
    stage: Any, world: Any
) -> None:
    """A write buys what the rule needs and no more."""
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={}, last_write_at=world.AT)
    assert report.verdict is GateVerdict.FAIL
    assert 180 <= stage.clock.monotonic() <= 185


async def test_a_healthy_baseline_catches_what_was_gone_at_the_start(
    stage: Any, world: Any, tmp_path: Any
) -> None:
    """The Service was deleted before the run began; only a recorded snapshot knows it."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    write_snapshot(world.look(world.app(), at=-3600), tmp_path / "healthy.json.gz")
    broken = world.app()
    broken["Service"], broken["EndpointSlice"] = [], []
    stage.cluster.script = lambda _: broken
    report = await stage.judge(baselines=[tmp_path])
    assert report.verdict is GateVerdict.FAIL
    assert report.reference.source == "snapshot"


async def test_what_was_broken_before_is_held_against_nobody(
    stage: Any, world: Any, tmp_path: Any
) -> None:
    """A chronic fault beside the incident is reported and does not refuse an honest fix."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    chronic = world.app("legacy")
    chronic["Service"][0]["spec"]["selector"] = {"app": "nope"}
    both = world.join(world.app(), chronic)
    write_snapshot(world.look(both, at=-7200), tmp_path / "old.json")
    alert = msgspec.structs.replace(world.ALERT, starts_at=world.AT - timedelta(minutes=5))
    incident = world.incident(alerts=(alert,))
    stage.with_alerts().cluster.script = lambda _: both
    report = await stage.judge(incident=incident, baselines=[tmp_path], policy={"require": "state"})
    aside = [e for e in report.evidence if not e.counts and e.state is EvidenceState.VIOLATED]
    assert report.verdict is GateVerdict.PASS
    assert [e.subject.name for e in aside if e.check == "service-reaches-pods"] == ["legacy"]


async def test_a_workload_that_the_incident_names_is_never_excused(
    stage: Any, world: Any, tmp_path: Any
) -> None:
    """The reference that shows it broken is passed over."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    broken = world.app()
    broken["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "False", "ProgressDeadlineExceeded"
    )
    broken["Deployment"][0]["status"]["updatedReplicas"] = 1
    write_snapshot(world.look(broken, at=-7200), tmp_path / "old.json")
    stage.cluster.script = lambda _: broken
    incident = world.incident(workloads=(Workload(name="web"),))
    report = await stage.judge(incident=incident, baselines=[tmp_path])
    assert report.verdict is GateVerdict.FAIL
    assert report.reference.source == "run-start"
    assert "passed over" in report.reference.detail


async def test_a_diagnosis_needs_no_time(stage: Any, world: Any) -> None:
    """What it names exists and was looked at: that is all that can be asked."""
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=(NamedEntity(name="web", kind="deployment"),))
    report = await stage.judge(
        incident=world.incident(goal=Goal.DIAGNOSIS), claim=claim, observed=frozenset({"web"})
    )
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 0


async def test_a_diagnosis_of_what_was_never_looked_at_fails(stage: Any) -> None:
    """A name out of nowhere is no finding."""
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=(NamedEntity(name="web"),))
    assert (await stage.judge(claim=claim)).verdict is GateVerdict.FAIL


async def test_a_run_without_a_claim_gets_a_report(stage: Any) -> None:
    """A run that was broken off is described all the same."""
    report = await stage.judge(claim=None, wait=False)
    assert report.claim is ClaimKind.GAVE_UP
    assert report.evidence


async def test_a_check_that_breaks_is_unknown(stage: Any) -> None:
    """Somebody else's check raises: its silence is no consent."""

    def explode(*_: Any) -> Any:
        raise RuntimeError("boom")

    broken = Check(id="custom", judge=explode)  # type: ignore[arg-type]
    report = await stage.judge(checks=(*DEFAULT_CHECKS, broken))
    assert report.verdict is GateVerdict.UNKNOWN
    assert "boom" in report.summary


async def test_a_reader_that_raises_is_unknown(stage: Any) -> None:
    """A reader that breaks its word does not break the run."""

    async def explode(_: ListKey) -> ObjectList:
        raise RuntimeError("boom")

    stage.cluster.list = explode  # type: ignore[method-assign]
    assert (await stage.judge()).verdict is GateVerdict.UNKNOWN


async def test_an_empty_namespace_is_unknown(stage: Any) -> None:
    """Nothing to judge is never a pass, and a namespace that does not exist is named."""
    stage.cluster.script = lambda _: {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert "namespace shop does not exist" in report.summary
