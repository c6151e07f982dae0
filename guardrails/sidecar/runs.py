"""A run that this process works on: its session, and the store that every fact goes to first.

Another process may work on the same run. Whoever writes second is told by the store, folds what the
first one wrote, and decides anew. A store that fails over may come back without its last records;
then the session here is ahead of it, and is not gone on with.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final, TypeVar

import msgspec

from guardrails.core.clock import Clock
from guardrails.core.decisions import Decision
from guardrails.core.events import Event
from guardrails.core.ids import RunId
from guardrails.engine import Guard, Session
from guardrails.engine.session import Proposed
from guardrails.sidecar.stores.base import ConflictError, Record, RunRow, RunStore, StoreError

T = TypeVar("T")

SNAPSHOT_EVERY: Final = 64
"""Records after which a session is stored whole, so that less is folded when it is read. Folding 64
takes some 10 ms, as reading the session does."""
READ_EVERY: Final = 4
"""Results after which they are read, once whoever brought the last one has its answer. A list of
pods takes 0.3 ms; all that came before a snapshot at once would keep others waiting for 10 ms."""
ATTEMPTS: Final = 5
"""How often a fact is decided anew because somebody else was quicker."""

_number: ContextVar[int] = ContextVar("number", default=0)
"""The caller's number of the fact that is being decided; 0 for the guard's own."""


class LostRecordsError(ConflictError):
    """The store came back without records that it had: the run has to be read anew."""


class Keeper:
    """Stores what a session proposes. One for each run, and given to its session.

    Args:
        store: Where to.
        row: Of the run, when it begins; None for one that was read from the store.
        clock: Where the time comes from.
    """

    def __init__(self, store: RunStore, *, row: RunRow | None, clock: Clock) -> None:
        self._store = store
        self._row = row
        self._clock = clock
        self.closed = False
        """True once this process is not to write any more: it is shutting down."""
        self.last: tuple[int, int] = (0, 0)
        """Number and hash of the last record that is known to be in the store."""

    def __call__(self, proposed: Proposed) -> None:
        """Store one fact.

        Raises:
            ConflictError: Somebody else wrote to the run.
            StoreError: It cannot be stored; then it has not happened.
        """
        if self.closed:
            raise StoreError("the service is shutting down")
        event = proposed.event
        record = Record(
            seq=event.seq,
            event=msgspec.json.encode(event),
            decision=msgspec.json.encode(proposed.decision),
            number=_number.get(),
        )
        if self._row is not None:
            self._store.create(self._row, record)
            self._row = None
        else:
            self._store.append(event.run, record, ended=proposed.folded.state.ended)
        self.note(record)

    def note(self, record: Record) -> None:
        """Note the last record that is in the store."""
        self.last = record.seq, hash(record.event)

    def lost(self, record: Record) -> bool:
        """Tell whether the store holds another record now than it did at this place."""
        seq, known = self.last
        return seq == record.seq and known != hash(record.event)


class LiveRun:
    """A run in this process.

    Args:
        session: Made by `guard`, which gives what it proposes to `keeper`.
        guard: Of the settings that the run began with.
        keeper: Of this run.
        store: The keeper's.
        key: What its caller finds it by.
        number: The caller's number of its last fact.
        upto: The record up to which a snapshot is stored.
    """

    def __init__(
        self,
        session: Session,
        *,
        guard: Guard,
        keeper: Keeper,
        store: RunStore,
        key: str = "",
        number: int = 0,
        upto: int = 0,
    ) -> None:
        self.session = session
        self.guard = guard
        self.keeper = keeper
        self.key = key
        self.number = number
        self.turn = asyncio.Lock()
        """Held while a caller's facts are decided, one after the other."""
        self.judging: asyncio.Task[Decision] | None = None
        """The gate at work on an end."""
        self._store = store
        self._upto = upto
        self._reading = threading.Lock()

    @property
    def run(self) -> RunId:
        """Its id."""
        return self.session.run

    @property
    def busy(self) -> bool:
        """Tell whether somebody is at work on it here."""
        return self.turn.locked() or (self.judging is not None and not self.judging.done())

    def decided(self, decide: Callable[[], T], *, number: int = 0) -> T:
        """Decide, and when somebody else was quicker, read what they wrote and decide anew.

        Args:
            decide: States facts to the session.
            number: The caller's number, where it is a fact of theirs.

        Raises:
            ConflictError: Somebody else was quicker again and again.
            StoreError: The store cannot be used; nothing has happened.
        """
        for attempt in range(ATTEMPTS):
            token = _number.set(number)
            try:
                found = decide()
            except ConflictError:
                if attempt == ATTEMPTS - 1:
                    raise
                self.catch_up()
            else:
                self.number = max(self.number, number)
                return found
            finally:
                _number.reset(token)
            if number and number <= self.number:
                raise ConflictError(f"fact {number} was stated elsewhere at the same time")
        raise AssertionError("unreachable")

    def catch_up(self) -> None:
        """Fold what others wrote to the run.

        Raises:
            LostRecordsError: The store does not hold what is known here.
        """
        with self._reading:
            seq = self.session.state.seq
            records = self._store.since(self.run, seq - 1)
            if not records or records[0].seq != seq or self.keeper.lost(records[0]):
                raise LostRecordsError(
                    f"the store lost records of run {self.run}: record {seq} is not there as it was"
                )
            self.session.catch_up(events_of(records[1:]))
            self.number = max([self.number, *(record.number for record in records)])
            if records[-1].seq >= self.keeper.last[0]:
                self.keeper.note(records[-1])

    @property
    def unread(self) -> bool:
        """Tell whether there are results that are to be read soon."""
        return len(self.session.state.results) >= READ_EVERY

    def settle_down(self, *, whole: bool = False) -> None:
        """Store the session whole if that is due, or if it is asked for."""
        state = self.session.state
        due = state.seq - self._upto >= SNAPSHOT_EVERY or (state.ended and state.seq > self._upto)
        if due or (whole and state.seq > self._upto):
            self._store.snapshot(self.run, seq=state.seq, data=self.session.snapshot())
            self._upto = state.seq


def events_of(records: Sequence[Record]) -> list[Event]:
    """Return the events of records, in order."""
    return [_events.decode(record.event) for record in records]


_events = msgspec.json.Decoder(Event)
