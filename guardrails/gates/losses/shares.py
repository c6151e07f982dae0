"""Numbers that the API takes as a count or as a percentage, as counts."""

import math


def _share(bound: int | str, whole: int) -> float:
    """Return a bound as a number of pods; one that is no number bounds nothing."""
    if isinstance(bound, int):
        return float(bound)
    text = bound.removesuffix("%")
    if not text.isdecimal():
        return 0.0
    return int(text) * whole / 100 if bound.endswith("%") else float(text)


def scaled_down(bound: int | str, whole: int) -> int:
    """Resolve a bound, rounding a percentage down, as for `maxUnavailable` of a rollout.

    >>> scaled_down("25%", 3), scaled_down("50%", 3), scaled_down(2, 3)
    (0, 1, 2)
    """
    return math.floor(_share(bound, whole))


def scaled_up(bound: int | str, whole: int) -> int:
    """Resolve a bound, rounding a percentage up, as in a PodDisruptionBudget.

    >>> scaled_up("25%", 3), scaled_up(2, 3)
    (1, 2)
    """
    return math.ceil(_share(bound, whole))
