"""Servers that are full, replicas, or closed to a user: said in one line, nothing half done."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
import pytest
import redis
from psycopg import sql

from e2e.clusters.ports import free_ports
from e2e.sidecar.databases import (
    DURABLE,
    PASSWORD,
    PostgresServer,
    RedisServer,
    postgres_server,
    redis_server,
)
from e2e.waiting import wait_until
from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import RunStore, StoreError
from guardrails.sidecar.stores.opening import open_store
from guardrails.sidecar.stores.postgres_tables import SCHEMA as TABLES
from guardrails.sidecar.stores.redis import PREFIX
from guardrails.sidecar.stores.redis import SCHEMA as KEYS
from tests.sidecar.store_conformance import RUN, record, row


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: no cluster is needed here."""


@contextlib.contextmanager
def _opened(url: str) -> Generator[RunStore]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


def _refused(url: str) -> str:
    """Return why a store is not opened, in one line that keeps the password."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    said = str(caught.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


# Redis


@pytest.fixture
def redis_alone() -> Iterator[RedisServer]:
    """Run a Redis server for one test."""
    with redis_server() as server:
        yield server


def _admin(server: RedisServer) -> redis.Redis:
    return redis.Redis(port=server.port, password=PASSWORD, protocol=2)


def _configure(server: RedisServer, name: str, value: str) -> None:
    with _admin(server) as admin:
        admin.execute_command("CONFIG", "SET", name, value)  # pyright: ignore[reportUnknownMemberType]


def test_redis_that_is_full_refuses_and_goes_on_with_room(redis_alone: RedisServer) -> None:
    """Nothing is half written; a full one can be opened and read, and runs deleted from it."""
    with _opened(redis_alone.url) as store:
        store.create(row(key="k"), record(1))
        store.create(row(RunId("old")), record(1))
        store.keep(RunId("old"), "conversation", b"x" * 1_000_000)
        _configure(redis_alone, "maxmemory", "1")
        for write in (
            lambda: store.append(RUN, record(2), ended=True),
            lambda: store.create(row(RunId("r-2")), record(1)),
            lambda: store.keep(RUN, "conversation", b"x"),
            lambda: store.snapshot(RUN, seq=1, data=b"x"),
            store.ping,
        ):
            with pytest.raises(StoreError, match=r"is full .*: nothing was written"):
                write()
        with _opened(redis_alone.url) as again:
            assert [one.seq for one in again.records(RUN)] == [1]
            assert again.find("k") == RUN
            assert again.load(RunId("r-2")) is None
            before = datetime.now(UTC) - timedelta(days=30)
            assert again.expire(ended_before=before, open_before=before) == 2
        _configure(redis_alone, "maxmemory", "0")
        store.create(row(key="k"), record(1))


def test_redis_that_deletes_keys_when_it_is_full_is_not_used(redis_alone: RedisServer) -> None:
    """A run that is gone in its middle would be an end that nobody judged."""
    _configure(redis_alone, "maxmemory-policy", "allkeys-lru")
    assert "set maxmemory-policy noeviction" in _refused(redis_alone.url)
    _configure(redis_alone, "maxmemory-policy", "volatile-lru")  # nothing of ours expires
    open_store(redis_alone.url).close()


def test_a_replica_of_redis_is_not_used(redis_alone: RedisServer) -> None:
    """Neither one that is met, nor one that a primary has become."""
    with redis_server() as primary, _opened(redis_alone.url) as store:
        store.create(row(), record(1))
        with _admin(redis_alone) as admin:
            admin.execute_command("REPLICAOF", "127.0.0.1", primary.port)  # pyright: ignore[reportUnknownMemberType]
        with pytest.raises(StoreError, match="is a replica, which cannot be written"):
            store.append(RUN, record(2))
        with pytest.raises(StoreError, match="is a replica, which cannot be written"):
            store.ping()
        assert "is a replica" in _refused(redis_alone.url)


def test_scripts_that_redis_forgot_are_sent_again(redis_alone: RedisServer) -> None:
    """As after a restart or a failover."""
    with _opened(redis_alone.url) as store:
        store.create(row(), record(1))
        store.append(RUN, record(2))
        with _admin(redis_alone) as admin:
            admin.script_flush()  # pyright: ignore[reportUnknownMemberType]
        store.append(RUN, record(3))
        assert [one.seq for one in store.records(RUN)] == [1, 2, 3]


def test_keys_of_a_newer_version_are_not_used(redis_alone: RedisServer) -> None:
    """They may mean something else."""
    open_store(redis_alone.url).close()
    with _admin(redis_alone) as admin:
        admin.set(f"{{{PREFIX}}}:schema", KEYS + 1)
    assert f"schema {KEYS + 1}" in _refused(redis_alone.url)


def test_redis_users_need_these_rights_and_no_more(redis_alone: RedisServer) -> None:
    """Those that the error names; a user without them, or a wrong password, is told so."""
    rights = ["+@read", "+@write", "+@scripting", "+@connection", "+info"]
    with _admin(redis_alone) as admin:
        for name, granted in (("guard", rights), ("poor", ["+@read", "+info"])):
            words = ["on", f">{PASSWORD}", f"~{{{PREFIX}}}:*", *granted]
            admin.execute_command("ACL", "SETUSER", name, *words)  # pyright: ignore[reportUnknownMemberType]

    def url(user: str, password: str = PASSWORD) -> str:
        return f"redis://{user}:{quote(password, safe='')}@127.0.0.1:{redis_alone.port}/0"

    with _opened(url("guard")) as store:
        store.create(row(key="k"), record(1))
        store.keep(RUN, "conversation", b"x")
        store.ping()
        assert [one.run for one in store.rows()] == [RUN]
    with _opened(url("poor")) as store, pytest.raises(StoreError) as caught:
        store.ping()
    assert all(right in str(caught.value) for right in rights)
    assert "refuses user or password" in _refused(url("guard", "wrong"))
    assert "refuses user or password" in _refused(f"redis://127.0.0.1:{redis_alone.port}/0")


def test_a_cluster_keeps_runs_on_one_of_its_nodes() -> None:
    """With the option that the error names when it is missing."""
    buses = [str(port) for port in free_ports(2)]
    options = [("--cluster-enabled", "yes", "--cluster-port", bus, *DURABLE) for bus in buses]
    with redis_server(options=options[0]) as one, redis_server(options=options[1]) as other:
        ours = int(_cli(one, "CLUSTER", "KEYSLOT", f"{{{PREFIX}}}:schema"))
        assert "does not serve the slot" in _refused(one.url)
        _cli(one, "CLUSTER", "ADDSLOTS", *(str(slot) for slot in range(16_384) if slot != ours))
        _cli(other, "CLUSTER", "ADDSLOTS", str(ours))
        _cli(one, "CLUSTER", "MEET", "127.0.0.1", str(other.port), buses[1])
        for node in (one, other):
            wait_until(
                lambda node=node: "cluster_state:ok" in _cli(node, "CLUSTER", "INFO"),
                what="the nodes know each other",
            )
        assert "is a cluster: add ?cluster=true" in _refused(one.url)
        with _opened(f"{one.url}?cluster=true") as store:
            store.create(row(key="k"), record(1))
            for seq in range(2, 20):
                store.append(RUN, record(seq, number=seq))
            store.keep(RUN, "conversation", b"x")
            assert [one.run for one in store.rows()] == [RUN]
            assert len(store.after(RUN, 2)) == 1
            store.append(RUN, record(20), ended=True)
            later = datetime.now(UTC) + timedelta(days=1)
            assert store.expire(ended_before=later, open_before=later) == 1
            other.kill()
            with pytest.raises(StoreError) as caught:
                store.ping()
            assert "\n" not in str(caught.value)


def _cli(server: RedisServer, *words: str) -> str:
    program = shutil.which("redis-cli") or "valkey-cli"
    command = [program, "-p", str(server.port), "-a", PASSWORD, "--no-auth-warning", *words]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


# PostgreSQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for the tests that do not end it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def schema() -> str:
    """Name a schema that is not there yet."""
    return f"R {uuid.uuid4().hex}"


def _connected(server: PostgresServer) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=PASSWORD,
        dbname="postgres",
        autocommit=True,
    )


def test_many_may_make_the_tables_at_once(postgres: PostgresServer, schema: str) -> None:
    """Replicas start together."""
    url = f"{postgres.url}?schema={quote(schema)}"
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(open_store, [url] * 8))
    stores[0].create(row(), record(1))
    assert all(list(store.records(RUN)) == [record(1)] for store in stores)
    for store in stores:
        store.close()


def test_tables_of_a_newer_version_are_not_used(postgres: PostgresServer, schema: str) -> None:
    """They may mean something else."""
    url = f"{postgres.url}?schema={quote(schema)}"
    open_store(url).close()
    with _connected(postgres) as admin:
        newer = sql.SQL("UPDATE {}.store SET version = version + 1").format(sql.Identifier(schema))
        admin.execute(newer)
    assert f"of version {TABLES + 1}" in _refused(url)


def test_a_user_of_postgres_without_rights_is_told_which(
    postgres: PostgresServer, schema: str
) -> None:
    """To make the tables. Once they are there and granted, no more rights are needed."""
    with _connected(postgres) as admin:
        name, granted = sql.Identifier(f"poor-{uuid.uuid4().hex[:8]}"), sql.Identifier(schema)
        admin.execute(sql.SQL("CREATE USER {} PASSWORD {}").format(name, sql.Literal(PASSWORD)))
        address = postgres.url.partition("@")[2]
        user = f"{quote(name.as_string(None).strip(chr(34)))}:{quote(PASSWORD, safe='')}"
        url = f"postgresql://{user}@{address}?schema={quote(schema)}"
        assert "GRANT CREATE ON DATABASE" in _refused(url)
        open_store(f"{postgres.url}?schema={quote(schema)}").close()
        for grant in (
            "GRANT USAGE ON SCHEMA {s} TO {u}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {s} TO {u}",
        ):
            admin.execute(sql.SQL(grant).format(s=granted, u=name))
    with _opened(url) as store:
        store.create(row(), record(1))
        store.ping()


def test_postgres_that_refuses_a_password_or_lacks_a_database_says_so(
    postgres: PostgresServer,
) -> None:
    """In its own words, on one line."""
    address = postgres.url.partition("@")[2]
    assert "password authentication failed" in _refused(f"postgresql://guard:wrong@{address}")
    assert '"nowhere" does not exist' in _refused(postgres.url.replace("/postgres", "/nowhere"))


def test_postgres_that_turns_read_only_says_so(postgres: PostgresServer, schema: str) -> None:
    """As a primary does that has become a standby."""
    with _opened(f"{postgres.url}?schema={quote(schema)}&connections=1") as store:
        store.create(row(), record(1))
        with _connected(postgres) as admin:
            admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
            try:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'guarded-agent'"
                )
                with pytest.raises(StoreError, match="is a standby, which cannot be written"):
                    store.append(RUN, record(2))
                with pytest.raises(StoreError, match="is a standby, which cannot be written"):
                    store.ping()
                assert list(store.records(RUN)) == [record(1)]
            finally:
                admin.execute("SET default_transaction_read_only = off")
                admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")


def test_a_standby_of_postgres_is_not_used() -> None:
    """It answers reads, so it has to be asked what it is."""
    with postgres_server() as server:
        open_store(server.url).close()
        server.stop()
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        assert "is a standby, which cannot be written" in _refused(server.url)


def test_a_writer_that_holds_a_run_for_too_long_is_not_waited_for(
    postgres: PostgresServer, schema: str
) -> None:
    """Nothing is written by the one who waited; when the other is gone, it goes on."""
    with _opened(f"{postgres.url}?schema={quote(schema)}&timeout=0.3") as store:
        store.create(row(), record(1))
        with _connected(postgres) as other, other.transaction():
            other.execute(
                sql.SQL("SELECT 1 FROM {}.runs FOR UPDATE").format(sql.Identifier(schema))
            )
            with pytest.raises(StoreError, match="did not finish in time, and wrote nothing"):
                store.append(RUN, record(2))
        store.append(RUN, record(2))


def test_no_more_connections_are_made_than_are_allowed(
    postgres: PostgresServer, schema: str
) -> None:
    """However many threads ask."""
    url = f"{postgres.url}?schema={quote(schema)}&connections=2&application_name=few"
    with _opened(url) as store:
        store.create(row(), record(1))
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(store.load, [RUN] * 200))
        with _connected(postgres) as admin:
            counted = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'few'"
            ).fetchone()
        assert counted == (2,)
