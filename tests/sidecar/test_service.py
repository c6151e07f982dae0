"""The service without HTTP: numbers, stores, deaths and two processes at one run."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision, Next, Reason
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    GateReported,
    ModelReplied,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.hooks import Record as Told
from guardrails.core.hooks import RunEnded
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.engine.reading import read_up
from guardrails.errors import BaselineError, UsageError
from guardrails.gates.base import Gate, GateRequest, OnProgress
from guardrails.sidecar.facts import GapError, Posted
from guardrails.sidecar.register import READ_AFTER_SECONDS
from guardrails.sidecar.runs import READ_EVERY
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.base import ConflictError, Record, StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.sidecar.telling import ROOM
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate, scripted_report
from tests.settings import FREE

ABOUT = Incident(task="checkout is down", namespaces=("shop",))
CLAIM = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)


def _service(store: MemoryRuns, *verdicts: GateVerdict) -> Service:
    gate = ScriptedGate(*verdicts) if verdicts else None
    return Service(
        store=store,
        settings=lambda _policy, _model: FREE,
        gate=lambda _settings: gate,
        clock=ManualClock(),
    )


def _posted(*facts: AnyFact, first: int = 1) -> Sequence[Posted]:
    return [Posted(number=number, fact=fact) for number, fact in enumerate(facts, start=first)]


PODS = "NAME   READY  STATUS   RESTARTS  AGE\nweb-1  1/1    Running  0         3m"
GET_PODS = '{"command": "kubectl get pods -n shop"}'
LOOK = (
    ModelReplied(text="I look."),
    ToolRequested(call_id=CallId("c1"), tool="get_pods"),
)


async def test_a_fact_that_is_stated_twice_is_decided_once() -> None:
    """Whoever lost the answer asks again, and gets the same one."""
    store = MemoryRuns()
    service = _service(store)
    live = await service.open(ABOUT)
    first = await service.post(live.run, _posted(*LOOK))
    again = await service.post(live.run, _posted(*LOOK))
    assert again == first
    assert [record.number for record in store.records(live.run)] == [0, 1, 2]


async def test_a_gap_is_refused_with_the_number_that_is_next() -> None:
    """A fact that got lost must come first, or the run would be another."""
    service = _service(MemoryRuns())
    live = await service.open(ABOUT)
    with pytest.raises(GapError, match="fact 1 is next") as caught:
        await service.post(live.run, _posted(LOOK[0], first=2))
    assert caught.value.expected == 1


async def test_a_report_of_the_gate_is_not_for_callers_to_state() -> None:
    """Nothing of the list is taken then."""
    store = MemoryRuns()
    service = _service(store, GateVerdict.PASS)
    live = await service.open(ABOUT)
    await service.settle(live.run, Posted(number=1, fact=CLAIM))
    report = live.session.state.report
    assert report is not None
    other = await service.open(ABOUT)
    with pytest.raises(UsageError, match="gate_reported is not for callers"):
        await service.post(other.run, _posted(LOOK[0], GateReported(report=report)))
    assert len(list(store.records(other.run))) == 1


async def test_an_end_is_judged_once_however_often_it_is_asked_for() -> None:
    """The second time it is the decision that was made."""
    service = _service(MemoryRuns(), GateVerdict.FAIL, GateVerdict.PASS)
    live = await service.open(ABOUT)
    refused = await service.settle(live.run, Posted(number=1, fact=CLAIM))
    assert refused is not None
    assert refused.next is Next.CONTINUE
    assert await service.settle(live.run, Posted(number=1, fact=CLAIM)) == refused
    await service.post(live.run, _posted(*LOOK, first=2))
    accepted = await service.settle(live.run, Posted(number=4, fact=CLAIM))
    assert accepted is not None
    assert accepted.outcome is Outcome.RESOLVED


async def test_a_run_goes_on_in_another_process() -> None:
    """The one that began has died; numbers, state and decisions are those of the run."""
    store = MemoryRuns()
    first = _service(store)
    run = (await first.open(ABOUT)).run
    decided = await first.post(run, _posted(*LOOK))
    second = _service(store, GateVerdict.PASS)
    assert await second.post(run, _posted(*LOOK)) == decided
    live = await second.run(run)
    assert live.session.state.step == 1
    ended = await second.settle(run, Posted(number=3, fact=CLAIM))
    assert ended is not None
    assert ended.outcome is Outcome.RESOLVED


async def test_a_process_that_is_behind_reads_what_another_wrote() -> None:
    """Both held the run; the second one to write decides on what it is by then."""
    store = MemoryRuns()
    one, other = _service(store), _service(store)
    run = (await one.open(ABOUT)).run
    await other.run(run)
    await one.post(run, _posted(LOOK[0]))
    await other.post(run, _posted(LOOK[1], first=2))
    assert (await other.run(run)).session.state.seq == 3
    await one.post(run, _posted(ModelReplied(text="On."), first=3))
    assert [record.seq for record in store.records(run)] == [1, 2, 3, 4]


async def test_an_end_whose_process_died_is_judged_by_the_next_one() -> None:
    """It was held, and nothing was decided."""
    store = MemoryRuns()
    first = _service(store, GateVerdict.PASS)
    live = await first.open(ABOUT)
    live.keeper.closed = False
    decision = live.decided(lambda: live.session.observe(CLAIM), number=1)
    assert decision.next is Next.VERIFY
    second = _service(store, GateVerdict.PASS)
    ended = await second.settle(live.run, Posted(number=1, fact=CLAIM))
    assert ended is not None
    assert ended.outcome is Outcome.RESOLVED


async def test_two_processes_that_judge_one_end_decide_it_once() -> None:
    """Whoever is second gives the first one's decision."""
    store = MemoryRuns()
    services = [_service(store, GateVerdict.PASS), _service(store, GateVerdict.FAIL)]
    run = (await services[0].open(ABOUT)).run
    await services[1].run(run)
    ends: list[Decision | None] = await asyncio.gather(
        *(one.settle(run, Posted(number=1, fact=CLAIM)) for one in services)
    )
    assert ends[0] == ends[1]
    kinds = [record.event for record in store.records(run) if b"gate_reported" in record.event]
    assert len(kinds) == 1


