"""FM-1.3 again: a round of several steps, walked over and over (A-B-A-B, A-B-C-A-B-C).

No single call of such a round need repeat often enough, or with the same result, to be told by
itself: a change and its undoing alter the world every time. So the sequence is looked at.
"""

from typing import Final

import msgspec

from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Came, Look, is_poll
from guardrails.detectors.scene import Scene

DETECTOR = "StepCycle"

PERIODS: Final = range(2, 6)
"""Steps of a round. Longer ones are rare, and told by their single steps."""
ROUNDS: Final = 3
"""Rounds that make a finding; two of a look and a second look happen in sound runs."""
_TAIL: Final = ROUNDS * PERIODS[-1]
"""Calls of one agent that are compared."""


class CycleState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rounds that were told and go on."""

    going: tuple[tuple[str, str], ...] = ()
    """Agent, and the round that it is in."""


def observe(
    state: CycleState, event: Event, scene: Scene
) -> tuple[CycleState, tuple[Finding, ...]]:
    """Fold one event."""
    look = scene.last
    if look is None or look.effect is Effect.FINISH or look.came is Came.BLOCKED:
        return state, ()
    recent: list[Look] = []
    agent, blocked = look.agent, Came.BLOCKED
    for one in reversed(scene.looks):
        if one.agent == agent and one.came is not blocked:
            recent.append(one)
            if len(recent) == _TAIL:
                break
    period = _period(recent)
    if period is None:
        return _ended(state, look.agent), ()
    walked = sorted({one.masked for one in recent[:period]})
    round_ = "|".join(walked)
    if (look.agent, round_) in state.going:
        return state, ()
    state = CycleState(going=(*_ended(state, look.agent).going, (look.agent, round_))[-_TAIL:])
    rounds = recent[: period * ROUNDS]
    return state, (
        finding(
            event,
            FailureMode.STEP_REPETITION,
            DETECTOR,
            why=f"the same {period} steps in the same order, {ROUNDS} times",
            about=round_[:120],
            steps=tuple(one.step for one in reversed(rounds)),
            evidence=tuple(f"{one.tool}: {one.masked}" for one in reversed(rounds[:period])),
            confidence=0.8,
        ),
    )


def _period(recent: list[Look]) -> int | None:
    """Return the length of the round that the newest calls walk in, newest first; None if none."""
    asked = [one.masked for one in recent]
    if asked.count(asked[0]) == len(asked):  # one call again and again
        return None
    for period in PERIODS:
        again = period * (ROUNDS - 1)
        if len(asked) < again + period:
            return None
        if asked[:again] != asked[period : again + period]:  # nearly every call
            continue
        if _is_round(recent[: again + period], period):
            return period
    return None


def _is_round(walked: list[Look], period: int) -> bool:
    """Tell a round from polling, and from one call again and again."""
    first = walked[:period]
    if len({one.masked for one in first}) == 1 or any(is_poll(one) for one in first):
        return False
    if any(one.effect is not Effect.READ for one in first):
        return True
    # Looks alone: a world that moves by itself may be watched in turn.
    return all(
        walked[at].digest == walked[at + period].digest for at in range(period * (ROUNDS - 1))
    )


def _ended(state: CycleState, agent: str) -> CycleState:
    if not any(name == agent for name, _ in state.going):
        return state
    return CycleState(going=tuple(one for one in state.going if one[0] != agent))
