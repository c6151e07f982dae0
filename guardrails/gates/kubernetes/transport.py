"""One request to a real API server, through the `kubernetes` client's auth and transport.

Requests block, so each runs in a thread of a small pool; every failure becomes a `Read` that says
how the request went. What the answer means is its caller's concern.
"""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import urllib3
from kubernetes import client as kubernetes_client
from kubernetes.config import ConfigException

from guardrails.gates.kubernetes.resources import Resource
from guardrails.gates.reads import clipped
from guardrails.gates.snapshot import Read, ReadStatus

CONNECT_SECONDS = 3.0
"""A server that does not accept a connection by then is down, not slow."""

READERS = 16
"""Lists read at the same time; a look at three namespaces is 24 lists."""

MESSAGE_LIMIT = 300
"""Characters of a server's own words that are kept."""

_TEMPORARY = frozenset({408, 410, 425, 429, 500, 502, 503, 504})
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE = 401, 403, 404, 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request."""

    path: str
    what: str
    """In words, for messages: `list Pod in shop`."""
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: object = None
    """JSON-codable; None sends none."""
    resource: Resource | None = None
    """What is listed, so that a 403 can name the missing right."""


class Failed(Exception):  # noqa: N818  # control flow between transport and reader
    """A request that gave no usable answer."""

    def __init__(self, read: Read, *, code: int = 0) -> None:
        super().__init__(read.message)
        self.read = read
        self.gone = code == _GONE
        """A continue token has expired."""
        self.absent = code == _NOT_FOUND
        """There is no such path."""


class _Call:
    """One request while a thread works at it, so that its caller can give it up.

    A timeout of urllib3 is one of each read: a server that drips holds a thread for ever, and a
    process cannot end before its threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: urllib3.HTTPResponse | None = None
        self.abandoned = False

    def reading(self, answer: urllib3.HTTPResponse) -> None:
        """Say that the body is being read."""
        with self._lock:
            self._answer = answer
        if self.abandoned:
            self.abandon()

    def abandon(self) -> None:
        """End the read; from any thread."""
        self.abandoned = True
        with self._lock:
            if self._answer is None:
                return
            try:
                self._answer.shutdown()
            except (OSError, RuntimeError, ValueError):
                # The body was read whole, or the server hung up first: nothing is left to end.
                return


class Transport:
    """Sends requests through one configured connection pool. Safe to share."""

    def __init__(
        self, configuration: kubernetes_client.Configuration, *, timeout_seconds: float
    ) -> None:
        # A retry inside the client multiplies the timeout; the gate asks again by itself.
        cast("Any", configuration).retries = False
        configuration.connection_pool_maxsize = READERS
        # The client is typed in part only.
        self._api = cast("Any", kubernetes_client.ApiClient(configuration))
        self._timeout = timeout_seconds
        self._signing = threading.Lock()
        # Own threads: a look must not wait for whatever else uses the loop's default executor.
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="guarded-agent-list")

    def close(self) -> None:
        """Close the connections; a request in flight ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # What `rest_client.close()` does, which came with client 37.
        self._api.rest_client.pool_manager.clear()

    async def send(self, request: Request) -> bytes:
        """Make a request in a thread, and end it there when the caller does not wait for it.

        Raises:
            Failed: There is no usable answer.
        """
        call = _Call()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._blocking, call, request)
        except asyncio.CancelledError:
            call.abandon()
            raise

    def _blocking(self, call: _Call, request: Request) -> bytes:
        try:
            return self._once(call, request)
        except urllib3.exceptions.ProtocolError as first:
            if call.abandoned:
                raise Failed(_unreachable(request, first)) from first
            # A kept-alive connection that the server had closed; a fresh one tells the truth.
            try:
                return self._once(call, request)
            except urllib3.exceptions.ProtocolError as error:
                raise Failed(_unreachable(request, error)) from error

    def _once(self, call: _Call, request: Request) -> bytes:
        try:
            timeout = (min(CONNECT_SECONDS, self._timeout), self._timeout)
            answer = self._api.call_api(*self._signed(request), _request_timeout=timeout)
            call.reading(answer.response)
            data = cast("bytes", answer.read())
        except urllib3.exceptions.NewConnectionError as error:
            # A refused connection, although the client derives it from its timeouts.
            raise Failed(_unreachable(request, error)) from error
        except urllib3.exceptions.TimeoutError as error:
            raise Failed(_read(ReadStatus.TIMEOUT, request, error, temporary=True)) from error
        except urllib3.exceptions.DecodeError as error:
            raise Failed(_read(ReadStatus.GARBLED, request, error, temporary=True)) from error
        except urllib3.exceptions.ProtocolError:
            raise
        except (urllib3.exceptions.HTTPError, kubernetes_client.ApiException, OSError) as error:
            raise Failed(_unreachable(request, error)) from error
        except ConfigException as error:
            raise Failed(_read(ReadStatus.UNAUTHORIZED, request, error)) from error
        kind = str(answer.headers.get("Content-Type", ""))
        return _judge(request, int(answer.status), kind, data)

    def _signed(self, request: Request) -> Any:  # noqa: ANN401  # the client's own tuple
        """Add the credentials; an expired token is renewed by one thread, and not by each."""
        typed = {} if request.body is None else {"Content-Type": "application/json"}
        with self._signing:
            return self._api.param_serialize(
                request.method,
                request.path,
                query_params=list(request.query.items()),
                header_params={
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",
                    **typed,
                },
                body=request.body,
                auth_settings=["BearerToken"],
            )


class _Status(msgspec.Struct, frozen=True):
    message: str = ""
    reason: str = ""


def _judge(request: Request, code: int, kind: str, data: bytes) -> bytes:
    what = request.what
    if code in {200, 201}:
        if "json" in kind:
            return data
        wrong = f"{what}: content type {kind or 'missing'}"
        raise Failed(Read(status=ReadStatus.GARBLED, message=wrong, temporary=True))
    said = _status_message(data)
    if code == _UNAUTHORIZED:
        message = f"{what}: 401 {said or 'Unauthorized'}: the token is expired or unknown"
        raise Failed(Read(status=ReadStatus.UNAUTHORIZED, message=message))
    if code == _FORBIDDEN:
        resource = request.resource
        missing = f" (RBAC: allow list on {resource.plural})" if resource else ""
        message = f"{what}: 403 {said}{missing}"
        raise Failed(Read(status=ReadStatus.FORBIDDEN, message=message))
    message = f"{what}: {code} {said}".strip()
    read = Read(status=ReadStatus.ERROR, message=message, temporary=code in _TEMPORARY)
    raise Failed(read, code=code)


def _status_message(data: bytes) -> str:
    try:
        said = msgspec.json.decode(data, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return clipped(" ".join(data.decode(errors="replace").split()), MESSAGE_LIMIT)
    return clipped(said.message or said.reason, MESSAGE_LIMIT)


def _unreachable(request: Request, error: Exception) -> Read:
    return _read(ReadStatus.UNREACHABLE, request, error, temporary=True)


def _read(
    status: ReadStatus, request: Request, error: Exception, *, temporary: bool = False
) -> Read:
    said = clipped(" ".join((str(error) or type(error).__name__).split()), MESSAGE_LIMIT)
    return Read(status=status, message=f"{request.what}: {said}", temporary=temporary)