async def test_one_key_has_one_open_run() -> None:
    """An agent that is started twice does not get two guards."""
    service = _service(MemoryRuns())
    live = await service.open(ABOUT, key="thread-1", run="r-1")
    assert (await service.open(ABOUT, key="thread-1", run="r-1")) is live
    with pytest.raises(ConflictError, match="is open under key"):
        await service.open(ABOUT, key="thread-1")


async def test_a_run_that_is_not_there_is_told() -> None:
    """It was never begun, or is deleted by now."""
    with pytest.raises(UnknownRunError, match="no run 'r-9'"):
        await _service(MemoryRuns()).run("r-9")


class NotedRun:
    """A gate of a run that tells what it was opened by."""

    def __init__(self, saw: bytes) -> None:
        self.saw = saw

    def noted(self) -> bytes:
        """Return what it saw as the run began."""
        return self.saw

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Pass, and say by what."""
        report = scripted_report(GateVerdict.PASS)
        return msgspec.structs.replace(report, summary=f"judged by {self.saw.decode()}")


class NotingGate:
    """A gate that sees another world each time it looks."""

    name = "noting"

    def __init__(self, world: bytes) -> None:
        self.world = world

    async def open(self, incident: Incident) -> NotedRun:
        """See the world of now."""
        return NotedRun(self.world)

    async def reopen(self, incident: Incident, noted: bytes) -> NotedRun:
        """See the world of then."""
        return NotedRun(noted)


def _with_gate(store: MemoryRuns, gate: object) -> Service:
    return Service(
        store=store,
        settings=lambda _policy, _model: FREE,
        gate=lambda _settings: cast("Gate", gate),
        clock=ManualClock(),
    )


async def test_another_process_judges_by_the_world_as_the_run_began() -> None:
    """What the agent has done since is no beginning; when the run is over it is thrown away."""
    store = MemoryRuns()
    run = (await _with_gate(store, NotingGate(b"then")).open(ABOUT)).run
    other = _with_gate(store, NotingGate(b"now"))
    await other.settle(run, Posted(number=1, fact=CLAIM))
    report = (await other.run(run)).session.state.report
    assert report is not None
    assert report.summary == "judged by then"
    assert store.kept(run, "noted") == b""


async def test_a_gate_that_cannot_be_opened_again_passes_nothing() -> None:
    """It is unknown evidence, and the agent is told so."""

    class Broken(NotingGate):
        async def reopen(self, incident: Incident, noted: bytes) -> NotedRun:
            raise BaselineError("broken notes")

    store = MemoryRuns()
    run = (await _with_gate(store, NotingGate(b"then")).open(ABOUT)).run
    other = _with_gate(store, Broken(b"now"))
    decision = await other.settle(run, Posted(number=1, fact=CLAIM))
    assert decision is not None
    assert decision.outcome is not Outcome.RESOLVED
    report = (await other.run(run)).session.state.report
    assert report is not None
    assert (report.verdict, "broken notes" in report.summary) == (GateVerdict.UNKNOWN, True)


async def test_a_run_that_nobody_goes_on_with_gets_an_outcome() -> None:
    """It is kept like any other that ended, and then deleted."""
    store, clock = MemoryRuns(), ManualClock(datetime.now(UTC))
    service = Service(store=store, settings=lambda *_: FREE, gate=lambda _: None, clock=clock)
    run = (await service.open(ABOUT)).run
    day = timedelta(days=1)
    assert await service.expire(ended=3 * day, idle=day) == 0
    clock.advance(25 * 3600)
    assert await service.expire(ended=3 * day, idle=day) == 0
    state = (await service.current(run)).session.state
    assert (state.outcome, state.reason) == (Outcome.ABORTED, Reason.CANCELLED)
    assert "nothing came for 24 hours" in state.detail
    clock.advance(75 * 3600)
    assert await service.expire(ended=3 * day, idle=day) == 1
    with pytest.raises(UnknownRunError):
        await service.current(run)


async def test_an_end_outlives_the_process_that_was_told_to_go() -> None:
    """Whoever waits there is told so, and the next process judges."""
    store = MemoryRuns()
    started = asyncio.Event()

    class Slow(NotedRun):
        async def evaluate(
            self, request: GateRequest, *, on_progress: OnProgress | None = None
        ) -> GateReport:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    class SlowGate(NotingGate):
        async def open(self, incident: Incident) -> NotedRun:
            return Slow(b"then")

    first = _with_gate(store, SlowGate(b""))
    run = (await first.open(ABOUT)).run
    waiting = asyncio.create_task(first.settle(run, Posted(number=1, fact=CLAIM)))
    await started.wait()
    await first.shutdown()
    with pytest.raises(StoreError, match="shutting down"):
        await waiting
    other = _with_gate(store, NotingGate(b"now"))
    decision = await other.settle(run, Posted(number=1, fact=CLAIM))
    assert decision is not None
    assert decision.outcome is Outcome.RESOLVED


async def test_who_follows_a_run_is_told_what_happens_as_it_happens() -> None:
    """Events, decisions and the end, in order; nothing of other runs."""
    service = _service(MemoryRuns(), GateVerdict.PASS)
    run, other = (await service.open(ABOUT)).run, (await service.open(ABOUT)).run
    with service.follow(run) as listener:
        await service.post(other, _posted(*LOOK))
        await service.post(run, _posted(*LOOK))
        await service.settle(run, Posted(number=3, fact=CLAIM))
        seen: list[Told] = []
        while (record := await listener.next(1)) is not None:
            seen.append(record)
            if isinstance(record, RunEnded):
                break
    assert {one.run for one in seen if isinstance(one, Event)} == {run}
    assert [one.seq for one in seen if isinstance(one, Event)] == [2, 3, 4, 5]


async def test_a_listener_that_is_behind_is_cut_off() -> None:
    """It gets what it had room for, and is told that something is missing."""
    service = _service(MemoryRuns())
    run = (await service.open(ABOUT)).run
    with service.follow(run) as listener:
        for number in range(1, ROOM + 2):
            await service.post(run, _posted(ModelReplied(text="x"), first=number))
        await asyncio.sleep(0)
        seen = [record async for record in listener]
    assert listener.behind
    assert len(seen) == ROOM


async def test_many_that_ask_at_once_get_one_order() -> None:
    """A run takes one fact at a time, whoever states it."""
    store = MemoryRuns()
    service = _service(store)
    run = (await service.open(ABOUT)).run
    facts = _posted(*(ModelReplied(text=str(n)) for n in range(20)))
    done = await asyncio.gather(
        *(service.post(run, facts[:upto]) for upto in range(1, 21)), return_exceptions=True
    )
    assert not [one for one in done if isinstance(one, BaseException)]
    assert [record.number for record in store.records(run)] == list(range(21))


async def test_results_are_read_once_nobody_waits_for_the_run() -> None:
    """What they say stays the same; until then they are kept as they came."""
    service = _service(MemoryRuns())
    live = await service.open(ABOUT)
    facts = [
        fact
        for number in range(READ_EVERY)
        for fact in (
            ModelReplied(text="I look."),
            ToolRequested(call_id=CallId(f"c{number}"), tool="kubectl", arguments=GET_PODS),
            ToolReturned(call_id=CallId(f"c{number}"), tool="kubectl", text=PODS),
        )
    ]
    await service.post(live.run, _posted(*facts))
    there = live.session.state
    assert len(there.results) == READ_EVERY
    await asyncio.sleep(20 * READ_AFTER_SECONDS)
    assert live.session.state == read_up(there)
    assert not live.session.state.results
    assert "web-1" in live.session.state.names


class SlowRuns(MemoryRuns):
    """A store over a network: it writes in a thread, and not before it is let."""

    name = "slow"

    def __init__(self) -> None:
        super().__init__()
        self.at_work = threading.Event()
        self.let = threading.Event()

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        self.at_work.set()
        assert self.let.wait(10)
        super().append(run, record, ended=ended)


async def test_a_caller_who_leaves_while_a_fact_is_written_leaves_it_once() -> None:
    """The write goes on in its thread; the same fact, stated again, must not overtake it."""
    store = SlowRuns()
    service = _service(store)
    live = await service.open(ABOUT)
    first = asyncio.create_task(service.post(live.run, _posted(LOOK[0])))
    await asyncio.to_thread(store.at_work.wait, 10)
    first.cancel()
    again = asyncio.create_task(service.post(live.run, _posted(LOOK[0])))
    await asyncio.sleep(0.05)
    store.let.set()
    await asyncio.gather(first, again, return_exceptions=True)
    assert first.cancelled()
    assert len(again.result()) == 1
    assert [record.number for record in store.records(live.run)] == [0, 1]
