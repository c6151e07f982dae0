"""Folders and files by path or URL: local ones, and object storage through fsspec.

Objects are put in place whole: nobody ever reads half a part, whenever its writer dies.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from guardrails.errors import UsageError

FileSystem = Any
"""A file system of fsspec, which has no types of its own."""

S3_REGION: Final = "us-east-1"
"""Where none is named: what servers other than Amazon's take for granted."""
PARTIAL: Final = ".partial"
"""How the name of a file ends that is not in place yet, on this disk; its writer may have died."""
_VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
"""What file systems call that which changes with the content, the surest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that is there."""

    path: str
    """As its file system names it."""
    size: int
    version: str
    """Changes when the file does: an ETag, or the time of the last write."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or a file, on whatever file system."""

    url: str
    """As it was given, without a slash at its end."""

    @property
    def scheme(self) -> str:
        """The part before `://`; `file` for a path."""
        return scheme_of(self.url)

    @property
    def path(self) -> str:
        """The name that its file system has for it."""
        if self.scheme == "file":
            return str(Path(self.url.removeprefix("file://")).absolute())
        if self.scheme == "memory":
            return "/" + self.url.removeprefix("memory://").strip("/")
        return self.url.partition("://")[2].rstrip("/")

    @property
    def files(self) -> FileSystem:
        """Its file system."""
        return file_system(self.scheme)

    def at(self, name: str) -> "Place":
        """Return what is called so in this folder."""
        return Place(f"{self.url}/{name}")

    def named(self, path: str) -> str:
        """Return the URL, or path, of a file that its file system calls `path`."""
        if path == self.path or path.startswith(f"{self.path}/"):
            return self.url + path[len(self.path) :]
        return path if self.scheme == "file" else f"{self.scheme}://{path.lstrip('/')}"

    def read(self) -> bytes | None:
        """Return what the file holds; None where there is none."""
        try:
            return self.files.cat_file(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, data: bytes) -> None:
        """Put a file in place, whole: what was there stays until all of the new one is."""
        if self.scheme != "file":
            self.files.pipe_file(self.path, data)  # an object appears when all of it is there
            return
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{uuid4().hex}{PARTIAL}")
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove a folder with all that it holds, if it is there."""
        if self.files.exists(self.path):
            self.files.rm(self.path, recursive=True)

    def sweep(self) -> None:
        """Remove what writers that died left below this folder."""
        if self.scheme == "file":
            for path in Path(self.path).rglob(f".*{PARTIAL}"):
                path.unlink(missing_ok=True)

    def inside(self) -> list[Stored]:
        """Return all files below this folder that are in place, sorted.

        Their versions may not be those that `look` says of one: S3 has times to the millisecond in
        lists, and to the second else.

        None where there is no folder.
        """
        try:
            found: Mapping[str, Mapping[str, object]] = self.files.find(self.path, detail=True)
        except FileNotFoundError:
            return []
        files = [_stored(p, info) for p, info in found.items() if not p.endswith(PARTIAL)]
        return sorted(files, key=_path)

    def look(self) -> Sequence[Stored] | None:
        """Return what a source names: a file, all files below a folder, or those of a pattern.

        None where there is no such thing.
        """
        if _is_pattern(self.path):
            matched: Mapping[str, Mapping[str, object]] = self.files.glob(self.path, detail=True)
            files = [_stored(p, info) for p, info in matched.items() if info["type"] == "file"]
            return sorted(files, key=_path) or None
        try:
            info: Mapping[str, object] = self.files.info(self.path)
        except FileNotFoundError:
            return None
        if info["type"] == "file":
            return [_stored(self.path, info)]
        return self.inside()


def place_of(url: str) -> Place:
    """Return the place that a path or a URL names.

    Raises:
        UsageError: fsspec, or what it needs for this kind of URL, is not installed.

    >>> place_of("out/").url, place_of("memory://shop/out/").path
    ('out', '/shop/out')
    """
    place = Place(url.rstrip("/") or "/")
    file_system(place.scheme)
    return place


def scheme_of(url: str) -> str:
    """Return the scheme of a URL; `file` for a path.

    >>> scheme_of("s3://bucket/runs"), scheme_of("runs/monday.jsonl")
    ('s3', 'file')
    """
    return url.partition("://")[0].lower() if "://" in url else "file"


@lru_cache(maxsize=8)
def file_system(scheme: str) -> FileSystem:
    """Return the file system of a scheme.

    S3 is read through Arrow: the usual client of fsspec cannot stand beside that of Kubernetes,
    because they ask for versions of python-dateutil that exclude each other.

    Raises:
        UsageError: fsspec, or what it needs for this scheme, is not installed or not set up.
    """
    try:
        fsspec = import_module("fsspec")
    except ImportError as error:
        raise UsageError(
            "data sets and URLs need fsspec: pip install 'guarded-agent[batch]'"
        ) from error
    if scheme in {"s3", "s3a"}:
        return _s3()
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise UsageError(f"{scheme}:// needs a package more: {error}") from error
    except ValueError as error:
        raise UsageError(f"{scheme}://: no such kind of URL is known: {error}") from error


def _s3() -> FileSystem:
    try:
        arrow, wrapper = (
            import_module("pyarrow.fs"),
            import_module("fsspec.implementations.arrow"),
        )
    except ImportError as error:
        raise UsageError("s3:// needs pyarrow: pip install 'guarded-agent[batch]'") from error
    environ = os.environ
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", "")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    options: dict[str, object] = {}
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        # Amazon's client sends bodies in chunks to add a checksum; many other servers refuse them.
        environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        options = {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    if endpoint or region:
        options["region"] = region or S3_REGION
    return wrapper.ArrowFSWrapper(arrow.S3FileSystem(**options))


def _stored(path: str, info: Mapping[str, object]) -> Stored:
    found = next((info[name] for name in _VERSIONS if info.get(name)), "")
    # One call of a file system says a time as a number, the other as a date.
    version = str(found.timestamp() if isinstance(found, datetime) else found)
    size = info.get("size")
    return Stored(path=path, size=size if isinstance(size, int) else 0, version=version)


def _path(stored: Stored) -> str:
    return stored.path


def _is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[")
