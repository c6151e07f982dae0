"""Findings of the machine: it saw an agent that stops too early, or one that goes on too long."""

from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import Event
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding

DETECTOR = "TerminationMachine"

_MODES = {
    Reason.EVIDENCE_MISSING: (
        FailureMode.PREMATURE_TERMINATION,
        "asks to end before it looked at what an end needs",
    ),
    Reason.OBJECTIVE_MET: (
        FailureMode.UNAWARE_OF_TERMINATION,
        "goes on although the gate passes",
    ),
    Reason.MISMATCH: (
        FailureMode.REASONING_ACTION_MISMATCH,
        "calls something other than what it said",
    ),
    Reason.STALLED: (
        FailureMode.UNAWARE_OF_TERMINATION,
        "goes on without anything new",
    ),
}


def found_by_machine(
    event: Event, decision: Decision, others: tuple[Found, ...]
) -> tuple[Finding, ...]:
    """Return what a decision of the machine says of the run, unless a detector said it already.

    What a detector calls structural says less than the machine does, and does not stand for it.
    """
    if (found := _MODES.get(decision.reason)) is None:
        return ()
    mode, said = found
    if any(
        isinstance(other, Finding) and other.mode is mode and other.severity is None
        for other in others
    ):
        return ()
    quotes = (decision.to_person,) if decision.to_person else ()
    return (finding(event, mode, DETECTOR, why=said, about=decision.reason, evidence=quotes),)
