"""All runs as lines, kept up to date for as many viewers as look.

Who looks has the board brought up to date, at most twice a second whoever else looks: so its cost
is that of what changed, not of viewers times runs. Runs of this process are read from memory; those
of others, and those let go of, from the store, as many at a time as take little.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, TypeVar

import structlog

from guardrails.core.events import RunStarted
from guardrails.core.ids import RunId
from guardrails.errors import TraceError
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunRow
from guardrails.sidecar.stores.calls import blocking
from guardrails.sidecar.ui.lines import RunLine, Stage, line_of_row, line_of_state
from guardrails.sidecar.ui.reading import RunReader

INDEXED: Final = 5_000
"""Runs on the board, those changed last. They take some 10 MB."""
PAGE: Final = 50
"""Runs on a page: what a person reads, and a browser draws at once."""
TICK_SECONDS: Final = 0.5
"""The board changes twice a second at most; nobody reads faster."""
LOOK_SECONDS: Final = 2.0
"""How often the store is asked for what other processes decided."""
WHOLE_SECONDS: Final = 60.0
"""How often all rows are read, which alone tells of runs that were deleted."""
_FIRST_ROWS: Final = 128
"""Rows read at first; more, as long as all of them are news."""
_READ_AT_ONCE: Final = 32
"""Runs read from the store in one round besides those somebody is to see: some 100 ms."""
_READ_TOGETHER: Final = 4
"""Of these, so many before others have their turn: a store in memory is read in their way."""
_TURN: Final = 64
"""Lines that are made before others have their turn: some milliseconds."""
_WINDOWS: Final = 64
"""Windows that are kept, one for each thing that viewers look for."""

T = TypeVar("T")

_log = structlog.stdlib.get_logger("guardrails.sidecar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a viewer looks for."""

    stage: Stage | None = None
    """None for all."""
    words: tuple[str, ...] = ()
    """All of them, in small letters."""
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of the board that a viewer sees."""

    wanted: Wanted
    revision: int
    """Of the board."""
    lines: Sequence[RunLine]
    found: int
    """Runs that fit, on all pages."""
    pages: int
    counts: dict[str, int]
    """Runs of each stage, whatever is looked for."""
    unread: int
    """Runs that are not looked through yet, but by id and key."""
    more: bool
    """Whether there are older runs than the board has."""


@dataclass(slots=True)
class _Order:
    """The lines in their order, and what is counted of them, at one revision."""

    revision: int = -1
    lines: list[RunLine] = field(default_factory=list[RunLine])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    unread: int = 0
    windows: OrderedDict[Wanted, Window] = field(
        default_factory=OrderedDict[Wanted, Window],
    )


class Board:
    """The runs of a service.

    Args:
        service: Whose.
        clock: Seconds that never go back.
    """

    def __init__(self, service: Service, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._changes = service.changes()
        self._reader = RunReader(service.store)
        self._lines: dict[RunId, RunLine] = {}
        self._started: dict[RunId, RunStarted] = {}
        self._unread: dict[RunId, None] = {}
        """In the order in which they are read."""
        self._revision = 0
        self._more = False
        self._order = _Order()
        self._lock = asyncio.Lock()
        self._refreshed = self._looked = self._whole = float("-inf")

    async def window(self, wanted: Wanted) -> Window:
        """Return what a viewer sees now.

        Raises:
            StoreError: The store cannot be used.
        """
        async with self._lock:
            await self._refresh()
            found = self._window(wanted)
            # What is read may change a run's place; what is then to be seen is read the next time.
            missing = [one.run for one in found.lines if not one.read]
            if missing:
                await self._read(missing)
                found = self._window(wanted)
            return found

    # Keeping up

    async def _refresh(self) -> None:
        now = self._clock()
        if now - self._refreshed < TICK_SECONDS:
            return
        self._refreshed = now
        changed, lost = self._changes.taken()
        async for run in breathing(changed):
            self._from_memory(run)
        if lost or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            await self._look(whole=lost or now - self._whole >= WHOLE_SECONDS)
        unread = list(islice(self._unread, _READ_AT_ONCE))
        for at in range(0, len(unread), _READ_TOGETHER):
            await self._read(unread[at : at + _READ_TOGETHER])
            await asyncio.sleep(0)

    async def _look(self, *, whole: bool) -> None:
        """Take what the store says of runs, those changed last first, as far as it is news."""
        store = self._service.store
        size = INDEXED if whole or not self._lines else _FIRST_ROWS
        while True:
            rows = await blocking(store, lambda size=size: store.rows(limit=size))
            if len(rows) < size or size >= INDEXED or not self._is_news(rows[-1]):
                break
            size = min(size * 4, INDEXED)
        async for row in breathing(rows):
            if self._is_news(row):
                self._from_row(row)
        if len(rows) < size or size >= INDEXED:
            self._more = len(rows) >= INDEXED
            self._whole = self._looked
            self._forget(self._lines.keys() - {row.run for row in rows})

    def _is_news(self, row: RunRow) -> bool:
        known = self._lines.get(row.run)
        return known is None or row.seq > known.seq or row.ended is not known.ended

    def _from_row(self, row: RunRow) -> None:
        if self._from_memory(row.run, at_least=row.seq):
            return
        known = self._lines.get(row.run)
        if known is None or not known.read:
            self._put(line_of_row(row))
        self._unread[row.run] = None

    def _from_memory(self, run: RunId, *, at_least: int = 0) -> bool:
        """Take a run as it stands in this process; False if it is not here, or is behind."""
        live = self._service.held(run)
        if live is None or live.session.state.seq < at_least:
            self._unread[run] = None
            return False
        started = self._started.get(run)
        if started is None:
            self._unread[run] = None
            return False
        state = live.session.state
        known = self._lines.get(run)
        created = known.created if known is not None else state.started_at
        if created is None:
            return False
        self._put(
            line_of_state(
                state,
                started,
                live.guard.settings,
                key=live.key,
                created=created,
                progress=self._service.progress(run),
            )
        )
        return True

    async def _read(self, runs: Sequence[RunId]) -> None:
        """Read runs from the store; one that cannot be read is told in the log, and left."""
        if not runs:
            return
        for run in runs:
            self._unread.pop(run, None)
        store = self._service.store
        held = [run for run in runs if self._service.held(run) is not None]
        fresh = [run for run in held if run not in self._started]
        for run, started in await blocking(store, lambda: list(self._begun(fresh))):
            self._started[run] = started
        others = [run for run in runs if run not in held or not self._from_memory(run)]
        for line in await blocking(store, lambda: list(self._stored(others))):
            self._put(line)

    def _begun(self, runs: Iterable[RunId]) -> Iterable[tuple[RunId, RunStarted]]:
        for run in runs:
            try:
                started = self._reader.started(run)
            except TraceError as error:
                _log.warning("guarded_agent.ui.unread", run=run, error=str(error))
                continue
            if started is not None:
                yield run, started

    def _stored(self, runs: Iterable[RunId]) -> Iterable[RunLine]:
        for run in runs:
            try:
                found = self._reader.read(run)
            except TraceError as error:
                _log.warning("guarded_agent.ui.unread", run=run, error=str(error))
                found = None
            if found is None or found.state.started_at is None:
                known = self._lines.get(run)
                if known is not None:
                    yield replace(known, read=True, task="It cannot be read: see the log.")
                continue
            yield line_of_state(
                found.state,
                found.started,
                found.settings,
                key=found.key,
                created=found.state.started_at,
            )

    def _put(self, line: RunLine) -> None:
        known = self._lines.get(line.run)
        if known is not None and (known.seq > line.seq or replace(known, version=0) == line):
            return
        self._revision += 1
        self._lines[line.run] = replace(line, version=self._revision)

    def _forget(self, runs: Iterable[RunId]) -> None:
        for run in list(runs):
            if self._service.held(run) is None:
                self._revision += 1
                self._lines.pop(run, None)
                self._started.pop(run, None)
                self._unread.pop(run, None)

    # What is seen

    def _window(self, wanted: Wanted) -> Window:
        order = self._ordered()
        known = order.windows.get(wanted)
        if known is not None:
            return known
        fit = _fitting(order.lines, wanted)
        pages = max(1, -(-len(fit) // PAGE))
        page = min(max(1, wanted.page), pages)
        found = order.windows[wanted] = Window(
            wanted=replace(wanted, page=page),
            revision=order.revision,
            lines=fit[(page - 1) * PAGE : page * PAGE],
            found=len(fit),
            pages=pages,
            counts=order.counts,
            unread=order.unread,
            more=self._more,
        )
        if len(order.windows) > _WINDOWS:
            order.windows.popitem(last=False)
        return found

    def _ordered(self) -> _Order:
        """Put those that wait for a person first, then those under way; the newest first.

        By their beginning, so that a run stays where it is while it is read.
        """
        if self._order.revision != self._revision:
            rank = {Stage.ASKS: 0, Stage.OPEN: 1, Stage.ENDED: 2}
            lines = sorted(
                self._lines.values(),
                key=lambda one: (rank[one.stage], -one.created.timestamp(), one.run),
            )
            stages = Counter(one.stage for one in lines)
            self._order = _Order(
                revision=self._revision,
                lines=lines,
                counts={str(stage): stages[stage] for stage in Stage},
                unread=sum(not one.read for one in lines),
            )
        return self._order


def _fitting(lines: Sequence[RunLine], wanted: Wanted) -> Sequence[RunLine]:
    found = lines
    if wanted.stage is not None:
        found = [one for one in found if one.stage is wanted.stage]
    for word in wanted.words:
        found = [one for one in found if word in one.words]
    return found


async def breathing(things: Iterable[T]) -> AsyncIterator[T]:
    """Yield things, and let others have their turn now and then."""
    for at, one in enumerate(things, start=1):
        yield one
        if at % _TURN == 0:
            await asyncio.sleep(0)
