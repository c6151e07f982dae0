"""Server-sent events, in and out, and text in pieces of a size that clients show as it comes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from guardrails.sidecar.proxy.wire.base import WireError

PIECE = 160
"""Most characters of one delta. The turn is whole when it is sent, so small pieces gain nothing;
terminals that draw each delta still show a line or two at a time."""

COMMENT = b": ping\n\n"
"""Keeps a connection open; the standard tells clients to pass over it."""

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: str
    """Empty if it has none."""
    data: str


class EventDecoder:
    r"""Cuts bytes, however they were chunked, into events.

    >>> decoder = EventDecoder()
    >>> decoder.feed(b"event: ping\ndata: {}\n")
    []
    >>> decoder.feed(b"\n")
    [Event(name='ping', data='{}')]
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False
        self._begun = False
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """Take what came and return the events that it ended.

        Raises:
            WireError: What an event says is no UTF-8.
        """
        return [event for line in self._lines(chunk) if (event := self._line(line)) is not None]

    def end(self) -> list[Event]:
        """Return the event that the end of the stream cut off: some servers leave out its end."""
        lines = [bytes(self._rest), b""]
        self._rest.clear()
        return [event for line in lines if (event := self._line(line)) is not None]

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk ended. They end with LF, CR, or both, as servers like."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._rest += chunk
        if b"\n" not in chunk:
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return lines

    def _line(self, raw: bytes) -> Event | None:
        if not self._begun:
            raw = raw.removeprefix(_BOM)
            self._begun = True
        if not raw:
            return self._dispatch()
        name, _, value = raw.partition(b":")
        try:
            if name == b"data":
                self._data.append(value.removeprefix(b" ").decode())
            elif name == b"event":
                self._name = value.removeprefix(b" ").decode()
        except UnicodeDecodeError as error:
            raise WireError("The model server's stream is not UTF-8.") from error
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Event(name, "\n".join(data)) if data else None


def frame(data: Mapping[str, Any], *, name: str = "") -> bytes:
    """Return one event with an object as its data."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + msgspec.json.encode(data) + b"\n\n"


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """Yield a text in pieces, cut behind white space where there is some.

    >>> list(pieces("the pods are ready", 9))
    ['the pods ', 'are ready']
    """
    start = 0
    while len(text) - start > size:
        end = start + size
        space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
        end = space + 1 if space > start else end
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def data_object(data: str) -> dict[str, Any]:
    """Read the data of an event.

    Raises:
        WireError: It is no JSON object.
    """
    try:
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise WireError(
            f"The model server sent an event that is no JSON object: {error}"
        ) from error
