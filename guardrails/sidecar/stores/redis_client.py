"""A connection to Redis or Valkey that runs scripts, and says in one line why it cannot.

A connection that breaks is tried once more, on a new one: scripts that write know when they have
been there before. A server that does not answer in time is not asked again.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    ConnectionError as BrokenConnectionError,
)
from redis.exceptions import NoScriptError, RedisClusterException, RedisError
from redis.retry import Retry

from guardrails.sidecar.stores.base import StoreError
from guardrails.sidecar.stores.redis_scripts import Script
from guardrails.sidecar.stores.urls import StoreUrl, StoreUrlError

Reply: TypeAlias = "bytes | int | list[Reply] | None"

TIMEOUT_SECONDS: Final = 5.0
"""How long an answer may take; a save that stops the server is over sooner, or it is in trouble."""
CONNECTIONS: Final = 32
"""At most, in each process: as many as threads of the service write at a time."""
USUAL_PORT: Final = 6379
OPTIONS: Final = frozenset(
    {"prefix", "timeout", "connections", "cluster", "ca", "certificate", "private-key"}
)
"""What the query of the URL may say."""

_BUSY: Final = "No connection available"
"""What the client says when it has no connection left."""

_SAID: Final[Mapping[str, str]] = {
    "OOM|maxmemory": "is full (maxmemory): nothing was written; give it more memory, or keep runs "
    "for less long",
    "READONLY|read only replica": "is a replica, which cannot be written: name the primary",
    "MISCONF": "cannot save to its disk, and takes no writes until it can: see its log",
    "LOADING|loading the dataset": "is reading its data, and will answer when it has",
    "NOREPLICAS": "has too few replicas to take a write (min-replicas-to-write)",
    "MASTERDOWN|MasterDown": "is a replica without its primary",
    r"\bMOVED\b|MovedError|AskError|CrossSlot|CROSSSLOT": "is a cluster: add ?cluster=true to the "
    "URL",
    "CLUSTERDOWN|ClusterDown|SlotNotCovered": "is a cluster that does not serve the slot of the "
    "runs",
    "NOAUTH|WRONGPASS|Authentication|invalid username-password|without any password": "refuses "
    "user or password",
    "NOPERM|no permissions|has no permission": "does not let this user do what a store needs: "
    "grant +@read +@write +@scripting +@connection +info on the keys of the prefix",
    "Timeout": "did not answer in time; what was being written is known when the run is read again",
    _BUSY: "is slower than it is asked: every connection is busy",
}
"""What an error means, by what its text or its class says."""


class RedisClient:
    """Runs scripts and the few commands that are none.

    Args:
        url: `redis://`, `rediss://`, or either by the name of Valkey.

    Raises:
        StoreError: It is a cluster, and cannot be reached.
        StoreUrlError: The URL cannot be used.
    """

    def __init__(self, url: StoreUrl) -> None:
        if unknown := set(url.options) - OPTIONS:
            raise StoreUrlError(
                f"{url.shown}: no such option {', '.join(sorted(unknown))}; "
                f"there are {', '.join(sorted(OPTIONS))}"
            )
        self._url = url
        try:
            self._client = _client(url)
        except (RedisError, RedisClusterException, OSError) as error:
            raise self._refused(error) from error

    def run(self, script: Script, keys: Sequence[str], *arguments: str | bytes | float) -> Reply:
        """Run a script.

        Raises:
            StoreError: Redis cannot be reached or refuses.
        """
        rest = (len(keys), *keys, *arguments)
        try:
            return self.command("EVALSHA", script.sha, *rest)
        except NoScriptError:
            return self.command("EVAL", script.text, *rest)

    def command(self, *words: str | bytes | float) -> Reply:
        """Run a command.

        Raises:
            StoreError: Redis cannot be reached or refuses.
        """
        try:
            return self._sent(*words)
        except NoScriptError:
            raise
        except (RedisError, RedisClusterException, OSError) as error:
            if not _broke(error):
                raise self._refused(error) from error
        try:
            return self._sent(*words)
        except NoScriptError:
            raise
        except (RedisError, RedisClusterException, OSError) as error:
            raise self._refused(error) from error

    def info(self, key: str) -> dict[str, str]:
        """Return what the server that holds a key says of itself.

        Raises:
            StoreError: Redis cannot be reached or refuses.
        """
        if not isinstance(self._client, redis.RedisCluster):
            return _texts(self.command("INFO"))
        try:
            node = self._client.get_node_from_key(key)  # pyright: ignore[reportUnknownMemberType]
            found = cast(
                "object",
                self._client.execute_command("INFO", target_nodes=node),  # pyright: ignore[reportUnknownMemberType]
            )
        except (RedisError, RedisClusterException, OSError) as error:
            raise self._refused(error) from error
        return _texts(found)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _sent(self, *words: str | bytes | float) -> Reply:
        return cast("Reply", self._client.execute_command(*words))  # pyright: ignore[reportUnknownMemberType]

    def _refused(self, error: Exception) -> StoreError:
        text = self._url.hide(" ".join(str(error).split()))
        named = f"{type(error).__name__} {text}"
        for signs, said in _SAID.items():
            if re.search(signs, named):
                return StoreError(f"{self._url.shown} {said}")
        return StoreError(f"{self._url.shown} cannot be used: {text}")


def _broke(error: Exception) -> bool:
    """Tell whether a connection broke, so that nobody knows what was done before it did."""
    return type(error) is BrokenConnectionError and _BUSY not in str(error)


def _client(url: StoreUrl) -> "redis.Redis | redis.RedisCluster":
    timeout = url.number("timeout", TIMEOUT_SECONDS)
    connections = math.ceil(url.number("connections", CONNECTIONS))
    common: dict[str, Any] = {
        "host": url.host,
        "port": url.port(USUAL_PORT),
        "username": url.user or None,
        "password": url.password or None,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "protocol": 2,  # what Redis 6 and Valkey speak alike
    }
    tls = url.scheme in {"rediss", "valkeys"}
    if tls:
        common["ssl_ca_certs"] = url.options.get("ca")
        common["ssl_certfile"] = url.options.get("certificate")
        common["ssl_keyfile"] = url.options.get("private-key")
    if url.options.get("cluster", "false") == "true":
        return redis.RedisCluster(
            **common,
            ssl=tls,
            max_connections=connections,
            retry=Retry(NoBackoff(), 1),
        )
    pool = redis.BlockingConnectionPool(
        max_connections=connections,
        timeout=math.ceil(timeout),
        connection_class=redis.SSLConnection if tls else redis.Connection,
        db=_database(url),
        retry=Retry(NoBackoff(), 0),  # ours is told apart from a second write
        **common,
    )
    return redis.Redis(connection_pool=pool)


def _texts(found: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in cast("dict[object, object]", found).items()}


def _database(url: StoreUrl) -> int:
    text = url.path.strip("/")
    if text and not text.isdecimal():
        raise StoreUrlError(f"{url.shown}: the path is the number of a database, such as /0")
    return int(text or 0)
