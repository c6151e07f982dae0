"""The hypotheses that an agent states: which object it believes to be at fault, in its own words.

Only a sentence that names an object and says that it is, or may be, the trouble counts. Whether it
is right is the gate's business; here it shows that an agent has said what it acts on.
"""

import re
from collections.abc import Iterable, Iterator

from guardrails.actions.kinds import kind_of
from guardrails.actions.lettercase import folded
from guardrails.actions.prose import entities_in_prose
from guardrails.actions.sentences import holds_any
from guardrails.core.claims import NamedEntity
from guardrails.core.toolaction import Target

LONGEST = 8_000
"""Characters of a turn that are searched, from its end: what an agent acts on, it says last."""

SUSPECTS = re.compile(
    r"\b(?:hypothes[ie]s|hypothesi[sz]e|suspect(?:s|ed)?|suspicion|theory|root[\s-]*causes?|culprit"
    r"|(?:most\s+)?(?:likely|probabl[ey])|appears?\s+to|seems?\s+to|may\s+be|might\s+be"
    r"|could\s+be|because|due\s+to|caused\s+by|causing|the\s+(?:issue|problem|fault|cause)\s+(?:is|lies)"
    r"|is\s+(?:wrong|broken|misconfigured|missing|failing|crashing|down|at\s+fault)"
    r"|(?:was|were|got|been)\s+(?:scaled|deleted|changed|misconfigured|removed|killed))\b",
    re.IGNORECASE,
)
"""Words of somebody who says what is at fault."""
_SUSPECTS = re.compile(SUSPECTS.pattern)
"""The same for `folded` text, in which it takes a third of the time."""
_STEMS = (
    *("hypoth", "suspec", "suspic", "theory", "cause", "culprit", "likely", "probabl", "appear"),
    *("seem", "may", "might", "could", "due", "causing", "issue", "problem", "fault"),
    *("wrong", "broken", "misconfig", "missing", "failing", "crashing", "down", "scaled"),
    *("deleted", "changed", "removed", "killed"),
)
"""One of these is in whatever `SUSPECTS` finds: looking for letters costs a tenth of that."""
_WORDS = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LEAST_WORDS = 4
"""Words that it takes to say what is wrong with something."""
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]+)*")


def hypotheses_in(text: str) -> tuple[str, ...]:
    """Return the objects that a text suspects, as `kind/name` or `name`, each once.

    >>> hypotheses_in("Pods restart. I suspect that deployment `checkout` got a bad image.")
    ('deployment/checkout',)
    """
    found = dict.fromkeys(_named(entity) for entity in _suspected(text[-LONGEST:]))
    return tuple(found)


def acts_on(text: str, targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the objects that a text speaks of in its own words and a call is about to change.

    `payment has 0 replicas, so I bring two back` names no kind, and `the Service points elsewhere`
    no name; with the call beside it, both say what is believed to be at fault.

    >>> acts_on("payment has 0 replicas", [Target(kind="deployment", name="payment")])
    ('deployment/payment',)
    """
    words = _WORDS.findall(text[-LONGEST:].lower())
    if len(words) < _LEAST_WORDS:
        return ()
    said = {*words, *(kind_of(word) for word in words)}
    return tuple(
        dict.fromkeys(
            f"{target.kind}/{target.name}" if target.kind else target.name
            for target in targets
            if target.name and (target.name.lower() in said or target.kind in said)
        )
    )


def _suspected(text: str) -> Iterator[NamedEntity]:
    small = folded(text)  # of the same length, so a place in it is one in the text
    if not holds_any(_STEMS, small):
        return
    for sentence in _SENTENCE.finditer(small):
        if holds_any(_STEMS, sentence[0]) and _SUSPECTS.search(sentence[0]):
            yield from entities_in_prose(text[slice(*sentence.span())])


def _named(entity: NamedEntity) -> str:
    return f"{entity.kind}/{entity.name}" if entity.kind else entity.name
