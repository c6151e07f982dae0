"""FM-1.3, step repetition: work done again, though nothing new could come of it.

Loop detectors have a name for false alarms: fixed thresholds on the call alone cut off polling and
retries (deer-flow #2116, #2511; fastclaw #80). So a look counts as repeated only when it asks the
same in whatever words, the world was not changed in between, and what came back adds nothing. It is
a finding when one agent does it three times, or when several agents do each other's looks.
"""

from typing import Final

import msgspec

from guardrails.actions.evidence import EvidenceKind
from guardrails.core.events import Event, MessagePassed
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Came, Look, is_poll
from guardrails.detectors.scene import Scene

DETECTOR = "StepRepetition"

REPEATS: Final = 3
"""Equal looks of one agent that make a finding. Two happen in sound runs (look, think, look)."""
RETRIES: Final = 5
"""The same for calls that failed: clients retry three times by default (urllib3, boto3, tenacity
examples), and an agent may do so once more."""
SETTLING: Final = 6
"""The same after a change: looking whether it took effect is no loop until it goes on and on."""
SHARED: Final = 2
"""Looks of other agents done again that make a finding. In labelled SRE runs one is common where
investigators begin from the same pod; two were marked in 9 of 11 runs, one in 1 of 10."""
NAMES: Final = 3
"""Names guessed for something that does not exist."""
WINDOW: Final = 64
"""Looks looked back on; repeated calls in supervised agents are rare and close together."""

_LONGEST_TASK = 40
"""Characters from which on a task is told from another by its words."""


class RepetitionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often agents did what others had done."""

    shared: tuple[tuple[str, int], ...] = ()
    """Looks of others done again, by agent."""
    steps: tuple[int, ...] = ()
    """Where."""
    quotes: tuple[str, ...] = ()


def observe(
    state: RepetitionState, event: Event, scene: Scene
) -> tuple[RepetitionState, tuple[Finding, ...]]:
    """Fold one event."""
    if scene.last is not None:
        return _looked(state, event, scene, scene.last)
    if isinstance(event.fact, MessagePassed) and event.fact.kind == "task":
        return state, _same_task(event, event.fact, scene)
    return state, ()


def _looked(
    state: RepetitionState, event: Event, scene: Scene, look: Look
) -> tuple[RepetitionState, tuple[Finding, ...]]:
    if look.effect is Effect.FINISH or look.came is Came.BLOCKED or is_poll(look):
        return state, ()
    asked = look.masked
    before = [one for one in scene.alike if one.masked == asked]
    found = _own(event, scene, look, before) if before else []
    if look.came is Came.MISSING:
        found += _guessed(event, scene, look)
    if before and scene.several and look.effect is Effect.READ:
        state, shared = _others(state, event, look, before)
        found += shared
    return state, tuple(found)


def _own(event: Event, scene: Scene, look: Look, before: list[Look]) -> list[Finding]:
    """Find an agent that asks the same again and learns nothing."""
    same = _same(look, before)
    count = len(same) + 1
    least = _least(scene, look)
    if not _is_milestone(count, least):
        return []
    why = f"{look.tool} asks the same and learns nothing new, {count} times"
    return [
        finding(
            event,
            FailureMode.STEP_REPETITION,
            DETECTOR,
            why=why,
            about=look.masked[:80],
            steps=tuple(one.step for one in (*same, look)),
            evidence=(look.head,),
            confidence=0.9,
        )
    ]


def _same(look: Look, before: list[Look]) -> list[Look]:
    """Return the agent's own looks to which this one adds nothing."""
    agent, digest = look.agent, look.digest
    if look.came is Came.MISSING:
        own = [one for one in before if one.agent == agent]
        return [one for one in own if one.digest == digest or one.came is Came.MISSING]
    if _ANSWERS_ANEW.issuperset(look.facets):
        # Nothing is known of what such a tool looks at, so the question is all there is to compare.
        own = [one for one in before if one.agent == agent]
        return [one for one in own if one.digest == digest or one.exact == look.exact]
    return [one for one in before if one.digest == digest and one.agent == agent]


