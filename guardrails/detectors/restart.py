"""FM-2.1, conversation reset: work begins anew though nothing gave a reason to.

Told by a plan that falls back to all-open with the same items, and by an agent that takes its first
steps again, in the same order, late in its task and in an unchanged world.
"""

from typing import Final

import msgspec

from guardrails.core.events import Event, PlanItem
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Look, is_poll
from guardrails.detectors.scene import Scene

DETECTOR = "ConversationReset"

OPENING: Final = 3
"""First looks of an agent that are remembered. Two alike are the look around that many turns begin
with; three in the same order are a way taken again."""
LATER: Final = 6
"""Calls in between; fewer are a repetition, not a restart."""
DONE: Final = 2
"""Items of a plan that were done and are open again."""
AGENTS: Final = 16


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an agent began its task."""

    agent: str
    since: int
    """The step at which it got its task: another task begins otherwise."""
    looks: tuple[str, ...] = ()
    """What its first looks asked."""
    steps: tuple[int, ...] = ()
    writes: int = 0
    calls: int = 0
    matched: int = 0
    """How many of them were asked again, in order and without anything else between."""


class RestartState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Beginnings, and the plan as it last stood."""

    openings: tuple[Opening, ...] = ()
    plan: tuple[PlanItem, ...] = ()


def observe(
    state: RestartState, event: Event, scene: Scene
) -> tuple[RestartState, tuple[Finding, ...]]:
    """Fold one event."""
    if scene.plan is not state.plan and scene.plan != state.plan:
        before, state = state.plan, msgspec.structs.replace(state, plan=scene.plan)
        found = _plan_reset(event, before, scene.plan)
        if found:
            return state, found
    if scene.last is None or scene.last.effect is Effect.FINISH:
        return state, ()
    return _looked(state, event, scene, scene.last)


def _plan_reset(
    event: Event, before: tuple[PlanItem, ...], now: tuple[PlanItem, ...]
) -> tuple[Finding, ...]:
    done = {item.text for item in before if item.status == "done"}
    again = [item.text for item in now if item.text in done and item.status == "pending"]
    if len(again) < DONE or any(item.status == "done" for item in now):
        return ()
    return (
        finding(
            event,
            FailureMode.CONVERSATION_RESET,
            DETECTOR,
            why=f"the plan begins anew: {len(again)} items that were done are open again",
            about="plan",
            evidence=tuple(again[:3]),
            confidence=0.8,
        ),
    )


def _looked(
    state: RestartState, event: Event, scene: Scene, look: Look
) -> tuple[RestartState, tuple[Finding, ...]]:
    agent = scene.agent(look.agent)
    since = 0 if agent is None else agent.since
    opening = next((one for one in state.openings if one.agent == look.agent), None)
    if opening is None or opening.since != since:
        opening = Opening(agent=look.agent, since=since, writes=look.writes)
    opening, restarted = _gone_on(opening, look)
    others = tuple([one for one in state.openings if one.agent != look.agent])
    state = msgspec.structs.replace(state, openings=(*others[1 - AGENTS :], opening))
    if not restarted:
        return state, ()
    return state, (
        finding(
            event,
            FailureMode.CONVERSATION_RESET,
            DETECTOR,
            why=f"takes its first {OPENING} steps again, in the same order, in an unchanged world",
            about="first steps",
            steps=(*opening.steps, look.step),
            evidence=opening.looks,
            confidence=0.6,
        ),
    )


def _gone_on(opening: Opening, look: Look) -> tuple[Opening, bool]:
    """Return an opening after one more call, and whether the agent has begun anew with it."""
    calls = opening.calls + 1
    if len(opening.looks) < OPENING:
        if look.masked in opening.looks or is_poll(look):
            return msgspec.structs.replace(opening, calls=calls), False
        return (
            msgspec.structs.replace(
                opening,
                calls=calls,
                looks=(*opening.looks, look.masked),
                steps=(*opening.steps, look.step),
                writes=look.writes,
            ),
            False,
        )
    matched = opening.matched + 1 if look.masked == opening.looks[opening.matched] else 0
    if matched == 0 and look.masked == opening.looks[0]:
        matched = 1
    unchanged = look.writes == opening.writes and calls > OPENING + LATER
    restarted = matched == OPENING and unchanged
    if matched == OPENING:
        matched = 0
    return msgspec.structs.replace(opening, calls=calls, matched=matched), restarted
