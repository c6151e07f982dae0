"""The guard as a service: runs by id, facts by the caller's numbers, ends that are waited for.

It knows no HTTP. A fact is stored before it is so, a fact that is stated twice is decided once, and
an end is judged by whichever process is asked for it, also when the one that began has died.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final, TypeVar

from msgspec.structs import replace

from guardrails.core.allowances import Allowance
from guardrails.core.clock import Clock, SystemClock
from guardrails.core.decisions import Decision
from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.evidence import GateProgress
from guardrails.core.hooks import Hook
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.engine import SessionKey
from guardrails.errors import UsageError
from guardrails.policy.models import Settings
from guardrails.policy.stored import settings_text
from guardrails.sidecar.ends import Ends
from guardrails.sidecar.facts import Posted, check_stated
from guardrails.sidecar.register import MakeGate, Register
from guardrails.sidecar.runs import LiveRun, LostRecordsError
from guardrails.sidecar.stores.base import ConflictError, RunRow, RunStore, StoreError
from guardrails.sidecar.taking import Facts
from guardrails.sidecar.telling import Changes, Listener, Telling

T = TypeVar("T")

_log = logging.getLogger("guardrails.service")

LIVE: Final = 1_024
"""Runs that are held in memory besides the store; others are read again when they are asked for."""
OPEN_ROWS: Final = 100_000
"""Most open runs that one sweep looks at."""
ADAPTER: Final = "sidecar"

ChooseSettings = Callable[[str, str], Settings]
"""Returns what to enforce, by the name of a policy (empty for the usual one) and the model. Raises
`PolicyError` for a name that is none."""


class UnknownRunError(UsageError):
    """There is no such run, or it was deleted."""


class Service:
    """Guards runs for callers in other processes.

    Args:
        store: Where runs are kept.
        settings: Chooses what a run is decided by.
        gate: Makes the gate of such settings; called once for each.
        hooks: Telemetry sinks.
        clock: Where the time comes from.
        live: Runs that are held in memory besides the store.
    """

    def __init__(
        self,
        *,
        store: RunStore,
        settings: ChooseSettings,
        gate: MakeGate,
        hooks: Sequence[Hook] = (),
        clock: Clock | None = None,
        live: int = LIVE,
    ) -> None:
        self.store = store
        self._settings = settings
        self._clock: Clock = clock or SystemClock()
        self._telling = Telling()
        self._register = Register(
            store=store, gate=gate, hooks=(*hooks, self._telling), clock=self._clock, live=live
        )
        self._ends = Ends(self._register)
        self._facts = Facts(self._register, self._ends)

    @property
    def live(self) -> Sequence[LiveRun]:
        """The runs that are in memory."""
        return self._register.live

    # Runs

    async def open(
        self,
        incident: Incident,
        *,
        policy: str = "",
        model: str = "",
        key: str = "",
        run: str = "",
    ) -> LiveRun:
        """Begin a run, and let the gate note the world.

        Args:
            incident: What it is about.
            policy: The name of a policy that the service has; empty for its usual one.
            model: `provider:name`; chooses the profile.
            key: What the caller finds the run by, besides its id.
            run: An id of the caller's own. A run that has it already is given back: asking twice
                begins one run.

        Raises:
            ConflictError: Another run is open under the key.
            PolicyError: There is no such policy.
            StoreError: The store cannot be used; the run has not begun.
        """
        new = RunId(run or uuid.uuid4().hex)
        live = await self._register.find(new) if run else None
        if live is None:
            guard = self._register.guard(self._settings(policy, model))
            now = self._clock.now()
            text = settings_text(guard.settings)
            row = RunRow(run=new, key=key, policy=text, created=now, changed=now, seq=1)
            live = await self._register.begin(
                row,
                guard,
                lambda: guard.begin(
                    SessionKey(new), adapter=ADAPTER, incident=incident, model=model, run=new
                ),
            )
        if not live.number:
            async with live.turn:
                await self._ends.prepare(live)
        return live

    async def run(self, run: str) -> LiveRun:
        """Return a run.

        Raises:
            UnknownRunError: There is none.
            StoreError: The store cannot be used.
        """
        found = await self._register.find(RunId(run))
        if found is None:
            raise UnknownRunError(f"no run {run!r}")
        return found

    async def current(self, run: str) -> LiveRun:
        """Return a run with what other processes decided on it by now.

        Raises:
            UnknownRunError: There is none.
            StoreError: The store cannot be used.
        """

        async def caught_up(live: LiveRun) -> LiveRun:
            await self._register.blocking(live.catch_up)
            return live

        return await self._at(run, caught_up)

    def follow(self, run: str) -> AbstractContextManager[Listener]:
        """Follow what is decided on a run in this process; the store has what others decide."""
        return self._telling.listening(RunId(run))

    def changes(self) -> Changes:
        """Have every run noted that something happens to in this process."""
        return self._telling.changes()

    def progress(self, run: str) -> GateProgress | None:
        """Return what a gate at work on a run in this process said last."""
        return self._telling.progress(RunId(run))

    def held(self, run: str) -> LiveRun | None:
        """Return a run if it is in memory. It is not held there for longer by that."""
        return self._register.held(RunId(run))

    # Facts

    async def post(self, run: str, posted: Sequence[Posted]) -> list[Decision]:
        """Take facts in their order, and decide on each.

        Raises:
            GapError: A number is missing; those before it were taken.
            UsageError: A fact is not the caller's to state; none was taken.
        """
        for one in posted:
            check_stated(one.fact)

        async def taken(live: LiveRun) -> list[Decision]:
            async with live.turn:
                return await self._facts.take(live, posted)

        return await self._at(run, taken)

    async def settle(
        self, run: str, end: Posted, *, seconds: float | None = None
    ) -> Decision | None:
        """Have an end judged, and wait for that.

        Asking again with the same number asks for the same end: whoever lost the connection, or
        would not wait as long, gets the decision then.

        Args:
            run: The run.
            end: Its fact is an `EndRequested`.
            seconds: How long to wait; None until it is decided.

        Returns:
            The decision, or None when the gate is still at work.
        """
        if not isinstance(end.fact, EndRequested):
            raise UsageError("only an end can be judged")

        async def settled(live: LiveRun) -> Decision | None:
            async with live.turn:
                (decision,) = await self._facts.take(live, [end])
            return await self._ends.decided(
                live, decision, number=end.number, agent=end.agent, seconds=seconds
            )

        return await self._at(run, settled)

    async def look(self, run: str, *, agent: str = "") -> None:
        """Let the gate look now, if the run's machine wants it to."""

        async def looked(live: LiveRun) -> None:
            async with live.turn:
                await self._ends.look(live, agent=agent)

        await self._at(run, looked)

    # People

    async def answer(self, run: str, *, question: str, text: str, by: str = "") -> None:
        """Take a person's answer to an open question.

        Raises:
            UsageError: No such question is open, or the answer is empty.
        """
        await self._stated(
            run,
            lambda live: live.guard.answer(live.session, question=question, text=text, by=by),
        )

    async def give_up_asking(self, run: str, *, detail: str = "") -> None:
        """Let a run go on without changes, because nobody answers."""
        await self._stated(
            run,
            lambda live: live.guard.give_up_asking(live.session, detail=detail),
        )

    async def allow(self, run: str, allowance: Allowance) -> Allowance:
        """Let a person allow a loss in a run; the same once more is the same.

        Args:
            run: The run.
            allowance: The guard notes its time by itself.

        Returns:
            The allowance that the run has.

        Raises:
            PolicyError: The check tells no loss.
            UsageError: A part of it is empty.
        """

        def state(live: LiveRun) -> None:
            # Whoever lost the answer asks again; perhaps another process took it the first time.
            if _as_allowed(live, allowance) is None:
                live.guard.allow(
                    live.session,
                    check=allowance.check,
                    kind=allowance.kind,
                    name=allowance.name,
                    namespace=allowance.namespace,
                    reason=allowance.reason,
                    by=allowance.by,
                )

        await self._stated(run, state)
        found = _as_allowed(await self.run(run), allowance)
        if found is None:
            raise ConflictError(f"run {run} was begun anew meanwhile: allow the loss again")
        return found

    async def _stated(self, run: str, state: Callable[[LiveRun], object]) -> None:
        async def stated(live: LiveRun) -> None:
            async with live.turn:
                await self._register.blocking(live.catch_up)
                await self._register.blocking(lambda: live.decided(lambda: state(live)))
                await self._ends.prepare(live)

        await self._at(run, stated)

    async def _at(self, run: str, work: Callable[[LiveRun], Awaitable[T]]) -> T:
        """Work on a run; one that is ahead of a store which lost records is read anew first."""
        live = await self.run(run)
        try:
            return await work(live)
        except LostRecordsError as error:
            _log.warning("%s: the run goes on from what the store has", error)
            self._register.forget_this(live)
        return await work(await self.run(run))

    # The end of all things

    async def expire(self, *, ended: timedelta, idle: timedelta) -> int:
        """Delete runs whose time is over; those nobody went on with get an outcome first.

        Args:
            ended: How long runs are kept after their end.
            idle: How long a run may stand still. Then it ends `aborted`, and is kept as any other.

        Returns:
            How many were deleted.
        """
        now = self._clock.now()
        rows = await self._register.blocking(lambda: self.store.rows(ended=False, limit=OPEN_ROWS))
        for row in rows:
            if row.changed < now - idle:
                await self._abandoned(row.run, idle)
        gone = await self._register.blocking(
            lambda: self.store.expire(ended_before=now - ended, open_before=now - ended - idle)
        )
        for live in self._register.live:
            if live.session.state.ended and not live.busy:
                self._register.forget(live.run)
        return gone

    async def _abandoned(self, run: RunId, idle: timedelta) -> None:
        live = await self._register.find(run)
        if live is None or live.busy:
            return
        end = EndRequested(
            exit=ExitKind.CANCELLED, detail=f"abandoned: nothing came for {_told(idle)}"
        )
        async with live.turn:
            try:
                await self._register.blocking(
                    lambda: live.decided(lambda: live.session.observe(end))
                )
            except LostRecordsError:
                self._register.forget_this(live)  # the next sweep reads it anew
                return
            await self._register.blocking(live.settle_down)

    async def shutdown(self) -> None:
        """Stop working on runs: another process goes on with each of them where it stands.

        Ends that the gate is looking at stay held, and are judged by whoever is asked next.
        """
        for live in self._register.live:
            live.keeper.closed = True
        tasks = [one.judging for one in self._register.live if one.judging is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for live in self._register.live:
            # It only saves the next reader some folding, and must not be of what the store lost.
            with contextlib.suppress(StoreError, ConflictError):
                await self._register.blocking(live.catch_up)
                await self._register.blocking(lambda live=live: live.settle_down(whole=True))


def _as_allowed(live: LiveRun, allowance: Allowance) -> Allowance | None:
    """Return what the run has of an allowance, whenever that was given."""
    known = live.session.state.allowances
    return next((one for one in known if replace(one, at=allowance.at) == allowance), None)


def _told(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} hours" if hours != 1 else "an hour"
