"""Every case that guards can tell apart.

A guard compares counts with numbers, so between two of those numbers all counts are alike: one of
each stretch stands for it. What no run can reach (more reads in a visit than in the run) is left
out. The result is finite and exact, so what holds for all cases holds for all runs.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import Final

from guardrails.fsm.facts import FACTS, Values, feasible
from guardrails.fsm.guards import Compare, Guard, comparisons, compiled

MOST: Final = 200_000
"""Most cases of one list of rows; about a second. Ten facts with two numbers each have 10 million,
and nobody could tell by reading what such rows do."""

NONE: Values = (0,) * len(FACTS)


class TooManyCasesError(ValueError):
    """A list of rows is too tangled to be proved."""


def cases(guards: Iterable[Guard]) -> Iterator[Values]:
    """Yield values for the facts that the guards compare, one for each case; the others are 0.

    Raises:
        TooManyCasesError: There are more than `MOST`.
    """
    numbers: dict[int, set[int]] = {}
    for guard in guards:
        for one in comparisons(guard):
            numbers.setdefault(one.fact, {0}).update(_either_side(one))
    facts = sorted(numbers)
    count = prod(len(numbers[fact]) for fact in facts)
    if count > MOST:
        raise TooManyCasesError(f"{count} cases, more than {MOST}; split it over states")
    for chosen in product(*(sorted(numbers[fact]) for fact in facts)):
        known = dict(zip(facts, chosen, strict=True))
        if feasible(known):
            yield tuple(known.get(at, 0) for at in range(len(FACTS)))


def _either_side(one: Compare) -> Iterator[int]:
    """Yield a count for each side of a comparison: what lies further off is the same case."""
    match one.sign:
        case ">=" | "<":
            near = (one.number - 1, one.number)
        case ">" | "<=":
            near = (one.number, one.number + 1)
        case "==" | "!=":
            near = (one.number - 1, one.number, one.number + 1)
    yield from (number for number in near if number >= 0)


def possible(guard: Guard, *, given: Iterable[Guard] = ()) -> bool:
    """Tell whether a guard can hold at all, where none of the given ones does."""
    above = tuple(given)
    test, others = compiled(guard), [compiled(one) for one in above]
    return any(
        test(values) and not any(other(values) for other in others)
        for values in cases((guard, *above))
    )
