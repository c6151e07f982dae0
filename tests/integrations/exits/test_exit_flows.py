"""Exits that take more than one call of the agent: a second run, pauses, drains, many at once.

The number in a test's name is the row's in the notes on LangGraph's behaviour.
"""

import asyncio
import inspect
from typing import Any

import pytest
from exit_agents import DONE, FAIL, LOOK, MEND, PASS, Row, asks, awaited, breaks, jumps, kubectl
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from guardrails.core.decisions import Reason
from guardrails.core.hooks import RunEnded
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE

TASK = {"messages": [("user", "checkout is down")]}


class Filters(AgentMiddleware[Any, Any]):
    """Lets one task through and ends the agent before it begins on every further one."""

    def __init__(self) -> None:
        self.asked = 0

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Filter."""
        self.asked += 1
        if self.asked == 1:
            return None
        return {"jump_to": "end", "messages": [AIMessage("I may not talk about that.")]}


def each_ended(ended: Any, *outcomes: Outcome) -> list[RunEnded]:
    """Check that there were these runs, each with a session, an end and a report of its own."""
    found = ended.records.ended
    assert [e.outcome for e in found] == list(outcomes)
    assert len({e.run for e in found}) == len(outcomes)
    assert {e.run for e in ended.records.events} == {e.run for e in found}
    assert ended.state["guardrails_outcome"]["run"] == found[-1].run
    return found


def test_b12_two_guards_of_one_name_are_refused() -> None:
    """B12: LangChain refuses a second middleware of the same name; another name is allowed."""
    using = Guard(settings=FREE, gate=ScriptedGate(PASS))
    two = [GuardrailMiddleware(using=using), GuardrailMiddleware(using=using)]
    with pytest.raises(AssertionError, match="duplicate"):
        create_agent(ScriptedModel(turns=[DONE]), [], middleware=two)
    named = [GuardrailMiddleware(using=using), GuardrailMiddleware(using=using, name="second")]
    found = create_agent(ScriptedModel(turns=[DONE]), [], middleware=named).invoke(TASK)
    assert found["guardrails_outcome"]["outcome"] == "resolved"


@pytest.mark.parametrize("hook", ["before_agent", "after_model", "after_agent"])
def test_b19_hooks_take_the_runtime_by_its_name(hook: str) -> None:
    """B19: LangChain injects by the parameter's name, in both forms of a hook."""
    for name in (hook, f"a{hook}"):
        assert list(inspect.signature(getattr(GuardrailMiddleware, name)).parameters) == [
            "self",
            "state",
            "runtime",
        ]


def test_b20_a_second_run_on_a_thread_is_judged_by_itself(play: Any) -> None:
    """B20: it has a session, budgets and an outcome of its own."""
    row = Row(name="B20", turns=[LOOK, DONE, DONE, DONE], gate=[], outcome=Outcome.RESOLVED)
    ended = play(row.build, PASS, FAIL, PASS, turns=2)
    first, second = each_ended(ended, Outcome.RESOLVED, Outcome.RESOLVED)
    assert (first.steps, first.refusals) == (2, 0)
    assert (second.steps, second.refusals) == (2, 1)


@pytest.mark.parametrize("remembers", [True, False])
def test_b20_a_run_that_is_cut_short_does_not_inherit_an_outcome(
    play: Any, *, remembers: bool
) -> None:
    """B2, B20: a filter ends every run but the first before the guard's first hook.

    The first run's `resolved` stood in the state of the others, without a look at the cluster.
    """
    row = Row(
        name="B20",
        turns=[DONE],
        repeats=True,
        around=lambda: [Filters()],
        last=True,
        remembers=remembers,
        gate=[],
        outcome=Outcome.RESOLVED,
    )
    ended = play(row.build, PASS, FAIL, turns=3)
    each_ended(ended, Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.UNRESOLVED)


def test_b7_a_question_nobody_answers_does_not_look_like_an_end(play: Any) -> None:
    """B7, B22: an open interrupt leaves the run open, and the outer loop escalates it."""
    for remembers in (True, False):
        row = Row(
            name="B7",
            turns=[turn(calls=[call("asks", question="may I?")]), DONE],
            tools=[asks],
            remembers=remembers,
            gate=[PASS],
            outcome=Outcome.ESCALATED,
        )
        ended = play(row.build, *row.gate)
        assert ended.gate.requests == []
        if play.adapter.startswith("drive"):
            ended.check()
            assert ended.reason is Reason.HANDED_OFF
        else:
            assert ended.records.ended == []
            assert "__interrupt__" in ended.state
            assert ended.state.get("guardrails_outcome") is None


