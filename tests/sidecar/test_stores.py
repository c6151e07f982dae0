"""The stores that need no server do what every store does."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.sidecar.stores.sqlite import SqliteRuns
from tests.sidecar.store_conformance import StoreConformance
from tests.sidecar.store_machine import StoreMachine


def _memory(_: Path) -> RunStore:
    return MemoryRuns()


def _sqlite(folder: Path) -> RunStore:
    return SqliteRuns(folder / "runs.db")


STORES: dict[str, Callable[[Path], RunStore]] = {"memory": _memory, "sqlite": _sqlite}
"""How an empty store is opened, given a folder of its own."""


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    """Give an empty store of each kind."""
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


class TestConformance(StoreConformance):
    """Without a server."""


class SqliteMachine(StoreMachine):
    """A file against memory."""

    def opened(self) -> RunStore:
        """Open a new file in a folder that goes with the machine."""
        self.folder = tempfile.TemporaryDirectory()
        return SqliteRuns(Path(self.folder.name) / "runs.db", synchronous="NORMAL")

    def teardown(self) -> None:
        """Close it, and remove the folder."""
        super().teardown()
        self.folder.cleanup()


SqliteMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestSqliteAgainstMemory = SqliteMachine.TestCase
