"""Sends what changed to pages that are open: only that, at most twice a second.

A stream asks for what is to be seen, and sends what the browser has not got. So nothing waits in a
queue for a browser that is slow: it gets what is so when it is ready, and misses what was between.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import msgspec
from starlette.responses import StreamingResponse

from guardrails.core.ids import RunId
from guardrails.errors import StoreError
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.streams import EVENT_STREAM, USUAL, Pace, sse
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.ui.answers import GUARDED
from guardrails.sidecar.ui.board import TICK_SECONDS, Board, Wanted, Window
from guardrails.sidecar.ui.following import Following
from guardrails.sidecar.ui.lines import RunLine
from guardrails.sidecar.ui.rendering import Rendering

ROWS: Final = 2_048
"""Rows that are kept written, for all viewers."""
_PING: Final = b": ping\n\n"
_AGAIN: Final = 2.0
"""Seconds until the store is asked again that did not answer."""

Still = Callable[[], Awaitable[bool]]
"""Tells whether a viewer may still see this: their token may have been taken back."""


class Rows:
    """Rows of the list, each written once for all who see it."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._written: OrderedDict[tuple[RunId, int], str] = OrderedDict()

    def row(self, line: RunLine) -> str:
        """Return a run's row."""
        key = line.run, line.version
        found = self._written.get(key)
        if found is None:
            found = self._written[key] = self._rendering.row(line)
            if len(self._written) > ROWS:
                self._written.popitem(last=False)
        return found


class Streams:
    """The streams of pages.

    Args:
        service: Whose runs.
        board: All of them.
        following: Each by itself.
        rendering: Writes what is sent.
        stopping: Of the service: streams end then, and browsers come back to another replica.
        pace: How often something is said at least, and how long a stream goes on.
    """

    def __init__(
        self,
        service: Service,
        board: Board,
        following: Following,
        rendering: Rendering,
        *,
        stopping: Stopping,
        pace: Pace = USUAL,
    ) -> None:
        self._service = service
        self._board = board
        self._following = following
        self._rendering = rendering
        self._rows = Rows(rendering)
        self._stopping = stopping
        self._pace = pace

    async def runs(self, wanted: Wanted, *, typed: str, still: Still) -> AsyncGenerator[bytes]:
        """Tell what changed of a viewer's part of the list."""
        has: dict[RunId, int] = {}
        bar, revision = "", -1
        async for tick in self._ticks(still):
            try:
                window = await self._board.window(wanted)
            except StoreError as error:
                yield await self._trouble(error)
                continue
            if window.revision != revision:
                revision = window.revision
                now = self._rendering.bar(window, typed=typed)
                changed = [one for one in window.lines if has.get(one.run) != one.version]
                if changed or now != bar or [*has] != [one.run for one in window.lines]:
                    yield self._told(window, changed, bar=now)
                    has, bar = {one.run: one.version for one in window.lines}, now
                    continue
            if tick:
                yield _PING

    def _told(self, window: Window, changed: list[RunLine], *, bar: str) -> bytes:
        told = {
            "order": [f"run-{one.run}" for one in window.lines],
            "rows": {f"run-{one.run}": self._rows.row(one) for one in changed},
            "bar": bar,
        }
        return sse("rows", msgspec.json.encode(told))

    async def run(self, run: RunId, *, may_answer: bool, still: Still) -> AsyncGenerator[bytes]:
        """Tell which parts of a run's page changed, until it has ended."""
        has: dict[str, str] = {}
        with self._service.follow(run) as listener:
            async for tick in self._ticks(still, listener.next):
                listener.clear()
                try:
                    view = await self._following.view(run)
                except StoreError as error:
                    yield await self._trouble(error)
                    continue
                except UnknownRunError as error:
                    yield sse("gone", msgspec.json.encode({"why": str(error)}))
                    return
                regions = self._rendering.regions(view, may_answer=may_answer)
                changed = {name: text for name, text in regions.items() if has.get(name) != text}
                if changed:
                    yield sse("regions", msgspec.json.encode(changed))
                    has = regions
                elif tick:
                    yield _PING
                if view.state.ended:
                    yield sse("end", b"{}")
                    return

    async def _ticks(
        self, still: Still, news: Callable[[float], Awaitable[object]] | None = None
    ) -> AsyncGenerator[bool]:
        """Yield when it is time to look; True when something is to be said in any case.

        Args:
            still: Asked as often as something is said in any case.
            news: Waits for something to happen, so many seconds at most; without it there is
                a look each tick.
        """
        loop = asyncio.get_running_loop()
        began = said = loop.time()
        while loop.time() - began < self._pace.at_most_seconds and not self._stopping.begun:
            due = loop.time() - said >= self._pace.ping_seconds
            if due:
                said = loop.time()
                if not await still():
                    return
            yield due
            await self._stopping.cut(asyncio.sleep(TICK_SECONDS))
            if news is not None:
                await self._stopping.cut(_waited(news, self._pace.look_seconds))

    async def _trouble(self, error: StoreError) -> bytes:
        await self._stopping.cut(asyncio.sleep(_AGAIN))
        return sse("trouble", msgspec.json.encode({"why": str(error)}))


async def _waited(news: Callable[[float], Awaitable[object]], seconds: float) -> object:
    return await news(seconds)


def streamed(parts: AsyncGenerator[bytes]) -> StreamingResponse:
    """Return a stream as an answer."""
    headers = {**GUARDED, "x-accel-buffering": "no"}
    return StreamingResponse(parts, media_type=EVENT_STREAM, headers=headers)
