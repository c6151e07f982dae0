"""The service is gone, or its answers are: no fact is lost or doubled, and nothing is accepted."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Next, Reason
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ExitKind,
    ModelReplied,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.outcome import Outcome
from guardrails.engine import SessionKey
from guardrails.policy.models import Budgets
from guardrails.sidecar.client import Endpoint, LostRunError, UnreachableError
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.recorder import Recorder
from tests.settings import FREE
from tests.sidecar.client.conftest import Remote, Serve
from tests.sidecar.client.loopback import WITHIN, Line, Loopback, PatientGate, scripted

KEY = SessionKey("thread")
READS = ToolRequested(
    call_id=CallId("c1"), tool="kubectl", arguments='{"command":"kubectl get pods -n shop"}'
)
WRITES = ToolRequested(
    call_id=CallId("c2"),
    tool="kubectl",
    arguments='{"command":"kubectl rollout restart deploy/checkout -n shop"}',
)
CLAIM = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)


async def test_a_lost_answer_costs_no_fact_and_doubles_none(
    serve: Serve, remote: Remote, line: Callable[[Loopback], Line]
) -> None:
    """The fact is stated again with its number, whatever kind it is."""
    service = serve(gate=scripted(GateVerdict.FAIL, GateVerdict.PASS))
    broken = line(service)
    guard = remote(Endpoint(url=broken.url))
    session = guard.begin(KEY, adapter="test")
    for fact in (ModelReplied(text="I look."), READS):
        broken.lose = 1
        session.observe(fact)
    for outcome in (None, Outcome.RESOLVED):
        broken.lose = 1
        assert (await guard.settle(session, CLAIM)).outcome is outcome
        session.observe(ModelReplied(text="On."))
    assert broken.lost == 4
    assert service.facts(session.run) == [
        *("RunStarted", "ModelReplied", "ToolRequested", "EndRequested", "GateReported"),
        *("ModelReplied", "EndRequested", "GateReported", "ModelReplied"),
    ]


def test_a_run_whose_opening_was_answered_to_nobody_is_one_run(
    serve: Serve, remote: Remote, line: Callable[[Loopback], Line]
) -> None:
    """The client names the run, so asking again gives the same one."""
    service = serve()
    broken = line(service)
    broken.lose = 1
    session = remote(Endpoint(url=broken.url)).begin(KEY, adapter="test")
    assert broken.lost == 1
    assert [row.run for row in service.store.rows()] == [session.run]


def test_no_run_begins_without_the_service(serve: Serve, remote: Remote) -> None:
    """An agent that nobody guards must not start."""
    service = serve()
    service.stop()
    with pytest.raises(UnreachableError, match=service.url):
        remote(service.endpoint).begin(KEY, adapter="test")


def test_reads_go_on_while_the_service_is_gone_and_writes_do_not(
    serve: Serve, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is told why in one line, and somebody who watches the sinks sees it."""
    service = serve()
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    service.stop()
    with caplog.at_level(logging.WARNING, "guardrails"):
        assert not session.observe(ModelReplied(text="I look.")).blocked
        assert not session.observe(READS).blocked
        refused = session.observe(WRITES)
    assert refused.blocked
    assert refused.reason is Reason.UNREACHABLE
    assert "Not run" in refused.to_model
    assert "\n" not in refused.to_model
    assert guard.hooks.failures["service"] == 3
    assert len([one for one in caplog.records if service.url in one.message]) == 1


def test_a_policy_may_let_nothing_run_while_the_service_is_gone(
    serve: Serve, remote: Remote
) -> None:
    """`block_all` is for agents whose reads cost or tell too much."""
    service = serve()
    guard = remote(replace(service.endpoint, unreachable="block_all"))
    session = guard.begin(KEY, adapter="test")
    service.stop()
    assert session.observe(READS).blocked


def test_budgets_hold_on_while_the_service_is_gone(serve: Serve, remote: Remote) -> None:
    """An outage gives no agent more turns than it has."""
    service = serve(
        settings=FREE.model_copy(update={"budgets": Budgets(steps=2, tool_calls=9, refusals=1)})
    )
    session = remote(service.endpoint).begin(KEY, adapter="test")
    service.stop()
    session.observe(ModelReplied(text="Once."))
    assert not session.observe(READS).blocked
    session.observe(ModelReplied(text="Twice."))
    session.observe(ModelReplied(text="And again."))
    assert session.observe(READS).next is Next.STOP


async def test_facts_of_an_outage_are_stated_when_the_service_is_back(
    serve: Serve, remote: Remote
) -> None:
    """In their order, each once; hooks hear of them when they are so."""
    service = serve()
    recorder = Recorder()
    guard = remote(service.endpoint, hooks=[recorder])
    session = guard.begin(KEY, adapter="test")
    service.stop()
    blocked = ToolReturned(call_id=CallId("c2"), tool="kubectl", status=ToolStatus.BLOCKED)
    for fact in (ModelReplied(text="I mend."), WRITES, blocked):
        session.observe(fact)
    assert len(recorder.events) == 1
    assert session.state.step == 1
    service.start()
    await asyncio.sleep(1.1)  # it is tried once a second
    session.observe(ModelReplied(text="On."))
    expected = ["RunStarted", "ModelReplied", "ToolRequested", "ToolReturned", "ModelReplied"]
    assert service.facts(session.run) == expected
    assert [type(event.fact).__name__ for event in recorder.events] == expected
    assert session.state.step == 2
    there = (await service.service.run(session.run)).session
    assert session.state.seq == there.state.seq


