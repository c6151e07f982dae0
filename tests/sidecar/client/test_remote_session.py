"""A session whose decisions a real service makes, and what it is here."""

from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Next
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ExitKind,
    ModelReplied,
    PauseReason,
    RunPaused,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.outcome import Outcome
from guardrails.engine import SessionKey
from guardrails.engine.reading import read_up
from guardrails.errors import TraceError, UsageError
from guardrails.sidecar.client import LostRunError
from guardrails.testing.recorder import Recorder
from tests.sidecar.client.conftest import Remote, Serve
from tests.sidecar.client.loopback import scripted

KEY = SessionKey("thread")
LOOKS = ToolRequested(call_id=CallId("c1"), tool="get_pods", arguments='{"namespace":"shop"}')
SAW = ToolReturned(call_id=CallId("c1"), tool="get_pods", text="checkout-1 CrashLoopBackOff")
CLAIM = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)


async def test_a_run_goes_from_its_first_fact_to_an_accepted_end(
    serve: Serve, remote: Remote
) -> None:
    """The first end is refused with the evidence, the second one accepted, as in process."""
    service = serve(gate=scripted(GateVerdict.FAIL, GateVerdict.PASS))
    recorder = Recorder()
    guard = remote(service.endpoint, hooks=[recorder])
    session = guard.begin(KEY, adapter="test")
    for fact in (ModelReplied(text="I look."), LOOKS, SAW):
        assert session.observe(fact).next is Next.CONTINUE
    refused = await guard.settle(session, CLAIM)
    assert refused.next is Next.CONTINUE
    assert "checkout" in refused.to_model
    session.observe(ModelReplied(text="On."))
    accepted = await guard.settle(session, CLAIM)
    assert accepted.outcome is Outcome.RESOLVED
    assert session.outcome is Outcome.RESOLVED
    assert session.result().refusals == 1
    assert [one.outcome for one in recorder.ended] == [Outcome.RESOLVED]
    assert [event.seq for event in recorder.events] == list(range(1, session.state.seq + 1))


async def test_the_state_here_is_the_state_there(serve: Serve, remote: Remote) -> None:
    """It is the same fold of the same events, so whatever an adapter reads is right."""
    service = serve(gate=scripted(GateVerdict.FAIL))
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    for fact in (ModelReplied(text="I look."), LOOKS, SAW):
        session.observe(fact)
    await guard.settle(session, CLAIM)
    there = (await service.service.run(session.run)).session
    assert read_up(session.state) == read_up(there.state)
    assert session.facts == there.facts


def test_a_secret_does_not_leave_the_program(serve: Serve, remote: Remote) -> None:
    """A fact is scrubbed before it waits for the network, and not only before it is stored."""
    service = serve()
    session = remote(service.endpoint).begin(KEY, adapter="test")
    service.stop()
    session.observe(ErrorRaised(error="OSError", message="redis://:hunter2@cache", fatal=False))
    waiting = session.snapshot()
    assert b"redis" in waiting
    assert b"hunter2" not in waiting


def test_a_new_run_under_a_key_ends_the_one_before(serve: Serve, remote: Remote) -> None:
    """Also when another program began that one and is gone."""
    service = serve()
    first = remote(service.endpoint).begin(KEY, adapter="test")
    second = remote(service.endpoint).begin(KEY, adapter="test")
    assert second.run != first.run
    assert service.facts(first.run)[-1] == "EndRequested"
    assert second.outcome is None


def test_a_run_is_found_again_by_its_key(serve: Serve, remote: Remote) -> None:
    """A program that resumes a thread goes on with the run that another one began."""
    service = serve()
    session = remote(service.endpoint).begin(KEY, adapter="test")
    session.observe(ModelReplied(text="I look."))
    session.observe(RunPaused(reason=PauseReason.INTERRUPT))
    found = remote(service.endpoint).find(KEY)
    assert found is not None
    assert (found.run, found.state) == (session.run, session.state)
    found.observe(LOOKS)
    assert service.facts(found.run)[-2:] == ["RunPaused", "ToolRequested"]


def test_nothing_is_found_under_another_scope(serve: Serve, remote: Remote) -> None:
    """Two agents that share a service may both have a thread 1."""
    service = serve()
    remote(service.endpoint).begin(KEY, adapter="test")
    other: dict[str, Any] = {"url": service.url, "scope": "other"}
    assert remote(type(service.endpoint)(**other)).find(KEY) is None


def test_a_snapshot_leads_back_to_the_run(serve: Serve, remote: Remote) -> None:
    """It holds which run it is, and no copy of it."""
    service = serve()
    session = remote(service.endpoint).begin(KEY, adapter="test")
    session.observe(ModelReplied(text="I look."))
    data = session.snapshot()
    assert b"I look" not in data
    again = remote(service.endpoint).restore(KEY, data)
    assert again.state == session.state
    again.observe(LOOKS)
    assert service.facts(again.run) == ["RunStarted", "ModelReplied", "ToolRequested"]


def test_what_is_no_snapshot_is_refused(serve: Serve, remote: Remote) -> None:
    """A session of a guard in process cannot go on at the service."""
    guard = remote(serve().endpoint)
    with pytest.raises(TraceError, match="not a snapshot of a remote session"):
        guard.restore(KEY, b'{"type":"session","state":{}}')


def test_a_run_that_was_deleted_is_named(serve: Serve, remote: Remote) -> None:
    """And the run is not begun anew behind the agent's back; what ends it is taken here."""
    service = serve()
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    service.stop()
    service.store = type(service.store)()
    service.start()
    with pytest.raises(LostRunError, match=session.run):
        session.observe(ModelReplied(text="I look."))
    guard.fail(session, RuntimeError("lost"), where="graph")
    assert session.outcome is Outcome.ABORTED


def test_a_question_that_is_not_open_is_refused(serve: Serve, remote: Remote) -> None:
    """The service says which are."""
    guard = remote(serve().endpoint)
    session = guard.begin(KEY, adapter="test")
    with pytest.raises(UsageError, match="no question"):
        guard.answer(session, question="which", text="this one")


async def test_a_person_allows_a_loss_through_the_service(serve: Serve, remote: Remote) -> None:
    """It is in the run's events, so the next end is judged with it."""
    guard = remote(serve().endpoint)
    session = guard.begin(KEY, adapter="test")
    allowed = guard.allow(
        session,
        check="autoscaler-kept",
        kind="HorizontalPodAutoscaler",
        name="checkout",
        reason="it is replaced by KEDA",
        by="ops@example.com",
    )
    assert session.state.allowances == (allowed,)
