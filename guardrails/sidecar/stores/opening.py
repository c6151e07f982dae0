"""Opens a store by its URL. Drivers are imported only for the store that is asked for."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from guardrails.errors import UsageError
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.sidecar.stores.sqlite import SqliteRuns
from guardrails.sidecar.stores.urls import StoreUrlError

KNOWN: Final = (
    "memory:",
    "sqlite:PATH",
    "redis://HOST",
    "rediss://HOST",
    "valkey://HOST",
    "valkeys://HOST",
    "postgresql://HOST/DATABASE",
)
"""How a URL may begin, for people."""

_SYNCHRONOUS: Final = ("FULL", "NORMAL")


def open_store(url: str) -> RunStore:
    """Open the store that a URL names, and make what it needs where there is nothing.

    Args:
        url: `memory:`, `sqlite:PATH` (or `sqlite:///PATH` for an absolute one), `redis://` or
            `valkey://` (`rediss://`, `valkeys://` for TLS), or `postgresql://`. A password that it
            lacks is taken from `GUARDED_AGENT_STORE_PASSWORD`.

    Raises:
        StoreError: The store cannot be used now.
        StoreUrlError: The URL names no store.
        UsageError: Its driver is not installed.

    Example:
        >>> open_store("memory:").name
        'memory'
    """
    scheme, colon, rest = url.partition(":")
    opening = _OPENING.get(scheme) if colon else None
    if opening is None:
        named = re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) is not None and colon
        said = f"no store is known as {scheme}:" if named else "a store is named by a URL"
        raise StoreUrlError(f"{said}; it begins with {', '.join(KNOWN[:-1])} or {KNOWN[-1]}")
    return opening(url, rest)


def _memory(_: str, rest: str) -> RunStore:
    if rest.strip("/"):
        raise StoreUrlError(f"memory: holds one store and takes no name, not {rest!r}")
    return MemoryRuns()


def _sqlite(_: str, rest: str) -> RunStore:
    path, _, query = rest.partition("?")
    if path.startswith("///"):
        path = path[2:]
    elif path.startswith("//"):
        raise StoreUrlError(
            f"sqlite:{path}: a path is relative (sqlite:runs.db) or absolute (sqlite:///runs.db)"
        )
    if not path or path.endswith("/"):
        raise StoreUrlError("sqlite: needs the path of a file, such as sqlite:/data/runs.db")
    options = dict(parse_qsl(query, keep_blank_values=True))
    synchronous = options.pop("synchronous", "FULL").upper()
    if options or synchronous not in _SYNCHRONOUS:
        raise StoreUrlError(f"sqlite:{path}: the one option is synchronous=full or normal")
    return SqliteRuns(Path(path), synchronous=synchronous)


def _redis(url: str, _: str) -> RunStore:
    _need("redis", extra="redis", what="the Redis client")
    from guardrails.sidecar.stores.redis import RedisRuns  # noqa: PLC0415  # an optional driver

    return RedisRuns(url)


def _postgres(url: str, _: str) -> RunStore:
    _need("psycopg", extra="postgres", what="the PostgreSQL client")
    from guardrails.sidecar.stores.postgres import PostgresRuns  # noqa: PLC0415  # as above

    return PostgresRuns(url)


def _need(module: str, *, extra: str, what: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"the store needs {what}, which is not installed: pip install 'guarded-agent[{extra}]'"
        )


_OPENING: Final[dict[str, Callable[[str, str], RunStore]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "redis": _redis,
    "rediss": _redis,
    "valkey": _redis,
    "valkeys": _redis,
    "postgresql": _postgres,
    "postgres": _postgres,
}
