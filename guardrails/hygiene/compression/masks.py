"""Templates of lines: what differs from one call to the next is masked, what it is about stays.

Words are masked one by one and remembered, since log lines share most of their words: that is
what keeps 100 kB within a few milliseconds.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from guardrails.actions.tables import tokens
from guardrails.hygiene.compression.wrong import DOUBTFUL, GRAVE, HARMLESS, weight

_REMEMBERED: Final = 16_384
"""Words remembered between texts; a cluster's logs share some thousands. About 4 MB."""
_LONGEST: Final = 48
"""Longest word that is remembered between texts."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WITH_DIGIT = re.compile(r"[A-Za-z]*[0-9][A-Za-z0-9]*")
_NUMBERS = re.compile(r"#(?:[.:,/+-]+#)+")
_POD_SUFFIX = re.compile(r"#-[bcdfghjklmnpqrstvwxz]{5}(?![a-z])")
"""Kubernetes draws suffixes from these letters and some digits; one in five has no digit."""
_PAIRS = ("not found", "no such", "not ready", "no route", "too many", "core dumped")
"""Words that speak of a failure only together."""
_HTTP_5XX = re.compile(
    r"(?:HTTP/\d(?:\.\d)?\"? |(?i:status|code)\w*\W{1,4}|returned |response\W{1,3}|- )5\d\d\b"
    r"|\b5\d\d (?:Internal|Bad Gateway|Service Un|Gateway T)"
)
_STATUS_5XX = re.compile(r"5[0-9]{2}")
_KLOG = re.compile(r"([EFW])[0-9]{4}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|(?<==)\S+|/\S+")
_LAYOUT = str.maketrans(dict.fromkeys('"{}[]()<>,;|', " "))
_DAYS = tokens("Mon Tue Wed Thu Fri Sat Sun")
_MONTHS = tokens("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")


class _Words(dict[str, tuple[str, int]]):
    """Masked words and their weights, made when first asked for."""

    def __missing__(self, word: str) -> tuple[str, int]:
        masked = self[word] = (_masked if len(word) > _LONGEST else _remembered)(word)
        return masked


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks words of one text, and remembers them."""

    words: _Words = field(default_factory=_Words)

    def template(self, line: str) -> tuple[str, int]:
        """Give the template of a line and the weight of its gravest word, taken alone.

        >>> Masks().template("10:01:07 GET /cart/71 took 3.4ms")
        ('# GET /cart/# took #', 0)
        """
        words = self.words
        found = [words[word] for word in line.translate(_LAYOUT).split()]
        template = " ".join([masked for masked, _ in found])
        heaviest = max([heavy for _, heavy in found], default=0)
        return template, heaviest

    def weight(self, line: str) -> int:
        """Give the weight of the gravest word of a line, unless the line denies it.

        >>> Masks().weight("dial tcp: connection refused"), Masks().weight("error=nil, 0 errors")
        (2, 0)
        """
        heaviest = self._heaviest(line)
        if heaviest:
            rest, denied = HARMLESS.subn("", line.lower())
            return self._heaviest(rest) if denied else heaviest
        return heaviest

    def _heaviest(self, line: str) -> int:
        words = self.words
        heaviest = max([words[word][1] for word in line.translate(_LAYOUT).split()], default=0)
        return heaviest or _by_more_words(line)

    def coarse(self, line: str) -> str:
        """Give a template that masks quoted texts, values and paths too."""
        return self.template(_QUOTED.sub("#", line))[0]


def _by_more_words(line: str) -> int:
    for pair in _PAIRS:
        if pair in line:
            return DOUBTFUL
    return DOUBTFUL if _STATUS_5XX.search(line) and _HTTP_5XX.search(line) else 0


def _masked(word: str) -> tuple[str, int]:
    if word.isalpha():
        if word in _DAYS or word in _MONTHS:
            return "#", 0
        return word, weight(word)
    if len(word) == 3 and _STATUS_5XX.fullmatch(word):  # noqa: PLR2004
        return "5xx", 0
    klog = _KLOG.fullmatch(word)
    if klog is not None:
        return klog[1], GRAVE if klog[1] != "W" else DOUBTFUL
    heaviest = weight(word)
    if word.count("-") >= 4:  # noqa: PLR2004  # as a UUID has
        word = _UUID.sub("#", word)
    masked = _WITH_DIGIT.sub("#", word)
    if "#" in masked:
        masked = _POD_SUFFIX.sub("#", _NUMBERS.sub("#", masked))
    return masked, heaviest


_remembered = lru_cache(maxsize=_REMEMBERED)(_masked)
