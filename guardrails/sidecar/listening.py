"""The HTTP server: where it listens, how long it waits for a request's head, how it ends.

uvicorn does the work. It sets no limit to how slowly the head of a request may come, so a client
that drips would hold a connection for ever; and a service that ends must first say that it does.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Final, TypeVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guardrails.errors import UsageError
from guardrails.sidecar.certificates import Pair
from guardrails.sidecar.config import ListenSettings
from guardrails.sidecar.refusals import App
from guardrails.sidecar.writing import Together

try:
    from uvloop import new_event_loop
except ModuleNotFoundError:  # Windows, where there is none
    from asyncio import new_event_loop

T = TypeVar("T")

KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection stays: longer than the 60 s of usual load balancers, so that they
close it and never find it closed."""
BACKLOG: Final = 2_048
HEAD_BYTES: Final = 64 * 1024
"""Of a request's head at most, as h11 has it; usual proxies pass 8 to 32 KiB on."""
THREADS: Final = 32
"""Threads that wait for a store. What waits at the same time shares a transaction, or a connection
each; the usual 4 more than there are processors would let six wait."""
SAME_SIGNAL_SECONDS: Final = 1.0
"""A signal that comes again sooner is the first one told twice: timeout(1) and terminals send it to
a process and to its group."""
FORCED_SECONDS: Final = 2.0
"""How long the application may take to let go of its runs when it is ended at once."""
ARENAS: Final = 2
"""Of glibc's heap. Threads that have one each leave holes in all of them: 317 MB, where two arenas
take 242 MB for the same runs."""
_M_ARENA_MAX: Final = -8
"""Its number in malloc.h."""
GARBAGE: Final = (10_000, 10, 20)
"""Objects made before the youngest are looked through, and how often before the older are. Facts
and decisions hold no cycles; at the usual 700 a tenth of the time goes into finding none, and at
20,000 each look keeps requests waiting for 8 to 14 ms."""
YOUNG: Final = 4_000
"""Objects after which the youngest are looked through once an answer is sent, so that most looks
keep nobody waiting."""


def bound(listen: ListenSettings) -> socket.socket:
    """Bind the address.

    Raises:
        UsageError: It is taken, or none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"listen.host: {listen.host}: {error.strerror or error}") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise UsageError(
            f"cannot listen on {listen.host}:{listen.port}: {error.strerror}; choose another "
            f"address with --host and --port"
        ) from error
    return found


def address_of(listen: ListenSettings, bound_to: socket.socket) -> str:
    """Return the URL that a socket is reached at."""
    scheme = "https" if listen.tls_certificate is not None else "http"
    host, port = bound_to.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run(serving: Coroutine[Any, Any, T]) -> T:
    """Run the service, on the loop and with the threads that it is fast with.

    Modules are put beyond the garbage collector, which stops everything for a tenth of a second
    each time that it looks through them.
    """

    async def with_threads() -> T:
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="guarded-agent")
        asyncio.get_running_loop().set_default_executor(threads)
        return await serving

    _keep_together()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(with_threads())


def _keep_together() -> None:
    """Let all threads share the heap's arenas, unless the environment says how many there are."""
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries may have none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, ARENAS)


class Server(uvicorn.Server):
    """Serves until a signal, and then ends in order.

    Args:
        app: What answers.
        listen: Its settings.
        on_started: Called once requests are answered.
        on_ending: Called with the signal, before anything is closed.
    """

    def __init__(
        self,
        app: App,
        listen: ListenSettings,
        *,
        on_started: Callable[[], None],
        on_ending: Callable[[signal.Signals], None],
    ) -> None:
        super().__init__(_config(app, listen))
        self._linger = listen.linger
        self._on_started = on_started
        self._on_ending = on_ending
        self._signalled = 0.0
        self.ended_by: signal.Signals | None = None
        """The signal that ended it; None while it runs."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: the first one ends the service in order, the second one at once."""
        del frame
        now = time.monotonic()
        if self.ended_by is not None:
            if now - self._signalled >= SAME_SIGNAL_SECONDS:
                self.force_exit = True
                self.should_exit = True
            return
        self.ended_by, self._signalled = signal.Signals(sig), now
        # This is between any two instructions of the loop, which may hold the log's lock.
        asyncio.get_running_loop().call_soon_threadsafe(self._end, self.ended_by)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections, and let the application end also where it has to at once."""
        await super().shutdown(sockets)
        if self.force_exit:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.lifespan.shutdown(), FORCED_SECONDS)

    def _end(self, by: signal.Signals) -> None:
        self._on_ending(by)
        asyncio.get_running_loop().call_later(self._linger, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def _config(app: App, listen: ListenSettings) -> uvicorn.Config:
    pair = pair_of(listen)
    if pair is not None:
        # Before uvicorn, which would ask for a password at the terminal.
        pair.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    config = uvicorn.Config(
        # uvicorn types its applications by TypedDicts, which are the same messages.
        app,  # pyright: ignore[reportArgumentType]
        http=_protocol(listen.head_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(listen.drain)),
        ssl_certfile=None if pair is None else str(pair.certificate),
        ssl_keyfile=None if pair is None else str(pair.key),
    )
    config.load()
    return config


def pair_of(listen: ListenSettings) -> Pair | None:
    """Return the files of the certificate; None for plain HTTP."""
    if listen.tls_certificate is None or listen.tls_key is None:
        return None
    return Pair(certificate=listen.tls_certificate, key=listen.tls_key)


def _protocol(head_seconds: float) -> type[asyncio.Protocol]:
    class Protocol(_Patient):
        head_timeout = head_seconds

    return Protocol


class _Patient(HttpToolsProtocol):
    """HTTP/1.1 with limits to how slowly, and how long, a request's head may come.

    The parser has neither: it would read a head without end.
    """

    head_timeout = 10.0
    _timer: asyncio.TimerHandle | None = None
    _size = 0
    """Bytes since the last head was whole."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  # as the base has it
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; from the first to the last of a head the time runs."""
        super().data_received(data)
        if not self._in_head():
            self._be_calm()
            return
        self._size += len(data)
        if self._size > HEAD_BYTES:
            self.send_400_response(f"The head of a request has at most {HEAD_BYTES} bytes.")
        elif self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begin an answer, whose head and body are written together.

        One to HEAD is whole with its head, so there is nothing to wait for.
        """
        before: Any = self.cycle
        super().on_headers_complete()
        cycle: Any = self.cycle
        if cycle is not before and self.scope["method"] != "HEAD":
            cycle.transport = Together(cycle.transport, self.loop)

    def on_response_complete(self) -> None:
        """Clear up behind an answer; older objects have their turn by themselves."""
        super().on_response_complete()
        young, middle, _ = gc.get_count()
        if young > YOUNG and middle <= GARBAGE[1]:
            self.loop.call_soon(gc.collect, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._be_calm()
        super().connection_lost(exc)

    def _in_head(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.head_timeout, self._hang_up)

    def _be_calm(self) -> None:
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self._timer = None
        if self._in_head():
            self.transport.close()
