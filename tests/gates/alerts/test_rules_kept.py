"""Rules of the reference: what they lost, what they may lose, and under which names they fire."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.changes import as_easy, lost, renamed
from guardrails.gates.alerts.checks import ALERT_CLEAR, NO_NEW_ALERT
from guardrails.gates.alerts.live import ALERT_RULE_LIVE
from guardrails.gates.alerts.rules_kept import ALERT_RULES_KEPT
from guardrails.gates.alerts.watchdog import WATCHDOG_FIRES
from guardrails.gates.snapshot import AlertmanagerState, PrometheusServer, RoutedAlert

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


@pytest.mark.parametrize(
    ("old", "new", "easy"),
    [
        ("a > 1", "a>1", True),
        ("a > 1", "a > 0.5", True),
        ("a > 1", "a > 2", False),
        ("a < 1", "a < 2", True),
        ("a <= 1", "a <= 0.5", False),
        ("a > 1", "a >= 1", False),
        ("a == 0", "a == 1", False),
        ("a > 1", "b > 1", False),
        ("(a > 1)", "a > 1", True),
        ("broken(", "broken(", True),
        ("broken(", "a > 1", False),
        ("a > 1", "broken(", False),
        ("a > b", "a > c", False),
    ],
)
def test_an_expression_may_become_easier(old: str, new: str, easy: bool) -> None:  # noqa: FBT001  # a table
    """A threshold that is met sooner takes nothing away; what cannot be compared might."""
    assert as_easy(old, new) is easy


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"name": "Renamed", "group": "x", "file": "y"}, ""),
        ({"for_seconds": 1.0}, ""),
        ({"labels": {"severity": "page", "more": "x"}}, ""),
        ({"labels": {"severity": "none"}}, "has label severity none (it was page)"),
        ({"labels": {}}, "has label severity gone (it was page)"),
        ({"for_seconds": 3600.0}, "fires only after 1h (it was 3m)"),
        ({"query": "vector(0) > 1"}, "was changed: vector(0) > 1"),
        ({"health": "err", "last_error": "limit"}, "has health err: limit"),
        ({"name": "Other", "query": "b > 1"}, "no such rule is loaded"),
    ],
)
def test_what_a_rule_lost_is_said(world: Any, change: Any, says: str) -> None:
    """By what it does, and not by where it is written."""
    old = world.rule(labels={"severity": "page"})
    new = world.rule(**{"labels": {"severity": "page"}, **change})
    assert says in lost(old, [world.rule("Another", query="other > 1"), new])
    assert bool(lost(old, [new])) is bool(says)


def test_one_of_several_rules_of_a_name_is_enough(world: Any) -> None:
    """A second rule with another threshold is no change of the first."""
    old = world.rule()
    assert lost(old, [world.rule(for_seconds=9000.0), world.rule()]) == ""
    assert lost(old, [world.rule(health="err"), world.rule()]) == ""


def kept(world: Any, *now: Any, start: Any = (), healthy: Any = None) -> Any:
    """Judge the rules that are loaded now."""
    snapshot = None
    if healthy is not None:
        snapshot = world.look({}, at=-3600, prometheus=world.alerts(rules=healthy))
    begun = world.look({}, at=-60, prometheus=world.alerts(rules=start))
    return world.judge(
        ALERT_RULES_KEPT,
        world.look({}, prometheus=world.alerts(rules=now)),
        reference=world.reference(snapshot, start=begun),
        incident=world.incident(alerts=(world.ALERT,)),
    )


def test_another_rule_of_the_scope_may_not_go(world: Any) -> None:
    """It would have told of what the mend broke; the incident's own is judged elsewhere."""
    own, other = world.rule(), world.rule("Other", query="queue > 1")
    (found,) = kept(world, own, start=(own, other))
    assert (found.state, found.counts, found.settles_by) == (VIOLATED, True, None)
    assert found.subject.labels == {"alertname": "Other"}
    assert [e.state for e in kept(world, other, start=(own, other))] == [SATISFIED]
    assert [e.state for e in kept(world, own, other, start=(other,))] == [SATISFIED]


def test_a_rule_of_another_namespace_is_reported(world: Any) -> None:
    """Somebody else's rules are theirs to change."""
    for namespace, counts in (("shop", True), ("billing", False)):
        rule = world.rule("Other", query=f'queue{{namespace="{namespace}"}} > 1')
        found = kept(world, start=(rule,))
        assert [e.counts for e in found if e.state is VIOLATED] == [counts]


def test_a_rule_that_was_changed_before_the_run_is_reported(world: Any) -> None:
    """Between the recording and the run, by whoever looks after the rules."""
    old, new = world.rule("Other", query="queue > 1"), world.rule("Other", query="queue > 9")
    found = kept(world, new, start=(new,), healthy=(old,))
    assert [(e.state, e.counts) for e in found] == [(VIOLATED, False), (SATISFIED, True)]


def test_rules_that_cannot_be_read_are_unknown(world: Any) -> None:
    """They are evidence as the alerts are."""
    look = world.look({}, prometheus=world.alerts(rules_read=world.FORBIDDEN))
    (found,) = world.judge(ALERT_RULES_KEPT, look)
    assert found.state is UNKNOWN


def test_an_evaluation_error_gets_the_time_of_a_rollout(world: Any) -> None:
    """Old and new pods may carry the same labels for a moment."""
    rule = world.rule("Other", query="queue > 1")
    begun = world.look({}, at=-60, prometheus=world.alerts(rules=(rule,)))
    broken = world.alerts(rules=(world.rule("Other", query="queue > 1", health="err"),))
    (found,) = world.judge(
        ALERT_RULES_KEPT,
        world.look({}, prometheus=broken),
        reference=world.reference(start=begun),
        last_write_at=world.AT,
    )
    assert found.settles_by > world.AT


