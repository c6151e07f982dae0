"""Silenced, inhibited and muted alerts are not clear."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.alerts.suppression import ALERT_NOT_SUPPRESSED, covers
from guardrails.gates.snapshot import AlertmanagerState, RoutedAlert, Silence, SilenceMatcher

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
LABELS = {"alertname": "HighRequestErrorRate", "namespace": "shop"}


def silence(state: str = "active", **matchers: str) -> Silence:
    """A silence by equality."""
    return Silence(
        id="s1",
        state=state,
        created_by="agent",
        matchers=tuple(SilenceMatcher(name=k, value=v) for k, v in matchers.items()),
    )


def judged(world: Any, state: AlertmanagerState, **more: Any) -> Any:
    """Judge one answer of Alertmanager."""
    look = world.look({}, prometheus=world.alerts(), alertmanager=state)
    incident = world.incident(alerts=(world.ALERT,))
    return world.judge(ALERT_NOT_SUPPRESSED, look, incident=incident, **more)


def test_an_absent_alert_without_silence_is_satisfied(world: Any) -> None:
    """Alertmanager lists no resolved alert."""
    (found,) = judged(world, AlertmanagerState())
    assert found.state is SATISFIED


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"state": "active"}, "active"),
        ({"state": "suppressed", "silenced_by": ("s9",)}, "silence s9"),
        ({"state": "suppressed", "inhibited_by": ("f7",)}, "inhibited by f7"),
        ({"state": "suppressed", "muted_by": ("nights",)}, "muted by nights"),
    ],
)
def test_whatever_alertmanager_holds_is_not_clear(world: Any, more: Any, word: str) -> None:
    """Active or suppressed, it has not resolved."""
    held = AlertmanagerState(alerts=(RoutedAlert(labels=LABELS, **more),))
    (found,) = judged(world, held)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert word in found.observed


def test_after_a_write_an_active_alert_gets_its_time(world: Any) -> None:
    """It resolves here when it resolves in Prometheus."""
    held = AlertmanagerState(alerts=(RoutedAlert(labels=LABELS, state="active"),))
    (found,) = judged(world, held, last_write_at=world.AT - timedelta(seconds=10))
    assert found.settles_by == world.AT + timedelta(seconds=170)


@pytest.mark.parametrize("state", ["active", "pending"])
def test_a_new_silence_over_the_alert_is_violated(world: Any, state: str) -> None:
    """Even when nothing is firing now: it would not be heard."""
    quiet = AlertmanagerState(silences=(silence(state, alertname="HighRequestErrorRate"),))
    (found,) = judged(world, quiet, last_write_at=world.AT)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "s1" in found.observed


def test_an_expired_silence_is_nothing(world: Any) -> None:
    """Expired silences stay listed."""
    quiet = AlertmanagerState(silences=(silence("expired", alertname="HighRequestErrorRate"),))
    assert [e.state for e in judged(world, quiet)] == [SATISFIED]


def test_a_silence_from_before_the_run_is_held_against_nobody(world: Any) -> None:
    """People silence what they are working on."""
    quiet = AlertmanagerState(silences=(silence(alertname="HighRequestErrorRate"),))
    before = world.reference(start=world.look({}, at=-60, alertmanager=quiet))
    found = judged(world, quiet, reference=before)
    assert [(e.state, e.counts) for e in found] == [(VIOLATED, False), (SATISFIED, True)]


@pytest.mark.parametrize("which", ["alerts_read", "silences_read"])
def test_an_unreadable_alertmanager_is_unknown(world: Any, which: str) -> None:
    """Both of its lists are needed."""
    found = judged(world, AlertmanagerState(**{which: world.TIMEOUT}))
    assert [e.state for e in found] == [UNKNOWN]


def test_a_silence_covers_by_the_labels_that_are_known() -> None:
    """Labels that the incident does not know may match; one that it knows must."""
    assert covers(silence(alertname="HighRequestErrorRate", pod="x"), LABELS)
    assert not covers(silence(alertname="Other"), LABELS)
    assert not covers(silence(team="x"), LABELS)


@pytest.mark.parametrize(
    ("pattern", "equal", "expected"),
    [("High.*", True, True), ("High", True, False), ("High.*", False, False), ("(", True, True)],
)
def test_a_silence_may_match_by_expression(pattern: str, equal: bool, expected: bool) -> None:  # noqa: FBT001  # a table
    """Expressions are anchored; one that Python cannot read is taken as covering."""
    matcher = SilenceMatcher(name="alertname", value=pattern, is_regex=True, is_equal=equal)
    assert covers(Silence(state="active", matchers=(matcher,)), LABELS) is expected


def test_an_alert_that_outlives_its_prometheus_is_unknown(world: Any) -> None:
    """Alertmanager holds it for minutes; a silenced one is a trick all the same."""
    states = []
    for state in ("active", "suppressed"):
        look = world.look(
            {},
            prometheus=world.alerts(alerts_read=world.TIMEOUT),
            alertmanager=AlertmanagerState(alerts=(RoutedAlert(labels=LABELS, state=state),)),
        )
        (found,) = world.judge(
            ALERT_NOT_SUPPRESSED,
            look,
            incident=world.incident(alerts=(world.ALERT,)),
            last_write_at=world.AT - timedelta(seconds=900),
        )
        states.append((found.state, found.temporary))
    assert states == [(UNKNOWN, True), (VIOLATED, False)]
