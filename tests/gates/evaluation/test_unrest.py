"""An alert may fire for as long as its rule looks back on the last unrest, and no longer.

Each case is a mend that works, claimed while the alert still fires on what it measured before.
"""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateVerdict
from guardrails.gates.base import GateRequest

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="fixed")
CLEARS = 180
"""Seconds for which the rule of these tests looks back, two evaluations included."""


async def judged(stage: Any, world: Any, *ends: float, wrote: bool = True) -> list[GateVerdict]:
    """Open a run that wrote at its beginning, ask to end at some times, and return the verdicts."""
    incident = world.incident(alerts=(world.ALERT,))
    run = await stage.gate(policy={}).open(incident)
    found: list[GateVerdict] = []
    for at in ends:
        stage.clock.advance(at - stage.clock.monotonic())
        written = world.AT if wrote else None
        request = GateRequest(incident=incident, claim=MITIGATED, last_write_at=written)
        found.append((await run.evaluate(request)).verdict)
    return found


async def test_what_was_unreadable_at_one_end_counts_at_the_next(stage: Any, world: Any) -> None:
    """The API server was away at the first claim; at the second the alert gets its time anew."""
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < CLEARS + 60 else [])
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if 0 < t < 100 else {}
    assert await judged(stage, world, 70, 120) == [GateVerdict.UNKNOWN, GateVerdict.PASS]


async def test_an_alert_gets_its_time_from_when_prometheus_is_back(stage: Any, world: Any) -> None:
    """What fires at the first answer after an outage was measured before it."""
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < CLEARS + 30 else [])
    stage.prometheus.read_as = lambda t: world.TIMEOUT if 0 < t < 100 else world.OK
    assert await judged(stage, world, 70, 190) == [GateVerdict.UNKNOWN, GateVerdict.PASS]


async def test_pods_that_became_ready_late_count_from_then(stage: Any, world: Any) -> None:
    """A slow start that nobody watched: the rule looks back on it all the same."""
    late = world.app()
    for condition in late["Pod"][0]["status"]["conditions"]:
        condition["lastTransitionTime"] = world.stamp(150)
    stage.cluster.script = lambda t: late if t >= 150 else world.app()
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < 150 + CLEARS else [])
    assert await judged(stage, world, CLEARS + 20) == [GateVerdict.PASS]


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
async def test_a_change_that_no_tool_made_is_noticed(stage: Any, world: Any, kind: str) -> None:
    """A node of a hand-built graph mends it, or a person does: the alert gets its time."""
    mended = world.app()
    mended[kind][0]["metadata"].update(generation=2, resourceVersion="8")
    mended["Deployment"][0]["status"]["observedGeneration"] = 2
    stage.cluster.script = lambda t: mended if t >= 10 else world.app()
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < 10 + CLEARS else [])
    assert await judged(stage, world, 15, wrote=False) == [GateVerdict.PASS]


async def test_pods_that_come_and_go_are_no_change(stage: Any, world: Any) -> None:
    """What controllers do of themselves is no attempt to mend."""
    moved = world.app()
    for pod in moved["Pod"]:
        pod["metadata"]["resourceVersion"] = "8"
    stage.cluster.script = lambda t: moved if t >= 10 else world.app()
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    assert await judged(stage, world, 15, wrote=False) == [GateVerdict.FAIL]
    assert stage.clock.monotonic() == 15


async def test_a_mend_that_does_not_help_still_fails(stage: Any, world: Any) -> None:
    """Unrest buys the time of the rule and no more."""
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if 0 < t < 20 else {}
    assert await judged(stage, world, 5) == [GateVerdict.FAIL]
    assert stage.clock.monotonic() <= 20 + CLEARS + 10


@pytest.mark.parametrize("refused", ["FORBIDDEN", "UNAUTHORIZED"])
async def test_a_right_that_was_there_is_asked_for_again(
    stage: Any, world: Any, refused: str
) -> None:
    """An API server that starts refuses rights that exist; that costs time, and nothing else."""
    answer = getattr(world, refused)
    stage.cluster.failed = lambda t: {"Pod": answer} if 10 <= t < 20 else {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.now() - world.AT >= timedelta(seconds=80)


async def test_a_right_that_is_gone_for_good_is_unknown(stage: Any, world: Any) -> None:
    """After the grace a refusal is what it says."""
    stage.cluster.failed = lambda t: {"Pod": world.FORBIDDEN} if t >= 10 else {}
    assert (await stage.judge()).verdict is GateVerdict.UNKNOWN
