"""How sure a share of runs is, and how sure the difference of two shares.

Score intervals, because shares here are often none or all of a few runs, where the usual
"plus or minus two standard errors" is nothing, or leaves 0 to 1.
"""

from math import sqrt

import msgspec

from guardrails.batch.ratios import Z


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of runs, with its 95 % interval."""

    runs: int
    """That show it."""
    of: int
    value: float
    low: float
    high: float


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much larger one share is than another, with the 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves no doubt of the direction."""
        return self.low > 0 or self.high < 0


def share(runs: int, of: int) -> Share | None:
    """Return a share with the interval of Wilson's score; None of no runs.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927).

    Args:
        runs: Runs that show it, from 0 to `of`.
        of: All runs.

    >>> found = share(0, 14)
    >>> (found.value, round(found.low, 2), round(found.high, 2))
    (0.0, 0.0, 0.22)
    """
    if not of:
        return None
    value, square = runs / of, Z * Z
    middle = (value + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * sqrt(value * (1 - value) / of + square / (4 * of * of))
    return Share(
        runs=runs, of=of, value=value, low=max(0.0, middle - half), high=min(1.0, middle + half)
    )


def difference(first: Share, second: Share) -> Difference:
    """Return how much larger the first share is, for runs that have nothing to do with each other.

    Source: Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), method 10: each end is made of the score interval's ends.

    >>> found = difference(share(56, 70), share(48, 80))
    >>> [round(part, 4) for part in (found.value, found.low, found.high)]
    [0.2, 0.0524, 0.3339]
    """
    value = first.value - second.value
    below = sqrt((first.value - first.low) ** 2 + (second.high - second.value) ** 2)
    above = sqrt((first.high - first.value) ** 2 + (second.value - second.low) ** 2)
    return Difference(value=value, low=value - below, high=value + above)
