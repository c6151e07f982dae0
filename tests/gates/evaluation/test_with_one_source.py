"""What a gate can say with Prometheus alone, with Alertmanager alone, and with neither."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import GateVerdict, Tier
from guardrails.gates.snapshot import AlertmanagerState, RoutedAlert

ALLOWED = {"allow_no_alert_source": True}
HELD = RoutedAlert(labels={"alertname": "HighRequestErrorRate"}, state="active")


async def test_prometheus_alone_is_enough(stage: Any, world: Any) -> None:
    """For a pass in full; ITBench has no Alertmanager."""
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.with_alerts().judge(policy={}, incident=incident)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL)


@pytest.mark.parametrize("alertmanager", [False, True])
async def test_without_prometheus_nothing_passes_unasked(
    stage: Any,
    world: Any,
    alertmanager: bool,  # noqa: FBT001  # a table
) -> None:
    """An Alertmanager that holds nothing is no witness that nothing fires."""
    if alertmanager:
        stage.with_alertmanager(world.OK)
    report = await stage.judge(policy={}, incident=world.incident(alerts=(world.ALERT,)))
    assert report.verdict is GateVerdict.UNKNOWN
    assert "no Prometheus was given" in report.summary


@pytest.mark.parametrize(("alertmanager", "seconds"), [(False, 60), (True, 120)])
async def test_where_the_policy_allows_it_the_state_is_enough(
    stage: Any,
    world: Any,
    alertmanager: bool,  # noqa: FBT001  # a table
    seconds: int,
) -> None:
    """And never more than the state; Alertmanager is given the time to hear of an alert again."""
    if alertmanager:
        stage.with_alertmanager(world.OK)
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(policy=ALLOWED, incident=incident)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.STATE), report.summary
    assert stage.clock.monotonic() == seconds


async def test_what_alertmanager_alone_holds_is_a_violation(stage: Any, world: Any) -> None:
    """Present is proof, as absent is none."""
    stage.with_alertmanager(world.OK)
    stage.alertmanager.state = AlertmanagerState(alerts=(HELD,))
    report = await stage.judge(policy=ALLOWED, incident=world.incident(alerts=(world.ALERT,)))
    assert report.verdict is GateVerdict.FAIL
    assert [e.check for e in report.violated] == ["alert-not-suppressed"]


async def test_an_alertmanager_that_was_restarted_is_waited_for(stage: Any, world: Any) -> None:
    """It forgets what it held, and hears of it again within two minutes."""
    stage.with_alertmanager(world.OK)
    stage.alertmanager.state = AlertmanagerState(started_at=world.AT - timedelta(seconds=10))
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(policy=ALLOWED, incident=incident)
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() >= 110 + 120
    assert "alertmanager, started at 11:59:50, to run for 2m" in stage.progress[0].waiting_for


async def test_a_silent_alertmanager_is_unknown(stage: Any, world: Any) -> None:
    """Given and not answering, alone or not."""
    stage.with_alertmanager(world.FORBIDDEN)
    report = await stage.judge(policy=ALLOWED, incident=world.incident(alerts=(world.ALERT,)))
    assert report.verdict is GateVerdict.UNKNOWN


async def test_a_window_that_is_out_of_reach_is_said_at_once(stage: Any, world: Any) -> None:
    """With the time that it takes, and the settings that would help."""
    stage.with_alerts()
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(policy={"wait_at_most": "5m"}, incident=incident)
    assert report.verdict is GateVerdict.PENDING
    assert stage.clock.monotonic() < 60
    assert "tier full takes 6m here" in report.summary
