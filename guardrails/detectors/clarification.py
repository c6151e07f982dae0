"""FM-2.2, fail to ask for clarification: what was unclear is taken as a fact about the system.

Three forms that an answer of a tool can give away: a name that nothing but the question knows, and
the conclusion says that the object is missing; an answer for another namespace than the one meant,
never got from the right one, and a conclusion about that object all the same; and a change to a
name of which the tool has several. Someone who asked a person, gave up, or handed over is silent
here: that is what the mode asks for.
"""

import re
from typing import Final

import msgspec

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, Event, ToolRequested
from guardrails.core.findings import Finding, Found, merged
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding, withdrawn
from guardrails.detectors.doubts import Doubt, Doubts
from guardrails.detectors.look import changes, targets_of
from guardrails.detectors.said import names, sentences
from guardrails.detectors.scene import Scene

DETECTOR: Final = "UnaskedAssumption"
"""In 276 public runs of one SRE agent its conclusions on unclear ground are in 15 of 195 wrong runs
and in none of 81 right ones, so that these forms decide a run; the mode as a whole need not."""

DENIALS: Final = 3
"""Calls that a tool answers with a denial of what others show. One is a slip, two are a retry."""

KEPT: Final = 8
"""Findings remembered, so that they can be withdrawn."""

ABSENT: Final = re.compile(
    r"\bmissing\b|\babsent\b|\babsence\b|\bnot? (?:exist|found|present|deployed|created|registered)"
    r"|n[o']t exist|\bnon-?existent|\bdeleted\b|\bremoved\b|\b(?:mis|re)named\b|\bnever created\b"
    r"|\bcannot find\b|\bdoes not include\b",
    re.IGNORECASE,
)
"""Words of somebody who says that something is not there."""

_GENERATED_TAIL = re.compile(r"(?:-[a-z0-9]*\d[a-z0-9]*)?-[a-z0-9]{5}$|-\d+$")


class ClarificationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said of names in doubt."""

    settled: int = 0
    """Changes of the doubts that are taken into account."""
    found: tuple[Finding, ...] = ()


def observe(
    state: ClarificationState, event: Event, scene: Scene
) -> tuple[ClarificationState, tuple[Found, ...]]:
    """Fold one event."""
    doubts = scene.doubts
    said: tuple[Found, ...] = ()
    if doubts.changes != state.settled:
        state, said = _settled(state, doubts, event)
    if not doubts.items or doubts.asked:
        return state, said
    match event.fact:
        case EndRequested(claim=Claim() as claim) if claim.kind in _CONCLUDES:
            found = tuple(_judged(event, doubts, claim))
        case ToolRequested():
            found = _changes(event, doubts, scene)
        case _:
            return state, said
    if not found:
        return state, said
    kept = (*state.found, *found)[-KEPT:]
    return msgspec.structs.replace(state, found=kept), (*said, *found)


_CONCLUDES = frozenset({ClaimKind.DIAGNOSED, ClaimKind.MITIGATED})


def _judged(event: Event, doubts: Doubts, claim: Claim) -> list[Finding]:
    """Return what a conclusion takes for granted."""
    found: dict[str, Finding] = {}
    for doubt in doubts.items:
        if doubt.unknown and (said := said_to_be_absent(claim.text, doubt.name)):
            why = (
                f"takes {doubt.name!r} for an object that is missing, though nothing but the"
                " question for it ever named it"
            )
        elif doubt.place and (said := _speaks_of(claim, doubt)):
            why = (
                f"{doubt.tool} answered for namespace {doubt.place!r}; what it was asked of"
                f" {doubt.name!r} stayed unknown, and a cause is concluded all the same"
            )
        elif _denied(doubts, doubt) and (said := _speaks_of(claim, doubt)):
            why = (
                f"{doubt.tool} denies {doubt.name!r} again and again though other tools show it;"
                " the contradiction is not settled"
            )
        else:
            continue
        one = _finding(event, doubt, why=why, said=said)
        found[one.about] = one if one.about not in found else merged(found[one.about], one)
    return list(found.values())


def _denied(doubts: Doubts, doubt: Doubt) -> bool:
    """Tell whether a tool denied, under all its ways to be written, a name that others show."""
    if not (doubt.seen and doubt.observing):
        return False
    stem = doubt.name.partition(".")[0]
    tries = [len(one.tries) for one in doubts.items if one.name.partition(".")[0] == stem]
    return sum(tries) >= DENIALS


def said_to_be_absent(text: str, name: str) -> str:
    """Return the sentence that says that an object is not there; empty if none does."""
    lowered = text.lower()
    if name not in lowered:
        return ""
    said = (one for one in sentences(lowered) if names(one, name) and ABSENT.search(one))
    return next(said, "")


def _speaks_of(claim: Claim, doubt: Doubt) -> str:
    """Return the sentence that speaks of an object, or of the workload that a pod belongs to."""
    stem = _GENERATED_TAIL.sub("", doubt.name.partition(".")[0])
    for one in sentences(claim.text.lower()):
        if doubt.name in one or (stem and names(one, stem)):
            return one
    return ""


def _changes(event: Event, doubts: Doubts, scene: Scene) -> tuple[Finding, ...]:
    """Return the change of a name that a tool has several of."""
    several = [doubt for doubt in doubts.items if doubt.several]
    if not several or not scene.open:
        return ()
    action = scene.open[-1].action
    if not (action.understood and changes(action)):
        return ()
    open_targets = {t.name.lower() for t in targets_of(action) if not t.namespace}
    return tuple(
        _finding(
            event,
            doubt,
            why=f"changes {doubt.name!r} without having asked which of several is meant",
            said="",
        )
        for doubt in several
        if doubt.name in open_targets
    )


def _finding(event: Event, doubt: Doubt, *, why: str, said: str) -> Finding:
    return finding(
        event,
        FailureMode.NO_CLARIFICATION,
        DETECTOR,
        why=why,
        about=_about(doubt),
        steps=(*doubt.tries, event.step),
        evidence=(doubt.quote, said),
        confidence=0.8,
        severity=Weight.DECISIVE if said else None,
    )


def _about(doubt: Doubt) -> str:
    """Name what is in doubt: one wrong place is one matter, whatever it was asked for there."""
    return f"namespace {doubt.place}" if doubt.place else doubt.name


def _settled(
    state: ClarificationState, doubts: Doubts, event: Event
) -> tuple[ClarificationState, tuple[Found, ...]]:
    """Take back what was said of names that are in doubt no longer."""
    state = msgspec.structs.replace(state, settled=doubts.changes)
    if not state.found:
        return state, ()
    open_ = {_about(one) for one in doubts.items if _is_open(doubts, one)}
    gone = [one for one in state.found if one.about not in open_]
    if not gone:
        return state, ()
    kept = tuple(one for one in state.found if one.about in open_)
    why = "a tool has since shown what was in doubt"
    back = tuple(withdrawn(event, one, why=why) for one in gone)
    return msgspec.structs.replace(state, found=kept), back


def _is_open(doubts: Doubts, doubt: Doubt) -> bool:
    """Tell whether a name is in doubt still; one that a tool denies is, although others show it."""
    return bool(doubt.place or doubt.several or not doubt.seen) or _denied(doubts, doubt)
