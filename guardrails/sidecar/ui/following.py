"""One run as its page shows it: where it stands, what it tried, what happened last.

Its records are read once, as they come, however many people look at it. The store is the truth, so
a run of another replica is shown as well; only what a gate says while it is at work stays where it
works.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import EndRequested, Event, GateReported, RunStarted
from guardrails.core.evidence import GateReport
from guardrails.core.hooks import Record as Told
from guardrails.core.ids import RunId
from guardrails.engine.state import SessionState
from guardrails.sidecar.api.answers import RunState
from guardrails.sidecar.api.streams import records_after
from guardrails.sidecar.api.views import state_view
from guardrails.sidecar.runs import LiveRun
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.base import Record
from guardrails.sidecar.ui.lines import GateLine, GateWord, gate_of, reason_of
from guardrails.sidecar.ui.pages import Pages, TimeLine

LAST: Final = 40
"""Events that the page tells of; the trace and the report have all."""
ATTEMPTS: Final = 10
"""Attempts to end that the page tells of, the last ones."""
FACTS: Final = 8
"""Facts of one attempt that speak against it; its report has all."""
FOLLOWED: Final = 64
"""Runs whose records are kept read; the one looked at longest ago goes first."""
_PART: Final = 256
"""Records that are decoded before others have their turn."""

_events = msgspec.json.Decoder(Event)
_decisions = msgspec.json.Decoder(Decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that the agent asked to end."""

    number: int
    seconds: float
    exit: str
    claim: str = ""
    said: str = ""
    verdict: str = ""
    """Of the gate; empty while it has none."""
    summary: str = ""
    waited: str = ""
    """What it waited for as it judged."""
    against: tuple[str, ...] = ()
    more_against: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run at one moment."""

    started: RunStarted
    state: SessionState
    summary: RunState
    seconds: float
    """Up to its last event."""
    now: str
    gate: GateLine
    waits: tuple[str, ...]
    """All that a gate at work waits for."""
    looks: int
    attempts: tuple[Attempt, ...]
    attempts_before: int
    """Earlier ones, which are left out."""
    lines: Sequence[TimeLine]
    lines_before: int


class _Followed:
    """The records of one run, read as far as they go."""

    def __init__(self, run: RunId) -> None:
        self.run = run
        self.seq = 0
        self.lock = asyncio.Lock()
        self.first: tuple[Told, ...] = ()
        self.began: Event | None = None
        self.started: RunStarted | None = None
        self.last: deque[tuple[Event, Decision]] = deque(maxlen=LAST)
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS)
        self.asked = 0

    def take(self, records: Sequence[Record], pages: Pages) -> None:
        """Read some more."""
        for record in records:
            if record.seq <= self.seq:
                continue
            event, decision = _events.decode(record.event), _decisions.decode(record.decision)
            self.seq = record.seq
            if isinstance(event.fact, RunStarted) and self.began is None:
                self.began, self.started, self.first = event, event.fact, (event, decision)
            self.last.append((event, decision))
            self._note_attempt(event, pages)

    def _note_attempt(self, event: Event, pages: Pages) -> None:
        match event.fact:
            case EndRequested() as end:
                self.asked += 1
                self.attempts.append(
                    Attempt(
                        number=self.asked,
                        seconds=self._seconds(event),
                        exit=str(end.exit),
                        claim="" if end.claim is None else str(end.claim.kind),
                        said="" if end.claim is None else end.claim.text,
                    )
                )
            case GateReported(report=report) if self.attempts:
                self.attempts[-1] = judged(self.attempts[-1], report, pages)
            case _:
                return

    def _seconds(self, event: Event) -> float:
        return 0.0 if self.began is None else (event.at - self.began.at).total_seconds()

    def lines(self, pages: Pages) -> Sequence[TimeLine]:
        """Tell what happened last, the newest first."""
        told: list[Told] = [one for pair in self.last for one in pair]
        if self.last and self.last[0][0] != self.began:
            # Times are counted from the first event; its own line is not among the last.
            found = pages.lines((*self.first, *told))
            return [one for one in reversed(found) if one.kind != "start"]
        return list(reversed(pages.lines(tuple(told))))


def judged(attempt: Attempt, report: GateReport, pages: Pages) -> Attempt:
    """Return an attempt with what the gate said of it."""
    against = (*report.violated, *report.unknown)
    return replace(
        attempt,
        verdict=str(report.verdict),
        summary=report.summary,
        waited=reason_of(report.waiting_for),
        against=tuple(pages.fact(one) for one in against[:FACTS]),
        more_against=max(0, len(against) - FACTS),
    )


class Following:
    """The runs that somebody looks at.

    Args:
        service: Whose.
        pages: Says things as reports do.
    """

    def __init__(self, service: Service, pages: Pages) -> None:
        self._service = service
        self._pages = pages
        self._runs: OrderedDict[RunId, _Followed] = OrderedDict()

    async def view(self, run: RunId) -> RunView:
        """Return a run as it stands.

        Raises:
            UnknownRunError: There is none.
            StoreError: The store cannot be used.
        """
        followed = self._runs.get(run)
        if followed is None:
            followed = self._runs[run] = _Followed(run)
            if len(self._runs) > FOLLOWED:
                self._runs.popitem(last=False)
        self._runs.move_to_end(run)
        async with followed.lock:
            try:
                live = await self._service.current(run)
            except UnknownRunError:
                self._runs.pop(run, None)
                raise
            if live.session.state.seq < followed.seq:
                # The store lost records, and others took their place.
                followed = self._runs[run] = _Followed(run)
            await self._read(followed)
            return self._seen(followed, live)

    async def _read(self, followed: _Followed) -> None:
        part: list[Record] = []
        async for record in records_after(self._service.store, followed.run, followed.seq):
            part.append(record)
            if len(part) >= _PART:
                await asyncio.to_thread(followed.take, part, self._pages)
                part = []
        followed.take(part, self._pages)

    def _seen(self, followed: _Followed, live: LiveRun) -> RunView:
        state, started = live.session.state, followed.started
        if started is None:
            raise UnknownRunError(f"run {followed.run} has no beginning that can be read")
        at_work = state.ending is not None or state.watched_since is not None
        progress = self._service.progress(followed.run) if at_work and not state.ended else None
        gate = gate_of(state, progress)
        return RunView(
            started=started,
            state=state,
            summary=state_view(live),
            seconds=0.0 if state.last_at is None else state.elapsed_seconds(state.last_at),
            now=now_of(state, gate),
            gate=gate,
            waits=() if progress is None else progress.waiting_for,
            looks=0 if progress is None else progress.looks,
            attempts=tuple(reversed(followed.attempts)),
            attempts_before=followed.asked - len(followed.attempts),
            lines=followed.lines(self._pages),
            lines_before=followed.seq - len(followed.last),
        )


def now_of(state: SessionState, gate: GateLine) -> str:
    """Say what a run does now, in one sentence."""
    if state.ended:
        return "It has ended."
    if state.questions:
        return "It waits for a person's answer; until then it only reads."
    if state.paused_at is not None:
        return "It is paused."
    if gate.word is GateWord.AT_WORK:
        return "The agent asks to end, and the gate looks at the cluster."
    if gate.word is GateWord.WATCHING:
        return "The end was accepted, and is watched for a while."
    if state.open_calls:
        tools = ", ".join(dict.fromkeys(one.tool for one in state.open_calls))
        return f"It runs {tools}."
    if state.stop is not None:
        return f"The guard lets it take no further turn: {state.stop.value}."
    return "It waits for the agent's next turn."
