"""The library on a real control plane: middleware and graph wrapper, as they stand in a program."""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode

from e2e.clusters.cluster import Cluster
from e2e.scenarios.agent import tools_of
from e2e.scenarios.runs import GUARD, POLICY, Case, prepare
from e2e.scenarios.scripts import A_MOMENT, CHECK, COMPARE, LOOK, MEND_PORT, PODS, SCENARIOS
from guardrails import (
    Alertmanager,
    EvidenceGate,
    Guard,
    GuardrailMiddleware,
    Outcome,
    Prometheus,
    guard,
    guard_tools,
    load_incident,
    load_settings,
)
from guardrails.core.events import GateReported
from guardrails.core.evidence import GateVerdict
from guardrails.gates.kubernetes.connect import connect
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn

STORY = SCENARIOS["false-victory"]


def test_middleware_refuses_and_accepts(app: Cluster, tmp_path: Path) -> None:
    """`create_agent` with the middleware: one refusal, the mend, the accepted end."""
    case = prepare(app, STORY, tmp_path)
    with guarding(case) as (using, records):
        agent = create_agent(
            ScriptedModel(turns=list(STORY.script)),
            tools=tools_of(case.agent),
            middleware=[GuardrailMiddleware(using=using)],
        )

        result = agent.invoke({"messages": [HumanMessage(STORY.task)]})

    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert verdicts(records) == [GateVerdict.FAIL, GateVerdict.PASS]


class State(TypedDict):
    """State of a graph as SRE teams write them: messages and a flag that a submit tool raises."""

    messages: Annotated[list[BaseMessage], add_messages]
    submitted: bool


async def test_hand_built_graph_is_held_at_its_submit_tool(app: Cluster, tmp_path: Path) -> None:
    """A graph of one's own, asynchronous: its submit tool runs when the gate passes, not before."""
    submissions: list[str] = []

    def submit(answer: str) -> str:
        """Submit the final answer."""
        submissions.append(answer)
        return "submitted"

    claim = turn("I am done.", calls=[call("submit", answer="The incident is resolved.")])
    case = prepare(app, STORY, tmp_path)
    with guarding(case) as (using, records):
        tools = guard_tools([*tools_of(case.agent), StructuredTool.from_function(submit)])
        model = ScriptedModel(turns=[LOOK, PODS, claim, COMPARE, MEND_PORT, A_MOMENT, CHECK, claim])
        graph = guard(hand_built(model, tools), using=using)

        result = await graph.ainvoke({"messages": [("user", STORY.task)], "submitted": False})

    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert verdicts(records) == [GateVerdict.FAIL, GateVerdict.PASS]
    assert submissions == ["The incident is resolved."]
    assert result["submitted"] is True


def hand_built(model: ScriptedModel, tools: list[Any]) -> Any:  # noqa: ANN401  # LangGraph's generics
    """Build the graph: model, tools, and an end when the submit tool has run."""

    async def agent(state: State) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def act(state: State) -> dict[str, Any]:
        last = state["messages"][-1]
        done = await ToolNode(tools).ainvoke(state)
        asked = isinstance(last, AIMessage) and last.tool_calls[0]["name"] == "submit"
        ran = asked and done["messages"][-1].status == "success"
        return {**done, "submitted": ran}

    def after(state: State) -> str:
        return END if state["submitted"] else "agent"

    graph = StateGraph(State)
    graph.add_node("agent", agent)
    graph.add_node("act", act)
    graph.add_edge(START, "agent")
    graph.add_edge("agent", "act")
    graph.add_conditional_edges("act", after)
    return graph.compile()


@contextmanager
def guarding(case: Case) -> Generator[tuple[Guard, Recorder]]:
    """Compose the guard as a program would: reader, alert sources, gate, settings, hooks."""
    settings = load_settings(file=POLICY, profile=None, model="", environ={}, flags={})
    records = Recorder()
    with closing(connect(case.cluster.kubeconfig_for(*GUARD))) as reader:
        gate = EvidenceGate(
            reader=reader,
            prometheus=Prometheus(case.cluster.prometheus_url),
            alertmanager=Alertmanager(case.cluster.alertmanager_url),
            settings=settings.gate,
            baselines=[case.baseline],
        )
        incident = load_incident(case.incident)
        yield Guard(settings=settings, gate=gate, incident=incident, hooks=[records]), records


def verdicts(records: Recorder) -> list[GateVerdict]:
    """Return what the gate found, end by end."""
    facts = (event.fact for event in records.events)
    return [fact.report.verdict for fact in facts if isinstance(fact, GateReported)]
