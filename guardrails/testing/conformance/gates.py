"""Facts that every gate must hold: nothing passes unread or too early, and waiting can be ended.

The author of a gate says how to make it in four worlds: one that is well, one that is not, one
whose source does not answer, and one in which it has to wait. Time is virtual.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.clock import Clock
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.gates.base import Gate, GateRequest
from guardrails.gates.composition import discrepancies
from guardrails.testing.clock import ManualClock

MakeGate = Callable[[Clock], Gate]
"""Makes a gate that takes its time from the clock."""

TURNS_AT_MOST = 10_000
"""Turns of the event loop in which a gate must come to sleep, or to its end."""


MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="It is mended.")
"""What is claimed unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateUnderTest:
    """A gate, made for each of the worlds that it is held to its facts in."""

    incident: Incident
    well: MakeGate
    """All is well and stays so: the gate passes, after its window."""
    unwell: MakeGate
    """Something is violated: the gate fails."""
    unreadable: MakeGate
    """A source that it needs does not answer, ever."""
    window_seconds: float = 0.0
    """How long things must stay good before it passes."""
    claim: Claim = MITIGATED

    @property
    def request(self) -> GateRequest:
        """The end that is judged."""
        return GateRequest(incident=self.incident, claim=self.claim)


GateFact = Callable[[GateUnderTest], Awaitable[None]]


async def it_passes_what_is_well(under_test: GateUnderTest) -> None:
    """A pass, whose report leads to it again after a way through JSON."""
    report = await _judged(under_test, under_test.well)
    assert report.verdict is GateVerdict.PASS, f"{report.verdict}: {report.summary}"
    assert report.evidence, "a pass without evidence"


async def it_fails_what_is_not(under_test: GateUnderTest) -> None:
    """A fail that names what is violated, what was seen and what is expected."""
    report = await _judged(under_test, under_test.unwell)
    assert report.verdict is GateVerdict.FAIL, f"{report.verdict}: {report.summary}"
    assert report.violated, "a fail that names no fact"
    assert all(e.observed and e.expected for e in report.violated), "a fact without its values"


async def a_source_that_does_not_answer_never_passes(under_test: GateUnderTest) -> None:
    """Neither in the end nor in a single look, and it is no exception."""
    report = await _judged(under_test, under_test.unreadable)
    assert report.verdict is not GateVerdict.PASS, "passed without its source"
    once = await _judged(under_test, under_test.unreadable, wait=False)
    assert once.verdict is not GateVerdict.PASS, "passed a look without its source"


async def nothing_passes_before_its_window(under_test: GateUnderTest) -> None:
    """One look does not pass, and a pass was watched for the whole window."""
    if under_test.window_seconds <= 0:
        return
    once = await _judged(under_test, under_test.well, wait=False)
    assert once.verdict is not GateVerdict.PASS, "one look passed"
    report = await _judged(under_test, under_test.well)
    watched = (report.ended_at - report.started_at).total_seconds()
    assert watched >= under_test.window_seconds, f"passed after {watched:g} s"


async def waiting_can_be_ended(under_test: GateUnderTest) -> None:
    """A gate that waits ends when it is cancelled, and leaves no sleeper behind."""
    if under_test.window_seconds <= 0:
        return
    clock = ManualClock()
    run = await under_test.well(clock).open(under_test.incident)
    task = asyncio.ensure_future(run.evaluate(under_test.request))
    await _until_asleep(clock, task)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        assert clock.sleepers == 0, "something still sleeps"
        return
    raise AssertionError("it returned a report although it was cancelled")


async def a_wait_is_told(under_test: GateUnderTest) -> None:
    """Whoever asked is told of the wait, and for what."""
    if under_test.window_seconds <= 0:
        return
    told: list[GateProgress] = []
    run = await under_test.well(ManualClock(auto_advance=True)).open(under_test.incident)
    await run.evaluate(under_test.request, on_progress=told.append)
    assert any(p.waiting_for for p in told), "no word of what it waits for"


async def runs_do_not_meet(under_test: GateUnderTest) -> None:
    """One gate serves runs at the same time, each with its own report."""
    gate = under_test.well(ManualClock(auto_advance=True))
    assert gate.name, "a gate without a name"
    runs = [await gate.open(under_test.incident) for _ in range(2)]
    reports = await asyncio.gather(*(run.evaluate(under_test.request) for run in runs))
    assert {r.verdict for r in reports} == {GateVerdict.PASS}, "one run disturbed the other"


FACTS: tuple[GateFact, ...] = (
    it_passes_what_is_well,
    it_fails_what_is_not,
    a_source_that_does_not_answer_never_passes,
    nothing_passes_before_its_window,
    waiting_can_be_ended,
    a_wait_is_told,
    runs_do_not_meet,
)
"""Every fact, for `pytest.mark.parametrize`."""


async def run_fact(fact: GateFact, under_test: GateUnderTest) -> None:
    """Hold a gate to one fact.

    Raises:
        AssertionError: It does not hold; the message says of what.
    """
    try:
        await fact(under_test)
    except AssertionError as error:
        raise AssertionError(f"{fact.__name__}: {error}") from error


async def hold(under_test: GateUnderTest) -> None:
    """Hold a gate to every fact.

    Raises:
        AssertionError: One does not hold.
    """
    for fact in FACTS:
        await run_fact(fact, under_test)


async def _judged(under_test: GateUnderTest, make: MakeGate, *, wait: bool = True) -> GateReport:
    """Judge one end, and see that the report replays whatever it says."""
    run = await make(ManualClock(auto_advance=True)).open(under_test.incident)
    request = GateRequest(incident=under_test.incident, claim=under_test.claim, wait=wait)
    report = await run.evaluate(request)
    again = msgspec.json.decode(msgspec.json.encode(report), type=GateReport)
    assert again == report, "the report does not survive JSON"
    wrong = discrepancies(again)
    assert not wrong, f"the report does not replay: {wrong[0]}"
    return report


async def _until_asleep(clock: ManualClock, task: "asyncio.Future[GateReport]") -> None:
    for _ in range(TURNS_AT_MOST):
        if clock.sleepers or task.done():
            break
        await asyncio.sleep(0)
    assert not task.done(), "it did not wait"
    assert clock.sleepers, "it waits on something else than its clock"
