"""Who follows a run while it goes on: records as they happen, for streams and pages.

Listeners are never waited for. One that cannot keep up is cut off and reads the rest from the
store, where every event is.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

from guardrails.core.events import Event
from guardrails.core.evidence import GateProgress
from guardrails.core.hooks import Record
from guardrails.core.ids import RunId

ROOM: Final = 512
"""Records that wait for a listener before it is cut off; a turn makes some ten."""


class Listener:
    """One who follows a run, in the event loop that it was made in."""

    def __init__(self) -> None:
        self.behind = False
        """True once records were left out: what is missing has to be read from the store."""
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Record | None] = asyncio.Queue(ROOM)

    def take(self, record: Record) -> None:
        """Take a record from any thread."""
        self._loop.call_soon_threadsafe(self._put, record)

    def _put(self, record: Record) -> None:
        if self.behind:
            return
        try:
            self._waiting.put_nowait(record)
        except asyncio.QueueFull:
            self.behind = True

    async def next(self, seconds: float) -> Record | None:
        """Return the next record; None if none comes in time, or this one is behind."""
        if self.behind and self._waiting.empty():
            return None
        try:
            return await asyncio.wait_for(self._waiting.get(), seconds)
        except TimeoutError:
            return None

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Yield records until this one is behind."""
        while not self.behind or not self._waiting.empty():
            record = await self._waiting.get()
            if record is not None:
                yield record


class Telling:
    """A hook that hands the records of a run to those who follow it."""

    name = "service"

    def __init__(self) -> None:
        self._by_run: defaultdict[RunId, list[Listener]] = defaultdict(list)
        self._progress: dict[RunId, GateProgress] = {}
        self._lock = threading.Lock()

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Hand one record on."""
        with self._lock:
            if isinstance(record, GateProgress):
                self._progress[run] = record
            elif isinstance(record, Event):
                self._progress.pop(run, None)
            listeners = tuple(self._by_run.get(run, ()))
        for listener in listeners:
            listener.take(record)

    def progress(self, run: RunId) -> GateProgress | None:
        """Return what the gate last said of a run, unless something happened to it since."""
        with self._lock:
            return self._progress.get(run)

    @contextmanager
    def listening(self, run: RunId) -> Generator[Listener]:
        """Follow a run."""
        listener = Listener()
        with self._lock:
            self._by_run[run].append(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._by_run[run].remove(listener)
                if not self._by_run[run]:
                    del self._by_run[run]
