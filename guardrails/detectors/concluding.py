"""What agents conclude: reads every final answer and every report, and has it judged.

Text is read at these rare events only; every other event costs a look at its type. A gate that
passes later speaks against what was found at the end: then the claim was true.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from guardrails.actions.conclusions import Conclusion, read_conclusion
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, Event, GateReported, MessagePassed
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding, Found
from guardrails.detectors import contradicted, misread, unchecked, unfinished
from guardrails.detectors.base import withdrawn
from guardrails.detectors.coverage import Coverage
from guardrails.detectors.scene import Scene

_HELD: Final = 16
"""Findings of one end that are remembered; a conclusion has a handful."""
_SAME_WORDS: Final = 100
"""Characters by which the last turn is known as the claim that was read from it."""


class ConcludingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found at the last end."""

    held: tuple[Finding, ...] = ()


def observe(
    state: ConcludingState, event: Event, scene: Scene
) -> tuple[ConcludingState, tuple[Found, ...]]:
    """Fold one event."""
    match event.fact:
        case MessagePassed(kind="report", text=text):
            return state, tuple(_of_report(event, scene, read_conclusion(text)))
        case EndRequested(claim=Claim() as claim) if claim.kind not in _NO_CONCLUSION:
            said = read_conclusion(_words(event, scene, claim))
            found = tuple(_of_end(event, scene, said, claim))
            return ConcludingState(held=found[:_HELD]), found
        case GateReported(report=report) if state.held and report.verdict is GateVerdict.PASS:
            why = "the gate passes: what was claimed is so"
            return ConcludingState(), tuple(withdrawn(event, one, why=why) for one in state.held)
        case _:
            return state, ()


_NO_CONCLUSION: Final = frozenset({ClaimKind.GAVE_UP, ClaimKind.NEEDS_HUMAN})
"""Who says so has concluded nothing."""


def _words(event: Event, scene: Scene, claim: Claim) -> str:
    """Return the words of an end: the turn that holds the whole claim, or else the claim."""
    said = scene.said_by(event.agent)
    if said and said[-1].text.lstrip().startswith(claim.text[:_SAME_WORDS]):
        return said[-1].text
    return claim.text


def _of_report(event: Event, scene: Scene, said: Conclusion) -> Iterator[Finding]:
    yield from unfinished.reports(event, scene, said)
    yield from misread.judge(event, Coverage(scene=scene), said, final=False)
    yield from contradicted.judge(event, scene, said)


def _of_end(event: Event, scene: Scene, said: Conclusion, claim: Claim) -> Iterator[Finding]:
    coverage = Coverage(scene=scene)
    yield from unfinished.ends(event, coverage, said)
    yield from unchecked.judge(event, coverage, said, claim)
    yield from misread.judge(event, coverage, said, final=True)
    yield from contradicted.judge(event, scene, said)
