"""Faults on demand for the three servers: errors, delays, cut or garbled answers, resets.

A fault is a `Match` (which requests) and a `Respond` (what they get), for a number of times or
until removed. Tests add them while requests are running, so all access is locked.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Literal

from guardrails.testing.sim.http import Response, json_response
from guardrails.testing.sim.status import StatusError

Part = Literal["kubernetes", "prometheus", "alertmanager"]

_REASONS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "forbidden: access denied by an injected fault"),
    404: ("NotFound", "the server could not find the requested resource"),
    409: (
        "Conflict",
        "the object has been modified; please apply your changes to it and try again",
    ),
    410: ("Expired", "The resourceVersion for the provided list is too old."),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests a fault takes; `None` matches anything."""

    server: Part | None = None
    verb: str | None = None
    """`get`, `list`, `watch`, `create` …; for Prometheus and Alertmanager the lower-case method."""
    resource: str | None = None
    """The plural, such as `pods`, or with a subresource, such as `pods/log`."""
    namespace: str | None = None
    path: str | None = None
    """A glob over the URL path."""
    param: str | None = None
    """A query parameter that it must have: `continue` takes every page but the first."""

    def takes(self, facts: "Facts") -> bool:
        """Whether a request with these facts is hit."""
        return (
            self.server in (None, facts.server)
            and self.verb in (None, facts.verb)
            and self.resource in (None, facts.resource)
            and self.namespace in (None, facts.namespace)
            and (self.path is None or fnmatchcase(facts.path, self.path))
            and (self.param is None or self.param in facts.params)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a request is, for matching."""

    server: Part
    verb: str
    path: str
    params: frozenset[str] = frozenset()
    """Names of its query parameters."""
    resource: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """What a hit request gets. With only `delay`, the true answer, late."""

    status: int | None = None
    retry_after: int | None = None
    """Seconds in the `Retry-After` header."""
    message: str | None = None
    delay: float = 0.0
    truncate: bool = False
    """Promise the whole body, send half of it and hang up."""
    garbage: bool = False
    """Answer 200 with a body that is no JSON."""
    wrong_content_type: bool = False
    """Answer 200 with a proxy's HTML page."""
    body: bytes | None = None
    """Answer 200 with exactly this, as JSON."""
    reset: bool = False
    empty_data: bool = False
    """Prometheus: `status: success` without `data`; the others: an empty object."""


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """A fault that was added; `hits` counts the requests it took."""

    match: Match
    respond: Respond
    left: int | None
    hits: int = field(default=0)


class Faults:
    """The faults of one cluster."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, match: Match, respond: Respond, *, times: int | None = None) -> Fault:
        """Add a fault for so many requests, or until removed; later ones win."""
        fault = Fault(match=match, respond=respond, left=times)
        with self._lock:
            self._faults.insert(0, fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one fault away; no harm if it is spent."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._faults.clear()

    def take(self, facts: Facts) -> Respond | None:
        """The answer for this request, if a fault hits it; spends one of its times."""
        with self._lock:
            for fault in self._faults:
                if not fault.match.takes(facts):
                    continue
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left <= 0:
                        self._faults.remove(fault)
                return fault.respond
        return None

    async def serve(self, facts: Facts, answer: Callable[[], Awaitable[Response]]) -> Response:
        """The true answer, or what a fault makes of it."""
        respond = self.take(facts)
        if respond is None:
            return await answer()
        if respond.delay:
            await asyncio.sleep(respond.delay)
        if respond.reset:
            return Response(reset=True)
        if respond.status is not None:
            return _error(facts.server, respond.status, respond)
        if respond.garbage:
            return Response(body=b'{"kind": "PodList", "items": [{"metadata": nope')
        if respond.body is not None:
            return Response(body=respond.body)
        if respond.wrong_content_type:
            return Response(body=_HTML, content_type="text/html")
        if respond.empty_data:
            body = {"status": "success"} if facts.server == "prometheus" else {}
            return json_response(body)
        true = await answer()
        if respond.truncate:
            return replace(true, sent_bytes=len(true.body) // 2)
        return true


def _error(server: Part, status: int, respond: Respond) -> Response:
    reason, words = _REASONS.get(status, ("InternalError", f"injected fault {status}"))
    message = respond.message or words
    body: object
    if server == "kubernetes":
        body = StatusError(HTTPStatus(status), reason=reason, message=message).body
    elif server == "prometheus":
        kind = "unavailable" if status == HTTPStatus.SERVICE_UNAVAILABLE else "internal"
        body = {"status": "error", "errorType": kind, "error": message}
    else:
        body = {"code": status, "message": message}
    response = json_response(body, status=status)
    if respond.retry_after is None:
        return response
    return replace(response, headers={"Retry-After": str(respond.retry_after)})
