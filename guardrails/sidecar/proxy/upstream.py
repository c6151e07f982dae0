"""The models' server: one request, its whole reply, and every way in which that can fail.

A reply is gathered before anybody sees it, from a stream where the agent streams, so that the
server's own deadlines and proxies work as without the guard. The client here is aiohttp, since it
takes 0.2 ms of processor time for a request where httpx2 takes 1.0: the agent waits for it at each
turn.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import msgspec

from guardrails.errors import GuardrailsError
from guardrails.sidecar.proxy.settings import ProxySettings, Upstream
from guardrails.sidecar.proxy.wire.base import Json, Turn, Wire, WireError
from guardrails.sidecar.proxy.wire.sse import EventDecoder

PATHS: Final[Mapping[str, str]] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "anthropic": "/messages",
}
TOKEN: Final = "x-guarded-agent-token"  # noqa: S105  # a header's name
"""Header for the guard's token, where `Authorization` holds the model's key."""

_KEYS: Final = ("authorization", "x-api-key")
_PASSED: Final = ("anthropic-", "openai-")
"""How headers begin that a provider's client sends for its server: versions, betas, projects."""
_BACK: Final = frozenset({"content-type", "retry-after", "retry-after-ms", "x-should-retry"})
_BACK_LIKE: Final = ("x-ratelimit-", "anthropic-ratelimit-", "x-request-id", "request-id")
_ERROR_BYTES: Final = 1_000_000
_SUCCESS, _ELSEWHERE, _ERROR = 200, 300, 400
"""Where success, redirects and errors begin."""
_HEAD_BYTES: Final = 64 * 1024
"""Of one header of an answer, as of a request's whole head."""


