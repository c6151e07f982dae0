"""A bare HTTP client for the conformance kits: requests, decoded answers, bounded polling."""

import ssl
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import msgspec

T = TypeVar("T")

Json = dict[str, Any]

_POLL_SECONDS = 0.05
_REQUEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    status: int
    body: Json
    headers: httpx2.Headers

    @property
    def reason(self) -> str:
        """The `reason` of a Kubernetes Status."""
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        """The `message` of a Kubernetes Status."""
        return str(self.body.get("message", ""))

    def expect(self, status: int) -> Json:
        """The body, if the status is the expected one."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.body}"
        return self.body


class HttpClient:
    """Requests to one server, with or without a bearer token."""

    def __init__(self, url: str, *, token: str = "", ca_pem: str | None = None) -> None:
        # Loading the system's authorities takes longer than most facts; http needs none.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_pem:
            context.load_verify_locations(cadata=ca_pem)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=url, headers=headers, verify=context, timeout=_REQUEST_SECONDS
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request and decode its answer."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": accept}
        if content is not None:
            headers["Content-Type"] = content_type
        got = self._http.request(method, path, content=content, headers=headers, params=params)
        try:
            decoded: object = msgspec.json.decode(got.content)
        except msgspec.DecodeError:
            decoded = {"text": got.text}
        named: Json = decoded if isinstance(decoded, dict) else {"value": decoded}  # pyright: ignore[reportUnknownVariableType]  # decoded JSON
        return Answer(status=got.status_code, body=named, headers=got.headers)

    def get(self, path: str, **params: str) -> Answer:
        """GET, with query parameters."""
        return self.call("GET", path, params=params or None)

    @contextmanager
    def lines(self, path: str, **params: str) -> Generator[Iterator[Json]]:
        """The JSON lines of a streaming answer, closed at the end of the block."""
        with self._http.stream("GET", path, params=params) as response:
            yield (msgspec.json.decode(line) for line in response.iter_lines() if line)


def eventually(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """The first value that is not None or False.

    Raises:
        AssertionError: If there was none in time; says what was waited for.
    """
    end = time.monotonic() + within
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(_POLL_SECONDS)
