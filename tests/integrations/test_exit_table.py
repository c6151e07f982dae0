"""Every exit of an agent made by `create_agent`, through every adapter, synchronous or not.

Rows are numbered as in the notes on LangGraph's behaviour (B0-B26). Whatever the exit, the run has
one typed end in its trace, and it is accepted only on a passing report.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ToolCallLimitMiddleware,
    hook_config,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, RemoveMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import END
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.testing.scripted import ScriptedModel, call, turn

PASS, FAIL, UNKNOWN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.UNKNOWN


class Report(BaseModel):
    """A structured answer."""

    root_cause: str
    fixed: bool


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


@tool(return_direct=True)
def conclude(text: str) -> str:
    """Give the answer."""
    return text


@tool
def breaks(command: str) -> str:
    """Break."""
    raise ValueError(f"broke on {command}")


@tool
def asks(question: str) -> str:
    """Ask a person."""
    return f"the person says {interrupt(question)}"


@tool
def goes_to_end(text: str, call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Ask LangGraph to end."""
    return Command(goto=END, update={"messages": [ToolMessage(text, tool_call_id=call_id)]})


@tool
def hands_off(to: str) -> Command[Any]:
    """Leave the graph."""
    return Command(graph=Command.PARENT, goto=to)


class Forgets(AgentMiddleware[Any, Any]):
    """Takes every model message out of the history."""

    def after_model(self, state: Any, runtime: Any) -> dict[str, Any]:
        """Forget."""
        return {"messages": [RemoveMessage(id=m.id) for m in state["messages"] if m.type == "ai"]}


class AsksFirst(AgentMiddleware[Any, Any]):
    """Asks a person before the agent begins."""

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Ask."""
        interrupt("which cluster?")
        return None


class JumpsToEnd(AgentMiddleware[Any, Any]):
    """Jumps to the end from the closing hook, which LangGraph turns into a loop."""

    @hook_config(can_jump_to=["end"])
    def after_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
        """Jump."""
        return {"jump_to": "end"}


LOOK = turn("looking", calls=[call("kubectl", command="kubectl get pods -n shop")])
MEND = turn("mending", calls=[call("kubectl", command="kubectl rollout restart deploy/checkout")])
DONE = turn("It is fixed.")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One exit."""

    name: str
    turns: list[Any]
    gate: list[Any]
    outcome: Outcome
    reason: Reason | None = None
    tools: list[Any] = field(default_factory=lambda: [kubectl])
    around: Callable[[], list[Any]] = list
    """Other middleware."""
    response_format: Any = None
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    answers: tuple[Any, ...] = ()
    repeats: bool = False

    def build(self, middleware: list[Any]) -> Any:
        """Build the agent."""
        return create_agent(
            ScriptedModel(turns=self.turns, at_end="repeat" if self.repeats else "raise"),
            self.tools,
            middleware=[*middleware, *self.around()],
            response_format=self.response_format,
            checkpointer=InMemorySaver(),
        )


def structured(*, fixed: bool) -> AIMessage:
    """Give a structured answer."""
    return turn(calls=[call("Report", root_cause="deployment/checkout", fixed=fixed)])


