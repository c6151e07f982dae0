"""FM-3.1 and FM-1.5: ends too early, or never.

Only what the exit itself shows is judged here: an end without an answer, an end without any look
at the world, a run that had to be stopped. Whether the objective was met is the gate's business
(`verification`); what an answer leaves open by its own words is `unfinished`'s.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.events import (
    EndRequested,
    Event,
    ExitKind,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene

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
    calls: bool = False
    """Whether anybody called a tool at all."""


def observe(
    state: TerminationState, event: Event, scene: Scene
) -> tuple[TerminationState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolReturned(status=ToolStatus.OK):
            return TerminationState(looks=state.looks + 1, calls=True), ()
        case ToolRequested() if not state.calls:
            return TerminationState(looks=state.looks, calls=True), ()
        case EndRequested() as end:
            talk = scene.several and not state.calls and not _has_scope(scene)
            return state, _judge_exit(state, event, end, talk=talk)
        case _:
            return state, ()


def _judge_exit(
    state: TerminationState, event: Event, end: EndRequested, *, talk: bool
) -> tuple[Finding, ...]:
    """Judge an end; `talk` is true where agents only talked, and there is nothing to look at."""
    if (said := _WITHOUT_ANSWER.get(end.exit)) is not None:
        return (_finding(event, FailureMode.PREMATURE_TERMINATION, said, end),)
    if (said := _STOPPED.get(end.exit)) is not None:
        return (_finding(event, FailureMode.UNAWARE_OF_TERMINATION, said, end),)
    claimed = end.claim is not None and end.claim.kind is not ClaimKind.NEEDS_HUMAN
    if claimed and state.looks == 0 and not talk:
        said = "asks to end without having looked at anything"
        return (_finding(event, FailureMode.PREMATURE_TERMINATION, said, end),)
    return ()


def _has_scope(scene: Scene) -> bool:
    """Tell whether the incident names a part of a system: then there is something to look at."""
    incident = scene.incident
    return incident is not None and bool(
        incident.namespaces or incident.workloads or incident.alerts
    )


def _finding(event: Event, mode: FailureMode, said: str, end: EndRequested) -> Finding:
    words = end.claim.text if end.claim is not None else ""
    quote = words or end.detail or f"left by {end.exit}"
    return finding(event, mode, DETECTOR, why=said, about=said, evidence=(quote,))
