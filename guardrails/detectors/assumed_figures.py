"""FM-2.2: a question lacks a figure, and the agent makes one up instead of asking.

Only for questions that ask for an amount. The sign is a number in the program that was run which
neither the question nor a tool gave and no arithmetic of those gives, or words that say so
(`let's assume each box holds 30`). An unknown with a letter (`let x be …`) is no assumption, and
neither is an answer that says what is missing.
"""

import re
from typing import Final, cast

import msgspec

from guardrails.actions.figures import MOST, figures_in, unsourced, worked_out
from guardrails.actions.passages import lines_of
from guardrails.core.events import (
    EndRequested,
    Event,
    MessagePassed,
    ModelReplied,
    RunStarted,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding, withdrawn
from guardrails.detectors.scene import Scene

DETECTOR = "AssumedFigures"

LONGEST_QUESTION: Final = 2_000
"""Characters of a question. A longer task is a specification, whose numbers say other things."""
KEPT: Final = 4
"""Findings remembered until the end, which may take them back."""

_ASKS = re.compile(
    r"\bhow\s+(?:many|much|long|far|old|tall|big|fast|heavy|often)\b"
    r"|\bwhat(?:['\u2019]s|\s+(?:is|was|are|were|will\s+be))\s+(?:the|his|her|their|its|your)?\s*"
    r"(?:\w+\s+){0,4}?(?:number|total|sum|cost|price|average|mean|median|ratio|percent\w*|fraction"
    r"|probability|area|volume|length|distance|age|weight|amount|profit|speed|rate|value|score"
    r"|grade|difference)\b"
    r"|\b(?:calculate|compute|determine)\s+(?:the|how)\b",
    re.IGNORECASE,
)
_CODE_KEYS = ("code", "script", "source", "program", "input")
_ASSUMES = re.compile(
    r"\b(?:assum(?:e|ed|es|ing)|suppos(?:e|ing)|presum(?:e|ed|ing)"
    r"|(?:let['\u2019]s|let us|we|i)(?:['\u2019]ll| will| can| could)? (?:assign|pick|choose))\b"
    r"(?![^.\n]{0,40}\b(?:as|be|is|has|have|had|by|to)\s+"
    r"[\"'`$(\\]{0,2}[a-z][\"'`$)\\]{0,2}(?![\w'\u2019]))",
    re.IGNORECASE,
)
"""Words of assuming, unless what is assumed is a letter."""
_LACKS = re.compile(
    r"\b(?:insufficient|not\s+enough|missing|more|additional|without)\s+(?:\w+\s+){0,3}"
    r"(?:information|data|details?|context)\b|\b(?:cannot|can['\u2019]?t|can\s+not|impossible\s+to)\s+"
    r"(?:be\s+)?(?:solved?|determined?|answer(?:ed)?|calculated?|known?)\b|\bunsolvable\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]+)*")


class AssumedFiguresState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of the question, where it is one of an amount."""

    asks: bool = False
    given: tuple[float, ...] = ()
    """Figures with a source, in their order."""
    found: tuple[Finding, ...] = ()


def observe(
    state: AssumedFiguresState, event: Event, scene: Scene
) -> tuple[AssumedFiguresState, tuple[Found, ...]]:
    """Fold one event."""
    del scene
    fact = event.fact
    if isinstance(fact, RunStarted):
        return _asked(fact.incident.task), ()
    if not state.asks:
        return state, ()
    match fact:
        case ModelReplied(text=text) if text:
            return _replied(state, event, text)
        case ToolRequested() as call:
            return _runs(state, event, call)
        case ToolReturned(status=ToolStatus.OK, text=text):
            return _learnt(state, figures_in(text)), ()
        case MessagePassed(by_person=True, text=text):
            return _learnt(state, figures_in(text)), ()
        case EndRequested(claim=claim) if claim is not None and _LACKS.search(claim.text):
            why = "the answer says what is missing"
            return state, tuple(withdrawn(event, one, why=why) for one in state.found)
        case _:
            return state, ()


def _asked(task: str) -> AssumedFiguresState:
    if len(task) > LONGEST_QUESTION or _ASKS.search(task) is None:
        return AssumedFiguresState()
    given = figures_in(task)
    return AssumedFiguresState(asks=0 < len(given) <= MOST, given=tuple(sorted(given)))


def _learnt(state: AssumedFiguresState, figures: frozenset[float]) -> AssumedFiguresState:
    """Add figures, while there is room: a table that a tool printed is no list of givens."""
    given = figures.union(state.given)
    if len(given) > MOST or len(given) == len(state.given):
        return state
    return msgspec.structs.replace(state, given=tuple(sorted(given)))


def _replied(
    state: AssumedFiguresState, event: Event, text: str
) -> tuple[AssumedFiguresState, tuple[Finding, ...]]:
    prose = "\n".join(line.text for line in lines_of(text) if line.language is None)
    state = _learnt(state, worked_out(prose, frozenset(state.given)))
    said = tuple(
        sentence.strip() for sentence in _SENTENCE.findall(text) if _ASSUMES.search(sentence)
    )
    if not said:
        return state, ()
    return _with(state, event, why="assumes what the question does not say", evidence=said[:2])


def _runs(
    state: AssumedFiguresState, event: Event, call: ToolRequested
) -> tuple[AssumedFiguresState, tuple[Finding, ...]]:
    code = _code_of(call.arguments)
    brought = unsourced(code, frozenset(state.given)) if code else ()
    if not brought:
        return state, ()
    numbers = ", ".join(number for number, _ in brought[:3])
    lines = tuple(line for _, line in brought[:3])
    return _with(state, event, why=f"calculates with {numbers}, which nobody gave", evidence=lines)


def _with(
    state: AssumedFiguresState, event: Event, *, why: str, evidence: tuple[str, ...]
) -> tuple[AssumedFiguresState, tuple[Finding, ...]]:
    new = finding(
        event,
        FailureMode.NO_CLARIFICATION,
        DETECTOR,
        why=why,
        about="a figure of its own",
        evidence=evidence,
        confidence=0.6,
    )
    return msgspec.structs.replace(state, found=(*state.found, new)[-KEPT:]), (new,)


def _code_of(arguments: str) -> str:
    try:
        given: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    if not isinstance(given, dict):
        return ""
    fields = cast("dict[str, object]", given)
    return next((value for key in _CODE_KEYS if isinstance(value := fields.get(key), str)), "")
