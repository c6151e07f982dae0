"""Real Redis and PostgreSQL servers on loopback, for as long as a test needs them.

Each keeps its files in a temporary folder of its own, survives being killed, and is gone when the
process that started it is. PostgreSQL refuses to be run by root, so it is run by another user then.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from e2e.clusters.child import Child
from e2e.clusters.errors import ClusterUnavailableError
from e2e.clusters.monitoring import install_package
from e2e.clusters.ports import free_ports

FOLDER_PREFIX = "guarded-agent-databases-"

REDIS_PACKAGE = "redis-server"
POSTGRES_PACKAGE = "postgresql"
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql")
"""Debian keeps each version's programs in a folder of its own, off PATH."""
POSTGRES_USERS = ("postgres", "nobody")
"""Who runs PostgreSQL for root: the package's own user, else one that owns nothing."""

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
"""How Redis loses no acknowledged write when it is killed."""

PASSWORD = "a secret/of@tests"
"""Has to be percent-encoded in a URL."""
QUOTED_PASSWORD = "a%20secret%2Fof%40tests"

STOP_SECONDS = 10.0


class RedisServer:
    """One Redis server.

    Args:
        folder: Where it keeps its data; the caller's to remove.
        options: Further command-line options.
    """

    def __init__(self, folder: Path, *, options: Sequence[str] = DURABLE) -> None:
        (self.port,) = free_ports(1)
        self.folder = folder
        self.child = Child(
            "redis-server",
            command=[
                redis_program(),
                *("--bind", "127.0.0.1"),
                *("--port", str(self.port)),
                *("--dir", str(folder)),
                *("--requirepass", PASSWORD),
                *("--masterauth", PASSWORD),
                *options,
            ],
            log=folder / "redis.log",
        )

    @property
    def url(self) -> str:
        """What the store is opened by."""
        return f"redis://:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, on the data that it has, and wait until it has read them."""
        self.child.start()
        self.child.wait_until(self._ready)

    def _ready(self) -> bool:
        # It listens while it still reads its data, and refuses commands until it has.
        try:
            with redis.Redis(
                port=self.port, password=PASSWORD, protocol=2, retry=Retry(NoBackoff(), 0)
            ) as client:
                client.execute_command("GET", "ready")  # pyright: ignore[reportUnknownMemberType]
        except ResponseError:
            return True  # it has read them, but a cluster has no slots yet
        except RedisError:
            return False
        return True

    def kill(self) -> None:
        """End it with SIGKILL."""
        _kill(self.child)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.child.stop(timeout=STOP_SECONDS)


class PostgresServer:
    """One PostgreSQL server with an empty database `postgres`.

    Args:
        folder: A folder of its own that the user who runs it may enter; the caller's to remove.
        options: Further `postgres` options.
    """

    user = "guard"

    def __init__(self, folder: Path, *, options: Sequence[str] = ()) -> None:
        (self.port,) = free_ports(1)
        self.folder = folder
        self._programs = postgres_programs()
        self._as_user = _other_user(folder)
        self._data = folder / "data"
        self.child = Child(
            "postgres",
            command=[
                *self._as_user,
                str(self._programs / "postgres"),
                *("-D", str(self._data)),
                *("-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={folder}"),
                *options,
            ],
            log=folder / "postgres.log",
        )

    @property
    def url(self) -> str:
        """What the store is opened by."""
        return f"postgresql://{self.user}:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, on the data that it has, and wait until it takes connections."""
        if not self._data.exists():
            self._initialise()
        self.child.start()
        self.child.wait_until(self._ready)

    def kill(self) -> None:
        """End its first process with SIGKILL; the others notice, and end too."""
        _kill(self.child)

    def stop(self) -> None:
        """Ask it to end at once, and wait until it has."""
        pid = self.child.pid
        if pid is not None:
            os.kill(pid, signal.SIGINT)  # its "fast" shutdown: it waits for nobody
        self.child.stop(timeout=STOP_SECONDS)

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        self._run(
            "initdb",
            *("-D", str(self._data)),
            *("-U", self.user),
            *("--auth", "scram-sha-256"),
            *("--pwfile", str(secret)),
            *("--encoding", "UTF8"),
            *("--locale", "C"),
            "--no-sync",
        )

    def _ready(self) -> bool:
        done = subprocess.run(
            [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        )
        return done.returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as_user, self._programs / name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        if done.returncode != 0:
            raise ClusterUnavailableError(f"{name} failed: {done.stderr.strip()}")


@contextlib.contextmanager
def redis_server(*, options: Sequence[str] = DURABLE) -> Generator[RedisServer]:
    """Run a Redis server for as long as it is needed."""
    with _folder() as folder:
        server = RedisServer(folder, options=options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres_server(*, options: Sequence[str] = ()) -> Generator[PostgresServer]:
    """Run a PostgreSQL server for as long as it is needed."""
    with _folder() as folder:
        server = PostgresServer(folder, options=options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def redis_program() -> str:
    """Return the path of `redis-server`, or of Valkey's, installing Redis when this user may.

    Raises:
        ClusterUnavailableError: It is absent and cannot be installed.
    """
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        _get(REDIS_PACKAGE)
        found = shutil.which("redis-server")
    return found or _absent("redis-server", REDIS_PACKAGE)


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, installing the package when this user may.

    Raises:
        ClusterUnavailableError: They are absent and cannot be installed.
    """
    if not _newest_postgres():
        _get(POSTGRES_PACKAGE)
    found = _newest_postgres()
    return found[0] if found else Path(_absent("postgres", POSTGRES_PACKAGE))


def _newest_postgres() -> list[Path]:
    found = [path.parent for path in POSTGRES_PROGRAMS.glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return sorted(found, key=str, reverse=True)


def _get(package: str) -> None:
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        install_package(package)


def _absent(program: str, package: str) -> str:
    raise ClusterUnavailableError(
        f"`{program}` was not found. Install it (Debian: apt-get install "
        f"--no-install-recommends {package})."
    )


def _other_user(folder: Path) -> list[str]:
    """Give a folder to a user who may run PostgreSQL; return how to run programs as them."""
    if os.geteuid() != 0:
        return []
    for name in POSTGRES_USERS:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return [
                "setpriv",
                f"--reuid={user.pw_uid}",
                f"--regid={user.pw_gid}",
                "--clear-groups",
                "--pdeathsig=KILL",  # the kernel forgets it when the user changes
            ]
    raise ClusterUnavailableError(
        f"PostgreSQL cannot be run by root, and there is no user {' or '.join(POSTGRES_USERS)}"
    )


def _kill(child: Child) -> None:
    pid = child.pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    child.stop()


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
