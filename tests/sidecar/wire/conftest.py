"""A model server on loopback that speaks all three formats through the wires under test."""

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Json

SIZES = (1, 7, 64, 3, 500)
"""Bytes per write, in turns: a stream must read the same however it is cut."""


@dataclass
class ModelServer:
    """What it says, and what it was asked."""

    url: str = ""
    replies: list[Json | str | tuple[int, str]] = field(default_factory=list)
    """Bodies, words that the wire says itself, or errors (status and text), in order."""
    asked: list[Json] = field(default_factory=list)

    @property
    def v1(self) -> str:
        """The base URL as OpenAI's clients want it."""
        return f"{self.url}/v1"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Serve the replies of a test."""
    state = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

        def do_POST(self) -> None:
            body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(body)
            wire = WIRES[self.path.split("?")[0]]
            asked = wire.asked(body)
            reply = state.replies.pop(0)
            if isinstance(reply, tuple):
                status, text = reply
                if asked.stream:
                    self.stream([wire.ping(), wire.failed_frame(status, text)])
                else:
                    self.json(wire.failed(status, text), status)
                return
            turn = wire.said(asked, reply) if isinstance(reply, str) else wire.turn(reply)
            if asked.stream:
                self.stream([wire.ping(), *wire.frames(turn, asked=asked)])
            else:
                self.json(turn.body)

        def json(self, body: Mapping[str, Any], status: int = 200) -> None:
            data = msgspec.json.encode(body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def stream(self, frames: list[bytes]) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            data, sizes = b"".join(frames), itertools.cycle(SIZES)
            while data:
                size = next(sizes)
                part, data = data[:size], data[size:]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join(timeout=5)
