"""Small rules that values keep."""

from datetime import UTC, datetime

import msgspec

from guardrails.core.incident import AlertMatcher, Incident
from guardrails.core.mast import MODES, FailureMode
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import Effect


def test_the_taxonomy_has_its_fourteen_modes() -> None:
    """Every MAST id has a name and a weight."""
    assert len(FailureMode) == 14
    assert set(MODES) == set(FailureMode)
    assert [m.value for m in FailureMode] == sorted(m.value for m in FailureMode)


def test_only_proved_outcomes_are_accepted() -> None:
    """There is no bare success."""
    assert {o for o in Outcome if o.accepted} == {Outcome.RESOLVED, Outcome.DIAGNOSED}


def test_effects_are_ordered_by_gravity() -> None:
    """The gravest effect of a command line is the effect of the line."""
    assert max(Effect, key=lambda e: e.gravity) is Effect.FINISH
    assert Effect.READ.gravity < Effect.WRITE.gravity < Effect.DESTRUCTIVE.gravity


def test_an_alert_matches_on_all_of_its_labels() -> None:
    """Further labels of the alert do not matter, missing ones do."""
    matcher = AlertMatcher(labels={"alertname": "Down", "namespace": "shop"})
    assert matcher.matches({"alertname": "Down", "namespace": "shop", "pod": "a"})
    assert not matcher.matches({"alertname": "Down"})


def test_an_incident_began_with_its_earliest_alert() -> None:
    """A reference must be older than the first alert, not than the last."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    incident = Incident(
        task="t",
        alerts=(
            AlertMatcher(labels={"a": "1"}, starts_at=late),
            AlertMatcher(labels={"a": "2"}, starts_at=early),
            AlertMatcher(labels={"a": "3"}),
        ),
    )
    assert incident.began_at == early
    assert Incident(task="t").began_at is None


def test_an_incident_survives_json() -> None:
    """Values that are stored come back equal."""
    incident = Incident(task="t", namespaces=("shop",))
    assert msgspec.json.decode(msgspec.json.encode(incident), type=Incident) == incident
