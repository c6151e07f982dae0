"""The sentences of a text that somebody concludes with, and those of them that a pattern finds.

A conclusion is read by a dozen patterns, and hardly any sentence holds what one looks for. So a
text is split at most once, and letters are looked for before patterns: a plain look at a text costs
a hundredth of a search without regard to case.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

_SENTENCE = re.compile(r"[^.!?;\n]+(?:[.!?](?=\S)[^.!?;\n]+)*")
_AROUND = " \t\"',[]{}()-*"
"""What stands around a sentence in lists and in JSON."""


class Worded(NamedTuple):
    """Words, as they are written and in lower case."""

    text: str
    lowered: str


def worded(texts: Iterable[str]) -> Iterator[Worded]:
    """Yield texts with their lower case."""
    for text in texts:
        yield Worded(text, text.lower())


class Cued:
    r"""A pattern without regard to case, and letters that are in whatever it finds.

    Args:
        pattern: The pattern, in lower case unless its flags say that case counts.
        cues: Groups of letters in lower case, the rarest group first. Whatever the pattern finds
            holds at least one of every group; if that is not so, the pattern misses what it should
            find. None of them holds what ends a sentence.
        flags: Those of the pattern.

    >>> late = Cued(r"\bdelay(?:s|ed)?\b|\btoo\s+late\b", ("delay", "late"))
    >>> [late.finds(one) for one in worded(["They come too late.", "They come."])]
    [True, False]
    """

    __slots__ = ("cues", "lower", "pattern")

    def __init__(
        self, pattern: str, *cues: tuple[str, ...], flags: re.RegexFlag = re.IGNORECASE
    ) -> None:
        self.pattern = re.compile(pattern, flags)
        # A search that minds case is up to three times as fast.
        self.lower = re.compile(pattern)
        self.cues = cues

    def may_find(self, lowered: str) -> bool:
        """Tell whether a text in lower case has a cue of every group."""
        return _has_of_each(self.cues, lowered)

    def finds(self, words: Worded) -> bool:
        """Tell whether there is anything to find."""
        if len(words.text) != len(words.lowered):  # see `Sentences.that`
            return self.pattern.search(words.text) is not None
        return self.may_find(words.lowered) and self.lower.search(words.lowered) is not None

    def search(self, words: Worded) -> re.Match[str] | None:
        """Return the first find."""
        return self.pattern.search(words.text) if self.may_find(words.lowered) else None

    def all_in(self, words: Worded) -> Iterator[re.Match[str]]:
        """Return all finds, in order."""
        return self.pattern.finditer(words.text if self.may_find(words.lowered) else "")


def _has_of_each(groups: Iterable[tuple[str, ...]], lowered: str) -> bool:
    for group in groups:
        for cue in group:  # a generator would cost more than the looking
            if cue in lowered:
                break
        else:
            return False
    return True


class Sentences:
    """A text, split into its sentences when they are first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def lowered(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    def __iter__(self) -> Iterator[str]:
        """Yield the sentences; a semicolon ends one too, as reports chain findings by it.

        >>> list(Sentences("Cart is down; its pod waits. Why?"))
        ['Cart is down', 'its pod waits', 'Why']
        """
        for found in self._split:
            if sentence := found[0].strip(_AROUND):
                yield sentence

    def that(self, cued: Cued) -> Iterator[str]:
        """Yield the sentences in which a pattern finds something."""
        if len(self.lowered) != len(self.text):
            # A letter that is two in lower case (U+0130) shifts the rest, and parts words.
            yield from (sentence for sentence in self if cued.pattern.search(sentence))
            return
        rare, *others = cued.cues
        if not _has_of_each(others, self.lowered):
            return
        for at in self._with_any(rare):
            sentence = self._split[at][0].strip(_AROUND)
            lowered = sentence.lower()
            if _has_of_each(others, lowered) and cued.lower.search(lowered) is not None:
                yield sentence

    @cached_property
    def _split(self) -> tuple[re.Match[str], ...]:
        return tuple(_SENTENCE.finditer(self.text))

    @cached_property
    def _begins(self) -> tuple[int, ...]:
        return tuple([one.start() for one in self._split])

    def _with_any(self, cues: tuple[str, ...]) -> list[int]:
        """Return the places of the sentences that may hold a cue, in order.

        The cues are looked for in the whole text: most sentences are not looked at one by one.
        """
        lowered = self.lowered
        found: set[int] = set()
        for cue in cues:
            at = lowered.find(cue)
            while at >= 0:
                place = bisect_right(self._begins, at)
                found.add(place - 1)
                at = lowered.find(cue, self._begins[place]) if place < len(self._begins) else -1
        return sorted(found)
