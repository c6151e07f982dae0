"""FM-3.2 from what a conclusion blames and nobody looked at.

An object that is blamed is one that somebody should have looked at. What was asked for and does
not exist was looked at; so was whatever a list showed, unless a setting of it is blamed.
"""

from collections.abc import Iterator
from typing import Final

from guardrails.actions.absences import setting_as_cause
from guardrails.actions.admissions import undecided
from guardrails.actions.conclusions import Conclusion, names_in
from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.mechanisms import unshown_mechanisms
from guardrails.actions.sentences import Cued
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode, Weight
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.coverage import SHALLOW, Coverage, answered, workload_of
from guardrails.detectors.look import Look
from guardrails.detectors.scene import Scene

DETECTOR: Final = "UncheckedCause"

_FILE_FAULT = Cued(
    r"certificate\s+(?:is\s+|has\s+)?(?:expired|not\s+yet\s+valid)|no\s+such\s+file\b",
    ("certificate", "such"),
)
"""A program says what is wrong with a file that it was given: the Secret behind it is known."""
_SLOW = Cued(r"\blatenc|\bslow|\bdelay|\btail\b", ("latenc", "slow", "delay", "tail"))
"""A trace shows how long each service on its way took, so that it is a look at all of them."""
_OF_FILES: Final = ("secret", "configmap")
_NO_OBJECTS: Final = frozenset({"", "url", "file", "query"})


def judge(event: Event, coverage: Coverage, said: Conclusion, claim: Claim) -> Iterator[Finding]:
    """Judge a final answer.

    In 276 stored runs of an SRE agent, 47 of 195 wrong ones and 8 of 81 right ones blame what
    nobody looked at, 9 and none blame an object of which only the Service or the like was read,
    59 and 7 rest on a mechanism of which no tool said a word, 14 and 5 end in a guess. The study
    behind the modes' weights never marked this mode, for a parser's fault, so that none of it
    decides a run.
    """
    scene = coverage.scene
    if not scene.looks:
        return
    lists = not setting_as_cause(said)
    slow = _SLOW.finds(said.causes)
    for names in _blamed(coverage, said, claim):
        looks = tuple(look for name in names for look in coverage.covering(name, lists=lists))
        if slow and _is_traced(scene, names):
            continue
        if not looks and not any(coverage.asked_for(name) for name in names):
            why = f"blames {names[0]}, at which nobody looked"
            quotes = (said.cause, f"no call on {names[0]}")
            yield _finding(event, names[0], why=why, evidence=quotes)
        elif looks and _only_shallow(looks):
            kinds = sorted({target.kind for look in looks for target in look.targets})
            why = f"blames {names[0]}, of which only {' and '.join(kinds)} were read"
            quotes = (said.cause, *(look.head for look in looks[:2]))
            yield _finding(event, names[0], why=why, evidence=quotes, severity=Weight.STRUCTURAL)
    if unshown := _unshown(coverage, said):
        why = f"the cause rests on {' and '.join(unshown)}, of which no tool said a word"
        yield _finding(
            event,
            "unshown mechanism",
            why=why,
            evidence=(said.cause,),
            confidence=0.8,
            severity=Weight.STRUCTURAL,
        )
    if sentence := undecided(said):
        why = "states the cause as a guess between alternatives, and no step decided among them"
        yield _finding(
            event,
            "undecided cause",
            why=why,
            evidence=(sentence,),
            confidence=0.7,
            severity=Weight.STRUCTURAL,
        )
    if claim.kind is ClaimKind.MITIGATED and (write := _unwatched_write(scene)) is not None:
        why = f"claims that all is well, and did not look after its last change ({write.tool})"
        yield _finding(
            event,
            "last change",
            why=why,
            evidence=(f"{write.tool}: {write.masked}", write.head),
            steps=(write.step,),
        )


def _unshown(coverage: Coverage, said: Conclusion) -> tuple[str, ...]:
    """Return the mechanisms that no tool spoke of; nothing once results were too many to keep."""
    if len(coverage.scene.looks) > len(coverage.scene.shown):
        return ()
    return unshown_mechanisms(said.causes, coverage.results)


def _blamed(coverage: Coverage, said: Conclusion, claim: Claim) -> Iterator[tuple[str, ...]]:
    """Yield what is blamed, each as the names under which it may have been looked at.

    An item of several words (`cart-0 (container: cart)`) gives those that the run knows; what
    gives none is a sentence, and names nothing.
    """
    items = [*said.listed, *(entity.name for entity in claim.entities if entity.root_cause)]
    of_files = any(item.startswith(_OF_FILES) for item in items)
    known_files = of_files and any(map(_FILE_FAULT.finds, coverage.results))
    done: set[tuple[str, ...]] = set()
    for item in items:
        plain = item.rpartition("/")[2]
        words = (plain,) if names_in(plain) == (plain,) else coverage.known(item)
        names = tuple(dict.fromkeys(map(workload_of, words)))
        if known_files and item.startswith(_OF_FILES):
            continue
        if names and names not in done:
            done.add(names)
            yield names


def _is_traced(scene: Scene, names: tuple[str, ...]) -> bool:
    """Tell whether a trace that was looked at shows one of these names."""
    traces = {look.seq for look in scene.looks if EvidenceKind.TRACES in look.facets}
    return any(one.seq in traces and any(name in one.text for name in names) for one in scene.shown)


def _only_shallow(looks: tuple[Look, ...]) -> bool:
    """Tell whether nothing was read of an object but where its traffic shall go."""
    kinds = {target.kind for look in looks for target in look.targets}
    return (
        bool(kinds)
        and kinds <= SHALLOW
        and not any(EvidenceKind.LOGS in look.facets for look in looks)
    )


def _unwatched_write(scene: Scene) -> Look | None:
    """Return the last change of an object, if nothing was read after it."""
    for look in reversed(scene.looks):
        if look.effect is Effect.READ and answered(look):
            return None
        changes = look.effect in {Effect.WRITE, Effect.DESTRUCTIVE} and look.action.understood
        if changes and any(target.kind not in _NO_OBJECTS for target in look.targets):
            return look
    return None


def _finding(
    event: Event,
    about: str,
    *,
    why: str,
    evidence: tuple[str, ...],
    confidence: float = 0.8,
    severity: Weight | None = None,
    steps: tuple[int, ...] = (),
) -> Finding:
    return finding(
        event,
        FailureMode.INCOMPLETE_VERIFICATION,
        DETECTOR,
        why=why,
        about=about,
        evidence=evidence,
        confidence=confidence,
        severity=severity,
        steps=steps,
    )
