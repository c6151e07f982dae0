"""What a conclusion admits: steps that it calls unneeded, facts that it did not find out.

Only plain statements count, sentence by sentence. What was not confirmed is told from what is
recommended for later: in 276 stored runs of an SRE agent, reports that say `not confirmed` or
`could not verify` and stop with calls to spare came from wrong runs only (27 of 195, none of 81
right ones), while `next steps` stand in right reports too.
"""

import re
from collections.abc import Iterator

from guardrails.actions.conclusions import Conclusion
from guardrails.actions.sentences import Cued

_WAIVES = Cued(
    r"\b(?:not|n[o']t)\s+(?:strictly\s+|deemed\s+|considered\s+)?(?:required|necessary|needed)\b"
    r"|\bunnecessary\b|\bno\s+(?:further|additional|more|other)\s+(?:\S+\s+){0,6}?"
    r"(?:required|necessary|needed)\b|\bnot\s+pursued\b|\bwere\s+skipped\b"
    r"|\bwithout\s+(?:further|additional)\s+(?:checks|investigation)\b",
    begins=("not", "n't", "unnecessary", "no", "were", "without"),
)
_STEPS = re.compile(
    r"\b(?:tasks?|checks?|steps?|investigations?|inspections?|audits?|follow[- ]?ups?|evidence"
    r"|look-?ups?|verifications?|unknowns?)\b",
    re.IGNORECASE,
)
_UNCONFIRMED = Cued(
    r"\b(?:could\s+not|couldn[o']t|cannot|can[o']t)\s+(?:be\s+)?(?:\w+\s+){0,2}?"
    r"(?:verif|confirm|determin|establish|retriev|inspect|check)"
    r"|\bnot\s+(?:yet\s+)?(?:confirmed|verified|checked|inspected|examined|determined)\b"
    r"|\b(?:needs?|requires?)\s+(?:further|more)\s+(?:investigation|checks|evidence)"
    r"|\bshould\s+be\s+(?:confirmed|verified|checked)\s+by\b",
    begins=("could", "can", "not", "need", "require", "should"),
)
_LATER = Cued(
    r"\bremaining\s+(?:unknowns?|questions?)\b|\bopen\s+questions?\b|\bunknowns?\s+remain"
    r"|\bto\s+(?:confirm|verify)\b[^.;]{0,60},\s*(?:inspect|check|look)"
    r"|\bnext\s+(?:actionable\s+)?(?:checks?|verifications?|steps?|actions?)\b",
    begins=("remaining", "open", "unknown", "to", "next"),
)
_INCONCLUSIVE = Cued(
    r"\binsufficient\s+(?:data|evidence|information)\b|\binvestigation\s+(?:is\s+)?incomplete\b"
    r"|\bno\s+(?:\w+\s+){0,3}(?:analysis|diagnosis|investigation)\s+(?:\w+\s+){0,2}"
    r"(?:available|provided|performed|possible)\b|\binconclusive\b"
    r"|\b(?:unable|not\s+able)\s+to\s+(?:determine|identify|diagnose|establish)\b"
    r"|\broot\s+cause\s+(?:is\s+)?(?:unknown|undetermined|not\s+determined)\b",
    begins=("insufficient", "investigation", "no", "inconclusive", "unable", "root"),
)
_UNSURE = Cued(
    r"\b(?:most\s+)?(?:likely|probably|possibly|perhaps)\b(?!\s+(?:introduced|occurred|changed"
    r"|happened|because|when|after|during|since))|\b(?:may|might|could)\s+be\b",
    begins=("most", "likely", "probably", "possibly", "perhaps", "may", "might", "could"),
)
"""Not a guess at when it began, which says nothing of what it is."""
_TIME = re.compile(r"\bwhen\b|\bafter\b|\bduring\b", re.IGNORECASE)
_EITHER = re.compile(r"\bor\b", re.IGNORECASE)


def waived(said: Conclusion) -> Iterator[str]:
    """Yield the sentences that call steps unneeded.

    >>> from guardrails.actions.conclusions import read_conclusion
    >>> list(waived(read_conclusion("Cart is down. The checks of its database are not needed.")))
    ['The checks of its database are not needed']
    """
    return (sentence for sentence in said.sentences.that(_WAIVES) if _STEPS.search(sentence))


def unconfirmed(said: Conclusion) -> Iterator[str]:
    """Yield the sentences that say what could not be, or was not, confirmed."""
    return said.sentences.that(_UNCONFIRMED)


def left_for_later(said: Conclusion) -> Iterator[str]:
    """Yield the sentences that name unknowns, or the checks that come next."""
    return said.sentences.that(_LATER)


def inconclusive(said: Conclusion) -> str:
    """Return the sentence by which it says that it found no cause; empty if it does not."""
    return next(said.sentences.that(_INCONCLUSIVE), "")


def undecided(said: Conclusion) -> str:
    """Return the sentence that leaves the cause between alternatives; empty if it is decided."""
    for sentence in said.causes.that(_UNSURE):
        unsure = _UNSURE.pattern.search(sentence)
        if unsure is None or _EITHER.search(sentence, unsure.end()) is None:
            continue
        if _TIME.search(sentence[: unsure.start()][-20:]) is None:
            return sentence
    return ""
