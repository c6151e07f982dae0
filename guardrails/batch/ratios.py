"""How many times likelier a failed run shows something than a successful one, and how sure that is.

Half a run is added to what is seen and one to all runs, as `guardrails.core.signatures` does, so
that few runs make no infinite ratio.
"""

from math import exp, log, sqrt
from typing import Final

import msgspec

Z: Final = 1.96
"""Standard deviations that hold 95 % of a normal distribution."""


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """A likelihood ratio with its 95 % interval."""

    value: float
    low: float
    high: float


def likelihood_ratio(*, failed: int, of_failed: int, successful: int, of_successful: int) -> Ratio:
    """Return the ratio of two shares, with the interval of the log method.

    With a = failed + 0.5, m = of_failed + 1, c = successful + 0.5, n = of_successful + 1, the ratio
    is (a / m) / (c / n), its logarithm has the standard error √(1/a - 1/m + 1/c - 1/n), and the
    interval is exp(log ratio ± 1.96 errors).

    Source: Katz, Baptista, Azen and Pike, "Obtaining confidence intervals for the risk ratio in
    cohort studies", Biometrics 34 (1978), method C; the half run after Pettigrew, Gart and Thomas,
    "The bias and higher cumulants of the logarithm of a binomial variate", Biometrika 73 (1986).

    Args:
        failed: Failed runs that show it, at most `of_failed`.
        of_failed: Failed runs.
        successful: Successful runs that show it, at most `of_successful`.
        of_successful: Successful runs.

    >>> found = likelihood_ratio(failed=35, of_failed=76, successful=0, of_successful=14)
    >>> [round(part, 1) for part in (found.low, found.value, found.high)]
    [0.9, 13.8, 213.3]
    """
    a, m = failed + 0.5, of_failed + 1.0
    c, n = successful + 0.5, of_successful + 1.0
    value = (a / m) / (c / n)
    error = sqrt(1 / a - 1 / m + 1 / c - 1 / n)
    return Ratio(value=value, low=exp(log(value) - Z * error), high=exp(log(value) + Z * error))
