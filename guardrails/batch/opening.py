"""Opens a file of traces: bytes on disk, packed or not, to JSON values with their lines.

What a file is, its content says, never its name. A torn last line (whoever wrote it was stopped) is
left out and reported, as the reader of our own traces does.
"""

import codecs
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, cast

import msgspec

from guardrails.batch.formats.values import is_list
from guardrails.errors import TraceError

LARGEST: Final = 1 << 30
"""Bytes that a file may unpack to: 1 GiB. A day of an agent's spans is some tens of megabytes, and
a gzip bomb of 1 MiB unpacks to this."""
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_PYTHONS = (b"NaN", b"Infinity", b"\\ud", b"\\uD")
"""What Python's own encoder writes and no other reads."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENDINGS = (".gz", ".json", ".jsonl", ".ndjson", ".txt", ".log", ".trace")


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value, and the line on which it stands; 0 where a file is one value."""

    line: int
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file, unpacked: one JSON value, or a line of JSON each."""

    path: Path
    data: bytes
    """UTF-8."""
    whole: object = None
    """The value of a file that is one; None for lines."""
    torn: bool = False
    """True when the file ends in half a line; that line is left out."""

    @property
    def name(self) -> str:
        """The file's name without its endings: what a run is called that has no id."""
        return stem(self.path)

    def values(self) -> Iterator[Value]:
        """Yield the values: the items of a list, the one object, or line by line.

        Raises:
            TraceError: A line is no JSON.
        """
        if is_list(self.whole):
            yield from (Value(0, item) for item in cast("list[object]", self.whole))
        elif self.whole is not None:
            yield Value(0, self.whole)
        else:
            yield from _lines(self.path, self.data)


def stem(path: Path) -> str:
    """Return a file's name without its endings."""
    name = path.name
    while (end := next((e for e in _ENDINGS if name.lower().endswith(e)), "")) and name != end:
        name = name[: -len(end)]
    return name


def opened(path: Path) -> Document:
    """Open a file.

    Raises:
        TraceError: It cannot be read, is empty, is no text, or holds no JSON.
    """
    return document_of(path, _bytes(path))


def document_of(path: Path, data: bytes) -> Document:
    """Take bytes for a file, which need not be on this disk.

    Args:
        path: What it is called.
        data: What it holds, packed or not.

    Raises:
        TraceError: It is empty, is no text, or holds no JSON.
    """
    data = unpacked(path, data)
    if not data or data.isspace():
        raise TraceError(f"{path}: the file is empty")
    whole = _whole(path, data)
    return _as_lines(path, data) if whole is None else Document(path=path, data=data, whole=whole)


def _whole(path: Path, data: bytes) -> object:
    """Return the object or list that a file is as a whole; None where it is none, or lines."""
    if not _begins(data):
        return None
    lines = (line for line in _split(data) if line and not line.isspace())
    first, several = next(lines), next(lines, None) is not None
    if several and _is_json(first):
        return None  # a line of its own
    try:
        return decoded(data)
    except ValueError as error:
        if not several:
            raise TraceError(f"{path}: not JSON: {error}") from error
        return None


def _as_lines(path: Path, data: bytes) -> Document:
    """Take a file for lines of JSON, if it has any; half a last line is cut off."""
    tail = data[-_TAIL:]
    # All of a large file is copied to strip it: its last bytes do, unless all of them are space.
    end = len(data) - len(tail) + len(tail.rstrip()) if tail.strip() else len(data.rstrip())
    cut = data.rfind(b"\n", 0, end) + 1
    torn = _begins(data[cut:end]) and not _is_json(data[cut:end])
    kept = data[:cut] if torn else data
    if any(_begins(line) and _is_json(line) for line in islice(_split(kept), _LOOKED_AT)):
        return Document(path=path, data=kept, torn=torn)
    _check_utf8(path, data)
    if _begins(data):
        stacked, torn = _stacked(data)
        if stacked:
            return Document(path=path, data=data, whole=stacked, torn=torn)
        raise TraceError(f"{path}: not JSON, neither as a whole nor line by line: {_why(data)}")
    raise TraceError(f"{path}: no trace: the file is text that holds no line of JSON")


