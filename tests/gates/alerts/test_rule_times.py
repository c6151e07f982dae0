"""How long rules look back, and the window that follows from it."""

from typing import Any

import pytest

from guardrails.core.incident import AlertMatcher
from guardrails.gates.alerts.rules import (
    UNPARSED_RANGE_SECONDS,
    clear_seconds,
    left_side,
    lookback_seconds,
    proof_seconds,
    rules_for,
    window_for,
)
from guardrails.policy.models import GateSettings


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up == 0", 0),
        ("sum(rate(errors[2m])) by (service) > 0", 120),
        ("sum(rate(a[2m])) / sum(rate(b[5m])) > 0.1", 300),
        ("rate(a[1m] offset 10m) > 1", 660),
        ("max_over_time(rate(a[2m])[10m:1m]) > 0", 720),
        ("(((absent(up)))) or -rate(a[30s])", 30),
        ("topk(3, sum_over_time(a[1h]))", 3600),
        ("not promql (", UNPARSED_RANGE_SECONDS),
    ],
)
def test_lookback_is_the_longest_chain_of_ranges(query: str, seconds: float) -> None:
    """Ranges inside each other add up; beside each other the longest counts."""
    assert lookback_seconds(query) == seconds


def test_a_rule_needs_its_parts_to_clear_and_to_prove_itself(world: Any) -> None:
    """Range, keep_firing_for and two evaluations to clear; `for` on top as proof."""
    rule = world.rule(keep_firing_seconds=10)
    assert clear_seconds(rule) == 120 + 10 + 60
    assert proof_seconds(rule) == 120 + 10 + 60 + 180


def test_the_window_is_as_long_as_the_longest_rule_in_scope(world: Any) -> None:
    """Rules of other alerts do not lengthen it, and it says where it comes from."""
    rules = [world.rule(), world.rule("Slow", for_seconds=9000.0)]
    window = window_for(world.incident(alerts=(world.ALERT,)), rules, GateSettings())
    assert (window.state_seconds, window.full_seconds) == (60, 360)
    assert window.derived_from == "HighRequestErrorRate: 2m range + 3m for + 2 evaluations of 30s"


def test_shortening_a_rule_does_not_shorten_its_proof(world: Any) -> None:
    """The rule of the reference is known beside the one loaded now."""
    rules = [world.rule(query="rate(e[5s]) > 0", for_seconds=0.0), world.rule()]
    window = window_for(world.incident(alerts=(world.ALERT,)), rules, GateSettings())
    assert window.full_seconds == 360


def test_without_rules_the_window_is_the_stability_time(world: Any) -> None:
    """No rule in scope asks for longer."""
    window = window_for(world.incident(), [world.rule()], GateSettings())
    assert window.full_seconds == window.state_seconds == 60


def test_the_policy_may_fix_the_window(world: Any) -> None:
    """A fixed window replaces the derived one, and is never below the stability time."""
    incident = world.incident(alerts=(world.ALERT,))
    settings = GateSettings.model_validate({"window": "90s"})
    assert window_for(incident, [world.rule()], settings).full_seconds == 90
    short = GateSettings.model_validate({"window": "1s"})
    assert window_for(incident, [world.rule()], short).full_seconds == 60


def test_rules_are_found_by_name_and_static_labels(world: Any) -> None:
    """Labels from templates are only known when the alert fires."""
    rules = [
        world.rule(labels={"severity": "page", "team": "{{ $labels.team }}"}),
        world.rule(labels={"severity": "info"}),
    ]
    wanted = AlertMatcher(
        labels={"alertname": "HighRequestErrorRate", "severity": "page", "team": "x"}
    )
    assert rules_for(wanted, rules) == rules[:1]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("a / b < 0.01", "a{} / b{}"),
        ("(a < 3)", "a{}"),
        ('a{x="y"} >= 3', 'a{x="y"}'),
        ("a < bool 3", None),
        ("a < b", None),
        ("a", None),
        ("broken(", None),
    ],
)
def test_the_left_side_of_a_filter(query: str, left: str | None) -> None:
    """Only a comparison that drops samples has a left side worth asking for."""
    assert left_side(query) == left
