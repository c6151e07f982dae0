"""Requests that are turned away before the application sees them, as RFC 9457 has it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from guardrails.hygiene.redact import redacted

# ASGI leaves its messages open; this is the edge.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KINDS: Final = "urn:guarded-agent:problem:"
"""Begins the `type` of every problem of the API."""


_WORDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
"""What the providers' clients call it, by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is turned away."""

    status: HTTPStatus
    kind: str
    """Last part of the problem's `type`: `too-many-requests`."""
    detail: str
    """One line for a person, without secrets."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self) -> bytes:
        """Return the problem as JSON.

        `error` repeats it where the SDKs of model providers look for what went wrong, in their
        words.
        """
        detail = redacted(" ".join(self.detail.split()))
        return msgspec.json.encode(
            {
                "type": KINDS + self.kind,
                "title": self.status.phrase,
                "status": int(self.status),
                "detail": detail,
                "error": {
                    "type": _WORDS.get(self.status, self.kind.replace("-", "_")),
                    "message": detail,
                },
            }
        )


async def refuse(send: Send, refusal: Refusal, *, close: bool = False) -> None:
    """Answer a request with a refusal.

    Args:
        send: Of the request.
        refusal: Why.
        close: Whether the connection is of no more use, as when a body was not read to its end.
    """
    body = refusal.body()
    headers = {
        "content-type": "application/problem+json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **refusal.headers,
        **({"connection": "close"} if close else {}),
    }
    raw = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": raw})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: str) -> str | None:
    """Return a header's value; None when it is not there, or is there twice with two values."""
    wanted = name.encode("latin-1")
    found = {value for key, value in scope["headers"] if key == wanted}
    return found.pop().decode("latin-1").strip() if len(found) == 1 else None
