"""FM-3.1 and FM-1.5: ends too early, or never.

Only what the exit itself shows is judged here: an end without an answer, an end without any look
at the world, a run that had to be stopped. Whether the objective was met is the gate's business
(`verification`).
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.events import EndRequested, Event, ExitKind, ToolReturned, ToolStatus
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode

DETECTOR = "Termination"

_WITHOUT_ANSWER = {
    ExitKind.EMPTY: "the last reply is empty",
    ExitKind.MALFORMED: "the last reply holds only tool calls that do not parse",
}
_STOPPED = {
    ExitKind.BUDGET: "had to be stopped: a budget was spent",
    ExitKind.RECURSION: "had to be stopped: the framework's recursion limit was reached",
}


class TerminationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to judge an exit."""

    looks: int = 0
    """Tool calls that returned a result."""


def observe(state: TerminationState, event: Event) -> tuple[TerminationState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolReturned(status=ToolStatus.OK):
            return TerminationState(looks=state.looks + 1), ()
        case EndRequested() as end:
            return state, _judge_exit(state, event, end)
        case _:
            return state, ()


def _judge_exit(state: TerminationState, event: Event, end: EndRequested) -> tuple[Finding, ...]:
    if (said := _WITHOUT_ANSWER.get(end.exit)) is not None:
        return (_finding(event, FailureMode.PREMATURE_TERMINATION, said),)
    if (said := _STOPPED.get(end.exit)) is not None:
        return (_finding(event, FailureMode.UNAWARE_OF_TERMINATION, said),)
    claimed = end.claim is not None and end.claim.kind is not ClaimKind.NEEDS_HUMAN
    if claimed and state.looks == 0:
        said = "asks to end without having looked at anything"
        return (_finding(event, FailureMode.PREMATURE_TERMINATION, said),)
    return ()


def _finding(event: Event, mode: FailureMode, said: str) -> Finding:
    return Finding(
        run=event.run,
        seq=event.seq,
        mode=mode,
        detector=DETECTOR,
        agent=event.agent,
        steps=(event.step,),
        evidence=(said,),
    )
