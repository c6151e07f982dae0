"""Who follows a run while it goes on: records as they happen, for streams and pages.

Listeners are never waited for. One that cannot keep up is cut off and reads the rest from the
store, where every event is.
"""

import asyncio
import threading
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

from guardrails.core.events import Event, GateReported
from guardrails.core.evidence import GateProgress
from guardrails.core.hooks import Record
from guardrails.core.ids import RunId

ROOM: Final = 512
"""Records that wait for a listener before it is cut off; a turn makes some ten."""

CHANGES: Final = 10_000
"""Runs that are noted as changed while nobody asks; whoever asks later reads all of them."""
AT_WORK: Final = 4_096
"""Gates whose last word is remembered; many more cannot be at work in one process."""


class Changes:
    """Which runs something happened to, for one who looks at all of them now and then."""

    def __init__(self) -> None:
        self._runs: set[RunId] = set()
        self._lost = False
        self._lock = threading.Lock()

    def note(self, run: RunId) -> None:
        """Note a run, from any thread."""
        with self._lock:
            if len(self._runs) < CHANGES:
                self._runs.add(run)
            else:
                self._lost = True

    def taken(self) -> tuple[frozenset[RunId], bool]:
        """Return the runs since the last time, and whether there were more than are noted."""
        with self._lock:
            found, lost = frozenset(self._runs), self._lost
            self._runs.clear()
            self._lost = False
            return found, lost


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

    def clear(self) -> None:
        """Pass over what waits, for one who reads from the store what is so now."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self.behind = False

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
        self._progress: OrderedDict[RunId, GateProgress] = OrderedDict()
        self._changes: list[Changes] = []
        self._lock = threading.Lock()

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Hand one record on."""
        for changes in self._changes:
            changes.note(run)
        with self._lock:
            self._note_progress(run, record)
            listeners = tuple(self._by_run.get(run, ()))
        for listener in listeners:
            listener.take(record)

    def changes(self) -> Changes:
        """Return where every run that changes is noted from now on."""
        made = Changes()
        self._changes.append(made)
        return made

    def progress(self, run: RunId) -> GateProgress | None:
        """Return what a gate at work in this process said last."""
        with self._lock:
            return self._progress.get(run)

    def _note_progress(self, run: RunId, record: Record) -> None:
        match record:
            case GateProgress():
                self._progress[run] = record
                if len(self._progress) > AT_WORK:
                    self._progress.popitem(last=False)
            case Event(fact=GateReported()):
                self._progress.pop(run, None)
            case _:
                return

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
