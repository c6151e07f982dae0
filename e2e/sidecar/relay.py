"""A relay between a client and a server that breaks what it is told to break.

A network loses a request before it arrives, or an answer on its way back, or says nothing for long.
Each looks different to a client, and a store has to be right in all of them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator
from enum import StrEnum, auto


class Fault(StrEnum):
    """What is done to the next data."""

    LOSE_REQUEST = auto()
    """The next request does not arrive, and its connection breaks."""
    LOSE_ANSWER = auto()
    """The next request arrives; its connection breaks instead of the answer."""
    STALL = auto()
    """Requests arrive, and nothing comes back, until the relay is mended."""


class Relay:
    """Passes on what comes in on a loopback port of its own.

    Args:
        target: The loopback port of the server.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._stalled = False
        self._open: set[socket.socket] = set()
        self.broken = 0
        """Connections that were broken on purpose."""
        threading.Thread(target=self._accept, daemon=True).start()

    def do(self, *faults: Fault) -> None:
        """Have faults happen, one after the other."""
        with self._lock:
            self._faults = [fault for fault in faults if fault is not Fault.STALL]
            self._stalled = Fault.STALL in faults

    def mend(self) -> None:
        """Be well again. What was held back is lost with its connection."""
        with self._lock:
            was_stalled, self._stalled, self._faults = self._stalled, False, []
        if was_stalled:
            self.cut()

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            open_now = list(self._open)
        for each in open_now:
            _shut(each)

    def close(self) -> None:
        """Break everything and listen no more."""
        _shut(self._listener)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()  # as a server that is down would refuse it
                continue
            with self._lock:
                self._open |= {client, server}
            for ends in ((client, server, Fault.LOSE_REQUEST), (server, client, Fault.LOSE_ANSWER)):
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, breaking: Fault) -> None:
        answers = breaking is Fault.LOSE_ANSWER
        with contextlib.suppress(OSError):  # the other direction has shut it
            while data := source.recv(65_536):
                with self._lock:
                    breaks = bool(self._faults) and self._faults[0] is breaking
                    if breaks:
                        self._faults.pop(0)
                        self.broken += 1
                    stalled = self._stalled and answers
                if breaks:
                    break
                if not stalled:
                    sink.sendall(data)
        _shut(source)
        _shut(sink)
        source.close()
        with self._lock:
            self._open.discard(source)


@contextlib.contextmanager
def relay_to(port: int) -> Generator[Relay]:
    """Run a relay for as long as it is needed."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is shut already
        one.shutdown(socket.SHUT_RDWR)
