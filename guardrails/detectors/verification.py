"""FM-3.2 and FM-3.3: claims what the world does not show.

A gate report that fails a claim is the evidence. Which mode it is depends on whether the agent
looked after its last change: not at all is incomplete verification, looked and still claimed is
incorrect verification. Scorers should merge the two, as human annotators swap them.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.events import (
    EndRequested,
    Event,
    GateReported,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import Evidence, GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.ids import CallId
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect, ToolAction

DETECTOR = "FalseVictory"

QUOTES = 3
"""Violated facts quoted in a finding; the report holds all."""

_CALLS = 64
"""Calls whose effect is remembered until they return."""


class VerificationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent claimed and whether it looked before."""

    claimed: ClaimKind | None = None
    effects: tuple[tuple[CallId, Effect], ...] = ()
    """Calls under way."""
    writes: int = 0
    reads_since_write: int = 0


def observe(
    state: VerificationState, event: Event, *, action: ToolAction | None
) -> tuple[VerificationState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolRequested() as call:
            effect = action.effect if action else Effect.WRITE
            effects = (*state.effects[1 - _CALLS :], (call.call_id, effect))
            return msgspec.structs.replace(state, effects=effects), ()
        case ToolReturned() as returned:
            return _returned(state, returned), ()
        case EndRequested() as end:
            claimed = end.claim.kind if end.claim else None
            return msgspec.structs.replace(state, claimed=claimed), ()
        case GateReported(report=report) if report.verdict is GateVerdict.FAIL:
            return state, _false_claim(state, event, report.violated)
        case _:
            return state, ()


def _returned(state: VerificationState, returned: ToolReturned) -> VerificationState:
    effect = next((e for call, e in state.effects if call == returned.call_id), None)
    if effect is None or returned.status is not ToolStatus.OK:
        return state
    reads, writes = state.reads_since_write, state.writes
    if effect is Effect.READ:
        reads += 1
    elif effect is not Effect.FINISH:
        reads, writes = 0, writes + 1
    return msgspec.structs.replace(
        state,
        effects=tuple((call, e) for call, e in state.effects if call != returned.call_id),
        reads_since_write=reads,
        writes=writes,
    )


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
    return (
        Finding(
            run=event.run,
            seq=event.seq,
            mode=mode,
            detector=DETECTOR,
            agent=event.agent,
            steps=(event.step,),
            evidence=(said, *facts),
        ),
    )
