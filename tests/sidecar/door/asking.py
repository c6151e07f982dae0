"""What tests of the door share: an application that says who came in, and how to ask it."""

import asyncio
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(slots=True, kw_only=True)
class Answered:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def who(scope, receive, send) -> None:
    """Answer with the caller's name, and what they sent."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    caller = scope.get("state", {}).get("caller")
    said = msgspec.json.encode({"caller": caller.name if caller else None, "size": len(body)})
    opened = (scope["method"], scope["path"]) == ("POST", "/v1/sessions")
    await send({"type": "http.response.start", "status": 201 if opened else 200, "headers": []})
    await send({"type": "http.response.body", "body": said})


async def ask(
    app,
    path: str = "/v1/sessions/r1",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    parts: tuple[bytes, ...] = (),
    stall: bool = False,
    state: Mapping[str, object] | None = None,
) -> Answered:
    """Make one request of an ASGI application; with `stall` its body never comes to an end."""
    raw = {"host": "127.0.0.1:8321", **(headers or {})}
    if parts and not any(name.lower() == "content-length" for name in raw):
        raw["transfer-encoding"] = "chunked"
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in raw.items()],
        "state": dict(state or {}),
    }
    messages = [
        {"type": "http.request", "body": part, "more_body": stall or at < len(parts) - 1}
        for at, part in enumerate(parts)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]
    found = Answered()

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        if stall:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            found.status = message["status"]
            found.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            found.body += message.get("body", b"")

    await app(scope, receive, send)
    return found
