"""Failure modes while real graphs run: whose they are, and that the stored trace says the same."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from langgraph_supervisor import create_supervisor

from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.trace import TraceHeader, encode_line, read_trace
from guardrails.engine import replay
from guardrails.testing.scripted import ScriptedModel, call, turn

DONE = turn("It is fixed.")


@tool
def get_pods(namespace: str = "shop") -> str:
    """List pods."""
    return f"web-1 0/1 CrashLoopBackOff in {namespace}"


@tool
def get_logs(pod: str) -> str:
    """Show a log."""
    return f"{pod}: connection refused to db:5432"


LOOP = [turn(f"Look {at}.", calls=[call("get_pods")]) for at in range(3)]


def deep() -> Any:
    """Build a deep agent whose sub-agent loops."""
    delegate = turn(calls=[call("task", description="look at shop", subagent_type="sre")])
    return create_deep_agent(
        model=ScriptedModel(turns=[delegate, DONE]),
        tools=[],
        subagents=[
            {
                "name": "sre",
                "description": "works on the cluster",
                "system_prompt": "work",
                "tools": [get_pods],
                "model": ScriptedModel(turns=[*LOOP, turn("It crashes.")]),
            }
        ],
    )


def supervised() -> Any:
    """Build a supervisor whose worker loops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library builds on a deprecated function
        model = ScriptedModel(turns=[*LOOP, turn("It crashes.")])
        worker = create_agent(model, [get_pods], name="sre")
        boss = ScriptedModel(turns=[turn(calls=[call("transfer_to_sre")]), DONE])
        return create_supervisor([worker], model=boss).compile()


def swarm() -> Any:
    """Build two agents that hand over to each other; the second loops."""

    @tool
    def transfer_to_sre() -> Any:
        """Hand over."""
        return Command(goto="sre", graph=Command.PARENT, update={"messages": []})

    first = create_agent(
        ScriptedModel(turns=[turn(calls=[call("transfer_to_sre")]), DONE]),
        [transfer_to_sre],
        name="triage",
    )
    second = create_agent(ScriptedModel(turns=[*LOOP, DONE]), [get_pods], name="sre")
    graph = StateGraph(MessagesState)
    graph.add_node("triage", first, destinations=("sre",))
    graph.add_node("sre", second)
    graph.add_edge(START, "triage")
    return graph.compile()


def single() -> Any:
    """Build one agent that loops."""
    return create_agent(ScriptedModel(turns=[*LOOP, DONE]), [get_pods], name="sre")


@pytest.mark.parametrize("build", [deep, supervised, swarm, single])
def test_a_loop_is_told_of_the_agent_that_walks_in_it(
    play_graph: Any, tmp_path: Path, build: Any
) -> None:
    """Sub-agents, workers and agents that were handed over to are seen, and named."""
    ended = play_graph(lambda _: build())
    loops = [one for one in ended.records.findings if one.mode == "FM-1.3"]
    assert [one.agent for one in loops] == [loops[0].agent]
    assert loops[0].agent == ("" if build is single else "sre") or build is single
    assert len(loops[0].steps) == 3
    assert "CrashLoopBackOff" in loops[0].evidence[0]
    path = tmp_path / "t.jsonl"
    records = ended.records.records
    header = TraceHeader(run=records[0].run)
    path.write_bytes(b"".join(map(encode_line, (header, *records))))
    (stored,) = read_trace(path)
    live = tuple(one for one in records if isinstance(one, Finding | FindingWithdrawn))
    assert replay(stored.events).found == stored.found == live


def test_workers_that_do_the_same_looks_are_told(play_graph: Any) -> None:
    """Two sub-agents read the same log and the same pods."""
    delegate = [
        turn(calls=[call("task", description=f"look, {name}", subagent_type=name)])
        for name in ("one", "two")
    ]
    looks = [
        turn("Pods.", calls=[call("get_pods")]),
        turn("Log.", calls=[call("get_logs", pod="web-1")]),
        turn("The database refuses connections."),
    ]

    def build(_: Any) -> Any:
        return create_deep_agent(
            model=ScriptedModel(turns=[*delegate, DONE]),
            tools=[],
            subagents=[
                {
                    "name": name,
                    "description": "works on the cluster",
                    "system_prompt": "work",
                    "tools": [get_pods, get_logs],
                    "model": ScriptedModel(turns=list(looks)),
                }
                for name in ("one", "two")
            ],
        )

    ended = play_graph(build)
    (found,) = [one for one in ended.records.findings if one.mode == "FM-1.3"]
    assert "one, two" in found.why
