"""Statements that a text may make, looked for by a few letters of each before a rule reads it.

A rule that may begin with any of a dozen words is tried at every word of a report, and nearly all
reports make none of the statements. Letters that stand fast are found some twenty times as fast:
the engine skips to them. Only where they stand is what must follow them looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One way to say something, in small letters."""

    word: str
    """Letters that every such statement holds. Statements that have them in common share a look."""
    after: str = ""
    """Pattern of what follows the word."""
    before: str = ""
    """Pattern of what stands before the word."""


class Statements:
    """Statements that mean the same. Texts are given in small letters.

    Args:
        statements: Any number of them. They begin at the beginning of a word.
    """

    def __init__(self, *statements: Statement) -> None:
        ways = "|".join(f"{one.before}{one.word}{one.after}" for one in statements)
        self._pattern = re.compile(rf"\b(?:{ways})")
        after: dict[str, list[str]] = {}
        for one in statements:
            after.setdefault(one.word, []).append(one.after)
        self._signs = [re.compile(f"{word}(?:{'|'.join(ends)})") for word, ends in after.items()]

    def places_in(self, text: str) -> Iterator[int]:
        """Yield where the statements of a text begin."""
        if self._may_be_in(text):
            yield from (found.start() for found in self._pattern.finditer(text))

    def without(self, text: str) -> str:
        """Return a text with a space in the place of each statement."""
        return self._pattern.sub(" ", text) if self._may_be_in(text) else text

    def _may_be_in(self, text: str) -> bool:
        """Tell whether the text has the letters of any statement, and what follows them."""
        return any(sign.search(text) for sign in self._signs)
