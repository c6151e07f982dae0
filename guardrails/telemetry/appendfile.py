"""A trace file on disk that stays readable: whole lines only, whoever dies while writing.

Each record is one write to an append-only descriptor. What a dead process left of a line is moved
to `FILE.torn` when the file is opened again: never buried in the middle, never thrown away.
"""

import contextlib
import os
import stat
from collections.abc import Generator
from pathlib import Path

import msgspec

from guardrails.core.trace import Line
from guardrails.errors import UsageError

try:
    import fcntl
except ImportError:  # no advisory locks on this system: one process for each file
    fcntl = None

_BEGINNING = b'{"type":"trace",'
"""How the first line of every trace file begins; keeps `--trace notes.txt` from being harmed."""

_BLOCK = 64 * 1024
"""Bytes read at a time while looking for the last newline; a record is rarely longer."""

_decode_line = msgspec.json.Decoder(Line).decode


class AppendedFile:
    """A trace file, open for appending."""

    def __init__(self, path: Path) -> None:
        """Open the file, make it if need be, and mend its end.

        Raises:
            UsageError: The path cannot be written, or holds something else than a trace.
        """
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot write the trace: {_why(error)}") from error
        self._closed = False
        try:
            with _alone(self._descriptor):
                if _is_regular(self._descriptor):
                    _mend(self._descriptor, path)
        except (OSError, UsageError) as error:
            self.close()
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"{path}: cannot append to the trace: {_why(error)}") from error

    def write_line(self, line: bytes, /) -> None:
        """Append whole lines.

        Raises:
            OSError: They could not be written whole; the file is as it was before.
            ValueError: The file is closed.
        """
        if self._closed:
            raise ValueError("the trace file is closed")
        with _alone(self._descriptor):
            size = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, line)
            except OSError:
                # A full disk takes half a line; without that half the file stays readable.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, size)
                raise

    def close(self) -> None:
        """Close the file. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)


@contextlib.contextmanager
def _alone(descriptor: int) -> Generator[None]:
    """Keep other processes from writing the file meanwhile, where the system can."""
    if fcntl is None or not _is_regular(descriptor):
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _is_regular(descriptor: int) -> bool:
    """Tell a file from a pipe or terminal (`--trace /dev/stderr`), which has no end to mend."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _mend(descriptor: int, path: Path) -> None:
    """Make the file end in a whole line."""
    with path.open("rb") as file:
        start = file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(start):
            raise UsageError(f"{path}: this is no trace file; name another one for the trace")
        size = file.seek(0, os.SEEK_END)
        whole = _end_of_last_line(file.fileno(), size)
        file.seek(whole)
        tail = file.read()
    if not tail:
        return
    try:
        _decode_line(tail)
    except msgspec.DecodeError:
        _keep(tail, path.with_name(f"{path.name}.torn"))
        os.ftruncate(descriptor, whole)
    else:
        _write_all(descriptor, b"\n")  # only the newline was missing


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Find the position behind the last newline, from the end."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _keep(tail: bytes, beside: Path) -> None:
    """Write half a line beside the trace, on the disk before it leaves the file."""
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        _write_all(descriptor, tail + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
