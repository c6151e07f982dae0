"""What the guard finds shows in LangGraph's custom stream while the agent works."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from guardrails.core.decisions import Decision, EnforcedAction, Reason, Verdict
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import FindingWithdrawn
from guardrails.core.ids import RunId
from guardrails.core.mast import FailureMode
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.integrations.streaming import STREAM, part_of
from guardrails.policy.models import EffectRules
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE

TASK = {"messages": [HumanMessage("checkout is down", id="task")]}
RUN = RunId("r")


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return "checkout-1  0/1  CrashLoopBackOff"


LOOK = turn("I look again.", calls=[call("kubectl", command="kubectl get pods -n shop")])
DONE = turn("It is fixed.")
LOOP = [LOOK, LOOK, LOOK, DONE]
"""The same look three times: a step repetition."""


def using(**options: Any) -> Guard:
    return Guard(gate=ScriptedGate(GateVerdict.PASS), settings=FREE, **options)


def agent(*turns: Any, **options: Any) -> Any:
    return create_agent(ScriptedModel(turns=list(turns)), [kubectl], **options)


def hand_built(*turns: Any) -> Any:
    """Compile a graph of one's own around a model and a tool node."""
    model = ScriptedModel(turns=list(turns)).bind_tools([kubectl])

    def think(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    def onward(state: MessagesState) -> str:
        return "tools" if state["messages"][-1].tool_calls else END

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([kubectl]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", onward, ["tools", END])
    graph.add_edge("tools", "think")
    return graph.compile()


def with_sub_agent(*turns: Any) -> Any:
    """Make an agent whose only tool is another agent."""
    worker = agent(*turns, name="worker")

    @tool
    def ask_worker(what: str) -> str:
        """Ask the worker."""
        return worker.invoke({"messages": [("user", what)]})["messages"][-1].text

    ask = turn("ask", calls=[call("ask_worker", what="look")])
    return create_agent(ScriptedModel(turns=[ask, DONE]), [ask_worker], name="lead")


def shown(graph: Any, *, asynchronous: bool = False, **options: Any) -> list[Any]:
    """Run a graph and return what its custom stream shows."""
    options = {"stream_mode": "custom", **options}
    if not asynchronous:
        return list(graph.stream(TASK, **options))

    async def collect() -> list[Any]:
        return [part async for part in graph.astream(TASK, **options)]

    return asyncio.run(collect())


def findings(parts: list[Any]) -> list[Any]:
    ours = [part["guardrails"] for part in parts]
    return [part for part in ours if part["type"] == "finding"]


BUILT: dict[str, Any] = {
    "create_agent with the middleware": lambda stream: agent(
        *LOOP, middleware=[GuardrailMiddleware(using=using(), stream=stream)]
    ),
    "guard around create_agent": lambda stream: guard(agent(*LOOP), using=using(), stream=stream),
    "guard around a hand-built graph": lambda stream: guard(
        hand_built(*LOOP), using=using(), stream=stream
    ),
    "guard around an agent with a sub-agent": lambda stream: guard(
        with_sub_agent(*LOOP), using=using(), stream=stream
    ),
}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("built", BUILT)
def test_a_finding_shows_in_the_stream(built: str, *, asynchronous: bool) -> None:
    """With everything that a person needs to judge it, before the end, and once."""
    parts = shown(BUILT[built](True), asynchronous=asynchronous)
    (found,) = [f for f in findings(parts) if f["mode"] == "FM-1.3"]
    assert (found["name"], found["detector"]) == ("Step repetition", "StepRepetition")
    assert found["severity"] == "structural"
    assert found["steps"] == sorted(found["steps"])
    assert "3 times" in found["why"]
    assert found["quotes"] == ["checkout-1 0/1 CrashLoopBackOff"]
    assert parts[-1]["guardrails"]["type"] == "ended"


@pytest.mark.parametrize("built", BUILT)
def test_findings_can_be_left_out_of_the_stream(built: str) -> None:
    """Refusals and the end are shown all the same."""
    types = [part["guardrails"]["type"] for part in shown(BUILT[built](False))]
    assert types == ["ended"]


def test_a_sub_agents_finding_names_it_and_its_place() -> None:
    """Who watches sub-graphs too sees from where it comes."""
    graph = guard(with_sub_agent(*LOOP), using=using())
    parts = shown(graph, subgraphs=True)
    ((place, found),) = [
        (place, part["guardrails"])
        for place, part in parts
        if part["guardrails"].get("mode") == "FM-1.3"
    ]
    assert found["agent"] == "worker"
    assert place[0].startswith("tools:")


def test_parts_of_the_graphs_own_stay_where_they_were() -> None:
    """Only the guard's own parts come up from a sub-graph."""

    def write(state: MessagesState) -> Any:
        from langgraph.config import get_stream_writer  # noqa: PLC0415  # as a node does

        get_stream_writer()({"mine": 1})
        return {"messages": [DONE]}

    inner = StateGraph(MessagesState).add_node(write).add_edge(START, "write").compile()
    outer = StateGraph(MessagesState).add_node("sub", inner).add_edge(START, "sub").compile()
    parts = shown(guard(outer, using=using()))
    assert [part for part in parts if "mine" in part] == []


def test_the_stream_of_another_mode_does_not_change() -> None:
    """Whoever does not ask for custom parts gets none."""
    graph = guard(agent(*LOOP), using=using())
    assert not any("guardrails" in part for part in graph.stream(TASK, stream_mode="updates"))


def test_a_second_run_of_one_guard_shows_its_own() -> None:
    """The hook follows runs, not the guard: another graph of the guard may not want it."""
    one = using()
    assert findings(shown(guard(agent(*LOOP), using=one)))
    assert not findings(shown(guard(agent(*LOOP), using=one, stream=False)))


def test_what_is_only_warned_of_shows() -> None:
    """A call that the policy warns of runs, and whoever watches is told."""
    settings = FREE.model_copy(update={"effects": EffectRules(write="warn")})
    write = turn(
        "go", calls=[call("kubectl", command="kubectl scale deploy/checkout --replicas=2")]
    )
    one = Guard(gate=ScriptedGate(GateVerdict.PASS), settings=settings)
    parts = [part["guardrails"] for part in shown(guard(agent(write, DONE), using=one))]
    (warned,) = [part for part in parts if part["type"] == "warned"]
    assert warned["reason"] == "effect-warned"


def test_a_withdrawal_shows() -> None:
    """So that a list of what was found can be kept up to date."""
    gone = FindingWithdrawn(
        run=RUN, seq=4, mode=FailureMode.PREMATURE_TERMINATION, detector="D", about="a", why="it is"
    )
    assert part_of(RUN, gone) == {
        "type": "withdrawn",
        "run": "r",
        "mode": "FM-3.1",
        "name": "Premature termination",
        "agent": "",
        "about": "a",
        "detector": "D",
        "why": "it is",
    }


def test_what_an_adapter_shows_is_not_shown_twice() -> None:
    """Refused ends and blocked calls have parts of their own."""
    held = Decision(
        run=RUN, seq=1, verdict=Verdict.DENY, action=EnforcedAction.BLOCK, reason=Reason.BAD_CALL
    )
    assert part_of(RUN, held) is None
    assert part_of(RUN, Decision(run=RUN, seq=1)) is None


def test_outside_of_a_graph_nothing_happens() -> None:
    """The command line and the sidecar have no stream."""
    gone = FindingWithdrawn(run=RUN, seq=1, mode=FailureMode.TASK_DERAILMENT, detector="D")
    STREAM.on_record(RUN, gone)
