"""The shipped detectors, run side by side over one event."""

import msgspec

from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.toolaction import ToolAction
from guardrails.detectors import repetition, termination, verification


class DetectorStates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The states of all shipped detectors."""

    repetition: repetition.RepetitionState = repetition.RepetitionState()
    termination: termination.TerminationState = termination.TerminationState()
    verification: verification.VerificationState = verification.VerificationState()


def observe_all(
    states: DetectorStates, event: Event, *, action: ToolAction | None = None
) -> tuple[DetectorStates, tuple[Finding, ...]]:
    """Fold one event into every detector.

    Args:
        states: States before the event.
        event: The event.
        action: What the call means, when the event is a `ToolRequested`.

    Returns:
        The states after the event, and what was found, in a fixed order.
    """
    repeats, found_repeats = repetition.observe(states.repetition, event, action=action)
    ends, found_ends = termination.observe(states.termination, event)
    checks, found_checks = verification.observe(states.verification, event, action=action)
    after = DetectorStates(repetition=repeats, termination=ends, verification=checks)
    return after, (*found_repeats, *found_ends, *found_checks)
