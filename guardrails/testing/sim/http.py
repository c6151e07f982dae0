"""A small HTTP/1.1 server on loopback for the simulated control plane.

h11 on asyncio streams instead of uvicorn for one reason: faults need the socket. A connection
reset, a body cut short and a server that dies at once with its open watches cannot be said in ASGI.
"""

import asyncio
import contextlib
import gzip
import logging
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import msgspec

from guardrails.core.clock import Clock

GZIP_FLOOR = 128 * 1024
"""The API server compresses answers above this many bytes, for clients that accept it."""
_READ = 65_536
_TURNS_TO_CONNECT = 3
"""Turns of asyncio's loop from accepting a connection to the first step of its task."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """Whether a boolean query parameter is on."""
        return self.param(name).lower() in ("true", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer; `stream` for a watch, the rest for faults."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    stream: AsyncGenerator[bytes] | None = None
    sent_bytes: int | None = None
    """Send only so many bytes of the body that Content-Length promises, then hang up."""
    reset: bool = False
    """Answer with a TCP reset instead."""


def json_response(value: object, *, status: int = HTTPStatus.OK) -> Response:
    """A JSON answer."""
    return Response(status=int(status), body=msgspec.json.encode(value))


def text_response(text: str, *, status: int = HTTPStatus.OK) -> Response:
    """A plain text answer."""
    return Response(
        status=int(status), body=text.encode(), content_type="text/plain; charset=utf-8"
    )


Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves one handler on one loopback port; keeps the port over stop and start."""

    def __init__(self, handler: Handler, *, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    @property
    def url(self) -> str:
        """Where it answers, or would."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it accepts connections."""
        return self._server is not None

    async def start(self) -> None:
        """Bind and serve; the first time on a free port, later on the same one."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._connected, "127.0.0.1", self.port, reuse_address=True
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop at once: close the port and abort what is open."""
        server, self._server = self._server, None
        if server is None:
            return
        # Before Python 3.12 closing a server loses a connection that is being accepted, and leaks
        # its socket (gh-109564): accept no more, and let what was accepted reach `_connected`.
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_TURNS_TO_CONNECT):
            await asyncio.sleep(0)
        server.close()
        while self._connections:
            for task, writer in tuple(self._connections.items()):
                writer.transport.abort()
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._server is None:
            writer.transport.abort()
            return
        self._connections[task] = writer
        try:
            await _Connection(reader, writer, clock=self._clock).serve(self._handler)
        except asyncio.CancelledError:
            # Only `stop` cancels a connection; asyncio would log it as an error.
            return
        except (ConnectionError, h11.ProtocolError):
            # The peer went away or spoke nonsense: nothing left to answer.
            return
        finally:
            del self._connections[task]
            with contextlib.suppress(ConnectionError, RuntimeError):
                writer.close()


class _Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, clock: Clock
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._h11 = h11.Connection(h11.SERVER)

    async def serve(self, handler: Handler) -> None:
        while (request := await self._read()) is not None:
            response = await _handled(handler, request)
            if response.reset:
                self._reset()
                return
            await self._answer(_compressed(request, response))
            if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                return
            self._h11.start_next_cycle()

    async def _event(self) -> h11.Event:
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self._reader.read(_READ))
            elif isinstance(event, h11.Event):
                return event
            else:
                raise h11.RemoteProtocolError("paused: the client pipelines")

    async def _read(self) -> Request | None:
        event = await self._event()
        if not isinstance(event, h11.Request):
            return None
        if any(name == b"expect" for name, _ in event.headers):
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        body = bytearray()
        while isinstance(part := await self._event(), h11.Data):
            body += part.data
        url = urlsplit(event.target.decode("ascii"))
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(url.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
        return Request(
            method=event.method.decode(),
            path=unquote(url.path),
            query=query,
            headers=headers,
            body=bytes(body),
        )

    async def _send(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _answer(self, response: Response) -> None:
        headers = [
            ("Content-Type", response.content_type),
            ("Date", format_datetime(self._clock.now(), usegmt=True)),
            *response.headers.items(),
        ]
        if response.stream is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            headers.append(("Content-Length", str(len(response.body))))
        await self._send(h11.Response(status_code=response.status, headers=headers))
        if response.stream is not None:
            await self._stream(response.stream)
        elif response.sent_bytes is not None:
            await self._send(h11.Data(data=response.body[: response.sent_bytes]))
            return
        elif response.body:
            await self._send(h11.Data(data=response.body))
        await self._send(h11.EndOfMessage())

    async def _stream(self, chunks: AsyncGenerator[bytes]) -> None:
        """Send chunks until they end or the client hangs up."""
        gone = asyncio.ensure_future(self._reader.read(_READ))
        step: asyncio.Future[bytes | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(anext(chunks, None))
                await asyncio.wait({gone, step}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise ConnectionResetError
                chunk = step.result()
                if chunk is None:
                    return
                await self._send(h11.Data(data=chunk))
        finally:
            for task in (gone, step):
                if task is not None and not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                        await task
            # A watch that is left at a yield stops listening only when it is closed.
            await chunks.aclose()

    def _reset(self) -> None:
        # SO_LINGER with zero seconds makes close send RST rather than FIN.
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def _handled(handler: Handler, request: Request) -> Response:
    """The handler's answer; one that breaks costs its request a 500, not the connection."""
    try:
        return await handler(request)
    except Exception:  # noqa: BLE001  # logged with its trace and answered
        _log.exception("%s %s broke the simulated server", request.method, request.path)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return text_response(
            "This request broke the simulated server; see its log.\n", status=status
        )


def _compressed(request: Request, response: Response) -> Response:
    accepts = "gzip" in request.headers.get("accept-encoding", "")
    if not accepts or len(response.body) < GZIP_FLOOR or response.sent_bytes is not None:
        return response
    return replace(
        response,
        body=gzip.compress(response.body, compresslevel=1, mtime=0),
        headers={**response.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"},
    )
