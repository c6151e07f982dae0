"""Guards: conditions over facts, as machine files write them.

`hypotheses >= 1 and (sources >= 2 or reads.logs >= 3)`: comparisons of a fact with a whole number,
joined by `and`, `or`, `not` and parentheses; `always` holds in any case. Nothing else can be said,
so that a proof can try every case there is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Final, Literal, NoReturn

from guardrails.fsm.facts import FACTS, INDEX, Values
from guardrails.policy.problems import did_you_mean

Sign = Literal["<", "<=", ">", ">=", "==", "!="]

_SIGNS: Final[dict[Sign, Callable[[int, int], bool]]] = {
    ">=": ge,
    "<=": le,
    ">": gt,
    "<": lt,
    "==": eq,
    "!=": ne,
}
_OPPOSITE: Final[dict[Sign, Sign]] = {
    ">=": "<",
    "<=": ">",
    ">": "<=",
    "<": ">=",
    "==": "!=",
    "!=": "==",
}
_TOKEN = re.compile(r"\s*(?P<word>[a-z][a-z.]*|\d+|>=|<=|==|!=|>|<|\(|\)|\S)")
LONGEST = 500
"""Characters of a guard; a longer one is a program."""


class GuardError(ValueError):
    """A guard cannot be read; the message says what stands where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """A fact against a number."""

    fact: int
    """Its place in `FACTS`."""
    sign: Sign
    number: int

    def __str__(self) -> str:
        return f"{FACTS[self.fact].name} {self.sign} {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """All of several; of none: always."""

    parts: "tuple[Guard, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """At least one of several."""

    parts: "tuple[Guard, ...]"


Guard = Compare | Every | Either
"""A condition; what `not` denies is turned into its opposite when it is read."""

ALWAYS: Final = Every(parts=())

Test = Callable[[Values], bool]


def parse_guard(text: str) -> Guard:
    """Read a guard.

    Raises:
        GuardError: It is none.

    >>> written(parse_guard("not (writes == 0 or unchecked > 0)"))
    'writes != 0 and unchecked <= 0'
    """
    if len(text) > LONGEST:
        raise GuardError(f"longer than {LONGEST} characters; split it over states")
    parser = _Parser(text)
    guard = parser.either()
    parser.expect_end()
    return guard


def written(guard: Guard) -> str:
    """Write a guard as `parse_guard` reads it."""
    match guard:
        case Compare():
            return str(guard)
        case Every(parts=()):
            return "always"
        case Every(parts=parts):
            return " and ".join(_inside(part) for part in parts)
        case Either(parts=parts):
            return " or ".join(written(part) for part in parts)


def _inside(part: Guard) -> str:
    return f"({written(part)})" if isinstance(part, Either) else written(part)


def compiled(guard: Guard) -> Test:
    """Return the guard as a function; a comparison costs about 0.03 µs.

    It is written as one Python expression: closures within closures would cost a call for each
    comparison, and guards are asked at every event.
    """
    # Nothing but places, signs and whole numbers goes in, so nothing else can come out.
    return eval(f"lambda values: {_python(guard)}", {"__builtins__": {}})  # noqa: S307


def _python(guard: Guard) -> str:
    match guard:
        case Compare(fact=at, sign=sign, number=number):
            return f"values[{at:d}] {sign} {number:d}"
        case Every(parts=()):
            return "True"
        case Every(parts=parts):
            return f"({' and '.join(map(_python, parts))})"
        case Either(parts=parts):
            return f"({' or '.join(map(_python, parts))})"


def comparisons(guard: Guard) -> Iterator[Compare]:
    """Yield each comparison in a guard."""
    match guard:
        case Compare():
            yield guard
        case Every(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from comparisons(part)


def unmet(guard: Guard, values: Values) -> tuple[Compare, ...]:
    """Return the comparisons that keep a guard from holding; of alternatives, the nearest one's.

    >>> guard = parse_guard("sources >= 2 and hypotheses >= 1")
    >>> [str(one) for one in unmet(guard, (1,) * len(FACTS))]
    ['sources >= 2']
    """
    match guard:
        case Compare(fact=at, sign=sign, number=number):
            return () if _SIGNS[sign](values[at], number) else (guard,)
        case Every(parts=parts):
            found = (one for part in parts for one in unmet(part, values))
            return tuple(dict.fromkeys(found))
        case Either(parts=parts):
            return nearest(unmet(part, values) for part in parts)


def nearest(ways: Iterable[tuple[Compare, ...]]) -> tuple[Compare, ...]:
    """Return the way with the fewest unmet comparisons, of those that an agent can go."""
    return min(
        ways, key=lambda way: (any(FACTS[one.fact].given for one in way), len(way)), default=()
    )


class _Parser:
    """Recursive descent: either > both > one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(found["word"], found.start("word")) for found in _TOKEN.finditer(text)]
        self._at = 0

    def either(self, *, denied: bool = False) -> Guard:
        parts = [self._both(denied=denied)]
        while self._take("or"):
            parts.append(self._both(denied=denied))
        return _joined(Every if denied else Either, parts)

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            self._fail("write 'and' or 'or' between two conditions")

    def _both(self, *, denied: bool) -> Guard:
        parts = [self._one(denied=denied)]
        while self._take("and"):
            parts.append(self._one(denied=denied))
        return _joined(Either if denied else Every, parts)

    def _one(self, *, denied: bool) -> Guard:
        if self._take("not"):
            return self._one(denied=not denied)
        if self._take("("):
            guard = self.either(denied=denied)
            if not self._take(")"):
                self._fail("a ')' is missing")
            return guard
        if self._take("always"):
            if denied:
                self._fail("'not always' never holds; leave the row out")
            return ALWAYS
        return self._comparison(denied=denied)

    def _comparison(self, *, denied: bool) -> Compare:
        name = self._next()
        if name not in INDEX:
            self._at -= bool(name)
            hint = did_you_mean(name, INDEX) if name else "write one like 'reads.logs >= 1'"
            self._fail(f"no fact is called {name!r}; {hint}" if name else f"a condition; {hint}")
        sign = self._sign()
        if sign is None:
            self._fail(f"a sign must follow {name}: one of {', '.join(_SIGNS)}")
        number = self._next()
        if not number.isdecimal():
            self._at -= bool(number)
            self._fail("a whole number from 0 up must follow")
        found = Compare(fact=INDEX[name], sign=sign, number=int(number))
        _check_reachable(found)
        if not denied:
            return found
        return Compare(fact=found.fact, sign=_OPPOSITE[sign], number=found.number)

    def _sign(self) -> Sign | None:
        return next((known for known in _SIGNS if self._take(known)), None)

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == word:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            return ""
        self._at += 1
        return self._tokens[self._at - 1][0]

    def _fail(self, said: str) -> NoReturn:
        if self._at < len(self._tokens):
            rest = self._text[self._tokens[self._at][1] :]
            raise GuardError(f"at {rest[:40]!r}: {said}")
        raise GuardError(f"at the end: {said}")


def _joined(join: type[Every] | type[Either], parts: list[Guard]) -> Guard:
    flat: list[Guard] = []
    for part in parts:
        flat += part.parts if isinstance(part, join) else (part,)
    if join is Either and ALWAYS in flat:
        return ALWAYS
    return flat[0] if len(flat) == 1 else join(parts=tuple(flat))


def _check_reachable(found: Compare) -> None:
    """Refuse a number that the fact never takes: the guard would be a way that nobody can go."""
    fact = FACTS[found.fact]
    if fact.most is not None and found.number > fact.most:
        raise GuardError(f"{found}: {fact.name} is never more than {fact.most}")