@pytest.mark.parametrize("adapter", ["middleware", "graph", "graph+middleware"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_b23_a_drained_run_goes_on_where_it_stood(adapter: str, *, asynchronous: bool) -> None:
    """B23: a drain is a pause; the run ends at its door once it is resumed."""
    records, control = Recorder(), RunControl()
    using = Guard(settings=FREE, gate=ScriptedGate(PASS), hooks=[records])

    @tool
    def drains(command: str) -> str:
        """Run something while the process is told to stop."""
        control.request_drain("deploy")
        return "ok"

    agent: Any = create_agent(
        ScriptedModel(turns=[turn(calls=[call("drains", command="x")]), DONE]),
        [awaited(drains) if asynchronous else drains],
        middleware=[GuardrailMiddleware(using=using)] if "middleware" in adapter else [],
        checkpointer=InMemorySaver(),
    )
    if "graph" in adapter:
        agent = guard(agent, using=using)
    config: Any = {"configurable": {"thread_id": "t"}}

    def run(given: Any, **options: Any) -> Any:
        if asynchronous:
            return asyncio.run(agent.ainvoke(given, config, **options))
        return agent.invoke(given, config, **options)

    with pytest.raises(GraphDrained):
        run(TASK, control=control)
    assert records.ended == []
    assert run(None)["guardrails_outcome"]["outcome"] == "resolved"
    assert [e.outcome for e in records.ended] == [Outcome.RESOLVED]


@pytest.mark.parametrize("inside", [False, True])
async def test_b23_a_drain_under_the_outer_loop_needs_a_person(*, inside: bool) -> None:
    """B23: nobody is there to resume a driven run, so it ends `escalated` instead of raising."""
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(PASS), hooks=[records])
    agent: Any = create_agent(
        ScriptedModel(turns=[LOOK, GraphDrained("deploy")]),
        [kubectl],
        middleware=[GuardrailMiddleware(using=using)] if inside else [],
    )
    driven = await drive(agent, TASK, using=using)
    assert driven.result.outcome is Outcome.ESCALATED
    assert "deploy" in driven.result.detail
    assert "ran kubectl" in driven.state["messages"][-1].content
    assert len(records.ended) == 1


@pytest.mark.parametrize("where", ["model", "tool"])
@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_b6_a_signal_passes_and_leaves_its_end(play: Any, where: str, signal: Any) -> None:
    """B6: Ctrl-C inside a model or a tool is recorded as `aborted` and goes on its way."""
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(PASS), hooks=[records])

    @tool
    def killed(command: str) -> str:
        """Be killed."""
        raise signal

    script = [signal()] if where == "model" else [turn(calls=[call("killed", command="x")])]
    inside = [GuardrailMiddleware(using=using)] if "middleware" in play.adapter else []
    tools = [awaited(killed)] if play.asynchronous else [killed]
    agent: Any = create_agent(ScriptedModel(turns=script), tools, middleware=inside)
    if play.adapter.startswith("graph"):
        agent = guard(agent, using=using)

    def run() -> None:
        if play.adapter.startswith("drive"):
            asyncio.run(drive(agent, TASK, using=using))
        elif play.asynchronous:
            asyncio.run(agent.ainvoke(TASK))
        else:
            agent.invoke(TASK)

    with pytest.raises(signal):
        run()
    assert [(e.outcome, e.reason) for e in records.ended] == [(Outcome.ABORTED, "cancelled")]


@pytest.mark.parametrize("adapter", ["middleware", "graph", "graph+middleware"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_runs_at_once_share_nothing(adapter: str, *, asynchronous: bool) -> None:
    """1.4: one middleware, one guarded graph, eight runs in parallel: eight sessions and ends."""
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(PASS), hooks=[records])
    inside = [GuardrailMiddleware(using=using)] if "middleware" in adapter else []

    def says(messages: list[Any]) -> AIMessage:
        return LOOK if messages[-1].type == "human" else DONE

    agent: Any = create_agent(
        ScriptedModel(turns=[says], at_end="repeat"),
        [awaited(kubectl) if asynchronous else kubectl],
        middleware=inside,
        checkpointer=InMemorySaver(),
    )
    if "graph" in adapter:
        agent = guard(agent, using=using)
    inputs = [{"messages": [("user", f"incident {n}")]} for n in range(8)]
    configs = [{"configurable": {"thread_id": str(n)}} for n in range(8)]
    if asynchronous:
        found = asyncio.run(agent.abatch(inputs, configs))
    else:
        found = agent.batch(inputs, configs)
    runs = [state["guardrails_outcome"]["run"] for state in found]
    assert sorted(runs) == sorted(e.run for e in records.ended)
    assert len(set(runs)) == 8
    assert {(e.steps, e.tool_calls) for e in records.ended} == {(2, 1)}


def test_a_broken_run_is_closed_by_the_next_one_on_its_thread() -> None:
    """B6, B9: what no hook of the middleware saw ends `aborted` at the latest with the next run."""
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(PASS), hooks=[records])
    agent: Any = create_agent(
        ScriptedModel(turns=[DONE], at_end="repeat"),
        [breaks],
        middleware=[GuardrailMiddleware(using=using), jumps("after_agent")],
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 12}
    for _ in range(2):
        with pytest.raises(Exception, match="Recursion limit"):
            agent.invoke(TASK, config)
    assert [(e.outcome, e.reason) for e in records.ended] == [(Outcome.ABORTED, "cancelled")]


@pytest.mark.parametrize("adapter", ["middleware", "graph", "graph+middleware"])
@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
@pytest.mark.parametrize("form", ["values", "updates", "messages", "events", "v3"])
def test_b21_every_form_of_a_stream_is_one_run(adapter: str, form: str) -> None:
    """B21: whatever the caller streams, and whatever it then shows, the run is judged and ends."""
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(FAIL, PASS), hooks=[records])
    inside = [GuardrailMiddleware(using=using)] if "middleware" in adapter else []
    agent: Any = create_agent(
        ScriptedModel(turns=[LOOK, DONE, MEND, DONE]), [kubectl], middleware=inside
    )
    if "graph" in adapter:
        agent = guard(agent, using=using)

    async def events() -> list[Any]:
        return [part async for part in agent.astream_events(TASK, version="v2")]

    match form:
        case "v3":
            assert agent.stream_events(TASK, version="v3").output["guardrails_outcome"]
        case "events":
            found = asyncio.run(events())
            assert "guardrails_outcome" in str(found[-1]["data"])
        case _:
            found = list(agent.stream(TASK, stream_mode=form, subgraphs=True))
            assert ("guardrails_outcome" in str(found[-1])) is (form != "messages")
    assert [(e.outcome, e.refusals, e.steps) for e in records.ended] == [(Outcome.RESOLVED, 1, 4)]
