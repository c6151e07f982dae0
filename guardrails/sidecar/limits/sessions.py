"""How many sessions are open: of each caller, and in all.

Counted from the store now and then, because other replicas open sessions too, and by what happens
here in between.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from guardrails.errors import UsageError
from guardrails.sidecar.auth.owned import owner_in
from guardrails.sidecar.config import LimitSettings
from guardrails.sidecar.stores.base import RunStore

COUNT_AGAIN_SECONDS: Final = 60.0
"""How long a count is believed. Reading 10,000 rows takes a tenth of a second."""
RETRY_SECONDS: Final = 30


class TooManySessionsError(UsageError):
    """A session cannot be opened before another one ends: a 429 over HTTP."""

    retry_after = RETRY_SECONDS


class SessionCounts:
    """Lets a session begin, or says how many are too many.

    Args:
        store: Whose open runs count.
        limits: How many may be.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        store: RunStore,
        limits: LimitSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._counted = float("-inf")

    def admit(self, owner: str) -> None:
        """Count a session that is about to begin.

        Raises:
            TooManySessionsError: There are as many as may be.
        """
        most, own = self._limits.sessions, self._limits.sessions_per_caller
        if most is None and own is None:
            return
        with self._lock:
            self._count_again(most, own)
            if own is not None and self._open[owner] >= own:
                raise TooManySessionsError(
                    f"{owner or 'this caller'} has {self._open[owner]} open sessions, and may have "
                    f"{own} (limits.sessions_per_caller); end some"
                )
            if most is not None and self._open.total() >= most:
                raise TooManySessionsError(
                    f"{self._open.total()} sessions are open, and {most} may be (limits.sessions); "
                    f"ask again when some have ended"
                )
            self._open[owner] += 1

    def left(self, owner: str) -> None:
        """Count a session that has ended."""
        with self._lock:
            self._open[owner] = max(0, self._open[owner] - 1)

    def _count_again(self, most: int | None, own: int | None) -> None:
        now = self._clock()
        if now - self._counted < COUNT_AGAIN_SECONDS:
            return
        limit = max(most or 0, own or 0) + 1
        rows = self._store.rows(ended=False, limit=limit)
        self._open = Counter(owner_in(row.key) for row in rows)
        self._counted = now
