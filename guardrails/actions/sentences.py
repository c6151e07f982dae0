"""The sentences of a text that somebody concludes with, and those of them that a pattern finds.

A conclusion is read by a dozen patterns, and hardly any sentence holds what one looks for. So a
text is split at most once, and letters are looked for before patterns: a plain look at a text costs
a hundredth of a search without regard to case. Several detectors read the same report, and every
report is held against the same results: what was read of a text is kept for a while.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Final

KEPT: Final = 128
"""Texts whose reading is kept: the results that a scene holds, and reports beside them."""
LONGEST_KEPT: Final = 8_192
"""Characters of such a text; a scene keeps at most 6,000 of any. With its lower case, and eight
bytes for a sentence of two characters, all that is kept is below 20 MB, and in English below 3."""

_SENTENCE = re.compile(r"[^.!?;\n]+(?:[.!?](?=\S)[^.!?;\n]+)*")
_AROUND = " \t\"',[]{}()-*"
"""What stands around a sentence in lists and in JSON."""


class Cued:
    r"""A pattern without regard to case, and letters that are in whatever it finds.

    Args:
        pattern: The pattern, in lower case unless its flags say that case counts.
        cues: Groups of letters in lower case, the rarest group first. Whatever the pattern finds
            holds at least one of every group; if that is not so, the pattern misses what it should
            find. None of them holds what ends a sentence.
        begins: Letters in lower case. Whatever the pattern finds begins with some of them. Where
            they are given, a sentence is tried where they stand and nowhere else: a search has to
            try every letter.
        flags: Those of the pattern.

    >>> late = Cued(r"\bdelay(?:s|ed)?\b|\btoo\s+late\b", ("delay", "late"))
    >>> late.finds(read("They come too late.")), late.finds(read("They come."))
    (True, False)
    """

    __slots__ = ("begins", "cues", "lower", "pattern")

    def __init__(
        self,
        pattern: str,
        *cues: tuple[str, ...],
        begins: tuple[str, ...] = (),
        flags: re.RegexFlag = re.IGNORECASE,
    ) -> None:
        self.pattern = re.compile(pattern, flags)
        # A search that minds case is up to three times as fast.
        self.lower = re.compile(pattern)
        self.cues = cues
        self.begins = begins

    def may_find(self, lowered: str) -> bool:
        """Tell whether a text in lower case has a cue of every group."""
        return _has_of_each(self.cues, lowered)

    def finds(self, words: "Sentences") -> bool:
        """Tell whether there is anything to find."""
        if len(words.text) != len(words.lowered):  # see `Sentences.that`
            return self.pattern.search(words.text) is not None
        return self.may_find(words.lowered) and self.lower.search(words.lowered) is not None

    def search(self, words: "Sentences") -> re.Match[str] | None:
        """Return the first find; a text is searched once, as results are asked again and again."""
        if self not in words.searched:
            words.searched[self] = self._first_in(words)
        return words.searched[self]

    def _first_in(self, words: "Sentences") -> re.Match[str] | None:
        text, lowered = words.text, words.lowered
        if not self.may_find(lowered):
            return None
        if not self.begins or len(text) != len(lowered):
            return self.pattern.search(text)
        places = [self._first_begun(letters, lowered) for letters in self.begins]
        at = min([place for place in places if place >= 0], default=-1)
        return None if at < 0 else self.pattern.match(text, at)

    def _first_begun(self, letters: str, lowered: str) -> int:
        at = lowered.find(letters)
        while at >= 0 and self.lower.match(lowered, at) is None:
            at = lowered.find(letters, at + 1)
        return at

    def all_in(self, words: "Sentences") -> Iterator[re.Match[str]]:
        """Return all finds, in order."""
        return self.pattern.finditer(words.text) if self.may_find(words.lowered) else iter(())


def holds_any(letters: Iterable[str], text: str) -> bool:
    """Tell whether a text holds any of the letters, as they are written.

    >>> holds_any(("delay", "late"), "they come too late")
    True
    """
    for some in letters:  # noqa: SIM110  # a generator would cost more than the looking
        if some in text:
            return True
    return False


def _has_of_each(groups: Iterable[tuple[str, ...]], lowered: str) -> bool:
    for group in groups:
        for cue in group:  # a generator would cost more than the looking
            if cue in lowered:
                break
        else:
            return False
    return True


class Sentences:
    """A text, its lower case, and its sentences, which are found when they are first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lowered = text.lower()
        self.searched: dict[Cued, re.Match[str] | None] = {}
        """What patterns found in it first; no more than there are patterns."""

    def __iter__(self) -> Iterator[str]:
        """Yield the sentences; a semicolon ends one too, as reports chain findings by it.

        >>> list(Sentences("Cart is down; its pod waits. Why?"))
        ['Cart is down', 'its pod waits', 'Why']
        """
        for begins, ends in zip(*self._places, strict=True):
            if sentence := self.text[begins:ends].strip(_AROUND):
                yield sentence

    def that(self, cued: Cued, *besides: tuple[str, ...]) -> Iterator[str]:
        """Yield the sentences in which a pattern finds something.

        Args:
            cued: The pattern.
            besides: Groups of letters in lower case. Sentences that lack all of a group are of no
                use to who asks, and are left out where that spares a search.
        """
        lowered = self.lowered
        if len(lowered) != len(self.text):
            # A letter that is two in lower case (U+0130) shifts the rest, and parts words.
            yield from (sentence for sentence in self if cued.pattern.search(sentence))
            return
        groups = (*cued.cues, *besides)
        if not _has_of_each(groups, lowered):
            return
        for at in self._begun(cued) if cued.begins else self._with_any(groups[0]):
            within = slice(self._places[0][at], self._places[1][at])
            sentence = lowered[within].strip(_AROUND)
            if _has_of_each(groups, sentence) and (
                cued.begins or cued.lower.search(sentence) is not None
            ):
                yield self.text[within].strip(_AROUND)

    @cached_property
    def _places(self) -> "tuple[array[int], array[int]]":
        """Where the sentences begin, and where they end."""
        spans = [found.span() for found in _SENTENCE.finditer(self.text)]
        return array("I", [begins for begins, _ in spans]), array("I", [ends for _, ends in spans])

    def _begun(self, cued: Cued) -> list[int]:
        """Return the places of the sentences in which a pattern finds something, in order."""
        lowered, (begins, ends) = self.lowered, self._places
        found: set[int] = set()
        for letters in cued.begins:
            at = lowered.find(letters)
            while at >= 0:
                place = bisect_right(begins, at) - 1
                if place not in found and cued.lower.match(lowered, at, ends[place]) is not None:
                    found.add(place)
                at = lowered.find(letters, at + 1)
        return sorted(found)

    def _with_any(self, cues: tuple[str, ...]) -> list[int]:
        """Return the places of the sentences that may hold a cue, in order.

        The cues are looked for in the whole text: most sentences are not looked at one by one.
        """
        lowered, (begins, _) = self.lowered, self._places
        found: set[int] = set()
        for cue in cues:
            at = lowered.find(cue)
            while at >= 0:
                place = bisect_right(begins, at)
                found.add(place - 1)
                at = lowered.find(cue, begins[place]) if place < len(begins) else -1
        return sorted(found)


def read(text: str) -> Sentences:
    """Return a text to be read: the same one to all who read the same words in a row."""
    return _kept(text) if len(text) <= LONGEST_KEPT else Sentences(text)


@lru_cache(maxsize=KEPT)
def _kept(text: str) -> Sentences:
    return Sentences(text)
