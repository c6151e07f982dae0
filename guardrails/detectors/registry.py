"""The shipped detectors, run side by side over one event."""

import msgspec

from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.toolaction import ToolAction
from guardrails.detectors.repetition import RepetitionState
from guardrails.detectors.repetition import observe as observe_repetition
from guardrails.detectors.termination import TerminationState
from guardrails.detectors.termination import observe as observe_termination
from guardrails.detectors.verification import VerificationState
from guardrails.detectors.verification import observe as observe_verification


class DetectorStates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The states of all shipped detectors."""

    repetition: RepetitionState = RepetitionState()
    termination: TerminationState = TerminationState()
    verification: VerificationState = VerificationState()


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
    repeats, found_repeats = observe_repetition(states.repetition, event, action=action)
    ends, found_ends = observe_termination(states.termination, event)
    checks, found_checks = observe_verification(states.verification, event, action=action)
    after = DetectorStates(repetition=repeats, termination=ends, verification=checks)
    return after, (*found_repeats, *found_ends, *found_checks)
