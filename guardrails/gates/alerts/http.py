"""The HTTP client of the alert sources: one GET, one typed answer, and never an exception.

An answer is believed only when its status is 200 and its body is whole JSON of the expected
shape. Everything else is a `Read` that says what happened and whether asking again may help.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx2
import msgspec

from guardrails.errors import UsageError
from guardrails.gates.reads import clipped
from guardrails.gates.snapshot import Read, ReadStatus

T = TypeVar("T")

MESSAGE_LIMIT = 200
"""Characters of a server's own words that are kept; a proxy's error page may be long."""

_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})

_MISSING = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Generic[T]):
    """One answer, or why there is none."""

    read: Read
    value: T | None = None
    """None unless the read went well."""
    date: datetime | None = None
    """The server's clock when it answered, to the second."""


class HttpReader:
    """Reads JSON from one server.

    A connection pool belongs to an event loop, and adapters may run each gate on its own loop, so
    a pool lives only as long as one `GET`.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if not _is_url(url):
            raise UsageError(f"{name}: {url!r} is not a URL; write it like http://host:9090")
        self.name = name
        self.url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._headers = dict(headers or {})
        self._transport = transport
        self._tls: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        """The URL without user name and password, for messages."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    def __repr__(self) -> str:
        return f"HttpReader({self.name}, {self.place})"

    async def get(
        self, path: str, type_: type[T], *, params: Mapping[str, str] | None = None
    ) -> tuple[Read, T | None]:
        """Read one path.

        Returns:
            How it went, and the value when it went well.
        """
        found = await self.fetch(path, type_, params=params)
        return found.read, found.value

    async def fetch(
        self, path: str, type_: type[T], *, params: Mapping[str, str] | None = None
    ) -> Fetched[T]:
        """Read one path, and the server's clock with it."""
        what = f"GET {path}"
        try:
            with anyio.fail_after(self._timeout):
                response = await self._send(path, params or {})
        except (TimeoutError, httpx2.TimeoutException):
            return Fetched(
                read=_failed(ReadStatus.TIMEOUT, f"{what}: no answer in {self._timeout:g} s")
            )
        except httpx2.TransportError as error:
            why = str(error) or type(error).__name__
            return Fetched(read=_failed(ReadStatus.UNREACHABLE, f"{what}: {why}"))
        except (httpx2.DecodingError, httpx2.TooManyRedirects) as error:
            return Fetched(read=_failed(ReadStatus.GARBLED, f"{what}: {error}"))
        return self._judge(what, response, type_)

    async def _send(self, path: str, params: Mapping[str, str]) -> httpx2.Response:
        if self._tls is None:
            # Loading the certificate store takes about 20 ms; once per reader is enough.
            self._tls = ssl.create_default_context()
        async with httpx2.AsyncClient(
            timeout=self._timeout,
            headers=self._headers,
            transport=self._transport,
            verify=self._tls,
            follow_redirects=False,
        ) as client:
            return await client.get(self.url + path, params=dict(params))

    def _judge(self, what: str, response: httpx2.Response, type_: type[T]) -> Fetched[T]:
        code = response.status_code
        if code == HTTPStatus.UNAUTHORIZED:
            return Fetched(read=Read(status=ReadStatus.UNAUTHORIZED, message=f"{what}: 401"))
        if code == HTTPStatus.FORBIDDEN:
            return Fetched(read=Read(status=ReadStatus.FORBIDDEN, message=f"{what}: 403"))
        if code != HTTPStatus.OK:
            said = clipped(" ".join(response.text.split()), MESSAGE_LIMIT)
            message = f"{what}: {code} {said}".strip()
            status = ReadStatus.MISSING if code in _MISSING else ReadStatus.ERROR
            return Fetched(read=Read(status=status, message=message, temporary=code in _TEMPORARY))
        kind = response.headers.get("content-type", "")
        if "json" not in kind:
            return Fetched(
                read=_failed(ReadStatus.GARBLED, f"{what}: content type {kind or 'missing'}")
            )
        try:
            value = msgspec.json.decode(response.content, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Fetched(read=_failed(ReadStatus.GARBLED, f"{what}: {error}"))
        return Fetched(read=Read(), value=value, date=_date(response.headers.get("date", "")))


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # `port` raises for what is no number.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _failed(status: ReadStatus, message: str) -> Read:
    return Read(status=status, message=message, temporary=True)
