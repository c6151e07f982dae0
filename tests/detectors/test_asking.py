"""Which detectors are asked about which event: the table leaves nothing out."""

from typing import get_args

import pytest
from asking import observed
from hypothesis import given, settings

from guardrails.actions.classify import classify
from guardrails.core.events import AnyFact, Event, ToolRequested
from guardrails.detectors.registry import SHIPPED, DetectorStates
from guardrails.testing.conformance.streams import event_streams, random_events


def folded(events: tuple[Event, ...]) -> DetectorStates:
    """Fold a run, asking everybody about everything beside; see `asking`."""
    states = DetectorStates()
    for event in events:
        fact = event.fact
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        states, _ = observed(states, event, action=action)
    return states


@settings(max_examples=60, deadline=None)
@given(events=event_streams())
def test_whoever_is_not_asked_has_nothing_to_say(events: tuple[Event, ...]) -> None:
    """On any run, sound or broken, asking all detectors gives the same findings and states."""
    folded(events)


@pytest.mark.parametrize("sound", [True, False])
def test_the_same_holds_for_long_runs(*, sound: bool) -> None:
    """Some failures need many events to build up."""
    events = tuple(random_events(11, 600, sound=sound))
    assert {type(event.fact) for event in events} > {ToolRequested}
    folded(events)


def test_every_detector_has_a_state_of_its_own() -> None:
    """The table and the states name the same detectors, each once."""
    fields = [one.field for one in SHIPPED]
    states = set(DetectorStates.__struct_fields__) - {"scene", "others"}
    assert len(fields) == len(set(fields))
    assert set(fields) == states


def test_every_detector_listens_to_facts_that_there_are() -> None:
    """A type that no event has would never come."""
    for one in SHIPPED:
        assert one.facts
        assert one.facts <= set(get_args(AnyFact)), one.field
