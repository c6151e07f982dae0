"""FM-2.5, ignored other agent's input: a report says it is not so, and the conclusion says it is.

A report rules a fault out in plain words, and whoever received it concludes that very fault without
a word about the report. It needs two agents; runs of one agent are silent.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from guardrails.actions.sentences import Cued, read
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, Event, MessagePassed, ToolReturned
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding, quoted
from guardrails.detectors.said import conclusion, sentences_with
from guardrails.detectors.scene import Scene

DETECTOR: Final = "DisregardedReport"

KEPT: Final = 32
"""Statements remembered that rule something out."""

_AFTER: Final = re.compile(
    r"\b(?<!was )(?<!is )(?<!were )(?<!are )(?<!been )"
    r"(?:disprov(?:e|es|ed|ing)|refut(?:e|es|ed|ing)|rul(?:e|es|ed|ing) out"
    r"|no evidence (?:of|for|that))\b"
    r"(?P<what>[^,;:()]{3,120})",
    re.IGNORECASE,
)
"""`Ruled out X`: the fault stands behind the verb, in the same clause."""
_BEFORE: Final = re.compile(
    r"\b(?:is|was|are|were|has been) (?:thus |therefore |also )?"
    r"(?:disproven|disproved|refuted|ruled out|not supported|unsupported|invalidated)\b",
    re.IGNORECASE,
)
"""`X is ruled out`: the fault stands before it."""
_CLAUSE: Final = 160
"""Characters before the verb in which what is ruled out is named."""
_CUES: Final = ("disprov", "refut", "rul", "no evidence ", "supported", "invalidated")
"""One of these is in whatever rules something out, and in few reports and sentences else."""
_INNER: Final = re.compile(
    r"\b(?:instead|rather|confirm(?:s|ed|ing)?|but|however|because|since|by|which)\b|[\u2014,(]",
    re.IGNORECASE,
)
"""What stands behind these is no longer what is ruled out."""
_WEIGHS: Final = Cued(
    r"\b(?:disprov|refut|rul(?:ed|es|ing) out|contradict|conflict|despite|although|even though"
    r"|contrary|discrepan|inconsisten|disagree|reject)",
    (
        *("disprov", "refut", "rul", "contra", "conflict", "despite", "although", "even though"),
        *("discrepan", "inconsisten", "disagree", "reject"),
    ),
)
"""Words of somebody who took the report up, whatever came of it."""
_NEGATION: Final = re.compile(
    r"\b(?:no|not|never|without|neither|nor|rather than|instead of|isn't|wasn't)\b", re.IGNORECASE
)
_NEAR: Final = 40
"""Characters before a word in which a negation speaks of it."""

FAULTS: Final = {
    "renamed": ("renam",),
    "deleted": ("delet", "removed"),
    "moved to another namespace": ("namespace drift", "wrong namespace", "another namespace"),
    "out of memory": ("oom", "out of memory", "memory exhaustion"),
    "wrong selector": ("selector",),
    "image that cannot be pulled": ("image pull", "imagepull"),
    "failing probe": ("probe",),
    "network policy": ("network policy", "networkpolicy"),
    "name resolution": ("dns",),
    "volume": ("pvc", "persistent volume", "persistentvolume"),
    "quota": ("quota",),
    "spent connections": ("pool exhaustion", "connection exhaustion"),
    "scheduling": ("schedul",),
    "throttled processor": ("cpu", "throttl"),
    "packet loss": ("packet loss", "network loss"),
}
"""Faults, and the stems by which reports speak of them. Wrong ports and credentials are left out:
they have two sides, and a report that clears one of them says nothing of the other."""


class RuledOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A statement that something is not so."""

    agent: str
    step: int
    faults: tuple[str, ...]
    quote: str


class DisregardState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What reports ruled out."""

    ruled_out: tuple[RuledOut, ...] = ()


def observe(
    state: DisregardState, event: Event, scene: Scene
) -> tuple[DisregardState, tuple[Found, ...]]:
    """Fold one event."""
    match event.fact:
        case MessagePassed() | ToolReturned():
            return _heard(state, event, scene), ()
        case EndRequested(claim=Claim(kind=ClaimKind.DIAGNOSED | ClaimKind.MITIGATED) as claim):
            if scene.several:
                return state, tuple(_concluded(state, event, claim))
            return state, ()
        case _:
            return state, ()


def _heard(state: DisregardState, event: Event, scene: Scene) -> DisregardState:
    news = scene.news(event)
    if news is None or news.kind != "report" or not news.by or news.by == news.to:
        return state
    new = [
        RuledOut(agent=news.by, step=news.step, faults=faults, quote=quoted(one))
        for one in sentences_with(_CUES, news.text)
        if (faults := ruled_out_in(one))
    ]
    if not new:
        return state
    return DisregardState(ruled_out=(*state.ruled_out, *new)[-KEPT:])


def ruled_out_in(sentence: str) -> tuple[str, ...]:
    """Return the faults that a sentence says are not there.

    >>> ruled_out_in("The hypothesis that the service was renamed is disproven by the list.")
    ('renamed',)
    """
    clauses = [_INNER.split(found["what"])[0] for found in _AFTER.finditer(sentence)]
    if (before := _BEFORE.search(sentence)) is not None:
        what = sentence[max(0, before.start() - _CLAUSE) : before.start()]
        clauses.append(re.split(r"[;:]", what)[-1])
    said = [clause.lower() for clause in clauses if _NEGATION.search(clause) is None]
    return tuple(
        name for name, stems in FAULTS.items() if any(stem in one for one in said for stem in stems)
    )


def _concluded(state: DisregardState, event: Event, claim: Claim) -> Iterator[Finding]:
    if not state.ruled_out or _WEIGHS.finds(read(claim.text)):
        return
    core = conclusion(claim.text).lower()
    said: set[str] = set()
    for one in reversed(state.ruled_out):
        for fault in one.faults:
            if fault in said or one.agent == event.agent or not _asserts(core, fault):
                continue
            said.add(fault)
            yield finding(
                event,
                FailureMode.IGNORED_INPUT,
                DETECTOR,
                why=f"concludes {fault!r}, which {one.agent} had ruled out, without a word on that",
                about=fault,
                steps=(one.step, event.step),
                evidence=(one.quote, core),
                confidence=0.6,
            )


def _asserts(core: str, fault: str) -> bool:
    """Tell whether a conclusion says a fault, and does not deny it."""
    for stem in FAULTS[fault]:
        at = core.find(stem)
        while at >= 0:
            if _NEGATION.search(core[max(0, at - _NEAR) : at]) is None:
                return True
            at = core.find(stem, at + 1)
    return False
