"""When the gate decides: at once, after a time, or not in the time it has."""

import asyncio
from typing import Any

import pytest

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import GateVerdict, Tier
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.testing.clock import ManualClock


async def test_a_false_claim_fails_at_the_first_look(stage: Any, world: Any) -> None:
    """No time passes before the refusal."""
    broken = world.app()
    broken["Service"][0]["spec"]["selector"] = {"app": "nope"}
    stage.cluster.script = lambda _: broken
    report = await stage.judge()
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 0
    assert "matches no pod" in report.summary


async def test_a_healthy_state_passes_when_it_was_stable(stage: Any) -> None:
    """Sixty seconds and not one poll more than needed."""
    report = await stage.judge()
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.STATE)
    assert stage.clock.monotonic() == 60


async def test_each_list_is_read_once_per_look(stage: Any) -> None:
    """However many checks need it."""
    await stage.judge(wait=False)
    assert set(stage.cluster.asked.values()) == {1}
    run = [check for check in DEFAULT_CHECKS if ClaimKind.MITIGATED in check.claims]
    assert {k.split("@")[0] for k in stage.cluster.asked} == set(lists_of(run))


async def test_without_waiting_it_looks_once(stage: Any) -> None:
    """One look can fail an end and never pass it."""
    report = await stage.judge(wait=False)
    assert report.verdict is GateVerdict.PENDING
    assert len(report.trail) == 1
    assert stage.clock.monotonic() == 0


async def test_a_rollout_is_waited_for(stage: Any, world: Any) -> None:
    """Pending while it settles, with the reason, and a pass that counts from its end."""
    rolling = world.app()
    rolling["Deployment"][0]["status"]["updatedReplicas"] = 1
    rolling["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "True", "ReplicaSetUpdated", 0
    )
    stage.cluster.script = lambda t: rolling if t < 20 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 80
    assert stage.progress[0].waiting_for == ("Deployment web to finish its rollout",)
    assert [p.looks for p in stage.progress] == list(range(1, len(stage.progress) + 1))


async def test_a_regression_while_waiting_fails(stage: Any, world: Any) -> None:
    """What breaks inside the window is found inside the window."""
    crashed = world.app()
    crashed["Pod"][0]["status"]["containerStatuses"][0].update(
        ready=False, restartCount=1, state={"waiting": {"reason": "CrashLoopBackOff"}}
    )
    stage.cluster.script = lambda t: crashed if t >= 30 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 30


async def test_a_flap_starts_the_stability_time_again(stage: Any, world: Any) -> None:
    """Good, not ready for a moment, good: the first part does not count."""
    blip = world.app()
    blip["Pod"][0]["status"]["conditions"] = [world.condition("Ready", "False", "X", 30)]
    stage.cluster.script = lambda t: blip if 28 <= t < 32 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 95


async def test_a_403_is_unknown_at_once(stage: Any, world: Any) -> None:
    """Asking again does not help against RBAC."""
    stage.cluster.failed = lambda _: {"Pod": world.FORBIDDEN}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert stage.clock.monotonic() == 0
    assert "forbidden" in report.summary


async def test_a_source_that_comes_back_is_waited_for(stage: Any, world: Any) -> None:
    """A timeout inside the grace only costs time."""
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if t < 10 else {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() >= 70


async def test_a_source_that_stays_away_is_unknown_after_the_grace(stage: Any, world: Any) -> None:
    """And the grace is kept to."""
    stage.cluster.failed = lambda _: {"Pod": world.TIMEOUT}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert stage.clock.monotonic() == 15


async def test_a_source_lost_in_the_middle_is_unknown(stage: Any, world: Any) -> None:
    """Good looks before do not outlive the source."""
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if t >= 30 else {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN


async def test_waiting_ends_when_its_time_is_spent(stage: Any, world: Any) -> None:
    """A wait that will not end in time is pending, and says what for."""
    rolling = world.app()
    rolling["Deployment"][0]["status"]["updatedReplicas"] = 1
    rolling["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "True", "ReplicaSetUpdated", 0
    )
    stage.cluster.script = lambda _: rolling
    report = await stage.judge(wait_at_most_seconds=12.0)
    assert report.verdict is GateVerdict.PENDING
    assert stage.clock.monotonic() == 12
    assert "rollout" in report.summary


async def test_it_does_not_wait_for_what_cannot_come_in_time(stage: Any) -> None:
    """With less time left than the window needs there is nothing to wait for."""
    report = await stage.judge(wait_at_most_seconds=30.0)
    assert report.verdict is GateVerdict.PENDING
    assert stage.clock.monotonic() == 0


async def test_a_window_that_never_fits_says_so(stage: Any, world: Any) -> None:
    """A rule that needs longer than the policy waits could refuse for ever without a reason."""
    stage.with_alerts()
    report = await stage.judge(
        incident=world.incident(alerts=(world.ALERT,)), policy={"wait_at_most": "5m"}
    )
    assert report.verdict is GateVerdict.PENDING
    assert "a longer wait than 5m (gate.wait_at_most" in report.summary


async def test_time_that_nobody_watched_does_not_count(stage: Any, world: Any) -> None:
    """A machine that slept for minutes saw two good looks, and nothing between them."""
    slept = False

    def script(seconds: float) -> Any:
        nonlocal slept
        if seconds >= 5 and not slept:
            slept = True
            stage.clock.advance(300)
        return world.app()

    stage.cluster.script = script
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert any(s.verdict is GateVerdict.UNKNOWN for s in report.trail)
    assert stage.clock.monotonic() >= 5 + 300 + 60


async def test_waiting_can_be_cancelled(stage: Any, world: Any) -> None:
    """Cancellation passes through at once."""
    stage.clock = ManualClock(world.AT)
    stage.cluster.clock = stage.clock
    task = asyncio.create_task(stage.judge())
    while stage.clock.sleepers == 0:  # noqa: ASYNC110  # virtual time: one turn is enough
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
