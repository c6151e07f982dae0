"""The stores that are servers do what every store does, and lose nothing when something breaks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from e2e.sidecar.databases import PostgresServer, RedisServer, postgres_server, redis_server
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.opening import open_store
from guardrails.sidecar.stores.postgres import PostgresRuns
from guardrails.sidecar.stores.redis import RedisRuns
from tests.sidecar.store_conformance import StoreConformance
from tests.sidecar.store_machine import StoreMachine


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: no cluster is needed here."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """Run one server for the tests that do not break it."""
    with redis_server() as server:
        yield server


class TestRedis(StoreConformance):
    """Redis, as it is installed here."""

    @pytest.fixture
    def store(self, redis: RedisServer) -> Iterator[RunStore]:
        """Give an empty store."""
        opened = RedisRuns(f"{redis.url}?prefix=t-{uuid.uuid4().hex}")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for the tests that do not break it."""
    with postgres_server() as server:
        yield server


class TestPostgres(StoreConformance):
    """PostgreSQL, as it is installed here."""

    @pytest.fixture
    def store(self, postgres: PostgresServer) -> Iterator[RunStore]:
        """Give an empty store."""
        opened = PostgresRuns(f"{postgres.url}?schema=t-{uuid.uuid4().hex}")
        yield opened
        opened.close()


class ServerMachine(StoreMachine):
    """A server against memory."""

    url: str

    def opened(self) -> RunStore:
        """Open an empty part of the server."""
        place = "prefix" if self.url.startswith("redis") else "schema"
        return open_store(f"{self.url}?{place}=m-{uuid.uuid4().hex}")


PATIENT = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_redis_says_what_memory_says(redis: RedisServer) -> None:
    """Whatever is done to both."""
    machine = type("RedisMachine", (ServerMachine,), {"url": redis.url})
    run_state_machine_as_test(machine, settings=PATIENT)


def test_postgres_says_what_memory_says(postgres: PostgresServer) -> None:
    """Whatever is done to both."""
    machine = type("PostgresMachine", (ServerMachine,), {"url": postgres.url})
    run_state_machine_as_test(machine, settings=PATIENT)
