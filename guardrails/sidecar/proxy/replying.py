"""How an agent is answered: whole or as a stream, kept open, in time, and not after it hung up.

The status of a stream is sent as late as it can be, with the first ping, so that an error that
comes quickly still has its own status, which clients retry by. From then on the stream has events,
and not only comments: clients give up on one that has none (after 120 s with LangChain's OpenAI
models, 300 s with Codex), and a gate may take longer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from guardrails.sidecar.proxy.wire.base import Asked, Opening, Turn, Wire
from guardrails.sidecar.proxy.work import Work

_log = logging.getLogger("guardrails.proxy")

RUN: Final = b"x-guarded-agent-run"
_STREAM: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
PART_BYTES: Final = 64 * 1024
"""At least so much of a stream is written at a time, where it is there."""
_TIMED_OUT: Final = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error, as whoever sent the request is told of it."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    """What is sent as it is; None for the format's own error."""


class Reply(Response):
    """Answers one request, whose work is done in a task of its own.

    Args:
        task: The work.
        work: How far it is.
        wire: The format.
        asked: The request.
        ping_seconds: How often a stream without anything to say is kept open.
        deadline_seconds: How long it may take.
        failure_of: Says how an error is told.
    """

    def __init__(
        self,
        *,
        task: "asyncio.Task[Turn]",
        work: Work,
        wire: Wire,
        asked: Asked,
        ping_seconds: float,
        deadline_seconds: float,
        failure_of: Callable[[BaseException], Failure],
    ) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.body = b""
        self._task = task
        self._work = work
        self._wire = wire
        self._asked = asked
        self._ping_seconds = ping_seconds
        self._deadline_seconds = deadline_seconds
        self._failure_of = failure_of
        self._begun = False
        self._opening: Opening | None = None
        self.init_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer once it is there."""
        del scope
        gone = asyncio.create_task(_gone(receive))
        try:
            there = await self._waited(gone, send)
            if there:
                await self._send_result(send)
            elif not gone.done():
                await self._send_late(send)
        except OSError as error:
            _log.debug("the connection broke, and the turn is kept: %s", error)
        finally:
            gone.cancel()
            self._give_up()

    async def _waited(self, gone: "asyncio.Task[None]", send: Send) -> bool:
        """Wait for the work; False when the client hung up, or the time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline_seconds
        while True:
            left = until - loop.time()
            if left <= 0:
                return False
            wait = min(left, self._ping_seconds) if self._asked.stream else left
            done, _ = await asyncio.wait(
                {self._task, gone}, timeout=wait, return_when=asyncio.FIRST_COMPLETED
            )
            if self._task in done:
                return True
            if gone in done:
                return False
            if self._asked.stream and loop.time() < until:
                await self._ping(send)

    async def _ping(self, send: Send) -> None:
        """Keep a stream open; the first time, begin it."""
        await self._begin(send)
        if self._opening is not None:
            await _send(send, self._opening.ping())
        elif self._work.may_open:
            self._opening = self._wire.opening(self._asked)
            self._work.opened = self._opening.continued
            await _send(send, self._opening.start())
        else:
            await _send(send, self._wire.ping())

    async def _send_result(self, send: Send) -> None:
        error = asyncio.CancelledError() if self._task.cancelled() else self._task.exception()
        if error is not None:
            await self._send_failure(send, self._failure_of(error))
            return
        turn = self._task.result()
        if self._asked.stream:
            opening = self._opening
            frames = (
                self._wire.frames(turn, asked=self._asked)
                if opening is None
                else opening.frames(turn)
            )
            parts = [*_parts(frames)]
            await self._begin(send)
            for part, last in parts:
                await _send(send, part, last=last)
        else:
            await self._send_whole(send, 200, msgspec.json.encode(turn.body), {})

    async def _send_late(self, send: Send) -> None:
        text = (
            f"the turn was not ready within {self._deadline_seconds:g} s; the same request goes "
            f"on from here"
        )
        await self._send_failure(send, Failure(status=_TIMED_OUT, text=text))

    async def _send_failure(self, send: Send, failure: Failure) -> None:
        if self._begun:
            text = failure.text if failure.body is None else failure.body.decode(errors="replace")
            stream = self._opening or self._wire
            await _send(send, stream.failed_frame(failure.status, text))
            await _send(send, b"", last=True)
            return
        body = failure.body
        if body is None:
            body = msgspec.json.encode(self._wire.failed(failure.status, failure.text))
        await self._send_whole(send, failure.status, body, failure.headers)

    async def _send_whole(
        self, send: Send, status: int, body: bytes, headers: Mapping[str, str]
    ) -> None:
        raw = {b"content-type": b"application/json"}
        raw |= {name.encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
        raw[b"content-length"] = str(len(body)).encode()
        await send(self._start(status, [*raw.items()]))
        await _send(send, body, last=True)

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            self._begun = True
            await send(self._start(200, [*_STREAM]))

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> Message:
        run = [(RUN, self._work.run.encode("latin-1", "replace"))] if self._work.run else []
        return {"type": "http.response.start", "status": status, "headers": [*headers, *run]}

    def _give_up(self) -> None:
        """Stop work that nobody waits for, where nothing is lost by it."""
        if self._task.done():
            return
        self._work.abandoned = True
        if self._work.asking:
            self._task.cancel()


def _parts(frames: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield frames joined, each part with whether it is the last.

    The turn is whole before it is sent, and each write takes its time, at both ends.
    """
    part = bytearray()
    for frame in frames:
        if len(part) >= PART_BYTES:
            yield bytes(part), False
            part.clear()
        part += frame
    yield bytes(part), True


async def _gone(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})
