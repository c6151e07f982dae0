"""What is said where a run ends or stops, in plain text: no framework is needed to say it.

The sentences for the model come with the decision. These few say only what an adapter is forced to
say: why a call has no result, and how a run ended.
"""

from typing import Final

from guardrails.core.claims import ClaimKind
from guardrails.core.outcome import Outcome
from guardrails.core.result import RunResult
from guardrails.engine import Session
from guardrails.engine.words import ALREADY_ENDED, STOPPED

NOT_RUN: Final = "This call was not run."
"""Result of a call that nobody answered when the agent was stopped or sent back."""

CLAIMS_OF_SUCCESS: Final = frozenset({ClaimKind.MITIGATED, ClaimKind.DIAGNOSED})

_CLOSINGS: Final = {
    Outcome.UNRESOLVED: "The incident is not resolved",
    Outcome.ESCALATED: "The incident is not confirmed as resolved and needs a person",
    Outcome.UNVERIFIABLE: "It could not be verified that the incident is resolved",
    Outcome.ABORTED: "The work on the incident was broken off",
}


def closing_words(result: RunResult) -> str:
    """Return the last words of a run that was not accepted: its outcome, and why."""
    head = _CLOSINGS.get(result.outcome, "The run ended")
    detail = f": {result.detail}" if result.detail else ""
    return f"{head} (outcome: {result.outcome}, reason: {result.reason}){detail}"


def stopped_words(session: Session) -> str:
    """Return what a call is answered with when the run takes no further calls."""
    return ALREADY_ENDED if session.outcome is not None else STOPPED


def claims_success(result: RunResult) -> bool:
    """Tell whether the agent's last claim was one that only evidence can confirm."""
    return result.claim is not None and result.claim.kind in CLAIMS_OF_SUCCESS
