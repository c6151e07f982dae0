"""Fixtures of the suite: one cluster for the session, a fresh app for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.app import reset
from e2e.clusters.build import build
from e2e.clusters.choice import PROCESSES, chosen_provider, provider_name
from e2e.clusters.cluster import Cluster

TEST_TIMEOUT_SECONDS = 120
"""For the body of a test, where its marker does not say otherwise. Set-up is never counted: the
first test's compiles Kubernetes on a cold cache, for minutes, and every wait of the provider has a
bound of its own."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound the body of every test, and let set-up take as long as a cold build does."""
    here = Path(__file__).resolve().parent
    for item in items:
        if here in item.path.parents:
            marked = item.get_closest_marker("timeout")
            seconds = marked.args[0] if marked is not None else TEST_TIMEOUT_SECONDS
            item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Build what the provider needs before the clock of any test runs: tests come in any order."""
    if provider_name() == PROCESSES:
        build()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Bring up the cluster that `E2E_PROVIDER` names, and take it down at the end."""
    provider = chosen_provider()
    try:
        yield provider.up()
    finally:
        provider.down()


@pytest.fixture
def app(cluster: Cluster) -> Cluster:
    """The cluster with a fresh app: rolled out, without alerts."""
    reset(cluster)
    return cluster
