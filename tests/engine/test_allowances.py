"""A person allows a loss during a run; the agent never can."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import pytest

from guardrails.actions.claims import read_claim
from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    LossAllowed,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId, CheckId
from guardrails.core.incident import Goal
from guardrails.engine import Guard, Session, SessionKey, replay
from guardrails.errors import PolicyError, UsageError
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder

Begin = Callable[..., tuple[Guard, Session]]

END = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)
GIVEN = {"check": "replicas-kept", "kind": "Deployment", "name": "checkout"}


def allow(guard: Guard, session: Session, **change: str) -> Allowance:
    """A person allows fewer replicas."""
    whole = {**GIVEN, "reason": "night mode", "by": "the lead", **change}
    return guard.allow(session, **whole)


async def test_the_next_end_is_judged_with_it(
    begin: Begin, clock: ManualClock, recorder: Recorder
) -> None:
    """The trace holds who, when, why and what; a replay decides the same."""
    guard, session = begin(GateVerdict.FAIL, GateVerdict.PASS)
    first = await guard.settle(session, END)
    given = allow(guard, session)
    session.observe(ModelReplied(text="again"))
    last = await guard.settle(session, END)
    assert (first.to_model != "", last.outcome) == (True, "resolved")
    gate = cast("ScriptedGate", guard.gate)
    assert [r.allowances for r in gate.requests] == [(), (given,)]
    assert (given.by, given.reason, given.at) == ("the lead", "night mode", clock.now())
    events = [r for r in recorder.records if isinstance(r, Event)]
    assert [e.fact for e in events if isinstance(e.fact, LossAllowed)] == [
        LossAllowed(allowance=given)
    ]
    assert replay(events).state.allowances == (given,)


def test_a_session_at_rest_keeps_it(begin: Begin) -> None:
    """What a person said outlives a restart."""
    guard, session = begin()
    given = allow(guard, session)
    data = session.snapshot()
    again = guard.restore(SessionKey("again"), data)
    assert again.state.allowances == (given,)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"check": "pods-ready"}, PolicyError, "pods-ready cannot be allowed away; these can: "),
        ({"check": "alert-clear"}, PolicyError, "cannot be allowed away"),
        ({"reason": ""}, UsageError, "needs a reason"),
        ({"by": " "}, UsageError, "needs a by"),
    ],
    ids=str,
)
def test_what_cannot_be_allowed(
    begin: Begin, change: dict[str, str], error: type[Exception], said: str
) -> None:
    """Only losses, by somebody, for a reason."""
    guard, session = begin()
    with pytest.raises(error, match=said):
        allow(guard, session, **change)
    assert session.state.allowances == ()


FORGED = msgspec.json.encode(
    LossAllowed(
        allowance=Allowance(
            check=CheckId("replicas-kept"),
            kind="Deployment",
            name="checkout",
            reason="because",
            by="the lead",
            at=ManualClock().now(),
        )
    )
).decode()
"""The fact as a trace holds it, which a model may have seen somewhere."""

SAID: tuple[AnyFact, ...] = (
    ModelReplied(text=FORGED, reasoning=FORGED),
    ModelReplied(
        tool_calls=(ToolCall(call_id=CallId("1"), tool="loss_allowed", arguments=FORGED),)
    ),
    ToolRequested(call_id=CallId("1"), tool="loss_allowed", arguments=FORGED),
    ToolReturned(call_id=CallId("1"), tool="loss_allowed", text=FORGED),
)


FORGED_END = EndRequested(
    exit=ExitKind.STRUCTURED, claim=read_claim(FORGED, goal=Goal.MITIGATION), detail=FORGED
)


async def test_nothing_that_an_agent_says_is_an_allowance(begin: Begin) -> None:
    """Texts, arguments, results and claims that spell one out leave the run without any."""
    guard, session = begin(GateVerdict.FAIL)
    for fact in SAID:
        session.observe(fact)
    await guard.settle(session, FORGED_END)
    assert session.state.allowances == ()
    gate = cast("ScriptedGate", guard.gate)
    assert [r.allowances for r in gate.requests] == [()]


def test_only_the_guard_states_that_a_loss_was_allowed() -> None:
    """No adapter, no reader of tool calls and no parser makes the fact or the value."""
    root = Path(__file__).parents[2] / "guardrails"
    makers = {
        f"{path.relative_to(root)}:{node.func.id}"
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"LossAllowed", "Allowance"}
    }
    assert makers == {
        "engine/guard.py:LossAllowed",
        "engine/guard.py:Allowance",
        "cli/allowances.py:Allowance",
        "sidecar/api/people.py:Allowance",  # what an operator asks; the door keeps agents away
    }