class ProxyError(GuardrailsError):
    """A request cannot be answered; the text is one line, for whoever sent it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class ServerError(ProxyError):
    """The models' server did not answer as its format says, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error of the models' server, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class RefusedError(GuardrailsError):
    """The models' server answered with an error, which goes to the agent as it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"the model's server answered {refusal.status}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Headers:
    """Headers of a request that goes upstream. They hold keys, and are never shown."""

    values: Mapping[str, str] = field(repr=False)


class Models:
    """The servers of all formats, over one pool of connections.

    Args:
        settings: Where they are.
    """

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._client: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Have a client while this is open."""
        # The same authorities as of every other client here, SSL_CERT_FILE among them.
        connector = aiohttp.TCPConnector(limit=0, ssl=httpx2.create_ssl_context())
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
        ) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    def upstream(self, wire: str) -> Upstream:
        """Return where the models of a format are.

        Raises:
            ProxyError: Nowhere.
        """
        found = {str(name): one for name, one in self._settings.upstreams.items()}.get(wire)
        if found is None:
            raise ProxyError(404, f"no upstream is configured for {wire}; set upstreams.{wire}")
        return found

    async def turn(self, wire: Wire, body: Json, headers: Headers, *, stream: bool) -> Turn:
        """Ask a model, and return its turn once it is whole.

        Raises:
            RefusedError: The server answered with an error.
            ServerError: It did not answer as the format says, or not in time.
        """
        upstream = self.upstream(wire.name)
        content = msgspec.json.encode(body)
        try:
            async with self._asked(
                "POST", upstream, PATHS[wire.name], headers, content
            ) as response:
                if stream and _is_stream(response):
                    return wire.turn(await self._gathered(wire, response))
                return wire.turn(_object(await self._read(response)))
        except WireError as error:
            raise ServerError(502, f"the model's server sent no valid reply: {error}") from error

    async def passed(
        self, wire: str, method: str, path: str, headers: Headers, content: bytes
    ) -> Refusal:
        """Ask for something that is not guarded, and return the answer as it is.

        Raises:
            ServerError: There is no answer.
        """
        upstream = self.upstream(wire)
        try:
            async with self._asked(method, upstream, path, headers, content) as response:
                return Refusal(
                    status=response.status,
                    headers=_back(response.headers),
                    body=await self._read(response),
                )
        except RefusedError as error:
            return error.refusal

    @asynccontextmanager
    async def _asked(
        self, method: str, upstream: Upstream, path: str, headers: Headers, content: bytes
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        client = self._client
        if client is None:
            raise ServerError(503, "the proxy has not started, or is shutting down")
        try:
            async with client.request(
                method,
                upstream.base_url + path,
                data=content or None,
                headers=headers.values,
                allow_redirects=False,
                proxy=_proxy_of(upstream.base_url),
                timeout=aiohttp.ClientTimeout(
                    sock_connect=upstream.connect_seconds, sock_read=upstream.silence_seconds
                ),
            ) as response:
                if not _SUCCESS <= response.status < _ELSEWHERE:
                    raise await self._refused(response)
                yield response
        except TimeoutError as error:
            raise ServerError(
                504, f"the model's server did not answer in time ({type(error).__name__})"
            ) from error
        except aiohttp.ClientError as error:
            said = str(error) or type(error).__name__
            raise ServerError(502, f"the model's server cannot be reached: {said}") from error

    async def _refused(self, response: aiohttp.ClientResponse) -> RefusedError | ServerError:
        if response.status < _ERROR:
            where = response.headers.get("location", "nowhere")
            return ServerError(
                502,
                f"the model's server answered {response.status} (to {where}): "
                f"mend the upstream's base_url",
            )
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _ERROR_BYTES:
                break
        headers = _back(response.headers)
        return RefusedError(
            Refusal(status=response.status, headers=headers, body=bytes(body[:_ERROR_BYTES]))
        )

    async def _gathered(self, wire: Wire, response: aiohttp.ClientResponse) -> Json:
        reader, decoder, size = wire.reader(), EventDecoder(), 0
        async for chunk in response.content.iter_any():
            size = self._counted(size, chunk)
            for event in decoder.feed(chunk):
                reader.feed(event.name, event.data)
        for event in decoder.end():
            reader.feed(event.name, event.data)
        return reader.body()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body, size = bytearray(), 0
        async for chunk in response.content.iter_any():
            size = self._counted(size, chunk)
            body += chunk
        return bytes(body)

    def _counted(self, size: int, chunk: bytes) -> int:
        size += len(chunk)
        if size > self._settings.max_reply_bytes:
            most = self._settings.max_reply_bytes
            raise ServerError(502, f"the model's reply is longer than max_reply_bytes ({most})")
        return size


def headers_for(wire: str, upstream: Upstream, sent: Mapping[str, str], *, own: bool) -> Headers:
    """Return the headers that go upstream.

    Args:
        wire: The format.
        upstream: Where to.
        sent: What the agent sent, names in lower case.
        own: Whether the keys in it are the agent's own, and not the guard's tokens.

    Raises:
        ProxyError: There is no key that may go upstream, or it cannot be read.
    """
    found = {name: value for name, value in sent.items() if name.startswith(_PASSED)}
    found["content-type"] = "application/json"
    key = _own_key(upstream)
    if key is not None and wire == "anthropic":
        found["x-api-key"] = key
    elif key is not None:
        found["authorization"] = f"Bearer {key}"
    elif own:
        found.update({name: sent[name] for name in _KEYS if name in sent})
    else:
        raise ProxyError(
            401,
            f"no key for the model: set upstreams.{wire}.api_key_file, or send the guard's token "
            f"in {TOKEN} and the model's key as usual",
        )
    found.update({name.lower(): value for name, value in upstream.headers.items()})
    return Headers(found)


def _own_key(upstream: Upstream) -> str | None:
    if upstream.api_key_env is not None:
        key = os.environ.get(upstream.api_key_env, "").strip()
        if not key:
            raise ProxyError(503, f"environment variable {upstream.api_key_env} holds no key")
        return key
    if upstream.api_key_file is None:
        return None
    try:
        key = upstream.api_key_file.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        said = f"{type(error).__name__} at {upstream.api_key_file}"
        raise ProxyError(503, f"the model's key cannot be read: {said}") from error
    if not key:
        raise ProxyError(503, f"{upstream.api_key_file} holds no key")
    return key


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get("content-type", "").startswith("text/event-stream")


def _object(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise WireError(f"it is no JSON object: {error}") from error


def _back(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in _BACK or name.startswith(_BACK_LIKE)
    }


@lru_cache
def _proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for a server, as curl has it."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
