"""Virtual time for tests: a clock that moves only when it is told to.

It satisfies `guardrails.core.clock.Clock`; whoever sleeps on it wakes when the time is advanced,
so a test of an hour-long window runs in milliseconds and never sleeps.
"""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
"""Where a clock starts unless told otherwise: any fixed instant makes runs repeatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sleeper:
    until: float
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event


class ManualClock:
    """A clock that stands still between calls of `advance`.

    Args:
        start: The wall-clock time at first; aware.
        auto_advance: If true, `sleep` itself advances the time and returns at once.

    Example:
        >>> clock = ManualClock()
        >>> before = clock.monotonic()
        >>> clock.advance(90)
        >>> clock.monotonic() - before
        90.0
    """

    def __init__(self, start: datetime = START, *, auto_advance: bool = False) -> None:
        if start.tzinfo is None:
            raise ValueError("ManualClock(start=…) needs an aware datetime: add tzinfo=UTC")
        self._start = start.astimezone(UTC)
        self._auto_advance = auto_advance
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[_Sleeper] = []

    def now(self) -> datetime:
        """Return the virtual wall-clock time, in UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the virtual seconds since the start."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move the time on and wake whoever slept until then; safe from any thread.

        Raises:
            ValueError: If `seconds` is negative: monotonic time never goes back.
        """
        if seconds < 0:
            raise ValueError(f"a clock cannot go back: advance({seconds})")
        with self._lock:
            self._elapsed = round(self._elapsed + seconds, 9)
            due = [one for one in self._sleepers if one.until <= self._elapsed]
            self._sleepers = [one for one in self._sleepers if one.until > self._elapsed]
        for one in due:
            if not one.loop.is_closed():
                one.loop.call_soon_threadsafe(one.woken.set)

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep on this clock."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the time has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        if self._auto_advance:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        sleeper = _Sleeper(
            until=self._elapsed + seconds, loop=asyncio.get_running_loop(), woken=asyncio.Event()
        )
        with self._lock:
            self._sleepers.append(sleeper)
        try:
            await sleeper.woken.wait()
        finally:
            with self._lock:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)
