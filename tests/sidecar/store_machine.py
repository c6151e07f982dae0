"""A store against the one in memory: whatever is done to both, both say the same.

A subclass opens the other store; its `TestCase` is collected where it is assigned in a test file.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import ConflictError, Record, RunRow, RunStore
from guardrails.sidecar.stores.memory import MemoryRuns

T = TypeVar("T")

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
RUNS = st.sampled_from([RunId("r-1"), RunId("r 2/{}"), RunId("ß")])
KEYS = st.sampled_from(["", "k", "{k}:é"])
NAMES = st.sampled_from(["conversation", "ß"])
DATA = st.binary(max_size=40)
ABOUT = timedelta(minutes=5)
"""How far apart two stores may see a run change: each has its own clock reading."""


class StoreMachine(RuleBasedStateMachine):
    """Does the same to two stores."""

    def __init__(self) -> None:
        super().__init__()
        self.model: RunStore = MemoryRuns()
        self.other = self.opened()

    def opened(self) -> RunStore:
        """Open an empty store of the kind that is tested."""
        raise NotImplementedError

    def teardown(self) -> None:
        """Close it."""
        self.other.close()

    @rule(run=RUNS, key=KEYS, data=DATA, number=st.integers(0, 2))
    def begin(self, run: RunId, key: str, data: bytes, number: int) -> None:
        """Begin a run, which may be there or have a key that is taken."""
        row = RunRow(run=run, key=key, policy='{"é": 1}', created=NOW, changed=NOW, seq=1)
        first = Record(seq=1, number=number, event=data, decision=b"")
        self.both(lambda store: store.create(row, first))

    @rule(
        run=RUNS,
        ahead=st.sampled_from([1, 1, 1, 0, 2]),
        number=st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        data=DATA,
        ended=st.sampled_from([False, False, False, True]),
    )
    def add(self, run: RunId, *, ahead: int, number: int, data: bytes, ended: bool) -> None:
        """Write a record, which may not follow, or have a number that was used."""
        found = self.model.load(run)
        seq = (found.row.seq if found is not None else 0) + ahead
        record = Record(seq=seq, number=number, event=data, decision=data * 2)
        self.both(lambda store: store.append(run, record, ended=ended))

    @rule(run=RUNS, seq=st.integers(0, 9), data=DATA)
    def note(self, run: RunId, seq: int, data: bytes) -> None:
        """Keep a snapshot, which may be old or of the future."""
        self.both(lambda store: store.snapshot(run, seq=seq, data=data))

    @rule(run=RUNS, name=NAMES, data=DATA)
    def keep(self, run: RunId, name: str, data: bytes) -> None:
        """Keep bytes."""
        self.both(lambda store: store.keep(run, name, data))

    @rule(run=RUNS, name=NAMES, data=DATA, was=DATA, known=st.booleans())
    def replace(self, run: RunId, name: str, data: bytes, was: bytes, *, known: bool) -> None:
        """Keep bytes in place of those that are there, or of others."""
        was = self.model.kept(run, name) if known else was
        self.both(lambda store: store.keep(run, name, data, was=was))

    @rule(ended=st.booleans(), opened=st.booleans())
    def expire(self, *, ended: bool, opened: bool) -> None:
        """Delete some of the runs."""
        ages = {True: datetime.now(UTC) + timedelta(days=1), False: NOW - timedelta(days=1)}
        self.both(lambda store: store.expire(ended_before=ages[ended], open_before=ages[opened]))

    @invariant()
    def same(self) -> None:
        """Everything that can be asked is answered alike."""
        for run in ("r-1", "r 2/{}", "ß", "nobody"):
            one = RunId(run)
            self.both(lambda store, one=one: _loaded(store, one))
            self.both(lambda store, one=one: list(store.records(one)))
            self.both(lambda store, one=one: [tuple(store.since(one, at)) for at in (0, 2, 9)])
            self.both(lambda store, one=one: [store.decision(one, at) for at in range(9)])
            self.both(lambda store, one=one: [tuple(store.after(one, at)) for at in range(9)])
            self.both(lambda store, one=one: [store.kept(one, n) for n in ("conversation", "ß")])
        self.both(lambda store: [store.find(key) for key in ("", "k", "{k}:é", "none")])
        for ended in (None, True, False):
            self.both(lambda store, ended=ended: {one.run for one in store.rows(ended=ended)})

    def both(self, ask: Callable[[RunStore], T]) -> None:
        """Hold what two stores say against each other."""
        assert _said(ask, self.other) == _said(ask, self.model)


def _said(ask: Callable[[RunStore], T], store: RunStore) -> T | str:
    try:
        return ask(store)
    except ConflictError:
        return "conflict"


def _loaded(store: RunStore, run: RunId) -> tuple[object, ...]:
    found = store.load(run)
    if found is None:
        return ()
    row = found.row
    told = (row.run, row.key, row.policy, row.created, row.seq, row.ended)
    assert row.changed == NOW or abs(datetime.now(UTC) - row.changed) < ABOUT
    return (*told, row.changed == NOW, found.snapshot, found.since, found.number)
