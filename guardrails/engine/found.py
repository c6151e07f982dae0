"""Findings of the machine: it saw an agent that stops too early, or one that goes on too long."""

from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode

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
    event: Event, decision: Decision, others: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """Return what a decision of the machine says of the run, unless a detector said it already."""
    if (found := _MODES.get(decision.reason)) is None:
        return ()
    mode, said = found
    if any(other.mode is mode for other in others):
        return ()
    return (
        Finding(
            run=event.run,
            seq=event.seq,
            mode=mode,
            detector=DETECTOR,
            agent=event.agent,
            steps=(event.step,),
            evidence=(said, decision.to_person) if decision.to_person else (said,),
        ),
    )
