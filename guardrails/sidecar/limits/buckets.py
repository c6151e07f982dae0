"""Token buckets: a rate on average, and a burst after a pause."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

CALLERS: Final = 4_096
"""Callers whose bucket is remembered. The one that was idle longest goes first; its bucket would be
full again by then."""


class Buckets:
    """One bucket for each caller.

    Args:
        rate: Requests in a second, on average.
        burst: Requests at once, after a pause.
        clock: Seconds that never go back.

    >>> buckets = Buckets(rate=1, burst=2, clock=lambda: 0.0)
    >>> [buckets.take("a") for _ in range(3)]
    [0.0, 0.0, 1.0]
    """

    def __init__(
        self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(max(1, burst))
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left in each bucket, and when that was so."""

    def take(self, caller: str) -> float:
        """Take one request.

        Returns:
            0.0 when it may be made; else the seconds until one may be.
        """
        now = self._clock()
        level, at = self._levels.get(caller, (self._burst, now))
        level = min(self._burst, level + max(0.0, now - at) * self._rate)
        wait = 0.0 if level >= 1.0 else (1.0 - level) / self._rate
        self._levels[caller] = (level if wait else level - 1.0, now)
        self._levels.move_to_end(caller)
        while len(self._levels) > CALLERS:
            self._levels.popitem(last=False)
        return wait
