"""Calls under the middleware: held before they run, recorded once, safe in parallel."""

import threading
from typing import Any

import pytest
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from guardrails.core.claims import ClaimKind
from guardrails.core.events import (
    ExitKind,
    GateReported,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.integrations.tools import guard_tools
from guardrails.testing.scripted import call, turn

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS


class Desk:
    """A submission desk outside: what reaches it cannot be taken back."""

    def __init__(self, *, direct: bool = False) -> None:
        self.received: list[str] = []

        @tool(return_direct=direct)
        def submit(answer: str) -> str:
            """Submit the final answer."""
            self.received.append(answer)
            return "submitted"

        self.submit = submit


@pytest.mark.parametrize("direct", [False, True])
def test_submission_reaches_the_desk_only_when_accepted(make_rig: Any, *, direct: bool) -> None:
    """A finish tool is held until the gate passes, and the model hears why."""
    desk, rig = Desk(direct=direct), make_rig(FAIL, PASS)
    turns = [turn(calls=[call("submit", answer=a)]) for a in ("fixed", "fixed now")]
    rig.build(*turns, *([] if direct else [turn("Done.")]), tools=[desk.submit])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert desk.received == ["fixed now"]
    refused = [m for m in rig.model.seen[1] if isinstance(m, ToolMessage)]
    assert "Not accepted" in refused[-1].text
    assert refused[-1].status == "error"


def test_submission_that_is_never_true_ends_without_another_turn(make_rig: Any) -> None:
    """Once the refusals are spent the desk stays empty and the model is not asked again."""
    desk, rig = Desk(), make_rig(FAIL, budgets={"refusals": 1})
    rig.build(turn(calls=[call("submit", answer="fixed")]), at_end="repeat", tools=[desk.submit])
    rig.sound(rig.run(), Outcome.UNRESOLVED)
    assert desk.received == []
    assert rig.model.asked == 2


def test_submitting_that_one_gave_up_ends_the_run_as_said(make_rig: Any) -> None:
    """An honest end needs no gate."""
    desk, rig = Desk(), make_rig(PASS)
    rig.build(
        turn(calls=[call("submit", answer="I could not resolve it. I give up.")]),
        tools=[desk.submit],
    )
    rig.sound(rig.run(), Outcome.UNRESOLVED)
    assert rig.recorder.ended[0].reason == "gave-up"
    assert rig.facts(GateReported) == []


def test_nothing_runs_after_an_accepted_submission(make_rig: Any) -> None:
    """The model may still speak; its further calls are answered, not run."""
    ran: list[str] = []

    @tool
    def delete_pod(name: str) -> str:
        """Delete a pod."""
        ran.append(name)
        return "deleted"

    desk, rig = Desk(), make_rig(PASS)
    rig.build(
        turn(calls=[call("submit", answer="fixed")]),
        turn(calls=[call("delete_pod", name="checkout-1")]),
        tools=[desk.submit, delete_pod],
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert (desk.received, ran) == (["fixed"], [])


def test_blocked_effect_is_answered_and_not_run(make_rig: Any) -> None:
    """A write under a read-only policy comes back as an error result."""
    rig = make_rig(PASS, effects={"write": "block"})
    rig.build(turn(calls=[call("patch_deployment")]), turn("Fixed."))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [f.status for f in rig.facts(ToolReturned)] == [ToolStatus.BLOCKED]
    assert "Not run" in rig.model.seen[1][-1].text


def test_parallel_calls_run_at_once_and_are_counted_once(make_rig: Any) -> None:
    """Two calls that wait for each other end; each has one request and one return."""
    both = threading.Barrier(2, timeout=20)

    @tool
    def get_metrics(name: str) -> str:
        """Read a metric."""
        both.wait()
        return name

    rig = make_rig(PASS)
    rig.build(
        turn(calls=[call("get_metrics", name="a"), call("get_metrics", name="b")]),
        turn("Fixed."),
        tools=[get_metrics],
    )
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert {f.text for f in rig.facts(ToolReturned)} == {"a", "b"}
    assert len(rig.facts(ToolRequested)) == len(rig.facts(ToolReturned)) == 2


def test_guarded_tool_under_the_middleware_is_decided_once(make_rig: Any) -> None:
    """Two guards around one call are one decision, also for a submission."""
    desk, rig = Desk(), make_rig(PASS)
    tools = guard_tools([desk.submit])
    rig.build(turn(calls=[call("submit", answer="fixed")]), turn("Done."), tools=tools)
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert desk.received == ["fixed"]
    assert len(rig.facts(ToolRequested)) == len(rig.facts(ToolReturned)) == 1


def test_call_ids_that_repeat_do_not_let_a_call_slip_through(make_rig: Any) -> None:
    """Some models number their calls anew in every turn; each is held all the same."""
    desk, rig = Desk(), make_rig(FAIL, FAIL, PASS)
    turns = [turn(calls=[call("submit", call_id="call_0", answer=f"try {n}")]) for n in range(3)]
    rig.build(*turns, turn("Done."), tools=[desk.submit])
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert desk.received == ["try 2"]
    assert len(rig.facts(ToolRequested)) == len(rig.facts(ToolReturned)) == 3


def test_retried_tool_is_one_call_to_a_guard_in_front(make_rig: Any) -> None:
    """A guard listed before retries decides once per intent and sees the last result."""
    attempts: list[int] = []

    @tool
    def get_events() -> str:
        """Read events."""
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionError("try again")
        return "no events"

    retry = ToolRetryMiddleware(max_retries=3, initial_delay=0, jitter=False, backoff_factor=0)
    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_events")]), turn("Fixed."), tools=[get_events], after=(retry,))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert len(attempts) == 3
    assert [f.text for f in rig.facts(ToolReturned)] == ["no events"]


def test_claim_of_a_submission_is_read_from_its_arguments(make_rig: Any) -> None:
    """The gate judges what is submitted."""
    desk, rig = Desk(), make_rig(PASS)
    rig.build(
        turn(calls=[call("submit", answer="deployment/checkout fixed")]),
        turn("Done."),
        tools=[desk.submit],
    )
    rig.run()
    claim = rig.gate.requests[0].claim
    assert claim.kind is ClaimKind.MITIGATED
    assert "deployment/checkout fixed" in claim.text
    assert rig.exits[0] is ExitKind.FINISH_TOOL


def test_submit_tool_is_held_without_being_named_in_the_policy(make_rig: Any) -> None:
    """Built-in names are enough to hold a tool called `submit`."""
    desk, rig = Desk(), make_rig(FAIL, tools={}, budgets={"refusals": 1})
    rig.build(turn(calls=[call("submit", answer="fixed")]), at_end="repeat", tools=[desk.submit])
    rig.run(recursion_limit=30)
    assert desk.received == []
