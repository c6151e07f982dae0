"""A models' server that plays a script: a process that answers at once, streamed or not.

It calls a tool in each turn, another one each time; when the last user message says so, it claims
that all is well.
"""

import contextlib
import itertools
import socket
import subprocess
import sys
from collections.abc import Generator
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.clients import HOST, asked
from guardrails.sidecar.proxy.wire import WIRES

PATH: Final = "/v1/chat/completions"
MODEL: Final = "gpt-4o"
WORDS: Final = (
    "I have looked at the pods and the events of the namespace; next I look further. " * 5
)
"""What it says beside its call: 100 tokens."""
CLAIM: Final = "That is enough: say how it is."
"""A last user message that it answers with a claim."""
_numbers = itertools.count(1)


@contextlib.contextmanager
def upstream() -> Generator[int]:
    """Hold a server in a process of its own; yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.upstream"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


async def _answer(request: Request) -> Response:
    body: dict[str, Any] = msgspec.json.decode(await request.body())
    reply = _reply(body)
    if not body.get("stream"):
        return Response(msgspec.json.encode(reply), media_type="application/json")
    wire = WIRES[PATH]
    frames = b"".join(wire.frames(wire.turn(reply), asked=wire.asked(body)))
    return Response(frames, media_type="text/event-stream")


def _reply(body: dict[str, Any]) -> dict[str, Any]:
    number = next(_numbers)
    messages: list[dict[str, Any]] = body["messages"]
    message: dict[str, Any] = {"role": "assistant", "content": "The incident is resolved."}
    finish = "stop"
    if messages[-1].get("content") != CLAIM:
        call = asked(len(messages))
        function = {"name": call["tool"], "arguments": call["arguments"]}
        listed = [{"id": f"call-{number}", "type": "function", "function": function}]
        message, finish = {**message, "content": WORDS, "tool_calls": listed}, "tool_calls"
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1_020},
    }


def main() -> None:
    """Serve until the process is ended; print the port first."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind((HOST, 0))
    listening.listen(256)
    print(listening.getsockname()[1], flush=True)
    app = Starlette(routes=[Route(PATH, _answer, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main()