def _stacked(data: bytes) -> tuple[list[object], bool]:
    """Return values that stand one after the other, indented: a console's exporter prints spans so.

    Returns:
        The values, none where the first is no JSON; and whether the last one is cut off.
    """
    text, decoder = data.decode().strip(), json.JSONDecoder(parse_constant=_no_number)
    escapes = "\\u" in text
    values: list[object] = []
    at = 0
    while at < len(text):
        try:
            value, at = cast("tuple[object, int]", decoder.raw_decode(text, at))
        except (ValueError, RecursionError):
            # What is not even begun like JSON is no half value: then it is no such file.
            return (values, True) if _begins(text[at : at + 1].encode()) else ([], False)
        values.append(_sound(value) if escapes else value)
        while at < len(text) and text[at].isspace():
            at += 1
    return values, False


def _begins(data: bytes) -> bool:
    """Tell whether data begins as an object or a list does."""
    return data[:1] in (b"{", b"[") or data[:64].lstrip()[:1] in (b"{", b"[")


_TAIL = 64
_LOOKED_AT = 200
"""Lines among which one must be JSON: logs begin with a few words of the program behind them."""


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise TraceError(f"{path}: larger than {LARGEST >> 20} MiB: split it by runs")
        return path.read_bytes()
    except OSError as error:
        raise TraceError(f"{path}: cannot read the trace: {error.strerror or error}") from error


def unpacked(path: Path, data: bytes) -> bytes:
    """Return what a file holds, as UTF-8 without gzip.

    Raises:
        TraceError: It is broken, or no text.
    """
    return _text(path, _unzipped(path, data))


def _unzipped(path: Path, data: bytes) -> bytes:
    """Unpack gzip, however often it is applied to parts of the file; other data stays as it is."""
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    size = 0
    while data.startswith(_GZIP):
        member = zlib.decompressobj(wbits=31)
        try:
            while data and not member.eof:
                parts.append(member.decompress(data, _CHUNK * 64))
                size += len(parts[-1])
                if size > LARGEST:
                    raise TraceError(f"{path}: unpacks to more than {LARGEST >> 20} MiB")
                data = member.unconsumed_tail
        except zlib.error as error:
            raise TraceError(f"{path}: broken gzip: {error}") from error
        if not member.eof:
            raise TraceError(f"{path}: the gzip data ends early: copy the file again")
        data = member.unused_data
    return b"".join(parts)


def _text(path: Path, data: bytes) -> bytes:
    """Return UTF-8: other encodings that say what they are are turned into it."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding).encode()
            except UnicodeError as error:
                raise TraceError(f"{path}: broken {encoding}: {error}") from error
    if b"\0" in data[:_CHUNK]:
        raise TraceError(f"{path}: no trace: the file is binary")
    return data


def _check_utf8(path: Path, data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise TraceError(
            f"{path}: not UTF-8 (byte {error.start}): save it as UTF-8, or with a byte order mark"
        ) from error


def _lines(path: Path, data: bytes) -> Iterator[Value]:
    """Yield what the lines hold. Lines that do not begin like JSON are words of a program."""
    for number, line in enumerate(_split(data), start=1):
        if not _begins(line):
            continue
        try:
            value = decoded(line)
        except ValueError as error:
            if line.lstrip()[:1] == b"[":
                continue  # `[12:00:01] started` is a word of a program, too
            _check_utf8(path, line)
            raise TraceError(f"{path}:{number}: not JSON: {error}") from error
        yield Value(number, value)


def _split(data: bytes) -> Iterator[bytes]:
    """Yield the lines one by one, so that a large file is not held twice."""
    start = 0
    while start <= len(data):
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        yield data[start:end]
        start = end + 1


def decoded(data: bytes) -> object:
    """Decode JSON. What only Python writes (NaN, halves of surrogate pairs) is read as well.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return cast("object", msgspec.json.decode(data))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except (msgspec.DecodeError, UnicodeError) as first:
        if not any(sign in data for sign in _PYTHONS):
            raise ValueError(str(first)) from first
        try:
            found: object = json.loads(data, parse_constant=_no_number)
            return _sound(found) if b"\\u" in data else found
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        except ValueError as second:
            raise ValueError(str(first)) from second


def _no_number(_: str) -> None:
    """Read NaN and the infinities as nothing: no field of a trace means them."""


def _sound(value: object) -> object:
    """Replace halves of surrogate pairs, which no text can hold."""
    plain = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return cast("object", msgspec.json.decode(plain))


def _is_json(line: bytes) -> bool:
    try:
        decoded(line)
    except ValueError:
        return False
    return True


def _why(data: bytes) -> str:
    try:
        decoded(data)
    except ValueError as error:
        return str(error)
    return "nothing is wrong with it"
