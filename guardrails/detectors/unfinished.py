"""FM-3.1 from what a conclusion leaves open, where no gate says whether the objective was met.

Plans that are not worked off are as common in right runs as in wrong ones, so most of this is
structural. What decides is a report that says what it could not confirm, and stops with calls to
spare.
"""

import re
from collections.abc import Iterator
from typing import Final

from guardrails.actions.admissions import (
    inconclusive,
    left_for_later,
    unconfirmed,
    undecided,
    waived,
)
from guardrails.actions.conclusions import Conclusion
from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.sentences import Cued
from guardrails.core.events import Event, PlanItem
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding
from guardrails.detectors.coverage import SHALLOW, Coverage, workload_of
from guardrails.detectors.look import Look
from guardrails.detectors.scene import Scene

DETECTOR: Final = "OpenEnds"

_SPARE: Final = 2
"""Calls left from which on a report had room for one more look; the last call submits it."""
_OPEN_STEPS: Final = 3
"""Open steps quoted."""
_CLEARED = Cued(
    r"\b(?:healthy|ready|reachable|ruled\s+out|not\s+the\s+cause)\b",
    ("healthy", "ready", "reachable", "ruled", "cause"),
)
_REFUSED = re.compile(r"\bauth(?:enticat|ori[sz])|\bpermission|\bprivilege", re.IGNORECASE)
"""A refusal is decided by who refuses, so a running pod there clears nothing."""
_LOGS = re.compile(r"\blogs?\b")


def ends(event: Event, coverage: Coverage, said: Conclusion) -> Iterator[Finding]:
    """Judge a final answer.

    Structural, all of it. In 276 stored runs of an SRE agent: steps called unneeded in 60 of 195
    wrong runs and 21 of 81 right ones; open steps about what the answer names in 102 and 39; an
    end without a look in 21 wrong runs and 22 right ones, where nothing was wrong.
    """
    scene = coverage.scene
    if not any(look.step > 0 for look in scene.looks) and (nothing := inconclusive(said)):
        why = "ends without a cause, and nobody looked at anything"
        yield _structural(event, "nobody looked", why=why, evidence=(nothing,))
        return
    open_ = [item for item in scene.plan if item.status in {"pending", "active"}]
    if (open_ or not scene.plan) and (sentence := next(waived(said), "")):
        why = "calls steps unneeded that nobody has taken"
        quotes = (sentence, *(item.text for item in open_[:_OPEN_STEPS]))
        yield _structural(event, "waived steps", why=why, evidence=quotes)
    bearing = list(_bearing(coverage, said, open_))
    if bearing:
        names = tuple(dict.fromkeys(name for _, name in bearing))
        why = f"ends with planned steps open on what it names: {', '.join(names[:_OPEN_STEPS])}"
        quotes = tuple(dict.fromkeys(item.text for item, _ in bearing[:_OPEN_STEPS]))
        yield _structural(event, "open steps", why=why, evidence=(*quotes, said.cause))
    if open_ and (guess := undecided(said)):
        why = "ends with planned steps open, and the cause undecided"
        quotes = (guess, *(item.text for item in open_[:_OPEN_STEPS]))
        yield _structural(event, "undecided cause", why=why, evidence=quotes)
    bears_none = said.cause and scene.looks and not bearing
    if bears_none and (later := next(unconfirmed(said), "") or next(left_for_later(said), "")):
        why = "ends while it says itself what is not known yet"
        yield _structural(event, "left open", why=why, evidence=(later,))


def reports(event: Event, scene: Scene, said: Conclusion) -> Iterator[Finding]:
    """Judge a report on a task that came with a number of calls.

    Decisive where it says what is not confirmed, or that it found nothing: with calls to spare,
    27 of 195 wrong runs of an SRE agent and none of 81 right ones did. Structural where it only
    says what comes next: 18 and 3.
    """
    agent = scene.agent(event.agent)
    if agent is None or agent.budget is None or agent.budget - agent.calls < _SPARE:
        return
    room = f"stops after {agent.calls} of {agent.budget} calls, and says itself that "
    if sentence := next(unconfirmed(said), "") or inconclusive(said):
        why = f"{room}something is not confirmed"
        yield finding(
            event,
            FailureMode.PREMATURE_TERMINATION,
            DETECTOR,
            why=why,
            about="not confirmed",
            evidence=(sentence,),
            confidence=0.9,
        )
    elif sentence := next(left_for_later(said), ""):
        why = f"{room}more is to be checked"
        yield _structural(event, "next checks", why=why, evidence=(sentence,))


def _structural(event: Event, about: str, *, why: str, evidence: tuple[str, ...]) -> Finding:
    return finding(
        event,
        FailureMode.PREMATURE_TERMINATION,
        DETECTOR,
        why=why,
        about=about,
        evidence=evidence,
        confidence=0.9,
        severity=Weight.STRUCTURAL,
    )


def _bearing(
    coverage: Coverage, said: Conclusion, open_: list[PlanItem]
) -> Iterator[tuple[PlanItem, str]]:
    """Yield the open steps that ask for what nobody saw of an object that the answer names."""
    if not open_:
        return
    asked = "\n".join(item.text.lower() for item in open_)
    names = dict.fromkeys(map(workload_of, coverage.known(said.text, besides=asked)))
    looks = {name: coverage.covering(name) for name in names}
    for item in open_:
        text = item.text.lower()
        logs = _LOGS.search(text) is not None
        for name in names:
            if name not in text or not re.search(rf"(?<![\w-]){re.escape(name)}(?![a-z])", text):
                continue
            if _unseen(coverage, said, name, looks[name], logs=logs):
                yield item, name
                break


def _unseen(
    coverage: Coverage, said: Conclusion, name: str, looks: tuple[Look, ...], *, logs: bool
) -> bool:
    if not looks:
        # Asked for and not there: no step can look at it.
        return not coverage.asked_for(name)
    if not logs or any(EvidenceKind.LOGS in look.facets for look in looks):
        return False
    kinds = {target.kind for look in looks for target in look.targets}
    return not (kinds - SHALLOW and _is_cleared(said, name))


def _is_cleared(said: Conclusion, name: str) -> bool:
    """Tell whether the conclusion says of a name that nothing is wrong with it, and may."""
    return _REFUSED.search(said.cause) is None and any(
        name in sentence for sentence in said.sentences.that(_CLEARED)
    )
