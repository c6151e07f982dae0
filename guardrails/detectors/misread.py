"""FM-3.3 from absences that a conclusion takes for proof.

A manifest without a setting does not show that the setting is needed; a name that nothing ever
showed is no object that is gone; an answer about one namespace says nothing of another.
"""

import re
from collections.abc import Iterator
from typing import Final

from guardrails.actions.absences import demanded, said_gone, setting_as_cause
from guardrails.actions.conclusions import Conclusion
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding
from guardrails.detectors.coverage import Coverage, answered, workload_of
from guardrails.detectors.look import Came, Look
from guardrails.detectors.scene import Scene

DETECTOR: Final = "AbsenceAsProof"

_AT_NAMESPACE = re.compile(
    r"\b(?:in|from)\s+(?:the\s+)?[\"'`]?(?P<before>[a-z0-9][a-z0-9-]+)[\"'`]?\s+namespace\b"
    r"|\bnamespaces?\"?\s*[:=]?\s*[\"'`](?P<after>[a-z0-9][a-z0-9-]+)[\"'`]"
)
_SAYS_NO = re.compile(r"not exist|not found|no such", re.IGNORECASE)
_HEAD: Final = 300
"""Characters of a result within which it says that something does not exist."""


def judge(event: Event, coverage: Coverage, said: Conclusion, *, final: bool) -> Iterator[Finding]:
    """Judge a final answer, or a report."""
    sentences = setting_as_cause(said)
    if sentences and not demanded(coverage.results):
        # 92 of 195 wrong runs of an SRE agent and 51 of 81 right ones: where credentials were the
        # fault, the same reasoning hits it.
        yield _finding(
            event,
            "missing setting",
            why="takes a setting that a manifest lacks for the cause; that it is needed is unseen",
            evidence=sentences,
            severity=Weight.STRUCTURAL,
        )
    for name, sentence, looks in _never_seen(coverage, said):
        # 8 of 195 wrong runs, and none of 81 right ones.
        yield _finding(
            event,
            f"missing {name}",
            why=f"concludes that {name} is gone; nothing in the run shows that it ever was there",
            evidence=(sentence, *(look.head for look in looks[:2])),
            steps=tuple(look.step for look in looks),
        )
    if final:
        yield from _elsewhere(event, coverage)


def _never_seen(
    coverage: Coverage, said: Conclusion
) -> Iterator[tuple[str, str, tuple[Look, ...]]]:
    """Yield the names that are called gone and that only answers of `not found` ever spoke of."""
    scene = coverage.scene
    if not any(look.came is Came.MISSING for look in scene.looks):
        return
    alerts = scene.incident.alerts if scene.incident is not None else ()
    alerting = " ".join(value for alert in alerts for value in alert.labels.values())
    done: set[str] = set()
    for name, sentence in said_gone(said):
        if name in done:
            continue
        done.add(name)
        looks = coverage.asked_for(name)
        if not looks or any(look.came not in _NO_ANSWER for look in looks):
            continue
        missing = any(look.came is Came.MISSING for look in looks)
        if missing and name not in alerting and not _is_shown(scene, name, looks):
            yield name, sentence, looks


_NO_ANSWER: Final = frozenset({Came.MISSING, Came.NOTHING, Came.FAILED, Came.BLOCKED})


def _is_shown(scene: Scene, name: str, looks: tuple[Look, ...]) -> bool:
    asked = {look.seq for look in looks}
    return any(
        name in one.text and one.seq not in asked and _SAYS_NO.search(one.text[:_HEAD]) is None
        for one in scene.shown
    )


def _elsewhere(event: Event, coverage: Coverage) -> Iterator[Finding]:
    """Find answers of `not found` that speak of a namespace which nobody asked about.

    9 of 195 wrong runs of an SRE agent, and none of 81 right ones.
    """
    asked = coverage.namespaces - {""}
    if not asked:
        return
    for look in coverage.scene.looks:
        place = _AT_NAMESPACE.search(look.head) if look.came is Came.MISSING else None
        where = (place["before"] or place["after"]) if place is not None else ""
        if not where or where in asked or _is_mended(coverage, look):
            continue
        yield _finding(
            event,
            f"namespace {where}",
            why=f"concludes after an answer about namespace {where}, of which nobody asked",
            evidence=(look.head,),
            steps=(look.step,),
            agent=look.agent,
        )
        return


def _is_mended(coverage: Coverage, wrong: Look) -> bool:
    """Tell whether the same kind of evidence on the same object was got another way."""
    names = {workload_of(target.name) for target in wrong.targets if target.name}
    return any(
        answered(look) and not set(wrong.facets).isdisjoint(look.facets)
        for name in names
        for look in coverage.asked_for(name)
    )


def _finding(
    event: Event,
    about: str,
    *,
    why: str,
    evidence: tuple[str, ...],
    severity: Weight | None = None,
    steps: tuple[int, ...] = (),
    agent: str | None = None,
) -> Finding:
    return finding(
        event,
        FailureMode.INCORRECT_VERIFICATION,
        DETECTOR,
        why=why,
        about=about,
        evidence=evidence,
        confidence=0.8,
        severity=severity,
        steps=steps,
        agent=agent,
    )
