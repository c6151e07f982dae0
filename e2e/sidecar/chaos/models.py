"""A model's server on loopback that plays the same story to whoever asks, and can be broken."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from e2e.sidecar.chaos.agents import READ, WRITE

SLOW_SECONDS: Final = 3.0
"""Longer than the service waits for a model here."""


class Model(ThreadingHTTPServer):
    """Answers by what it is shown: it looks, claims falsely, mends and claims again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.faults: list[str] = []
        """What becomes of the next requests: `500`, `slow`, `garbage`, `cut` or `reset`."""
        self._numbers = itertools.count(1)

    def turn(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the next turn of the story."""
        done = sum(one["role"] == "tool" and one["content"] == "done" for one in messages)
        refused = any("Not accepted" in str(one.get("content")) for one in messages)
        match done, refused:
            case 0, _:
                return self._calling(READ)
            case 1, False:
                return {"role": "assistant", "content": "It is fixed."}
            case 1, True:
                return self._calling(WRITE)
            case 2, _:
                return self._calling(READ)
            case _:
                return {"role": "assistant", "content": "It is fixed now."}

    def reply(self, messages: list[dict[str, Any]]) -> bytes:
        """Return the next turn as a reply."""
        message = self.turn(messages)
        finish = "tool_calls" if "tool_calls" in message else "stop"
        body = {
            "id": f"chatcmpl-{next(self._numbers)}",
            "object": "chat.completion",
            "created": 1,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }
        return json.dumps(body).encode()

    def _calling(self, command: str) -> dict[str, Any]:
        function = {"name": "kubectl", "arguments": json.dumps({"command": command})}
        call = {"id": f"c{next(self._numbers)}", "type": "function", "function": function}
        return {"role": "assistant", "content": "I go on.", "tool_calls": [call]}


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        model = self.server
        if not isinstance(model, Model):
            raise TypeError(type(model).__name__)
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault = model.faults.pop(0) if model.faults else ""
        if fault == "reset":
            self.close_connection = True
            return
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
        body = model.reply(asked["messages"])
        status = 500 if fault == "500" else 200
        if fault == "500":
            body = b'{"error": {"message": "overloaded", "type": "server_error"}}'
        if fault == "garbage":
            body = b"<html>502 Bad Gateway</html>"
        with contextlib.suppress(OSError):  # whoever asked has gone
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
        self.close_connection = fault == "cut"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's word
        """Say nothing."""


@contextlib.contextmanager
def model() -> Generator[Model]:
    """Run a model for as long as it is needed."""
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
