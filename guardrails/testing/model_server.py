"""A models' server on loopback that plays a script in the formats of three providers.

An agent under test keeps its own client, and points its base URL here, or at a proxy before it. The
server is as strict as a provider: a history in which a call has no result is refused.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from langchain_core.messages import AIMessage

from guardrails.testing.model_formats import PATHS, Json, body_of, error_of, events_of, unanswered
from guardrails.testing.scripted import numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error in a turn's place.

    >>> Refused(status=429, kind="rate_limit_error", headers={"retry-after": "1"}).status
    429
    """

    status: int
    kind: str = "server_error"
    """As the provider names it: `overloaded_error`, `rate_limit_error`."""
    message: str = "the script says so"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A connection that breaks in the middle of a turn's stream, or before an answer."""

    said: AIMessage
    events: int = 3
    """Events of the stream that still come."""


ServerTurn = AIMessage | Refused | Dropped | Callable[[Json], AIMessage | Refused | Dropped]
"""What the server does when asked; a function is given the request's body, and may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """One request that came."""

    path: str
    body: Json
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""


class ScriptedServer:
    """Plays its turns one after the other, whoever asks and in whichever format.

    Args:
        turns: The script, made with `turn` and `call`.

    Example:
        >>> import httpx2
        >>> from guardrails.testing import ScriptedServer, turn
        >>> with ScriptedServer([turn("It is fixed.")]) as server:
        ...     asked = {"model": "any", "messages": [{"role": "user", "content": "is it?"}]}
        ...     reply = httpx2.post(f"{server.url}/chat/completions", json=asked).json()
        >>> reply["choices"][0]["message"]["content"]
        'It is fixed.'
    """

    def __init__(self, turns: Sequence[ServerTurn] = ()) -> None:
        self._turns = list(turns)
        self._asked: list[AskedFor] = []
        self._kept: dict[str, list[Json]] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._http: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        """Begin to listen."""
        server = self

        class Handler(_Handler):
            script = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Hang up."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    @property
    def url(self) -> str:
        """The base URL, with `/v1`; Anthropic's clients want it without."""
        if self._http is None:
            raise RuntimeError("the server is not entered: use it in a with block")
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def asked(self) -> list[AskedFor]:
        """The requests for turns, in order."""
        return self._asked

    def play(self, turns: Sequence[ServerTurn]) -> None:
        """Begin another script, and forget what was asked."""
        with self._lock:
            self._turns = list(turns)
            self._asked = []

    def answer(self, path: str, body: Json, headers: Mapping[str, str]) -> "_Answer":
        """Return what comes next for a request; called for each by the threads that serve."""
        wire = PATHS[path]
        with self._lock:
            self._asked.append(AskedFor(path=path, body=body, headers=headers))
            wrong = self._wrong(body, wire)
            if wrong is not None:
                return _Answer(refused=wrong, wire=wire)
            self._number += 1
            number = self._number
            played: ServerTurn = self._turns.pop(0) if self._turns else _ENDED
        if not isinstance(played, AIMessage | Refused | Dropped):
            played = played(body)
        if isinstance(played, Refused):
            return _Answer(refused=played, wire=wire)
        said = played.said if isinstance(played, Dropped) else played
        said = said.model_copy(update={"tool_calls": numbered(said.tool_calls, at=number)})
        whole = body_of(said, body, wire=wire, number=number)
        if wire == "responses" and body.get("store") is not False:
            with self._lock:
                self._kept[whole["id"]] = [*self._history(body, wire), *whole["output"]]
        breaks = played.events if isinstance(played, Dropped) else None
        return _Answer(body=whole, wire=wire, breaks_after=breaks)

    def _wrong(self, body: Json, wire: str) -> Refused | None:
        """Say why a provider would refuse a request; None when it would not."""
        previous = body.get("previous_response_id")
        if previous and previous not in self._kept:
            text = f"Previous response with id {previous!r} not found."
            return Refused(status=404, kind="invalid_request_error", message=text)
        if alone := unanswered(self._history(body, wire), wire=wire):
            text = f"calls and results must come in pairs; alone are {', '.join(alone)}"
            return Refused(status=400, kind="invalid_request_error", message=text)
        return None

    def _history(self, body: Json, wire: str) -> list[Json]:
        given: object = body.get("input" if wire == "responses" else "messages") or []
        said: Json = {"role": "user", "content": given}
        new = [said] if isinstance(given, str) else cast("list[Json]", given)
        return [*self._kept.get(str(body.get("previous_response_id")), []), *new]


_ENDED = Refused(status=400, kind="invalid_request_error", message="the script has no further turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    wire: str
    body: Json = field(default_factory=dict[str, Any])
    refused: Refused | None = None
    breaks_after: int | None = None


class _Handler(BaseHTTPRequestHandler):
    script: ScriptedServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        """List the models."""
        self._json(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]}, {})

    def do_POST(self) -> None:
        """Answer with the next turn."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 10}, {})
            return
        if path not in PATHS:
            self._json(404, error_of(404, f"no {path}", "not_found_error", wire="chat"), {})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = self.script.answer(path, body, headers)
        if (refused := found.refused) is not None:
            told = error_of(refused.status, refused.message, refused.kind, wire=found.wire)
            self._json(refused.status, told, refused.headers)
        elif body.get("stream"):
            self._stream(found, body)
        elif found.breaks_after is not None:
            self.close_connection = True
        else:
            self._json(200, found.body, {})

    def _stream(self, found: _Answer, asked: Json) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at, (name, data) in enumerate(events_of(found.body, asked, wire=found.wire)):
            if at == found.breaks_after:
                self.close_connection = True
                return
            written = data if isinstance(data, str) else json.dumps(data)
            head = f"event: {name}\n" if name else ""
            chunk = f"{head}data: {written}\n\n".encode()
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, body: Json, headers: Mapping[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def slowly(said: AIMessage, *, seconds: float) -> Callable[[Json], AIMessage]:
    """Return a turn that takes its time, as a model that thinks."""

    def wait(body: Json) -> AIMessage:
        del body
        time.sleep(seconds)
        return said

    return wait
