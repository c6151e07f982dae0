"""FM-1.5, unaware of termination conditions: an agent goes on when it is done, or cannot tell.

Told by calls after its own answer was accepted, and by a long stretch in which every look shows
what had been shown. A run that had to be stopped is told by `termination`, and one that goes on
though the gate passes by the machine.
"""

from typing import Final

import msgspec

from guardrails.core.events import Event, MessagePassed, RunResumed
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Came, Look, is_poll
from guardrails.detectors.scene import Scene

DETECTOR = "Overrun"

STALE: Final = 8
"""Looks in a row that show what was shown before. Successful runs in ITBench's traces make 20 to 40
in all, hardly any of them twice."""
AFTER: Final = 2
"""Calls after an answer that make a finding: frameworks run the calls of one turn side by side, so
one may still be under way."""
AGENTS: Final = 16


class Course(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an agent is with its task."""

    agent: str
    since: int = 0
    """The step at which it got its task."""
    finished: int = 0
    """The step at which it gave its answer; 0 before."""
    after: int = 0
    """Calls since."""
    stale: int = 0
    """Looks in a row that showed nothing new."""


class OverrunState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the agents are."""

    courses: tuple[Course, ...] = ()


def observe(
    state: OverrunState, event: Event, scene: Scene
) -> tuple[OverrunState, tuple[Finding, ...]]:
    """Fold one event."""
    if scene.last is not None:
        return _looked(state, event, scene, scene.last)
    match event.fact:
        case MessagePassed(by_person=True) | RunResumed() if state.courses:
            return OverrunState(), ()  # somebody wants more
        case _:
            return state, ()


def _looked(
    state: OverrunState, event: Event, scene: Scene, look: Look
) -> tuple[OverrunState, tuple[Finding, ...]]:
    agent = scene.agent(look.agent)
    since = 0 if agent is None else agent.since
    course = next((one for one in state.courses if one.agent == look.agent), None)
    if course is None or course.since != since:
        course = Course(agent=look.agent, since=since)
    course = _gone_on(course, scene, look)
    others = tuple([one for one in state.courses if one.agent != look.agent])
    state = OverrunState(courses=(*others[1 - AGENTS :], course))
    if course.after == AFTER:
        why = f"goes on after its answer in step {course.finished}"
        return state, (_found(event, look, why, about="after its answer", confidence=0.7),)
    if course.stale == STALE:
        why = f"the last {STALE} looks show nothing that was not shown before"
        return state, (_found(event, look, why, about="nothing new", confidence=0.7),)
    return state, ()


def _gone_on(course: Course, scene: Scene, look: Look) -> Course:
    if look.effect is Effect.FINISH:
        came = look.came is Came.SOMETHING or look.came is Came.NOTHING
        answered = came and not course.finished
        return msgspec.structs.replace(course, finished=look.step) if answered else course
    if look.came is Came.BLOCKED or is_poll(look):
        return course
    after = course.after + bool(course.finished and look.step > course.finished)
    known = look.effect is Effect.READ and _is_known(look, scene.alike)
    return msgspec.structs.replace(course, after=after, stale=course.stale + 1 if known else 0)


def _is_known(look: Look, alike: tuple[Look, ...]) -> bool:
    """Tell whether its agent was shown the same before; what is newest is looked at first."""
    agent, digest, missing = look.agent, look.digest, look.came is Came.MISSING
    for one in reversed(alike):
        if one.digest == digest or (missing and one.came is Came.MISSING):  # noqa: SIM102  # in order of cost
            if one.agent == agent:
                return True
    return False


def _found(event: Event, look: Look, why: str, *, about: str, confidence: float) -> Finding:
    return finding(
        event,
        FailureMode.UNAWARE_OF_TERMINATION,
        DETECTOR,
        why=why,
        about=about,
        evidence=(f"{look.tool}: {look.masked}", look.head),
        confidence=confidence,
    )
