"""Limits at the door: how much, how often, how many at once, and how long a body may take to come.

Pure ASGI. It stands behind the authentication, so that each caller has limits of their own.
"""

import asyncio
import math
from collections import Counter
from http import HTTPStatus

from guardrails.sidecar.auth.roles import is_open
from guardrails.sidecar.config import LimitSettings
from guardrails.sidecar.limits.buckets import Buckets
from guardrails.sidecar.refusals import App, Message, Receive, Refusal, Scope, Send, header, refuse


class Limits:
    """Turns requests away that take too much.

    A body is read to its end, within its limits, before the application begins with the request:
    so whoever is slow holds a few kB of memory, and no lock of a run.

    Args:
        app: What is behind.
        settings: The limits.
        buckets: Rates of callers; made by the settings when left out.
    """

    def __init__(
        self, app: App, settings: LimitSettings, *, buckets: Buckets | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        rate = settings.requests_per_second
        self._buckets = buckets or (Buckets(rate=rate, burst=settings.burst) if rate else None)
        self._at_work: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 408, 411, 413 or 429."""
        if scope["type"] != "http" or is_open(scope["path"], open_metrics=True):
            await self._app(scope, receive, send)
            return
        caller = scope.get("state", {}).get("caller")
        name = caller.name if caller is not None else ""
        refusal = self._rate(name) or self._crowd(name)
        if refusal is not None:
            await refuse(send, refusal, close=_has_body(scope))
            return
        self._at_work[name] += 1
        try:
            if not _has_body(scope):
                await self._app(scope, receive, send)
                return
            body = await self._body(scope, receive)
            if isinstance(body, Refusal):
                await refuse(send, body, close=True)
            elif body is not None:
                await self._app(scope, _Replayed(body, receive), send)
        finally:
            self._at_work[name] -= 1
            if not self._at_work[name]:
                del self._at_work[name]

    def _rate(self, name: str) -> Refusal | None:
        wait = self._buckets.take(name) if self._buckets is not None else 0.0
        if not wait:
            return None
        rate = self._settings.requests_per_second
        return _too_many(
            f"more than {rate} requests a second (limits.requests_per_second)", math.ceil(wait)
        )

    def _crowd(self, name: str) -> Refusal | None:
        most, own = self._settings.concurrent, self._settings.concurrent_per_caller
        if own is not None and self._at_work[name] >= own:
            return _too_many(f"{own} requests are at work (limits.concurrent_per_caller)", 1)
        if most is not None and self._at_work.total() >= most:
            return _too_many(f"{most} requests of all callers are at work (limits.concurrent)", 1)
        return None

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Refusal | None:
        """Read a body; None when the client has left."""
        most = self._settings.body_bytes
        length = header(scope, "content-length") or ""
        if length.isdigit() and int(length) > most:
            return _too_large(most)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    if size > most:
                        return _too_large(most)
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            return Refusal(
                status=HTTPStatus.REQUEST_TIMEOUT,
                kind="slow-body",
                detail=f"the body did not come within {self._settings.body_timeout:g} s "
                f"(limits.body_timeout)",
            )


class _Replayed:
    """Gives a body that was read already, and then what comes after it: a disconnect."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _has_body(scope: Scope) -> bool:
    """Tell whether a body follows, as HTTP/1.1 announces it."""
    length = header(scope, "content-length")
    announced = any(key == b"transfer-encoding" for key, _ in scope["headers"])
    return announced or length not in {None, "0"}


def _too_large(most: int) -> Refusal:
    return Refusal(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        kind="too-large",
        detail=f"the body is longer than {most} bytes (limits.body_bytes)",
    )


def _too_many(detail: str, seconds: int) -> Refusal:
    return Refusal(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        kind="too-many-requests",
        detail=f"too many requests: {detail}; ask again in {max(1, seconds)} s",
        headers={"retry-after": str(max(1, seconds))},
    )
