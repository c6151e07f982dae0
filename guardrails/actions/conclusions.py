"""A conclusion, taken apart: a final answer or a report, the cause that it states, the names in it.

Agents state the cause under a heading, in a field of a report, or in a sentence that blames.
Nothing here judges; `admissions` and `absences` read what the sentences say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from guardrails.actions.sentences import Cued, Sentences, read

LONGEST: Final = 16_000
"""Characters of a conclusion that are read, as many as a fact keeps."""
_LONGEST_CAUSE: Final = 2_000
"""Characters of the part that states the cause; a paragraph of a long report has half of that."""
_MOST_SENTENCES: Final = 4
"""Sentences taken for the cause where no heading sets it apart."""

_KEYED = re.compile(
    r"^[\W_]*(?:final[ _-]|probable[ _-]|likely[ _-]|primary[ _-])?"
    r"(?:root[ _-]?causes?|diagnosis|conclusion|cause)\b[\W_]{0,4}(?:[:\u2014]|\n)[\W_]*"
    r"(?P<said>[^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_BLAMES = Cued(
    r"\broot[\s-]*cause\b|\bcaused\s+by\b|\bdue\s+to\b|\bbecause\b|\bculprit\b"
    r"|\b(?:problem|issue|fault)\s+(?:is|was|lies)\b",
    ("cause", "due", "culprit", "problem", "issue", "fault"),
)
_LISTED = re.compile(
    r"^[\W_]*(?:locali[sz]ation|culprits?|root[ _-]?causes?|faulty[ _]\w+)[\W_]{0,3}:\s*"
    r"(?P<list>\[[^\n]*\])",
    re.IGNORECASE | re.MULTILINE,
)
_LIST = re.compile(r":\s*\[")
"""What every such field has, and few reports: it costs a tenth to see."""
_NAME = re.compile(r"(?<![\w.-])[a-z0-9][a-z0-9-]+[a-z0-9](?![\w-])")
"""Three characters at least: `db` and `ui` are as often words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A final answer or a report, taken apart."""

    sentences: Sentences
    """Its text."""
    causes: Sentences
    """The words that state the cause; empty where none are recognised."""
    listed: tuple[str, ...] = ()
    """Items of a field of the report that says where the fault is: `pod/cart-0`, `cart (its
    database)`."""

    @property
    def text(self) -> str:
        """The text, as it was said."""
        return self.sentences.text

    @property
    def cause(self) -> str:
        """The words that state the cause, as they were said."""
        return self.causes.text


def read_conclusion(text: str) -> Conclusion:
    """Take a conclusion apart.

    >>> said = read_conclusion("Root cause: the image of checkout is missing. Pods wait.")
    >>> said.cause
    'the image of checkout is missing. Pods wait.'
    """
    said = read(text[:LONGEST])
    causes = Sentences(_cause(said))
    return Conclusion(sentences=said, causes=causes, listed=tuple(_listed(said.text)))


def names_in(text: str) -> tuple[str, ...]:
    """Return the words of a text that may be names of objects, each once."""
    return tuple(dict.fromkeys(_NAME.findall(text)))


def _cause(said: Sentences) -> str:
    keyed = _KEYED.search(said.text)
    if keyed is not None:
        return keyed["said"][:_LONGEST_CAUSE]
    return ". ".join(islice(said.that(_BLAMES), _MOST_SENTENCES))[:_LONGEST_CAUSE]


def _listed(text: str) -> Iterator[str]:
    for match in _LISTED.finditer(text) if _LIST.search(text) is not None else ():
        try:
            items = msgspec.json.decode(match["list"], type=list[object])
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
        for item in items:
            if isinstance(item, str) and item.strip():
                yield item.strip().lower()
