"""FM-3.2 and FM-3.3: claims what the world does not show.

A gate report that fails a claim is the evidence. Which mode it is depends on whether the agent
looked after its last change: not at all is incomplete verification, looked and still claimed is
incorrect verification. Scorers should merge the two, as human annotators swap them. Stored traces
have no gate: there `unchecked` and `misread` read the conclusion itself.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.events import EndRequested, Event, GateReported
from guardrails.core.evidence import Evidence, GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Came, Look
from guardrails.detectors.scene import Scene

DETECTOR = "FalseVictory"

QUOTES = 3
"""Violated facts quoted in a finding; the report holds all."""


class VerificationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent claimed and whether it looked before."""

    claimed: ClaimKind | None = None
    reads_since_write: int = 0


def observe(
    state: VerificationState, event: Event, scene: Scene
) -> tuple[VerificationState, tuple[Finding, ...]]:
    """Fold one event."""
    if scene.last is not None:
        return _returned(state, scene.last), ()
    match event.fact:
        case EndRequested() as end:
            claimed = end.claim.kind if end.claim else None
            return msgspec.structs.replace(state, claimed=claimed), ()
        case GateReported(report=report) if report.verdict is GateVerdict.FAIL:
            return state, _false_claim(state, event, report.violated)
        case _:
            return state, ()


def _returned(state: VerificationState, look: Look) -> VerificationState:
    if look.came is Came.FAILED or look.came is Came.BLOCKED:
        return state
    match look.effect:
        case Effect.READ:
            return msgspec.structs.replace(state, reads_since_write=state.reads_since_write + 1)
        case Effect.FINISH:
            return state
        case _:
            return msgspec.structs.replace(state, reads_since_write=0)


def _false_claim(
    state: VerificationState, event: Event, violated: tuple[Evidence, ...]
) -> tuple[Finding, ...]:
    if state.claimed is None or state.claimed in {ClaimKind.GAVE_UP, ClaimKind.NEEDS_HUMAN}:
        return ()
    looked = state.reads_since_write > 0
    mode = FailureMode.INCORRECT_VERIFICATION if looked else FailureMode.INCOMPLETE_VERIFICATION
    facts = tuple(f"{e.check}: {e.observed} (expected {e.expected})" for e in violated[:QUOTES])
    said = f"claims {state.claimed}; " + (
        "looked, and concluded what is not so" if looked else "did not look after its last change"
    )
    return (finding(event, mode, DETECTOR, why=said, about=str(state.claimed), evidence=facts),)
