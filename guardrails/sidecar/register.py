"""The runs that this process works on, and the guards that they are decided by.

A run is read from the store when it is asked for, and let go of when others are asked for more.
Nothing is lost by that: what a run is, is in the store.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from guardrails.core.clock import Clock
from guardrails.core.hooks import Hook
from guardrails.core.ids import RunId
from guardrails.engine import Guard, MemoryStore, Session, SessionKey
from guardrails.engine.session import Proposed
from guardrails.gates.base import Gate
from guardrails.policy.models import Settings
from guardrails.policy.stored import policy_digest, settings_of_text
from guardrails.sidecar.runs import Keeper, LiveRun, events_of
from guardrails.sidecar.stores.base import ConflictError, RunRow, RunStore
from guardrails.sidecar.stores.calls import blocking

T = TypeVar("T")

MakeGate = Callable[[Settings], Gate | None]
"""Returns the gate of such settings."""

GUARDS: Final = 64
"""Guards that are kept made, one for each settings; making one takes some milliseconds."""

READ_AFTER_SECONDS: Final = 0.003
"""Without a fact of the run until its results are read: its agent has its answer by then, and waits
for its model or its tools."""


class Register:
    """Holds runs, each once.

    Args:
        store: Where runs are kept.
        gate: Makes the gate of settings; called once for each.
        hooks: Telemetry sinks.
        clock: Where the time comes from.
        live: Runs that are held in memory besides the store.
    """

    def __init__(
        self,
        *,
        store: RunStore,
        gate: MakeGate,
        hooks: Sequence[Hook],
        clock: Clock,
        live: int,
    ) -> None:
        self.store = store
        self.clock = clock
        self._gate = gate
        self._hooks = tuple(hooks)
        self._at_most = live
        self._guards: OrderedDict[str, Guard] = OrderedDict()
        self._keepers: dict[RunId, Keeper] = {}
        self._live: OrderedDict[RunId, LiveRun] = OrderedDict()
        self._changing = asyncio.Lock()
        self._reading: dict[RunId, asyncio.TimerHandle] = {}

    @property
    def live(self) -> Sequence[LiveRun]:
        """The runs in memory, those used last at the end."""
        return tuple(self._live.values())

    async def blocking(self, work: Callable[[], T]) -> T:
        """Do what may wait for the store; where that is memory, at once."""
        return await blocking(self.store, work)

    def read_soon(self, live: LiveRun) -> None:
        """Have a run's results read while nobody waits for it; what it says stays the same."""
        timer = self._reading.pop(live.run, None)
        if timer is not None:
            timer.cancel()
        if live.unread:
            self._reading[live.run] = asyncio.get_running_loop().call_later(
                READ_AFTER_SECONDS, self._read_now, live
            )

    def _read_now(self, live: LiveRun) -> None:
        self._reading.pop(live.run, None)
        if self.store.name == "memory":
            live.session.read_up()
        else:  # its lock may be held by a thread that waits for the store
            asyncio.get_running_loop().run_in_executor(None, live.session.read_up)

    async def find(self, run: RunId) -> LiveRun | None:
        """Return a run, from memory or the store; None if there is none."""
        live = self._live.get(run)
        if live is not None:
            self._live.move_to_end(run)
            return live
        async with self._changing:
            if run in self._live:
                return self._live[run]
            live = await self.blocking(lambda: self._read(run))
            if live is not None:
                self._hold(live)
            return live

    def held(self, run: RunId) -> LiveRun | None:
        """Return a run from memory; it counts as used no later by that."""
        return self._live.get(run)

    async def begin(self, row: RunRow, guard: Guard, begin: Callable[[], Session]) -> LiveRun:
        """Begin a run, and store its first fact.

        Args:
            row: Of the run.
            guard: It is decided by.
            begin: Makes the guard begin it.

        Raises:
            ConflictError: There is such a run, or an open one under its key.
            StoreError: It cannot be stored; then it has not begun.
        """
        async with self._changing:
            if row.run in self._keepers:
                raise ConflictError(f"there is a run {row.run} already")
            keeper = self._keepers[row.run] = Keeper(self.store, row=row, clock=self.clock)
            try:
                session = await self.blocking(begin)
            except BaseException:
                del self._keepers[row.run]
                raise
            live = LiveRun(session, guard=guard, keeper=keeper, store=self.store, key=row.key)
            self._hold(live)
            return live

    def forget(self, run: RunId) -> None:
        """Let go of a run; who asks for it next reads it from the store."""
        self._live.pop(run, None)
        self._keepers.pop(run, None)

    def forget_this(self, live: LiveRun) -> None:
        """Let go of a run, unless another one has read it anew already."""
        if self._live.get(live.run) is live:
            self.forget(live.run)

    def guard(self, settings: Settings) -> Guard:
        """Return the guard of settings.

        Raises:
            PolicyError: The settings name what cannot be used.
        """
        digest = policy_digest(settings)
        guard = self._guards.get(digest)
        if guard is None:
            guard = self._guards[digest] = Guard(
                settings=settings,
                gate=self._gate(settings),
                hooks=self._hooks,
                clock=self.clock,
                store=MemoryStore(capacity=1),  # runs are held here
                keep=self._keep,
            )
            if len(self._guards) > GUARDS:
                self._guards.popitem(last=False)
        self._guards.move_to_end(digest)
        return guard

    def _read(self, run: RunId) -> LiveRun | None:
        stored = self.store.load(run)
        if stored is None:
            return None
        guard = self.guard(settings_of_text(stored.row.policy))
        keeper = self._keepers[run] = Keeper(self.store, row=None, clock=self.clock)
        for record in stored.since[-1:]:
            keeper.note(record)
        since = events_of(stored.since)
        session = guard.restore(SessionKey(run), stored.snapshot, since=since)
        return LiveRun(
            session,
            guard=guard,
            keeper=keeper,
            store=self.store,
            key=stored.row.key,
            number=stored.number,
            upto=session.state.seq - len(since),
        )

    def _hold(self, live: LiveRun) -> None:
        self._live[live.run] = live
        self._live.move_to_end(live.run)
        for run, one in list(self._live.items()):
            if len(self._live) <= self._at_most:
                break
            if not one.busy:
                self.forget(run)

    def _keep(self, proposed: Proposed) -> None:
        keeper = self._keepers.get(proposed.event.run)
        if keeper is None:
            raise ConflictError(f"run {proposed.event.run} was let go of; it has to be read anew")
        keeper(proposed)
