"""The evidence gate watching a pass, in virtual time."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import WatchEnd
from guardrails.core.evidence import GateProgress, GateVerdict, Sample
from guardrails.gates.base import GateRequest
from guardrails.gates.composition import good_since, replays
from guardrails.gates.snapshot import Read, ReadStatus
from guardrails.gates.watching import TRAIL_LIMIT, Watched, thinned

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="fixed")
DOWN = Read(status=ReadStatus.TIMEOUT, message="no answer in 10 s", temporary=True)
POLICY = {
    "require": "state",
    "allow_no_alert_source": True,
    "stable_for": "20s",
    "poll_every": "5s",
    "unknown_grace": "15s",
}
PASSED_AT = 20.0
"""Seconds after the start at which the healthy cluster passes."""


async def watch(
    stage: Any, *, for_seconds: float = 60.0, progress: list[GateProgress] | None = None
) -> Watched:
    """Let a healthy cluster pass, and watch it."""
    run = await stage.gate(policy=POLICY).open(stage.world.incident())
    request = GateRequest(incident=stage.world.incident(), claim=MITIGATED)
    report = await run.evaluate(request)
    assert (report.verdict, stage.clock.monotonic()) == (GateVerdict.PASS, PASSED_AT)
    told = (progress if progress is not None else []).append
    return await run.watch(request, accepted=report, for_seconds=for_seconds, on_progress=told)


def broken(world: Any) -> Any:
    """A shop whose Service selects nothing."""
    app = world.app()
    app["Service"][0]["spec"]["selector"] = {"app": "wbe"}
    return app


async def test_what_stays_good_holds(stage: Any) -> None:
    """For the whole time; the last look's report goes on with the trail of the pass."""
    watched = await watch(stage)
    assert (watched.end, watched.seconds, watched.looks) == (WatchEnd.HELD, 60.0, 12)
    assert watched.report.verdict is GateVerdict.PASS
    assert replays(watched.report)


async def test_a_regression_ends_the_watch_at_once(stage: Any) -> None:
    """With the look that shows it."""
    stage.cluster.script = lambda at: (
        stage.world.app() if at < PASSED_AT + 12 else broken(stage.world)
    )
    watched = await watch(stage)
    assert (watched.end, watched.seconds) == (WatchEnd.REGRESSED, 15.0)
    assert watched.report.verdict is GateVerdict.FAIL
    assert replays(watched.report)


async def test_a_blip_is_no_regression(stage: Any) -> None:
    """Whatever is unreadable for a while is asked for again, more often."""
    stage.cluster.failed = lambda at: {"Pod": DOWN} if PASSED_AT + 8 < at < PASSED_AT + 40 else {}
    watched = await watch(stage)
    assert watched.end is WatchEnd.HELD
    assert watched.looks > 12


async def test_a_blip_at_the_end_gets_the_grace(stage: Any) -> None:
    """The last word is a look that could be read."""
    stage.cluster.failed = lambda at: {"Pod": DOWN} if PASSED_AT + 58 < at < PASSED_AT + 66 else {}
    watched = await watch(stage)
    assert watched.end is WatchEnd.HELD
    assert 60 < watched.seconds < 75


async def test_what_cannot_be_read_at_the_end_is_told(stage: Any) -> None:
    """Bounded by the grace."""
    stage.cluster.failed = lambda at: {"Pod": DOWN} if at > PASSED_AT + 30 else {}
    watched = await watch(stage)
    assert watched.end is WatchEnd.UNREAD
    assert 75 <= watched.seconds <= 76
    assert watched.report.verdict is GateVerdict.UNKNOWN


async def test_what_is_still_being_worked_off_is_told(stage: Any) -> None:
    """A rollout that began at the end is neither good nor bad yet."""

    def script(at: float) -> Any:
        app = stage.world.app()
        if at > PASSED_AT + 50:
            app["Deployment"][0]["metadata"]["generation"] = 2
        return app

    stage.cluster.script = script
    watched = await watch(stage)
    assert watched.end is WatchEnd.SETTLING


async def test_a_watch_says_until_when(stage: Any) -> None:
    """Every look is told."""
    told: list[GateProgress] = []
    watched = await watch(stage, progress=told)
    assert len(told) == watched.looks
    until = stage.world.AT + timedelta(seconds=PASSED_AT + 60)
    assert {p.waiting_until for p in told} == {until}


async def test_a_watch_is_cancellable(new_stage: Any) -> None:
    """While it sleeps, and it leaves nothing behind."""
    stage = new_stage()
    run = await stage.gate(policy=POLICY).open(stage.world.incident())
    request = GateRequest(incident=stage.world.incident(), claim=MITIGATED)
    report = await run.evaluate(request)
    stage.clock._auto_advance = False
    task = asyncio.create_task(run.watch(request, accepted=report, for_seconds=60))
    while not stage.clock.sleepers:  # noqa: ASYNC110  # a manual clock has no event for it
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.clock.sleepers == 0


def test_a_long_trail_is_thinned_without_changing_what_it_says(world: Any) -> None:
    """Since when it is good, and every look that was not good, stay."""
    bad = 37
    verdicts = [GateVerdict.PASS] * (TRAIL_LIMIT + 100)
    verdicts[bad] = GateVerdict.UNKNOWN
    trail = tuple(
        Sample(at=world.AT + timedelta(seconds=n), verdict=v, state_verdict=v)
        for n, v in enumerate(verdicts)
    )
    short = thinned(trail)
    assert len(short) < TRAIL_LIMIT
    assert [x for x in short if x.verdict is not GateVerdict.PASS] == [trail[bad]]
    assert good_since(short, lambda x: x.verdict)[0] == good_since(trail, lambda x: x.verdict)[0]
    assert (short[0], short[-1]) == (trail[0], trail[-1])
    assert thinned(trail[:10]) == trail[:10]
