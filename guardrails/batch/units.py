"""Cuts files into units of work, so that several processes have as much to do each.

A unit is some files, which a worker reads, or some runs of a large file, which is read here: else
one worker would be at it long after the others have ended. Units are small beside a process's
share, and large beside what it costs to hand one over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from guardrails.batch.items import Unread, our_bug, unread
from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.errors import TraceError

FILES_BYTES: Final = 64 << 10
"""Small files are put together up to this: some 5 ms of work, packed files six times as much.
Handing a unit over costs 0.3 ms."""
RUNS_BYTES: Final = 256 << 10
"""Likewise for runs of a large file: some 25 ms of work, so that no process ends long after the
others."""
PARTS: Final = 4
"""A file that holds more than this part of a process's share is large: the last one could keep the
others waiting for as long. Smaller parts would leave the reading of all files to one process."""

Packed = bytes | RecordedRun
"""A run as it goes to a worker. An event costs 5 µs as MessagePack, there and back, 20 as
pickle, and about 100 to tag. Times lose their zones on the way, but are no other times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files that a worker reads."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one file, read already."""

    source: str
    runs: tuple[Packed, ...]


Unit = Files | Runs | Unread
"""What a worker is given, or what there is nothing to do about."""


def units_of(paths: Sequence[Path], *, jobs: int) -> Iterator[Unit]:
    """Yield the work in the order in which its lines are wanted."""
    sizes = {path: _size(path) for path in paths}
    whole = sum(sizes.values())
    large = {path for path, size in sizes.items() if size * jobs * PARTS > whole}
    some: list[Path] = []
    held = 0
    for path in paths:
        if some and (path in large or held + sizes[path] > FILES_BYTES):
            yield Files(paths=tuple(some))
            some, held = [], 0
        if path in large:
            yield from _in_runs(path)
            continue
        some.append(path)
        held += sizes[path]
    if some:
        yield Files(paths=tuple(some))


def read(path: Path) -> Iterator[RecordedRun | Unread]:
    """Yield the runs of a file, and at last what stopped the reading, if anything did."""
    source = str(path)
    try:
        yield from read_runs(path)
    except TraceError as error:
        yield unread(source, str(error))
    except OSError as error:
        yield unread(source, f"{source}: cannot read it: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  # one broken file must not cost the others
        yield our_bug(source, source, error)


def packed(run: RecordedRun) -> Packed:
    """Return a run as it goes to a worker: itself where it holds text that UTF-8 cannot."""
    try:
        return _encoder.encode(run)
    except UnicodeEncodeError:
        return run


def unpacked(run: Packed) -> RecordedRun:
    """Return a run that came to a worker."""
    return run if isinstance(run, RecordedRun) else _decoder.decode(run)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RecordedRun)


def _in_runs(path: Path) -> Iterator[Unit]:
    source = str(path)
    some: list[Packed] = []
    held = 0
    for one in read(path):
        if isinstance(one, Unread):
            yield from _runs(source, some)
            some = []
            yield one
            continue
        run = packed(one)
        some.append(run)
        held += len(run) if isinstance(run, bytes) else RUNS_BYTES
        if held >= RUNS_BYTES:
            yield from _runs(source, some)
            some, held = [], 0
    yield from _runs(source, some)


def _runs(source: str, some: Sequence[Packed]) -> Iterator[Runs]:
    if some:
        yield Runs(source=source, runs=tuple(some))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
