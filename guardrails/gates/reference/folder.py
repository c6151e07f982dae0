"""A folder of recorded snapshots: their names say when, and whether all was well.

Choosing and thinning read names only, so a folder of hundreds costs one listing. A snapshot that
looks like the one before is not stored again: the older file's name then says until when.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from guardrails.errors import BaselineError
from guardrails.gates.snapshot import Snapshot, read_snapshot

SUFFIXES = (".json", ".json.gz")

_STAMP = "%Y%m%dT%H%M%SZ"
"""UTC, to the second; names in it sort by time."""
_NAME = re.compile(r"(\d{8}T\d{6}Z)(?:--(\d{8}T\d{6}Z))?\.(healthy|unwell)\.json\.gz", re.ASCII)


class Mark(StrEnum):
    """What was found when a snapshot was taken."""

    HEALTHY = "healthy"
    UNWELL = "unwell"
    """Read whole, but some object in it was not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredName:
    """What the name of a recorded snapshot says."""

    first: datetime
    """When it was taken."""
    last: datetime
    """When the world was last seen to look the same."""
    mark: Mark

    def __str__(self) -> str:
        """Write it as a file's name."""
        until = "" if _same_second(self.first, self.last) else f"--{self.last:{_STAMP}}"
        return f"{self.first:{_STAMP}}{until}.{self.mark}.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A recorded snapshot in a folder."""

    path: Path
    name: StoredName
    size: int = 0


def parse_name(name: str) -> StoredName | None:
    """Read a file's name; None for one that no recorder wrote.

    >>> str(parse_name("20260101T120000Z.healthy.json.gz"))
    '20260101T120000Z.healthy.json.gz'
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        first, last = (_time(found[1]), _time(found[2] or found[1]))
    except ValueError:  # such as a 13th month
        return None
    return StoredName(first=first, last=max(first, last), mark=Mark(found[3]))


def _time(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def _same_second(one: datetime, other: datetime) -> bool:
    return one.replace(microsecond=0) == other.replace(microsecond=0)


def stored_in(folder: Path) -> list[StoredFile]:
    """List what recorders wrote into a folder, oldest first; anything else is left alone.

    Raises:
        BaselineError: The folder cannot be listed.
    """
    found: list[StoredFile] = []
    try:
        for path in folder.iterdir():
            name = parse_name(path.name)
            if name is not None:
                found.append(StoredFile(path=path, name=name, size=path.stat().st_size))
    except OSError as error:
        raise BaselineError(f"{folder}: cannot list the folder: {error.strerror}") from error
    return sorted(found, key=lambda file: (file.name.first, file.path.name))


def find_snapshots(paths: Iterable[Path]) -> list[Path]:
    """Return the snapshot files that the paths name: files themselves, and those in folders.

    Raises:
        BaselineError: A path does not exist, or a folder holds no snapshot.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES))
            if not inside:
                raise BaselineError(
                    f"{path}: no snapshot in it; record one by `guarded-agent baseline record`"
                )
            found.extend(inside)
        elif path.exists():
            found.append(path)
        else:
            raise BaselineError(f"{path}: no such baseline file or folder")
    return found


def load_snapshots(paths: Iterable[Path]) -> list[tuple[str, Snapshot]]:
    """Read the snapshots that the paths name, each with its file's name.

    Raises:
        BaselineError: A path does not exist or a file is not a snapshot.
    """
    return [(path.name, read_snapshot(path)) for path in find_snapshots(paths)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A snapshot that may become the reference."""

    name: str
    first: datetime
    last: datetime
    load: Callable[[], Snapshot]
    mark: Mark | None = None
    """As found when it was taken; None when nobody said."""

    @classmethod
    def of(cls, name: str, snapshot: Snapshot) -> "Candidate":
        """Make one of a snapshot that is read already."""
        return cls(name=name, first=snapshot.at, last=snapshot.at, load=lambda: snapshot)


class Baselines:
    """The snapshots that a gate may choose from; a folder is listed again for every run.

    Args:
        paths: Files, and folders of them.

    Raises:
        BaselineError: A path does not exist, a folder holds no snapshot, or a file that no
            recorder named is none.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._known = {p: _named(p) or _read_now(p) for p in find_snapshots(self._paths)}

    def candidates(self) -> list[Candidate]:
        """Return what there is now."""
        try:
            paths = find_snapshots(self._paths)
        except BaselineError:
            # Taken away since. What was read then is still good, and the rest will say so.
            return list(self._known.values())
        return [self._known.get(path) or _named(path) or _read_later(path) for path in paths]


def _named(path: Path) -> Candidate | None:
    name = parse_name(path.name)
    if name is None:
        return None
    return Candidate(
        name=path.name,
        first=name.first,
        last=name.last,
        load=lambda: _read_renamed(path, name),
        mark=name.mark,
    )


def _read_now(path: Path) -> Candidate:
    return Candidate.of(path.name, read_snapshot(path))


def _read_later(path: Path) -> Candidate:
    """Make one of a file that came after the gate; when it is broken, the report says so."""
    try:
        return _read_now(path)
    except BaselineError as error:
        return Candidate(name=path.name, first=_NEVER, last=_NEVER, load=_raising(error))


_NEVER = datetime.min.replace(tzinfo=UTC)


def _raising(error: BaselineError) -> Callable[[], Snapshot]:
    def load() -> Snapshot:
        raise error

    return load


def _read_renamed(path: Path, name: StoredName) -> Snapshot:
    """Read a recorded file, also when its recorder has given it a later name meanwhile."""
    if not path.exists():
        again = (f.path for f in stored_in(path.parent) if f.name.first == name.first)
        path = next(again, path)
    return read_snapshot(path)
