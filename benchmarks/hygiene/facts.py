"""The facts of an answer: names, values and statuses in it that a tool returned before."""

import re

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]|[0-9]{2,}")
_CAMEL = re.compile(r"^[A-Z][a-z]+(?:[A-Z][A-Za-z]+)+$")


def facts_in(answer: str, shown: str) -> tuple[str, ...]:
    """Return the telling words of an answer that tools showed.

    Telling are names with a dash, a dot or a digit, numbers of two and more digits, and words like
    `CrashLoopBackOff`; plain words are not, since any text has them.
    """
    words = dict.fromkeys(_TOKEN.findall(answer))
    return tuple(word for word in words if _telling(word) and word in shown)


def _telling(word: str) -> bool:
    named = any(char in "-._:/@0123456789" for char in word) and len(word) > 1
    return named or _CAMEL.match(word) is not None


def kept(facts: tuple[str, ...], text: str) -> int:
    """Return how many of the facts are still in a text."""
    return sum(fact in text for fact in facts)