def test_an_alert_does_not_clear_by_being_renamed(world: Any) -> None:
    """The same expression fires under another name, which is the incident's own, and not new."""
    begun = world.look({}, at=-60, prometheus=world.alerts(world.firing("HighRequestErrorRate")))
    now = world.alerts(world.firing("Fine", namespace="shop"), rules=(world.rule("Fine"),))
    found = {
        check.id: world.judge(
            check,
            world.look({}, prometheus=now),
            reference=world.reference(start=begun),
            incident=world.incident(alerts=(world.ALERT,)),
        )
        for check in (ALERT_CLEAR, ALERT_RULE_LIVE, NO_NEW_ALERT)
    }
    states = {check: [e.state for e in evidence] for check, evidence in found.items()}
    assert states == {
        ALERT_CLEAR.id: [VIOLATED],
        ALERT_RULE_LIVE.id: [SATISFIED],
        NO_NEW_ALERT.id: [SATISFIED],
    }


def test_a_name_that_was_always_there_is_no_new_name(world: Any) -> None:
    """Only rules that do the work of the incident's are its own."""
    old = [world.rule()]
    assert renamed(world.ALERT, old, [world.rule(), world.rule("Other", query="x > 1")]) == ()
    assert renamed(AlertMatcher(labels={"team": "a"}), old, [world.rule("Fine")]) == ()


def test_a_rule_must_be_evaluated_after_the_last_change(world: Any) -> None:
    """Before it, the rule saw another world; that is waited for."""
    (found,) = world.judge(
        ALERT_RULE_LIVE,
        world.look({}, prometheus=world.alerts()),
        incident=world.incident(alerts=(world.ALERT,)),
        last_write_at=world.AT,
    )
    assert found.state is VIOLATED
    assert found.settles_by > world.AT
    assert "evaluated" in found.settling


WATCHDOG = {"name": "Watchdog", "query": "vector(1)", "labels": {"severity": "none"}}
HELD = AlertmanagerState(alerts=(RoutedAlert(labels={"alertname": "Watchdog"}),))


def watchdog(world: Any, *, fires: bool, held: Any = HELD, was_held: Any = HELD) -> Any:
    """Judge a watchdog that fired, and arrived, when the run began."""
    rules = (world.rule(**WATCHDOG),)
    firing = world.alerts(world.firing("Watchdog", severity="none"), rules=rules)
    now = firing if fires else world.alerts(rules=rules)
    begun = world.look({}, at=-60, prometheus=firing, alertmanager=was_held)
    look = world.look({}, prometheus=now, alertmanager=held)
    return world.judge(WATCHDOG_FIRES, look, reference=world.reference(start=begun))


def test_a_watchdog_that_fires_and_arrives_is_satisfied(world: Any) -> None:
    """Once for each server."""
    assert [e.state for e in watchdog(world, fires=True)] == [SATISFIED, SATISFIED]
    assert [e.field for e in watchdog(world, fires=True, held=None)] == ["prometheus"]


def test_a_watchdog_that_is_silent_is_violated(world: Any) -> None:
    """In Prometheus, or on the way to Alertmanager."""
    (found,) = watchdog(world, fires=False)
    assert (found.state, found.field) == (VIOLATED, "prometheus")
    lost_ = watchdog(world, fires=True, held=AlertmanagerState())
    assert [(e.state, e.field) for e in lost_] == [
        (SATISFIED, "prometheus"),
        (VIOLATED, "alertmanager"),
    ]


@pytest.mark.parametrize(
    ("ago", "settles"), [(119, True), (120, False), (121, False), (None, False)]
)
def test_a_server_that_just_started_gets_two_minutes(
    world: Any, ago: int | None, *, settles: bool
) -> None:
    """Prometheus evaluates from its start on, and sends again a minute after it sent last."""
    started = None if ago is None else world.AT - timedelta(seconds=ago)
    by = world.AT + timedelta(seconds=120 - ago) if settles and ago is not None else None
    silent = world.alerts(
        rules=(world.rule(**WATCHDOG),), server=PrometheusServer(started_at=started)
    )
    firing = world.alerts(world.firing("Watchdog"), rules=(world.rule(**WATCHDOG),))
    begun = world.look({}, at=-60, prometheus=firing, alertmanager=HELD)
    before = world.reference(start=begun)
    (found,) = world.judge(WATCHDOG_FIRES, world.look({}, prometheus=silent), reference=before)
    assert found.settles_by == by
    _, lost_ = watchdog(world, fires=True, held=AlertmanagerState(started_at=started))
    assert lost_.settles_by == by


def test_a_watchdog_that_never_arrived_is_not_missed(world: Any) -> None:
    """Many a route drops it."""
    found = watchdog(world, fires=True, held=AlertmanagerState(), was_held=AlertmanagerState())
    assert [e.state for e in found] == [SATISFIED]


def test_without_a_watchdog_there_is_no_evidence(world: Any) -> None:
    """An alert over series may rightly end."""
    begun = world.alerts(world.firing("HighRequestErrorRate"))
    before = world.reference(start=world.look({}, at=-60, prometheus=begun))
    look = world.look({}, prometheus=world.alerts())
    assert world.judge(WATCHDOG_FIRES, look, reference=before) == []
