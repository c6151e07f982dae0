"""A server that speaks OpenAI's chat completions and answers what it is told, on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | int
"""What the model says, or the status that the server fails with."""

Script = Callable[[str], Reply]
"""Finds the reply to the user's message."""


class ChatServer:
    """Plays a script, and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    @property
    def questions(self) -> list[str]:
        """The users' messages, in order."""
        return [body["messages"][-1]["content"] for body in self.asked]


@contextmanager
def serving(script: Script) -> Iterator[ChatServer]:
    """Serve until the block ends."""
    chat = ChatServer(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.asked.append(body)
            said = chat.script(body["messages"][-1]["content"])
            failed = isinstance(said, int)
            answer = {"error": {"message": "broken"}} if failed else completion(str(said))
            sent = json.dumps(answer).encode()
            self.send_response(said if isinstance(said, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *args: Any) -> None:  # its own words are not wanted
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def completion(text: str) -> dict[str, Any]:
    """Return an answer in the form of a chat completion."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": None},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
