"""Networks break, servers and writers are killed: nothing is lost, and nothing doubled."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from e2e.sidecar.databases import (
    PASSWORD,
    PostgresServer,
    RedisServer,
    postgres_server,
    redis_server,
)
from e2e.sidecar.relay import Fault, Relay, relay_to
from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import ConflictError, RunStore, StoreError
from guardrails.sidecar.stores.opening import open_store
from tests.sidecar.store_conformance import RUN, record, row
from tests.sidecar.store_writer import check_nothing_is_lost, killed_after, numbered

Server = RedisServer | PostgresServer

PATIENCE_SECONDS = 1
"""Of the store that meets a server which says nothing."""


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: no cluster is needed here."""


@pytest.fixture(scope="module", params=["redis", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a server that writes to its disk before it answers."""
    running = redis_server() if request.param == "redis" else postgres_server()
    with running as server:
        yield server


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    """Stand between the store and its server."""
    with relay_to(server.port) as relay:
        yield relay


@pytest.fixture
def store(server: Server, relay: Relay) -> Iterator[RunStore]:
    """Give an empty store behind the relay."""
    with _opened(server.url.replace(f":{server.port}/", f":{relay.port}/")) as store:
        yield store


@contextlib.contextmanager
def _opened(url: str) -> Generator[RunStore]:
    store = open_store(_own(url))
    try:
        yield store
    finally:
        store.close()


def _own(url: str) -> str:
    """Name an empty part of a server."""
    place = "prefix" if url.startswith("redis") else "schema"
    return f"{url}?{place}=f-{uuid.uuid4().hex}"


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER])
def test_what_a_network_loses_is_written_once(store: RunStore, relay: Relay, fault: Fault) -> None:
    """Whether it was lost on the way there or back; the caller does not notice."""
    relay.do(fault)
    store.create(row(key="k"), record(1))
    for seq in range(2, 12):
        relay.do(fault)
        store.append(RUN, record(seq, number=seq))
    relay.do(fault)
    store.keep(RUN, "conversation", b"all of it")
    relay.do(fault)
    found = store.load(RUN)
    assert relay.broken == 13
    assert found is not None
    assert found.row.seq == found.number == 11
    assert list(store.records(RUN)) == [record(1), *(record(n, number=n) for n in range(2, 12))]
    assert store.kept(RUN, "conversation") == b"all of it"
    relay.do(fault)
    store.append(RUN, record(12), ended=True)
    assert store.find("k") is None
    assert [one.seq for one in store.rows(ended=True)] == [12]


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER])
def test_a_conflict_stays_one_when_its_answer_is_lost(
    store: RunStore, relay: Relay, fault: Fault
) -> None:
    """Somebody else's record is not taken for one's own, though it has the same bytes."""
    store.create(row(), record(1))
    store.append(RUN, record(2, number=1))
    relay.do(fault)
    with pytest.raises(ConflictError):
        store.append(RUN, record(2, number=1))
    relay.do(fault)
    with pytest.raises(ConflictError):
        store.create(row(), record(1))
    assert [one.seq for one in store.records(RUN)] == [1, 2]


def test_what_is_not_known_to_be_written_is_known_when_it_is_read(
    store: RunStore, relay: Relay
) -> None:
    """A network that stays broken is an error; the record is there, once."""
    store.create(row(), record(1))
    relay.do(Fault.LOSE_ANSWER, Fault.LOSE_ANSWER, Fault.LOSE_ANSWER)
    with pytest.raises(StoreError) as caught:
        store.append(RUN, record(2, number=1))
    assert "\n" not in str(caught.value)
    relay.mend()
    assert list(store.records(RUN)) == [record(1), record(2, number=1)]
    with pytest.raises(ConflictError):
        store.append(RUN, record(2, number=1))
    store.append(RUN, record(3, number=2))


def test_a_server_that_says_nothing_is_given_up(server: Server, relay: Relay) -> None:
    """Within the time that it has; then the store goes on."""
    url = _own(server.url).replace(f":{server.port}/", f":{relay.port}/")
    with contextlib.closing(open_store(f"{url}&timeout={PATIENCE_SECONDS}")) as store:
        store.create(row(), record(1))
        relay.do(Fault.STALL)
        with pytest.raises(StoreError, match="did not answer in time"):
            store.append(RUN, record(2, number=1))
        relay.mend()
        written = [one.seq for one in store.since(RUN, 0)]
        assert written in ([1], [1, 2])
        following = len(written) + 1
        store.append(RUN, record(following, number=following))


def test_connections_that_broke_while_they_were_idle_are_made_again(
    store: RunStore, relay: Relay
) -> None:
    """As behind a balancer that forgets them; many of them."""
    store.create(row(), record(1))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.load, [RUN] * 64))
    relay.cut()
    store.append(RUN, record(2))
    assert [one.seq for one in store.records(RUN)] == [1, 2]


def test_a_writer_that_is_killed_loses_and_doubles_nothing(server: Server) -> None:
    """At one record after the other, each time in the same run, which goes on."""
    url = _own(server.url)
    had = 0
    for lines in (1, 2, 4, 30):
        acknowledged = killed_after(url, RUN, lines)
        assert acknowledged[0] == max(had, 1)
        with contextlib.closing(open_store(url)) as store:
            had = check_nothing_is_lost(store, RUN, acknowledged)


def test_a_server_that_is_killed_loses_nothing_that_it_acknowledged(server: Server) -> None:
    """Under writes of two threads; the same store goes on when the server is back."""
    with _opened(server.url) as store:
        for times in range(3):
            runs = [RunId(f"r-{times}-{each}") for each in range(2)]
            acknowledged: dict[RunId, int] = {}
            for run in runs:
                store.create(row(run), numbered(1))
                acknowledged[run] = 1
            with ThreadPoolExecutor(2) as threads:
                writing = [threads.submit(_write_on, store, run, acknowledged) for run in runs]
                _wait_for_writes(acknowledged, at_least=20 + 5 * times)
                server.kill()
                errors = [each.result() for each in writing]
            assert all(PASSWORD not in error and "\n" not in error for error in errors)
            with pytest.raises(StoreError, match=f"127.0.0.1:{server.port}"):
                store.ping()
            server.start()
            store.ping()
            for run in runs:
                had = check_nothing_is_lost(store, run, [acknowledged[run]])
                store.append(run, numbered(had + 1))


def _write_on(store: RunStore, run: RunId, acknowledged: dict[RunId, int]) -> str:
    """Write until the store says no; return what it says."""
    for seq in range(2, 100_000):
        try:
            store.append(run, numbered(seq))
        except StoreError as error:
            return str(error)
        acknowledged[run] = seq
    raise AssertionError("the server was not killed")


def _wait_for_writes(acknowledged: dict[RunId, int], *, at_least: int) -> None:
    deadline = time.monotonic() + 30
    while min(acknowledged.values()) < at_least:
        assert time.monotonic() < deadline, f"not so many writes: {acknowledged}"
        threading.Event().wait(0.005)


def test_replicas_that_race_write_each_record_once(server: Server) -> None:
    """Two stores of four threads each on one run: who loses reads, and goes on behind."""
    url = _own(server.url)
    with contextlib.closing(open_store(url)) as one, contextlib.closing(open_store(url)) as two:
        one.create(row(), record(1))

        def write(store: RunStore) -> list[int]:
            won: list[int] = []
            while len(won) < 10:
                found = store.load(RUN)
                assert found is not None
                following = found.row.seq + 1
                with contextlib.suppress(ConflictError):
                    store.append(RUN, record(following, number=found.number + 1))
                    won.append(following)
            return won

        with ThreadPoolExecutor(8) as threads:
            won = [seq for part in threads.map(write, [one, two] * 4) for seq in part]
        assert sorted(won) == list(range(2, 82))
        assert [each.seq for each in two.records(RUN)] == list(range(1, 82))


def test_old_runs_are_deleted_by_several_at_once(server: Server) -> None:
    """Each once, and none that was touched meanwhile; more than are deleted at a time."""
    url = _own(server.url)
    with contextlib.closing(open_store(url)) as one, contextlib.closing(open_store(url)) as two:
        for number in range(300):
            one.create(row(RunId(f"r-{number}"), key=f"k-{number}"), record(1))
        one.append(RunId("r-7"), record(2))
        before = datetime.now(UTC) - timedelta(hours=1)

        def expire(store: RunStore) -> int:
            return store.expire(ended_before=before, open_before=before)

        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(expire, [one, two])) == 299
        assert [each.run for each in one.rows(limit=1_000)] == ["r-7"]
        assert one.find("k-8") is None
