"""Answers are written in one piece where they can be.

uvicorn writes the head of an answer, and then its body. Each write is a call of the kernel, and
wakes whoever waits at the other end: one that has the head alone can do nothing with it.
"""

import asyncio
from typing import Final

AT_MOST: Final = 64 * 1024
"""Bytes of a body that are copied behind its head; to copy more costs what the call would."""


class Together:
    """A transport, for one answer, that writes its head with what follows it at once.

    What does not follow in the same turn of the event loop goes after the head, as ever: a stream
    that has nothing to say yet has begun for its client.

    Args:
        transport: Of the connection.
        loop: Where it is used.
    """

    __slots__ = ("_begun", "_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._begun = False

    def write(self, data: bytes) -> None:
        """Write; the first time, wait for more until the event loop has its next turn."""
        if self._begun:
            self._transport.write(data)
        elif not self._head:
            self._head = data
            self._loop.call_soon(self._begin)
        elif len(data) > AT_MOST:
            self._begin()
            self._transport.write(data)
        else:
            self._begin(data)

    def close(self) -> None:
        """Close the connection once all is written."""
        self._begin()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def _begin(self, data: bytes = b"") -> None:
        if not self._begun:
            self._begun = True
            if self._head or data:
                self._transport.write(self._head + data)
            self._head = b""
