"""FM-1.3, step repetition: the same call, with the same result, in the same world.

Loop detectors have a name for false alarms: fixed thresholds on the call alone cut off polling and
retries (deer-flow #2116, #2511; fastclaw #80). So a call counts as repeated only when its
arguments, its result, and the number of writes before it are all the same.
"""

from hashlib import blake2b

import msgspec

from guardrails.core.events import Event, ToolRequested, ToolReturned, ToolStatus
from guardrails.core.findings import Finding
from guardrails.core.ids import CallId
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect, ToolAction

DETECTOR = "StepRepetition"

REPEATS = 3
"""Equal calls that make a finding. Two happen in sound runs (look, think, look again)."""

WINDOW = 64
"""Calls looked back on; repeated calls in supervised agents are rare and close together."""


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has not returned yet."""

    call_id: CallId
    signature: str
    effect: Effect


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its result."""

    key: str
    step: int


class RepetitionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Calls under way and calls lately seen."""

    awaited: tuple[Awaited, ...] = ()
    seen: tuple[Seen, ...] = ()
    writes: int = 0
    """Writes done so far: the world changed that often."""


def observe(
    state: RepetitionState, event: Event, *, action: ToolAction | None
) -> tuple[RepetitionState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolRequested() as call:
            effect = action.effect if action else Effect.WRITE
            awaited = Awaited(
                call_id=call.call_id, signature=_digest(call.tool, call.arguments), effect=effect
            )
            return msgspec.structs.replace(state, awaited=(*state.awaited[-WINDOW:], awaited)), ()
        case ToolReturned() as returned:
            return _returned(state, event, returned)
        case _:
            return state, ()


def _returned(
    state: RepetitionState, event: Event, returned: ToolReturned
) -> tuple[RepetitionState, tuple[Finding, ...]]:
    call = next((a for a in state.awaited if a.call_id == returned.call_id), None)
    if call is None:
        return state, ()
    awaited = tuple(a for a in state.awaited if a is not call)
    wrote = call.effect is not Effect.READ and returned.status is ToolStatus.OK
    key = f"{call.signature}:{returned.digest}:{returned.status}:{state.writes}"
    seen = (*state.seen[1 - WINDOW :], Seen(key=key, step=event.step))
    after = RepetitionState(awaited=awaited, seen=seen, writes=state.writes + wrote)
    steps = tuple(s.step for s in seen if s.key == key)
    if not _is_milestone(len(steps)):
        return after, ()
    return after, (
        Finding(
            run=event.run,
            seq=event.seq,
            mode=FailureMode.STEP_REPETITION,
            detector=DETECTOR,
            agent=event.agent,
            steps=steps,
            evidence=(f"{returned.tool}: same arguments and same result {len(steps)} times",),
            confidence=0.9,
        ),
    )


def _is_milestone(count: int) -> bool:
    """Report at 3, 6, 12, 24 …: a loop is news once, then only when it doubled."""
    multiple, rest = divmod(count, REPEATS)
    return rest == 0 and multiple > 0 and multiple & (multiple - 1) == 0


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