_ANSWERS_ANEW = frozenset({EvidenceKind.OTHER})


def _least(scene: Scene, look: Look) -> int:
    if look.came is Came.FAILED:
        return RETRIES
    return SETTLING if scene.writes and look.effect is Effect.READ else REPEATS


def _guessed(event: Event, scene: Scene, look: Look) -> list[Finding]:
    """Find an agent that tries one name after the other for what a tool says does not exist."""
    tried = {
        one.exact: one
        for one in scene.looks[-WINDOW:]
        if one.agent == look.agent and one.tool == look.tool and one.came is Came.MISSING
    }
    if not _is_milestone(len(tried), NAMES):
        return []
    return [
        finding(
            event,
            FailureMode.STEP_REPETITION,
            DETECTOR,
            why=f"{look.tool} is asked for {len(tried)} names, and none of them exists",
            about=f"{look.tool}: names",
            steps=tuple(one.step for one in tried.values()),
            evidence=(look.head,),
            confidence=0.7,
        )
    ]


def _others(
    state: RepetitionState, event: Event, look: Look, before: list[Look]
) -> tuple[RepetitionState, list[Finding]]:
    """Find an agent that does the looks of others again."""
    again = [one for one in before if _done_again(look, one)]
    if not again:
        return state, []
    # That something does not exist was told once for all; a look at what does may show more.
    plain = look.came is Came.MISSING and any(one.agent != look.agent for one in again)
    counts = dict(state.shared)
    before_total = sum(counts.values())
    counts[look.agent] = counts.get(look.agent, 0) + (SHARED if plain else 1)
    state = RepetitionState(
        shared=tuple(counts.items())[-WINDOW:],
        steps=(*state.steps, look.step)[-WINDOW:],
        quotes=(*state.quotes, look.masked)[-SHARED:],
    )
    total = sum(counts.values())
    if not any(_is_milestone(count, SHARED) for count in range(before_total + 1, total + 1)):
        return state, []
    who = sorted({one.agent for one in before if one.agent != look.agent} | {look.agent})
    return state, [
        finding(
            event,
            FailureMode.STEP_REPETITION,
            DETECTOR,
            why=f"{total} looks were already done by another agent: {', '.join(who)}",
            about="looks of others",
            agent="",
            steps=state.steps,
            evidence=(*state.quotes, look.head),
            confidence=0.7,
        )
    ]


def _done_again(look: Look, before: Look) -> bool:
    """Tell whether a look repeats one of another agent, or an own one in another form."""
    if EvidenceKind.OTHER in look.facets:
        return False
    if look.agent == before.agent and look.tool == before.tool:
        return False  # an agent's own loop is told by itself
    if look.digest == before.digest or look.came is Came.MISSING is before.came:
        return True
    named = any(target.name for target in look.targets)
    if not named or look.came is not Came.SOMETHING or before.came is not Came.SOMETHING:
        return False
    other_form = look.tool != before.tool and EvidenceKind.OBJECTS in look.facets
    return look.agent != before.agent or other_form


def _same_task(event: Event, passed: MessagePassed, scene: Scene) -> tuple[Finding, ...]:
    """Find a task that is given again after it was reported on."""
    if len(passed.text) < _LONGEST_TASK:
        return ()
    reported = {one.ref for one in scene.messages if one.kind == "report" and one.ref}
    for one in scene.messages[:-1]:
        if one.kind == "task" and one.text == passed.text and one.ref in reported:
            return (
                finding(
                    event,
                    FailureMode.STEP_REPETITION,
                    DETECTOR,
                    why="a task that was reported on is given again, word for word",
                    about=f"task {passed.text[:60]}",
                    steps=(one.step, event.step),
                    evidence=(passed.text,),
                    confidence=0.8,
                ),
            )
    return ()


def _is_milestone(count: int, least: int) -> bool:
    """Report at 3, 6, 12, 24 …: a loop is news once, then only when it doubled."""
    multiple, rest = divmod(count, least)
    return rest == 0 and multiple > 0 and multiple & (multiple - 1) == 0