def test_facts_that_wait_go_with_a_snapshot(serve: Serve, remote: Remote) -> None:
    """A program that ends during an outage leaves them to the next one."""
    service = serve()
    session = remote(service.endpoint).begin(KEY, adapter="test")
    service.stop()
    session.observe(ModelReplied(text="I look."))
    data = session.snapshot()
    service.start()
    again = remote(service.endpoint).restore(KEY, data)
    again.observe(READS)
    assert service.facts(again.run) == ["RunStarted", "ModelReplied", "ToolRequested"]


async def test_an_end_is_not_accepted_without_the_service(serve: Serve, remote: Remote) -> None:
    """After a while the run ends `unverifiable`, and a person has to look."""
    service = serve(gate=scripted(GateVerdict.PASS))
    recorder = Recorder()
    guard = remote(service.endpoint, hooks=[recorder])
    session = guard.begin(KEY, adapter="test")
    service.stop()
    decision = await guard.settle(session, CLAIM)
    assert decision.outcome is Outcome.UNVERIFIABLE
    assert decision.blocked
    assert session.result().outcome is Outcome.UNVERIFIABLE
    assert [one.reason for one in recorder.ended] == ["unreachable"]
    assert session.observe(WRITES).blocked


async def test_an_end_that_met_an_outage_is_judged_when_it_is_over(
    serve: Serve, remote: Remote
) -> None:
    """It waits with the facts before it."""
    service = serve(gate=scripted(GateVerdict.PASS))
    guard = remote(Endpoint(url=service.url, patience=0.1, give_up_after=WITHIN))
    session = guard.begin(KEY, adapter="test")
    service.stop()
    back = threading.Timer(0.5, service.start)
    back.start()
    decision = await guard.settle(session, CLAIM)
    back.join()
    assert decision.outcome is Outcome.RESOLVED
    assert service.facts(session.run) == ["RunStarted", "EndRequested", "GateReported"]


async def test_a_service_that_dies_in_its_gate_judges_when_it_is_back(
    serve: Serve, remote: Remote
) -> None:
    """The end is in the store; whoever is asked for it judges it."""
    gate = PatientGate(GateVerdict.PASS)
    service = serve(gate=gate)
    guard = remote(Endpoint(url=service.url, patience=0.1, give_up_after=WITHIN))
    session = guard.begin(KEY, adapter="test")
    settling = asyncio.create_task(guard.settle(session, CLAIM))
    assert await asyncio.to_thread(gate.at_work.wait, WITHIN)
    await asyncio.to_thread(service.stop)
    gate.let_go.set()
    await asyncio.to_thread(service.start)
    decision = await asyncio.wait_for(settling, WITHIN)
    assert decision.outcome is Outcome.RESOLVED
    assert service.facts(session.run) == ["RunStarted", "EndRequested", "GateReported"]


async def test_a_cancelled_wait_ends_the_run(serve: Serve, remote: Remote) -> None:
    """As in process: whoever breaks off leaves a run that says so."""
    gate = PatientGate(GateVerdict.PASS)
    service = serve(gate=gate)
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    settling = asyncio.create_task(guard.settle(session, CLAIM))
    assert await asyncio.to_thread(gate.at_work.wait, WITHIN)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    gate.let_go.set()
    assert session.outcome is Outcome.ABORTED


async def test_a_service_that_has_lost_facts_is_told_them_again(
    serve: Serve, remote: Remote
) -> None:
    """Its store failed over to one without the last records; the client still has those facts."""
    service = serve()
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    session.observe(ModelReplied(text="One."))
    first = await asyncio.to_thread(lambda: list(service.store.records(session.run)))
    row = service.store.rows()[0]
    session.observe(READS)
    session.observe(ToolReturned(call_id=CallId("c1"), tool="kubectl", text="checkout-1 Running"))
    service.stop()
    service.store = MemoryRuns()
    service.store.create(replace(row, seq=1), first[0])
    service.store.append(session.run, first[1])
    service.start()
    session.observe(ModelReplied(text="Two."))
    expected = ["RunStarted", "ModelReplied", "ToolRequested", "ToolReturned", "ModelReplied"]
    assert service.facts(session.run) == expected
    assert session.state.seq == 5
    assert session.state.step == 2


def test_a_fact_that_somebody_else_numbered_is_stated_anew(serve: Serve, remote: Remote) -> None:
    """Two programs at one run: each fact is there once, under whatever number."""
    service = serve()
    one = remote(service.endpoint).begin(KEY, adapter="test")
    other = remote(service.endpoint).find(KEY)
    assert other is not None
    one.observe(ModelReplied(text="One."))
    other.observe(ModelReplied(text="Other."))
    one.observe(READS)
    texts = [getattr(event.fact, "text", "") for event in service.events(one.run)]
    assert texts == ["", "One.", "Other.", ""]
    assert one.state.seq == 4


def test_an_error_of_the_agent_ends_a_run_that_is_lost(serve: Serve, remote: Remote) -> None:
    """No run is without an outcome, also where the service forgot it."""
    service = serve()
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    service.stop()
    service.store = MemoryRuns()
    service.start()
    with pytest.raises(LostRunError):
        session.observe(READS)
    decision = session.observe(ErrorRaised(error="LostRunError", where="graph"))
    assert decision.outcome is Outcome.ABORTED
