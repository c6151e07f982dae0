"""Sends answers: whole ones in two messages, streams until they end or the caller leaves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Send

JSON: Final = "application/json"

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer that comes in parts."""

    parts: AsyncGenerator[bytes]
    media: str
    headers: Headers = ()


def answered(
    body: bytes,
    *,
    status: int = 200,
    media: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make a whole answer."""
    given = {"content-type": media, "content-length": str(len(body)), **(headers or {})}
    return Answer(
        status=status,
        headers=tuple((key.encode(), value.encode("latin-1")) for key, value in given.items()),
        body=body,
    )


async def send_answer(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    headers = list(answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_stream(receive: Receive, send: Send, stream: Stream) -> None:
    """Send parts as they come; stop when there are no more, or when the caller has left."""
    sending = asyncio.ensure_future(_send_parts(send, stream))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
        with contextlib.suppress(asyncio.CancelledError):
            await sending


async def _send_parts(send: Send, stream: Stream) -> None:
    headers = [
        (b"content-type", stream.media.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # for proxies that would hold events back
        *stream.headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with contextlib.aclosing(stream.parts) as parts:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
