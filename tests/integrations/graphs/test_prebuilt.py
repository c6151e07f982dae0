"""Agents made by others' libraries, for real: deepagents and langgraph-supervisor."""

import asyncio
import operator
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from langgraph_supervisor import create_supervisor
from langgraph_supervisor.handoff import create_forward_message_tool

from guardrails.core.decisions import Reason
from guardrails.core.events import EndRequested, ExitKind, ModelReplied, ToolRequested
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.policy.models import EffectRules, Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE, NO_MACHINE

PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


MEND = turn("mending", calls=[call("kubectl", command="kubectl rollout restart deploy/checkout")])
DONE = turn("It is fixed.")


def deep(main: ScriptedModel, sub: ScriptedModel, *, middleware: Sequence[Any] = ()) -> Any:
    """Build a deep agent with one sub-agent."""
    return create_deep_agent(
        model=main,
        tools=[kubectl],
        middleware=middleware,
        subagents=[
            {
                "name": "sre",
                "description": "works on the cluster",
                "system_prompt": "work",
                "tools": [kubectl],
                "model": sub,
            }
        ],
        checkpointer=InMemorySaver(),
    )


def task(what: str) -> Any:
    """Call a sub-agent."""
    return call("task", description=what, subagent_type="sre")


def test_sub_agents_of_deepagents_are_seen(play_graph: Any) -> None:
    """B24: model turns and calls inside a sub-agent count, each once."""
    main = ScriptedModel(turns=[turn(calls=[task("look")]), DONE, turn(calls=[task("fix")]), DONE])
    sub = ScriptedModel(turns=[MEND, turn("looked"), MEND, turn("mended")])
    ended = play_graph(lambda _: deep(main, sub), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    calls = [e.fact.tool for e in ended.records.events if isinstance(e.fact, ToolRequested)]
    assert calls == ["task", "kubectl", "task", "kubectl"]
    assert ended.facts.count("ModelReplied") == 8
    assert ended.facts.count("ToolReturned") == 4
    replied = [e.agent for e in ended.records.events if isinstance(e.fact, ModelReplied)]
    assert "sre" in replied


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_middleware_alone_sees_a_deep_agent_and_not_its_sub_agents(
    *, asynchronous: bool
) -> None:
    """B24: no middleware reaches a sub-agent; its work is one `task` call, the end is judged."""
    main = ScriptedModel(turns=[turn(calls=[task("fix")]), DONE, DONE])
    sub = ScriptedModel(turns=[MEND, turn("mended")])
    records = Recorder()
    using = Guard(settings=FREE, gate=ScriptedGate(FAIL, PASS), hooks=[records])
    agent = deep(main, sub, middleware=[GuardrailMiddleware(using=using)])
    given: Any = {"messages": [("user", "checkout is down")]}
    config: Any = {"configurable": {"thread_id": "t"}}
    found = (
        asyncio.run(agent.ainvoke(given, config)) if asynchronous else agent.invoke(given, config)
    )
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    assert [(e.outcome, e.refusals) for e in records.ended] == [(Outcome.RESOLVED, 1)]
    calls = [e.fact.tool for e in records.events if isinstance(e.fact, ToolRequested)]
    assert calls == ["task"]


def test_a_write_inside_a_sub_agent_is_blocked_and_the_agent_goes_on(play_graph: Any) -> None:
    """A policy that forbids writes holds where no middleware reaches."""
    ran: list[str] = []

    @tool
    def kubectl(command: str) -> str:
        """Run kubectl."""
        ran.append(command)
        return "ok"

    def build(_: Any) -> Any:
        return create_deep_agent(
            model=ScriptedModel(turns=[turn(calls=[task("fix")]), DONE, DONE]),
            tools=[],
            subagents=[
                {
                    "name": "sre",
                    "description": "works on the cluster",
                    "system_prompt": "work",
                    "tools": [kubectl],
                    "model": ScriptedModel(turns=[MEND, turn("could not")]),
                }
            ],
        )

    settings = Settings(fsm=NO_MACHINE, effects=EffectRules(write="block", destructive="block"))
    ended = play_graph(build, PASS, settings=settings)
    ended.check()
    assert ran == []
    assert ended.outcome is Outcome.RESOLVED


def supervised(boss: ScriptedModel, worker: ScriptedModel, *, forwards: bool) -> Any:
    """Build a supervisor with one worker."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library builds on a deprecated function
        agent = create_agent(worker, [kubectl], name="sre")
        tools = [create_forward_message_tool("supervisor")] if forwards else []
        return create_supervisor([agent], model=boss, tools=tools).compile(
            checkpointer=InMemorySaver()
        )


def test_a_supervisor_is_guarded(play_graph: Any) -> None:
    """B25: hand-offs inside the graph are no ends; its answer is judged."""
    boss = ScriptedModel(turns=[turn(calls=[call("transfer_to_sre")]), DONE, MEND, DONE])
    boss.turns[2] = turn(calls=[call("transfer_to_sre")])
    worker = ScriptedModel(turns=[MEND, turn("mended"), MEND, turn("mended again")])
    ended = play_graph(lambda _: supervised(boss, worker, forwards=False), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.facts.count("ModelReplied") == 8


def test_a_forwarded_message_is_an_answer_and_its_call_is_repaired(play_graph: Any) -> None:
    """B25: forwarding ends the supervisor with an open call; a refusal re-enters all the same."""
    forward = turn(calls=[call("forward_message", from_agent="sre")])
    transfer = turn(calls=[call("transfer_to_sre")])
    boss = ScriptedModel(turns=[transfer, forward, transfer, forward])
    worker = ScriptedModel(turns=[turn("It is fixed."), MEND, turn("Now it is fixed.")])
    ended = play_graph(lambda _: supervised(boss, worker, forwards=True), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    ends = [e.fact for e in ended.records.events if isinstance(e.fact, EndRequested)]
    assert [end.claim.text for end in ends if end.claim] == ["It is fixed.", "Now it is fixed."]
    asked = boss.seen[2]
    open_calls = {c["id"] for m in asked if isinstance(m, AIMessage) for c in m.tool_calls}
    assert open_calls <= {m.tool_call_id for m in asked if isinstance(m, ToolMessage)}


def test_private_limits_of_a_middleware_survive_a_refusal(play_graph: Any) -> None:
    """1.3: a thread limit counts over refusals, because what the agent keeps to itself stays."""
    model = ScriptedModel(turns=[DONE], at_end="repeat")

    def build(_: Any) -> Any:
        limit = ModelCallLimitMiddleware(thread_limit=2, exit_behavior="end")
        return create_agent(model, [kubectl], middleware=[limit], checkpointer=InMemorySaver())

    ended = play_graph(build, FAIL)
    ended.check()
    assert model.asked == 2
    assert ended.reason is Reason.NO_PROGRESS
    assert ended.outcome is Outcome.UNRESOLVED


def test_a_hand_off_to_the_end_is_judged(play_graph: Any) -> None:
    """A node inside that leaves with `goto=END` in the parent brings its message to the door."""

    class Logged(MessagesState):
        log: Annotated[list[str], operator.add]

    answers = ["It is fixed.", "Now it is fixed."]

    def leave(state: Any) -> Command[Any]:
        said = AIMessage(answers.pop(0))
        return Command(graph=Command.PARENT, goto=END, update={"messages": [said], "log": ["left"]})

    graph = StateGraph(Logged)
    graph.add_node("leave", leave)
    graph.add_edge(START, "leave")
    ended = play_graph(lambda _: graph.compile(), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.state["log"] == ["left", "left"]
    ends = [e.fact for e in ended.records.events if isinstance(e.fact, EndRequested)]
    assert [end.exit for end in ends] == [ExitKind.HANDOFF, ExitKind.HANDOFF]
