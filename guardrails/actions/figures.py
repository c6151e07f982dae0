"""The figures of a question: which numbers it gives, and which follow from them.

A number of a calculation has a source when the question gives it in digits or words, when a tool
printed it, when it is the sum or the product of two such numbers, or when it is one of the few that
everybody knows. Where none of this holds, somebody brought it along.
"""

import re
from typing import Final

_WORDS: Final = {
    **{
        word: float(at)
        for at, word in enumerate(
            (
                *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
                *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
                *("seventeen", "eighteen", "nineteen", "twenty"),
            )
        )
    },
    **{
        word: 10.0 * at
        for at, word in enumerate(
            ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=3
        )
    },
    **dict.fromkeys(("half", "halves"), 0.5),
    **dict.fromkeys(("twice", "double", "doubles", "doubled", "couple", "pair", "both"), 2.0),
    **dict.fromkeys(("triple", "triples", "tripled", "thrice"), 3.0),
    **dict.fromkeys(("third", "thirds"), 1 / 3),
    **dict.fromkeys(("quarter", "quarters", "fourth", "fourths"), 0.25),
    **dict.fromkeys(("dozen", "dozens"), 12.0),
    "fifth": 0.2,
    "sixth": 1 / 6,
    "eighth": 0.125,
    "tenth": 0.1,
    "hundred": 100.0,
    "thousand": 1000.0,
}
KNOWN: Final = frozenset({0.0, 1.0, 2.0, 7.0, 12.0, 24.0, 52.0, 60.0, 100.0, 365.0, 1000.0, 3600.0})
"""What nobody has to be told: nothing, one, a pair, the days of a week, months, hours, weeks,
minutes, per cent, the days of a year, a thousand, the seconds of an hour."""

_STEPS: Final = frozenset({1.0, 2.0})
"""What may be added to a given number unsaid: one more, both ends."""
MOST: Final = 32
"""Figures of one question that are kept; a word problem has about ten."""
_DIGITS: Final = 9
"""Decimal places in which two numbers are the same: a third is written in many ways."""
_LARGEST: Final = 1e15
"""Beyond it a run of digits is an id."""
_LONGEST: Final = 16_000
"""Characters searched: as long as a fact of a trace."""

_NUMBER = re.compile(r"(?<![\w.])(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_PART = re.compile(r"(?<![\w.])(?P<of>\d+(?:\.\d+)?)\s*/\s*(?P<by>\d+(?:\.\d+)?)(?![\w.])")
_PERCENT = re.compile(r"(?P<of>\d+(?:\.\d+)?)\s*(?:%|percent|per cent)")
_WORD = re.compile(r"[a-z]+")
_EQUATION = re.compile(
    r"(?P<left>[\d($][\d\s.,+*/\u00d7x\u00f7$%()-]*[\d)%])\s*=\s*\$?(?P<right>\d[\d,]*(?:\.\d+)?)"
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_NO_VALUE = re.compile(r"^\s*(?:import|from|print|def|for|while|if|elif|assert|return)\b")
"""Lines of a program in which numbers are places, rounds and formats."""


def figures_in(text: str) -> frozenset[float]:
    """Return the numbers of a text: digits, parts, percentages, and words for numbers.

    >>> sorted(figures_in("Half of the 3 boxes, and 20% more"))
    [0.2, 0.5, 3.0, 20.0]
    """
    text = text[:_LONGEST]
    found = {_value(number) for number in _NUMBER.findall(text)}
    found.update(_WORDS[word] for word in _WORD.findall(text.lower()) if word in _WORDS)
    found.update(_value(m["of"]) / 100 for m in _PERCENT.finditer(text))
    found.update(_quotient(m) for m in _PART.finditer(text))
    return frozenset(one for one in found if one < _LARGEST)


def worked_out(prose: str, given: frozenset[float]) -> frozenset[float]:
    """Return what equations written in prose make of given figures, in their order.

    >>> sorted(worked_out("9 + 50 = 59, and 59 - 10 = 49", frozenset({9.0, 50.0, 10.0})))
    [49.0, 59.0]
    """
    new: set[float] = set()
    for equation in _EQUATION.finditer(prose[:_LONGEST]):
        terms = {_value(number) for number in _NUMBER.findall(equation["left"])}
        if terms <= given | new | KNOWN and (value := _value(equation["right"])) < _LARGEST:
            new.add(value)
    return frozenset(new)


def unsourced(code: str, given: frozenset[float]) -> tuple[tuple[str, str], ...]:
    """Return the numbers of a program that have no source, each with its line.

    >>> unsourced("boxes = 3 * 17", frozenset({3.0}))
    (('17', 'boxes = 3 * 17'),)
    """
    sources = _sources(given)
    found: dict[str, str] = {}
    for line in code[:_LONGEST].split("\n"):
        if _NO_VALUE.match(line):
            continue
        # A space in their place: what stands on both sides is not one number.
        bare = _QUOTED.sub(" ", line.partition("#")[0])
        for number in _NUMBER.findall(_PART.sub(lambda m: _if_unsourced(m, sources), bare)):
            if _rounded(_value(number)) not in sources:
                found.setdefault(number, line.strip())
    return tuple(found.items())


def _sources(given: frozenset[float]) -> frozenset[float]:
    """Return all numbers that have a source."""
    known = given | KNOWN
    sums = {_rounded(one + other) for one in given for other in given | _STEPS}
    products = {_rounded(one * other) for one in given for other in known}
    return frozenset({_rounded(one) for one in known} | sums | products)


def _if_unsourced(part: re.Match[str], sources: frozenset[float]) -> str:
    """Keep a part that has no source: three quarters have one where a quarter was taken away."""
    value = _quotient(part)
    return " " if {_rounded(value), _rounded(1 - value)} & sources else part[0]


def _rounded(value: float) -> float:
    return round(value, _DIGITS)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _quotient(part: re.Match[str]) -> float:
    by = _value(part["by"])
    return _value(part["of"]) / by if by else 0.0