ROWS = [
    Row(
        name="B0 an answer is refused, the fix is accepted",
        turns=[LOOK, DONE, MEND, DONE],
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 an honest answer",
        turns=[LOOK, MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 the same false answer again and again",
        turns=[DONE],
        repeats=True,
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.BUDGET_REFUSALS,
    ),
    Row(
        name="B0 evidence that stays unreadable",
        turns=[DONE],
        repeats=True,
        gate=[UNKNOWN],
        outcome=Outcome.ESCALATED,
        reason=Reason.GATE_UNKNOWN,
    ),
    Row(
        name="B0 a gate that breaks",
        turns=[DONE],
        repeats=True,
        gate=[RuntimeError("gate")],
        outcome=Outcome.ESCALATED,
        reason=Reason.GATE_UNKNOWN,
    ),
    Row(
        name="B0 giving up",
        turns=[turn("I was unable to resolve the incident and give up.")],
        gate=[PASS],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.GAVE_UP,
    ),
    Row(
        name="B1 a direct-return tool is refused, then honest",
        turns=[turn(calls=[call("conclude", text="It is fixed.")]), MEND, DONE],
        tools=[kubectl, conclude],
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B2 another middleware's model limit",
        turns=[LOOK],
        repeats=True,
        around=lambda: [ModelCallLimitMiddleware(run_limit=2, exit_behavior="end")],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
    ),
    Row(
        name="B2 another middleware's tool limit",
        turns=[LOOK],
        repeats=True,
        around=lambda: [ToolCallLimitMiddleware(run_limit=2, exit_behavior="end")],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
    ),
    Row(
        name="B3 a structured answer is refused, then honest",
        turns=[structured(fixed=True), MEND, structured(fixed=True)],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3 a plain text ends a structured agent",
        turns=[DONE, MEND, structured(fixed=True)],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3' an invalid structured call beside an ordinary one",
        turns=[
            turn(
                calls=[
                    call("Report", root_cause="x", fixed={"not": "a bool"}),
                    call("kubectl", command="kubectl get pods"),
                ]
            ),
            structured(fixed=True),
            structured(fixed=True),
        ],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B6 the model raises",
        turns=[LOOK, RuntimeError("provider is down")],
        gate=[PASS],
        outcome=Outcome.ABORTED,
        reason=Reason.ERROR,
    ),
    Row(
        name="B6 a tool raises",
        turns=[turn(calls=[call("breaks", command="x")]), DONE],
        tools=[breaks],
        gate=[PASS],
        outcome=Outcome.ABORTED,
        reason=Reason.ERROR,
    ),
    Row(
        name="B7 an interrupt is answered, then the claim is judged",
        turns=[turn(calls=[call("asks", question="may I?")]), DONE, MEND, DONE],
        tools=[kubectl, asks],
        answers=("yes",),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B8 a tool's goto=END is no end",
        turns=[turn(calls=[call("goes_to_end", text="x")]), DONE],
        tools=[goes_to_end],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B8' a hand-off out of the graph",
        turns=[turn(calls=[call("hands_off", to="other")])],
        tools=[hands_off],
        gate=[PASS],
        outcome=Outcome.ESCALATED,
        reason=Reason.HANDED_OFF,
    ),
    Row(
        name="B16 a filter takes every model message out",
        turns=[DONE],
        repeats=True,
        around=lambda: [Forgets()],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
    ),
    Row(
        name="B17 a malformed call is no end",
        turns=[turn(malformed=[("kubectl", "{oops")]), MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B18 an empty answer is no end",
        turns=[turn(""), MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B22 a question before the agent begins",
        turns=[MEND, DONE],
        around=lambda: [AsksFirst()],
        answers=("shop",),
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B26 an agent that never ends",
        turns=[LOOK],
        repeats=True,
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.BUDGET_STEPS,
    ),
    Row(
        name="1.3 the recursion limit",
        turns=[LOOK],
        repeats=True,
        config={"recursion_limit": 9},
        gate=[PASS],
        outcome=Outcome.ESCALATED,
        reason=Reason.RECURSION_LIMIT,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_exit_has_one_typed_end(row: Row, play: Any) -> None:
    """Whatever the exit, the run ends once, typed, and accepted only on a passing report."""
    ended = play(row.build, *row.gate, config=row.config, answers=row.answers)
    ended.check()
    assert ended.outcome is row.outcome
    if row.reason is not None:
        assert ended.reason is row.reason


def test_jumping_to_the_end_from_a_closing_hook_is_stopped(play: Any) -> None:
    """B9: LangGraph turns that jump into a loop; the recursion limit ends it, typed."""
    row = Row(
        name="B9",
        turns=[DONE],
        around=lambda: [JumpsToEnd()],
        config={"recursion_limit": 20},
        gate=[PASS],
        outcome=Outcome.ESCALATED,
    )
    ended = play(row.build, *row.gate, config=row.config)
    if play.adapter == "middleware":
        # The other hook loops on itself and no hook of ours runs again; only who stands around
        # the agent can end such a run. It is not accepted.
        assert isinstance(ended.raised, GraphRecursionError)
        assert ended.records.ended == []
    else:
        ended.check()
        assert ended.outcome is Outcome.ESCALATED
        assert ended.reason is Reason.RECURSION_LIMIT


def test_a_question_nobody_answers_does_not_look_like_an_end(play: Any) -> None:
    """B7: an open interrupt leaves the run open, and the outer loop escalates it."""
    row = Row(
        name="B7",
        turns=[turn(calls=[call("asks", question="may I?")]), DONE],
        tools=[asks],
        gate=[PASS],
        outcome=Outcome.ESCALATED,
    )
    ended = play(row.build, *row.gate)
    if play.adapter.startswith("drive"):
        ended.check()
        assert ended.outcome is Outcome.ESCALATED
        assert ended.gate.requests == []
    else:
        assert ended.records.ended == []
        assert "__interrupt__" in ended.state
