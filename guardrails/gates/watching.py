"""Keeps looking after a pass, for a time: whether what was mended stays mended.

A regression is a violated fact that is not settling, as for any gate. Evidence that cannot be read
is none, however long: it is waited for, and when the time is over the end of the watch says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from guardrails.core.clock import Clock
from guardrails.core.events import WatchEnd
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict, Sample
from guardrails.gates.base import GateRequest, GateRun, OnProgress

TRAIL_LIMIT = 600
"""Looks that the trail of a watch keeps. A day at a look per 5 s is 17,280; a report of 600 looks
is some 60 kB. What is left out lies between two good looks and changes no verdict."""

RETRY_SECONDS = 1.0
"""Between two looks while something cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How a watch came out."""

    end: WatchEnd
    report: GateReport
    """The last look that could be had, in full."""
    seconds: float
    """How long it was watched."""
    looks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One look of a watch: its verdict on its own, and the report if it should end here."""

    verdict: GateVerdict
    report: GateReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a watch goes on."""

    clock: Clock
    for_seconds: float
    poll_seconds: float = 5.0
    grace_seconds: float = 15.0
    """How long unreadable evidence is waited for at the end of the watch."""


@runtime_checkable
class WatchableRun(Protocol):
    """A gate's run that can watch by itself; any other is asked again and again."""

    async def watch(
        self,
        request: GateRequest,
        *,
        accepted: GateReport,
        for_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> Watched:
        """Keep looking for so long; cancellable at any time.

        Args:
            request: The end that passed.
            accepted: The report that it passed with.
            for_seconds: How long to watch.
            on_progress: Told of every look.

        Returns:
            How it came out, at the first regression or when the time is over.
        """
        ...


async def watch_run(
    run: GateRun,
    request: GateRequest,
    *,
    accepted: GateReport,
    pace: Pace,
    on_progress: OnProgress | None = None,
) -> Watched:
    """Watch with any gate: by its own `watch` if it has one, else by asking it for single looks.

    Args:
        run: The gate's run.
        request: The end that passed.
        accepted: The report that it passed with.
        pace: How long, and how often.
        on_progress: Told of every look.
    """
    if isinstance(run, WatchableRun):
        return await run.watch(
            request, accepted=accepted, for_seconds=pace.for_seconds, on_progress=on_progress
        )
    once = GateRequest(
        incident=request.incident,
        claim=request.claim,
        wait=False,
        last_write_at=request.last_write_at,
        observed=request.observed,
        ledger=request.ledger,
    )
    last = accepted

    async def glance() -> Glance:
        nonlocal last
        try:
            last = await run.evaluate(once)
        except Exception:  # noqa: BLE001  # a gate that breaks could not be read
            return Glance(verdict=GateVerdict.UNKNOWN, report=last)
        # One look cannot pass what must stay good for a time; its own verdict is in the trail.
        alone = last.trail[-1].verdict if last.trail else last.verdict
        return Glance(verdict=alone, report=last)

    return await keep_watch(glance, pace=pace, on_progress=on_progress)


async def keep_watch(
    glance: Callable[[], Awaitable[Glance]],
    *,
    pace: Pace,
    on_progress: OnProgress | None = None,
) -> Watched:
    """Look again and again until something regresses or the time is over.

    The first look comes one poll after the pass, and the last when the time is over; unreadable
    evidence at the end gets the grace that a gate would give it.
    """
    clock = pace.clock
    began = clock.monotonic()
    until = clock.now() + timedelta(seconds=pace.for_seconds)
    looks, pause = 0, pace.poll_seconds
    while True:
        left = pace.for_seconds - (clock.monotonic() - began)
        late = left <= 0
        await clock.sleep(min(pause, RETRY_SECONDS) if late else min(pause, left))
        seen = await glance()
        looks += 1
        seconds = clock.monotonic() - began
        if on_progress is not None:
            on_progress(_progress(seen, clock.now(), until, looks))
        end = _end(seen.verdict, seconds, pace)
        if end is not None:
            return Watched(end=end, report=seen.report, seconds=seconds, looks=looks)
        unread = seen.verdict is GateVerdict.UNKNOWN
        pause = min(RETRY_SECONDS, pace.poll_seconds) if unread else pace.poll_seconds


def worst_of(ended: Sequence[Watched]) -> Watched:
    """Return the watch that says most against the pass."""
    order = (WatchEnd.REGRESSED, WatchEnd.UNREAD, WatchEnd.SETTLING, WatchEnd.HELD)
    return min(ended, key=lambda watched: order.index(watched.end))


async def watch_all(watches: Sequence[Awaitable[Watched]]) -> Watched:
    """Keep several watches at the same time; the first regression ends the rest."""
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    try:
        ended: list[Watched] = []
        for done in asyncio.as_completed(tasks):
            ended.append(await done)
            if ended[-1].end is WatchEnd.REGRESSED:
                break
        return worst_of(ended)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def thinned(trail: Sequence[Sample]) -> tuple[Sample, ...]:
    """Keep a trail short: every second good look between good looks is left out.

    Since when things are good, and that more than one look showed it, stays as it was.
    """
    if len(trail) <= TRAIL_LIMIT:
        return tuple(trail)
    last = len(trail) - 1
    return tuple(
        look
        for at, look in enumerate(trail)
        if at in {0, last} or at % 2 == 0 or not all(map(_good, trail[at - 1 : at + 2]))
    )


def _good(look: Sample) -> bool:
    return look.verdict is GateVerdict.PASS and look.state_verdict is GateVerdict.PASS


def _end(verdict: GateVerdict, seconds: float, pace: Pace) -> WatchEnd | None:
    if verdict is GateVerdict.FAIL:
        return WatchEnd.REGRESSED
    if seconds < pace.for_seconds:
        return None
    match verdict:
        case GateVerdict.PASS:
            return WatchEnd.HELD
        case GateVerdict.PENDING:
            return WatchEnd.SETTLING
        case GateVerdict.UNKNOWN:
            return WatchEnd.UNREAD if seconds >= pace.for_seconds + pace.grace_seconds else None


def _progress(seen: Glance, now: datetime, until: datetime, looks: int) -> GateProgress:
    trouble = () if seen.verdict is GateVerdict.PASS else seen.report.waiting_for
    return GateProgress(
        at=now,
        verdict=seen.verdict,
        waiting_for=("the watch to be over", *trouble),
        waiting_until=until,
        looks=looks,
    )


def named(watched: Watched) -> GateReport:
    """Return the report of a watch with a summary that says what it is of."""
    report = watched.report
    if watched.end is not WatchEnd.REGRESSED:
        return report
    said = f"Regressed {watched.seconds:.0f} s after it had passed. {report.summary}"
    return msgspec.structs.replace(report, summary=said)
