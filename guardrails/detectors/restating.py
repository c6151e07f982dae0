"""FM-1.5 and FM-1.3 in conversations: the same words again, and nothing in between.

An agent that answers every turn with the same line does not see that the talk is over, or that it
leads nowhere (`Continue. Please keep solving …`, to somebody who said what is missing). An agent
that hands in the same long piece of work twice has done a step again. Letters are compared: white
space is not. A tool that returns in between is new, so asking again is sound.
"""

from typing import Final
from zlib import crc32

import msgspec

from guardrails.core.events import Event, ModelReplied, ToolReturned
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene

DETECTOR = "RestatedTurn"

IN_A_ROW: Final = 3
"""Equal turns of one agent, one after the other, that are a loop. Two happen when an answer was
half done."""
LONG: Final = 300
"""Characters, white space aside, from which on equal words are equal work: five lines. Shorter
turns are formulas (`approved`, `TERMINATE`)."""
AGENTS: Final = 16
"""Agents remembered, those that spoke last."""
WORKS: Final = 16
"""Long turns remembered."""

_SPACE: Final = b" \t\r\n"


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent said last, and how often in a row."""

    agent: str
    words: int
    steps: tuple[int, ...]
    answered: bool = False
    """Whether somebody else spoke since."""


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A long turn."""

    agent: str
    words: int
    step: int


class RestatingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said since a tool last returned."""

    said: tuple[Said, ...] = ()
    works: tuple[Work, ...] = ()


def observe(
    state: RestatingState, event: Event, scene: Scene
) -> tuple[RestatingState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolReturned() if state.said or state.works:
            return RestatingState(), ()
        case ModelReplied(text=text, tool_calls=()) if text:
            after, new = _replied(state, event, text)
            return after, new if scene.several else ()
        case _:
            return state, ()


def _replied(
    state: RestatingState, event: Event, text: str
) -> tuple[RestatingState, tuple[Finding, ...]]:
    letters = text.encode().translate(None, _SPACE)
    if not letters:
        return state, ()
    words = crc32(letters)
    said = _said(state.said, event, words)
    works, found = state.works, ()
    if len(letters) >= LONG:
        found = tuple(
            _again(event, one, text)
            for one in works
            if one.words == words and one.agent == event.agent
        )[:1]
        works = (*works[1 - WORKS :], Work(agent=event.agent, words=words, step=event.step))
    others = tuple(
        one if one.answered else msgspec.structs.replace(one, answered=True)
        for one in state.said
        if one.agent != event.agent
    )
    after = RestatingState(said=(*others[1 - AGENTS :], said), works=works)
    if len(said.steps) == IN_A_ROW:
        found = (*found, _loop(event, said, text))
    return after, found


def _said(before: tuple[Said, ...], event: Event, words: int) -> Said:
    """Count the turn. Equal turns count only where somebody answered between them."""
    last = next((one for one in before if one.agent == event.agent), None)
    if last is None or last.words != words:
        return Said(agent=event.agent, words=words, steps=(event.step,))
    if not last.answered:
        return last
    return Said(agent=event.agent, words=words, steps=(*last.steps, event.step)[-IN_A_ROW - 1 :])


def _again(event: Event, before: Work, text: str) -> Finding:
    return finding(
        event,
        FailureMode.STEP_REPETITION,
        DETECTOR,
        why=f"hands in again, letter for letter, what it handed in at step {before.step}",
        about=f"work of step {before.step}",
        steps=(before.step, event.step),
        evidence=(text,),
        confidence=0.5,
    )


def _loop(event: Event, said: Said, text: str) -> Finding:
    return finding(
        event,
        FailureMode.UNAWARE_OF_TERMINATION,
        DETECTOR,
        why=f"says the same to every answer, {IN_A_ROW} times in a row",
        about="the same words",
        steps=said.steps,
        evidence=(text,),
        confidence=0.8,
    )
