"""Server-sent events: of a run, and of an end that is judged.

The store is the truth, and what happens in this process only wakes a stream up sooner: so it holds
what other processes decide too, without a gap and without a repeat.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.evidence import GateProgress
from guardrails.core.ids import RunId
from guardrails.sidecar.api.answers import encoded
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.views import state_view
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import Record, RunStore
from guardrails.sidecar.stores.calls import blocking

EVENT_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a stream says something."""

    ping_seconds: float = 15.0
    """A comment is sent so often when there is nothing else: proxies cut connections that are
    silent for 30 seconds or 60."""
    look_seconds: float = 2.0
    """How often the store is asked for what other processes decided."""
    at_most_seconds: float = 3_600.0
    """How long a stream of events goes on. Then it ends, and the client comes back with the last id
    that it has, perhaps to another replica: so none of them is stuck with all streams."""


USUAL: Final = Pace()
_PART: Final = 256
"""Records that are read at a time."""
_PING: Final = b": ping\n\n"


class Told:
    """The last thing that a gate at work said."""

    def __init__(self) -> None:
        self.last: GateProgress | None = None
        self.news = asyncio.Event()
        """Set when there is something that nobody has read."""

    def take(self, progress: GateProgress) -> None:
        """Take what the gate says."""
        self.last = progress
        self.news.set()


@asynccontextmanager
async def told_by_gate(service: Service, run: RunId) -> AsyncGenerator[Told]:
    """Listen to the gate of a run in this process."""
    told = Told()

    async def listen() -> None:
        async for record in listener:
            if isinstance(record, GateProgress):
                told.take(record)

    with service.follow(run) as listener:
        listening = asyncio.create_task(listen())
        try:
            yield told
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


def sse(kind: str, data: bytes, *, id: int | None = None) -> bytes:  # noqa: A002  # SSE's own word
    r"""Write one server-sent event; JSON has no line breaks.

    >>> sse("event", b"{}", id=3)
    b'id: 3\nevent: event\ndata: {}\n\n'
    """
    head = b"" if id is None else b"id: %d\n" % id
    return b"%sevent: %s\ndata: %s\n\n" % (head, kind.encode(), data)


async def end_stream(
    service: Service,
    run: RunId,
    *,
    settled: Coroutine[Any, Any, Decision | None],
    decided: Callable[[Decision], Awaitable[bytes]],
    failed: Callable[[Exception], bytes],
    stopping: Stopping,
    pace: Pace = USUAL,
) -> AsyncGenerator[bytes]:
    """Tell how an end is judged, and what was decided.

    Args:
        service: Which judges.
        run: Whose end.
        settled: Waits for the decision. A caller who leaves only stops the waiting.
        decided: Makes the body of a decision.
        failed: Makes the body of a problem.
        stopping: Of the service: the stream ends then, and another process is asked again.
        pace: How often it says something.
    """
    async with told_by_gate(service, run) as told:
        settling = asyncio.ensure_future(stopping.cut(settled))
        try:
            while not settling.done():
                news = asyncio.create_task(told.news.wait())
                await asyncio.wait(
                    {settling, news},
                    timeout=pace.ping_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                news.cancel()
                if told.news.is_set() and told.last is not None:
                    told.news.clear()
                    yield sse("progress", msgspec.json.encode(told.last))
                elif not settling.done():
                    yield _PING
            decision = settling.result()
            if decision is not None:
                yield sse("decision", await decided(decision))
        except Exception as error:  # noqa: BLE001  # the answer has begun, so it is told in it
            yield sse("problem", failed(error))
        finally:
            settling.cancel()


async def event_stream(
    service: Service,
    run: RunId,
    *,
    after: int,
    stopping: Stopping,
    pace: Pace = USUAL,
) -> AsyncGenerator[bytes]:
    """Tell a run's events from the store, then as they come, until it has ended.

    Args:
        service: Which decides.
        run: Whose events.
        after: The event that the caller has already.
        stopping: Of the service; the client comes back to another replica then.
        pace: How often it says something, and how long it goes on.
    """
    loop = asyncio.get_running_loop()
    with service.follow(run) as listener:
        began = sent_at = loop.time()
        while loop.time() - began < pace.at_most_seconds and not stopping.begun:
            async for record in records_after(service.store, run, after):
                yield sse("event", record.event, id=record.seq)
                after, sent_at = record.seq, loop.time()
            live = await service.current(run)
            if live.session.state.seq > after:
                continue
            if live.session.state.ended:
                yield sse("end", encoded(state_view(live)))
                return
            if loop.time() - sent_at >= pace.ping_seconds:
                yield _PING
                sent_at = loop.time()
            await stopping.cut(listener.next(pace.look_seconds))


async def records_after(store: RunStore, run: RunId, seq: int) -> AsyncIterator[Record]:
    """Yield the records after one, as many at a time as fit into little memory."""
    if seq:
        for record in await blocking(store, lambda: store.since(run, seq)):
            yield record
        return
    async for part in parts(store, run):
        for record in part:
            yield record


async def parts(store: RunStore, run: RunId) -> AsyncIterator[list[Record]]:
    """Yield all records of a run, some at a time."""
    records = store.records(run)
    while part := await blocking(store, lambda: _some(records)):
        yield part


def _some(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, _PART))
