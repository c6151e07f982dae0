"""FM-1.4, loss of conversation history: an agent acts as if it had not seen what it saw.

Three signs that need no guess about meaning: an object that was read is read again after the
context was cut, with the same answer; the agent says that it has not looked at what it did look at;
a person is asked again what was answered. Another agent that never got a fact is a case of FM-2.4.
"""

import re
from typing import Final

import msgspec

from guardrails.actions.sentences import Cued, Sentences
from guardrails.core.events import (
    ContextFiltered,
    Event,
    ModelReplied,
    QuestionAnswered,
    QuestionAsked,
)
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.look import Came, Look, is_poll
from guardrails.detectors.scene import Scene

DETECTOR = "LostHistory"

AGAIN: Final = 2
"""Looks repeated after a cut that make a finding. One may be a second look at what matters."""
ANSWERS: Final = 16
"""Answers of people remembered."""
_CUT: Final = 0.9
"""A context that was filtered to more than this share of the history has lost next to nothing."""

_NOT_SEEN = Cued(
    r"\b(?:I|we)\s+(?:have\s?n[o'\u2019]t|have\s+not|did\s?n[o'\u2019]t|did\s+not|never)\s+(?:yet\s+)?"
    r"(?:look(?:ed)?\s+at|check(?:ed)?|inspect(?:ed)?|see|seen|read|examine[d]?|retrieve[d]?|fetch(?:ed)?"
    r"|get|describe[d]?)\s+(?P<what>[^.;\n]{3,120})",
    ("have", "did", "never"),
    ("not", "n't", "n\u2019t", "never"),
    (
        *("look", "check", "inspect", "see", "read", "examine", "retrieve", "fetch", "get"),
        "describe",
    ),
)
_YET_CHANGED = re.compile(
    r"\b(?:since|after|again|anything|any\s+(?:error|change|sign|evidence|issue|problem)s?)\b",
    re.IGNORECASE,
)
"""`I have not seen any errors` and `not checked since the change` deny no look."""
_NAME = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)+|`[a-z0-9]{3,}`", re.IGNORECASE)


class ForgettingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to tell that something was forgotten."""

    cut: tuple[tuple[str, int], ...] = ()
    """Agent, and the event at which its context was last cut."""
    again: tuple[tuple[str, int], ...] = ()
    """Agent, and looks repeated since."""
    answered: tuple[str, ...] = ()
    """Subjects on which people gave an answer."""


def observe(
    state: ForgettingState, event: Event, scene: Scene
) -> tuple[ForgettingState, tuple[Finding, ...]]:
    """Fold one event."""
    if scene.last is not None:
        return _looked(state, event, scene, scene.last) if state.cut else (state, ())
    match event.fact:
        case ModelReplied(text=text) if text:
            return state, _denied(event, scene, text)
        case ContextFiltered(before=before, after=after) if after < _CUT * before:
            others = tuple(one for one in state.cut if one[0] != event.agent)
            cut = (*others, (event.agent, event.seq))[-ANSWERS:]
            return msgspec.structs.replace(state, cut=cut), ()
        case QuestionAnswered(answer=answer):
            answered = (*state.answered, answer.question)[-ANSWERS:]
            return msgspec.structs.replace(state, answered=answered), ()
        case QuestionAsked(question=question) if question.id in state.answered:
            return state, (
                finding(
                    event,
                    FailureMode.LOSS_OF_HISTORY,
                    DETECTOR,
                    why="asks a person again what was answered",
                    about=f"question {question.id}",
                    evidence=(question.text,),
                    confidence=0.9,
                ),
            )
        case _:
            return state, ()


def _looked(
    state: ForgettingState, event: Event, scene: Scene, look: Look
) -> tuple[ForgettingState, tuple[Finding, ...]]:
    cut = next((at for agent, at in state.cut if agent == look.agent), None)
    if cut is None or look.effect is not Effect.READ or is_poll(look):
        return state, ()
    earlier = next(
        (
            one
            for one in reversed(scene.looks[:-1])
            if one.agent == look.agent
            and one.seq < cut
            and one.masked == look.masked
            and one.digest == look.digest
            and one.writes == look.writes
            and one.came is Came.SOMETHING
        ),
        None,
    )
    if earlier is None:
        return state, ()
    counts = dict(state.again)
    counts[look.agent] = counts.get(look.agent, 0) + 1
    state = msgspec.structs.replace(state, again=tuple(counts.items())[-ANSWERS:])
    if counts[look.agent] != AGAIN:
        return state, ()
    return state, (
        finding(
            event,
            FailureMode.LOSS_OF_HISTORY,
            DETECTOR,
            why=f"{AGAIN} looks from before the context was cut are made again to the same answer",
            about="looks from before a cut",
            steps=(earlier.step, look.step),
            evidence=(f"{look.tool}: {look.masked}", look.head),
            confidence=0.7,
        ),
    )


def _denied(event: Event, scene: Scene, text: str) -> tuple[Finding, ...]:
    for found in _NOT_SEEN.all_in(Sentences(text)):
        what = found["what"]
        if _YET_CHANGED.search(what) is not None:
            continue
        names = [name.strip("`").lower() for name in _NAME.findall(what)]
        seen = _seen(scene, event.agent, names)
        if seen is not None:
            return (
                finding(
                    event,
                    FailureMode.LOSS_OF_HISTORY,
                    DETECTOR,
                    why="says that it has not looked at what it did look at",
                    about=seen.masked[:80],
                    steps=(seen.step, event.step),
                    evidence=(found[0], seen.head),
                    confidence=0.6,
                ),
            )
    return ()


def _seen(scene: Scene, agent: str, names: list[str]) -> Look | None:
    """Return an agent's look at the one object that is named."""
    if len(names) != 1:
        return None
    for one in reversed(scene.looks_by(agent)):
        shown = one.came is Came.SOMETHING and one.effect is Effect.READ
        if shown and any(target.name.lower() == names[0] for target in one.targets):
            return one
    return None
