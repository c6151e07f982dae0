"""A model's server on loopback: OpenAI's chat completions, by a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the-providers-key"
"""What a request must carry."""

SECONDS = "seconds"
"""Of a scripted turn: how long the model thinks. No part of what is sent."""


@dataclass(slots=True)
class Upstream:
    """Plays turns one after the other, whoever asks."""

    url: str
    turns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Bodies of the requests so far."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plays(self, turns: Sequence[dict[str, Any]]) -> None:
        """Begin another script."""
        with self._lock:
            self.turns[:] = turns
            self.asked.clear()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the next turn."""
        with self._lock:
            self.asked.append(body)
            message = self.turns.pop(0) if self.turns else says("The script is over.")
        message = dict(message)
        time.sleep(message.pop(SECONDS, 0.0))
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        return {
            "id": f"chatcmpl-{len(self.asked)}",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }


def thinking(seconds: float, turn: dict[str, Any]) -> dict[str, Any]:
    """Write a turn that takes the model some time."""
    return {**turn, SECONDS: seconds}


def says(text: str) -> dict[str, Any]:
    """Write a turn of words."""
    return {"role": "assistant", "content": text}


def calls(text: str, tool: str, *commands: str) -> dict[str, Any]:
    """Write a turn that calls a tool with command lines."""
    return {
        **says(text),
        "tool_calls": [
            {
                "id": f"call_{abs(hash((text, command))):x}",
                "type": "function",
                "function": {"name": tool, "arguments": json.dumps({"command": command})},
            }
            for command in commands
        ],
    }


@contextmanager
def upstream() -> Generator[Upstream]:
    """Serve for as long as it is needed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.headers["Authorization"] == f"Bearer {KEY}"
            status = 200 if known and self.path == "/v1/chat/completions" else 401
            content = json.dumps(served.answer(json.loads(body)) if status == 200 else {}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Say nothing of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Upstream(f"http://127.0.0.1:{server.server_address[1]}/v1")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
