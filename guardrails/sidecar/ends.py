"""Ends in the service: who judges them, who waits, and what became of one that was judged before.

The gate works in a task of the service, not of a request: whoever lost the connection asks again.
Where the process dies, the run stays held at its end, and the next one asked for it judges anew.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from guardrails.core.decisions import Decision, Next
from guardrails.core.events import EndRequested, Event, ExitKind, GateReported, WatchReported
from guardrails.gates.base import GateRun, NotingRun
from guardrails.gates.together import Unopened
from guardrails.sidecar.register import Register
from guardrails.sidecar.runs import ATTEMPTS, LiveRun
from guardrails.sidecar.stores.base import ConflictError, Record, StoreError

log = structlog.get_logger("guarded_agent")

NOTED: Final = "noted"
"""Under this name the store keeps what the gate noted as the run began."""

_HELD: Final = frozenset({Next.VERIFY, Next.WATCH})


def is_held(decision: Decision) -> bool:
    """Tell whether an end waits for the gate."""
    return decision.next in _HELD


class Ends:
    """Judges the ends of runs.

    Args:
        register: Holds the runs.
    """

    def __init__(self, register: Register) -> None:
        self._register = register

    async def decided(
        self, live: LiveRun, decision: Decision, *, number: int, agent: str, seconds: float | None
    ) -> Decision | None:
        """Wait for what becomes of an end.

        Args:
            live: The run.
            decision: What was decided when the end was stated.
            number: The caller's number of it.
            agent: Which agent asked.
            seconds: How long to wait; None until it is decided.

        Returns:
            The decision; None when the gate is still at work.
        """
        if not is_held(decision):
            return decision
        if live.session.state.ending is None:
            return await self.final(live, number)
        task = self.judge(live, number=number, wait=decision.wait, agent=agent)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        return task.result() if done else None

    def judge(
        self, live: LiveRun, *, number: int, wait: bool, agent: str
    ) -> "asyncio.Task[Decision]":
        """Let the gate work on the end that a run is held at, unless it does already."""
        if live.judging is None or live.judging.done():
            live.judging = asyncio.create_task(
                self._concluded(live, number=number, wait=wait, agent=agent),
                name=f"gate of run {live.run}",
            )
            live.judging.add_done_callback(_told_if_failed)
        return live.judging

    async def look(self, live: LiveRun, *, agent: str) -> None:
        """Let the gate look, when the run's machine wants it to."""
        if not live.session.look_due:
            return
        fact = EndRequested(exit=ExitKind.LOOK)
        decision = await self._register.blocking(
            lambda: live.decided(lambda: live.session.observe(fact, agent=agent))
        )
        if is_held(decision):
            task = self.judge(live, number=live.number, wait=decision.wait, agent=agent)
            await asyncio.shield(task)

    async def prepare(self, live: LiveRun) -> None:
        """Let the gate note the world as the run begins, or find what it noted then.

        Raises:
            BaselineError: What was noted cannot be read.
            StoreError: The store cannot be used.
        """
        if live.guard.gate is None or live.session.gate_run is not None:
            return
        store, blocking = self._register.store, self._register.blocking
        noted = await blocking(lambda: store.kept(live.run, NOTED))
        await live.guard.prepare(live.session, noted=noted)
        opened = _gate_of(live)
        if not noted and isinstance(opened, NotingRun):
            found = await asyncio.to_thread(opened.noted)  # thousands of objects are compressed
            await blocking(lambda: store.keep(live.run, NOTED, found))

    async def final(self, live: LiveRun, number: int) -> Decision:
        """Return what became of an end that was judged."""
        records = await self._register.blocking(
            lambda: self._register.store.after(live.run, number)
        )
        judged = [record for record in records if _is_judged(record)]
        decision = decision_of(judged[-1]) if judged else None
        if decision is None or is_held(decision):
            await self._register.blocking(live.catch_up)  # it may be that the store lost the rest
        if decision is None:
            raise ConflictError(f"fact {number} of run {live.run} is no end that was judged")
        return decision

    async def _concluded(self, live: LiveRun, *, number: int, wait: bool, agent: str) -> Decision:
        for _ in range(ATTEMPTS):
            try:
                await self._prepared(live)
                decision = await live.guard.conclude(live.session, wait=wait, agent=agent)
            except ConflictError:
                await self._register.blocking(live.catch_up)
                if live.session.state.ending is None:  # another process has judged it
                    return await self.final(live, number)
            else:
                await self._register.blocking(lambda: self._put_down(live))
                return decision
        raise ConflictError(f"run {live.run} is written to by others all the time")

    def _put_down(self, live: LiveRun) -> None:
        live.settle_down()
        if live.session.state.ended:
            self._register.store.keep(live.run, NOTED, b"")  # nobody judges by it any more

    async def _prepared(self, live: LiveRun) -> None:
        """Open the gate for an end; one that cannot be opened is unknown evidence in its report."""
        if isinstance(live.session.gate_run, Unopened):
            live.session.gate_run = None
        try:
            await self.prepare(live)
        except (ConflictError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # as the guard takes a gate that breaks
            live.session.gate_run = Unopened(error=error)


def decision_of(record: Record) -> Decision:
    """Return the decision of a record."""
    return _decisions.decode(record.decision)


def _told_if_failed(task: "asyncio.Task[Decision]") -> None:
    """Log why a gate broke off, for whoever asked may have left; the run stays held at its end."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("guarded_agent.gate.broken_off", task=task.get_name(), error=str(error))


def _gate_of(live: LiveRun) -> GateRun | None:
    return live.session.gate_run


def _is_judged(record: Record) -> bool:
    fact = _events.decode(record.event).fact
    return isinstance(fact, EndRequested | GateReported | WatchReported)


_decisions = msgspec.json.Decoder(Decision)
_events = msgspec.json.Decoder(Event)
