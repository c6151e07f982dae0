"""Asks every shipped detector about every event, beside those that the registry asks."""

from guardrails.core.events import Event
from guardrails.core.findings import Found
from guardrails.core.toolaction import ToolAction
from guardrails.detectors.registry import SHIPPED, DetectorStates, observe_all


def observed(
    states: DetectorStates, event: Event, *, action: ToolAction | None
) -> tuple[DetectorStates, tuple[Found, ...]]:
    """Fold one event as the registry does, and see that nobody was left out who had to be asked.

    Raises:
        AssertionError: A detector that the registry does not ask about such an event changes its
            state by it, or finds something.
    """
    after, found = observe_all(states, event, action=action)
    asked: tuple[Found, ...] = ()
    for one in SHIPPED:
        state, fresh = one.observe(getattr(states, one.field), event, after.scene)
        asked += fresh
        said = f"{one.field} is not told of {type(event.fact).__name__}"
        assert state == getattr(after, one.field), said
    assert asked == found
    return after, found
