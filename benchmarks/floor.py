"""A server that does nothing, and takes as long for it as the service: what the machine allows.

It answers on the same HTTP server after so much arithmetic. Where a virtual machine is slowed for
some milliseconds now and then, requests at a steady rate wait in a queue, whoever serves them; the
latencies of this one are the least that any service could have beside the same load.
"""

import argparse
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import uvicorn

from benchmarks.clients import HOST
from benchmarks.service import Serving
from guardrails.sidecar.api.sending import answered, send_answer
from guardrails.sidecar.listening import run
from guardrails.sidecar.refusals import App, Receive, Scope, Send

_BODY: Final = b'{"run":"floor"}'
_ROUNDS: Final = 20_000
_TRIES: Final = 200


def spin(rounds: int) -> int:
    """Do arithmetic."""
    found = 0
    for number in range(rounds):
        found += number
    return found


def rounds_in(microseconds: float) -> int:
    """Return how much arithmetic takes so long where nothing comes in between."""
    took: list[float] = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        spin(_ROUNDS)
        took.append(time.perf_counter() - began)
    took.sort()
    return int(_ROUNDS * microseconds / 1e6 / took[len(took) // 4])


@contextlib.contextmanager
def floor(microseconds: float) -> Generator[Serving]:
    """Hold such a server in a process of its own.

    Args:
        microseconds: Of arithmetic for each request.
    """
    command = [sys.executable, "-m", "benchmarks.floor", str(microseconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Serving(port=port, pid=process.pid, folder=Path())
    finally:
        process.terminate()
        process.wait(20)


def _app(rounds: int) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        while (await receive()).get("more_body"):
            pass
        spin(rounds)
        await send_answer(send, answered(_BODY))

    return app


def main() -> None:
    """Serve until the process is ended; print the port first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("microseconds", type=float)
    rounds = rounds_in(parser.parse_args().microseconds)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind((HOST, 0))
    listening.listen(256)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(_app(rounds), http="httptools", log_level="error", lifespan="off")
    run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
