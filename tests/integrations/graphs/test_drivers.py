"""What drivers of hand-built graphs do: watch values, read the state, stop at nodes, try again."""

import asyncio
from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from guardrails.core.decisions import Reason
from guardrails.core.events import EndRequested
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.errors import UsageError
from guardrails.integrations.drive import drive
from guardrails.integrations.langgraph import guard
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE

PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL
TASK = {"messages": [HumanMessage("checkout is down", id="task")]}
THREAD: Any = {"configurable": {"thread_id": "t"}}
GAVE_UP = "I was unable to resolve the incident and give up."


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


LOOK = turn("looking", calls=[call("kubectl", command="kubectl get pods -n shop")])
DONE = turn("It is fixed.")


def guarded_by(*played: Any) -> tuple[Guard, Recorder]:
    """Make a guard and the recorder of its runs."""
    records = Recorder()
    return Guard(settings=FREE, gate=ScriptedGate(*played), hooks=[records]), records


def asked(ended: Any) -> list[EndRequested]:
    """Return the ends that were asked for."""
    return [e.fact for e in ended.records.events if isinstance(e.fact, EndRequested)]


class Narrow(TypedDict):
    """What the graph gives to its caller."""

    messages: Annotated[list[AnyMessage], add_messages]


class Wide(Narrow):
    """What the graph keeps."""

    note: str


def narrow() -> Any:
    """Build a graph that keeps a key to itself."""
    model = ScriptedModel(turns=[DONE], at_end="repeat")
    graph = StateGraph(Wide, output_schema=Narrow)
    graph.add_node("think", lambda s: {"messages": [model.invoke(s["messages"])], "note": "n"})
    graph.add_edge(START, "think")
    return graph.compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("subgraphs", [False, True])
def test_values_show_the_keys_that_the_graph_shows_and_none_of_the_guards(
    *, subgraphs: bool
) -> None:
    """1.3(3), 1.6: `values` lacked the graph's private keys and showed the guard's own."""

    def keys(graph: Any) -> list[set[str]]:
        found = graph.stream(TASK, THREAD, stream_mode="values", subgraphs=subgraphs)
        return [set(part[1] if subgraphs else part) for part in found]

    using, _ = guarded_by(PASS)
    bare, around = keys(narrow()), keys(guard(narrow(), using=using))
    assert around[: len(bare)] == bare
    assert around[len(bare) :] == [{"messages", "note", "guardrails_outcome"}]


def test_the_state_is_read_after_the_run() -> None:
    """1.6: `get_state` of the guarded graph says that nothing is left to do, and what was said."""
    using, _ = guarded_by(FAIL, PASS)
    graph = guard(narrow(), using=using)
    found = graph.invoke(TASK, THREAD)
    state = graph.get_state(THREAD)
    assert state.next == ()
    assert state.values["messages"] == found["messages"]
    assert state.values["note"] == "n"
    assert state.values["guardrails_outcome"] == found["guardrails_outcome"]


@pytest.mark.parametrize("option", [{"interrupt_before": ["tools"]}, {"interrupt_after": "*"}])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_stops_that_the_caller_asks_for_hold(option: Any, *, asynchronous: bool) -> None:
    """B7: an approval by `interrupt_before=` was ignored, and the tool ran unapproved."""
    using, records = guarded_by(FAIL, PASS)
    inner = create_agent(
        ScriptedModel(turns=[LOOK, DONE, DONE]), [kubectl], checkpointer=InMemorySaver()
    )
    graph = guard(inner, using=using)

    def run(given: Any, **options: Any) -> Any:
        if asynchronous:
            return asyncio.run(graph.ainvoke(given, THREAD, **options))
        return graph.invoke(given, THREAD, **options)

    paused = run(TASK, **option)
    assert [m.type for m in paused["messages"]] == ["human", "ai"]
    assert records.ended == []
    assert "ToolRequested" not in [type(e.fact).__name__ for e in records.events]
    found = run(None)
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    assert [e.refusals for e in records.ended] == [1]


def test_a_driver_that_tries_again_gets_a_run_for_each_try(play_graph: Any) -> None:
    """1.6: a retry loop with an undo turn on the same thread: each try is judged by itself."""
    model = ScriptedModel(turns=[turn(GAVE_UP), DONE])
    ended = play_graph(
        lambda _: create_agent(model, [kubectl], checkpointer=InMemorySaver()), PASS, turns=2
    )
    assert [e.reason for e in ended.records.ended] == [Reason.GAVE_UP, Reason.GATE_PASSED]
    assert len({e.run for e in ended.records.ended}) == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_thread_from_before_the_guard_is_not_taken_up(*, asynchronous: bool) -> None:
    """1.3(4): resuming it would end without a verdict, so it is refused; a new input is judged."""

    @tool
    def ask(question: str) -> str:
        """Ask a person."""
        return str(interrupt(question))

    script = [turn(calls=[call("ask", question="may I?")]), DONE]
    bare = create_agent(ScriptedModel(turns=script), [ask], checkpointer=InMemorySaver())
    bare.invoke(TASK, THREAD)
    using, records = guarded_by(PASS)
    graph = guard(bare, using=using)

    def run(given: Any) -> Any:
        if asynchronous:
            return asyncio.run(graph.ainvoke(given, THREAD))
        return graph.invoke(given, THREAD)

    with pytest.raises(UsageError, match="begun by the graph without its guard"):
        run(Command(resume="yes"))
    assert records.events == []
    assert run({"messages": [("user", "go on")]})["guardrails_outcome"]["outcome"] == "resolved"


class Reported(MessagesState):
    """A conversation with an alert's summary going in and a report coming out."""

    summary: str
    final_report: NotRequired[dict[str, Any]]


def reporting(model: ScriptedModel, *, report: Any = None, asks: bool = False) -> Any:
    """Build a graph whose last node may ask a person before it posts."""
    reports = [report]

    def think(state: Any) -> dict[str, Any]:
        said = {"messages": [model.invoke(state["messages"])]}
        found = reports.pop(0) if reports else None
        return said if found is None else {**said, "final_report": found}

    def post(state: Any) -> dict[str, Any]:
        if asks:
            interrupt("post it?")
        return {}

    graph = StateGraph(Reported)
    graph.add_node("think", think)
    graph.add_node("post", post)
    graph.add_edge(START, "think")
    graph.add_edge("think", "post")
    return graph.compile(checkpointer=InMemorySaver())


GIVEN = {**TASK, "summary": "checkout is down"}
CAUSE = {"root_cause": {"kind": "Deployment", "name": "checkout"}}


def test_what_goes_in_is_no_claim(play_graph: Any) -> None:
    """1.6: a `summary` of the alert in the input was taken for the agent's answer."""
    model = ScriptedModel(turns=[turn(GAVE_UP)])
    ended = play_graph(lambda _: reporting(model), PASS, inputs=GIVEN)
    ended.check()
    assert ended.reason is Reason.GAVE_UP


def test_a_report_of_an_earlier_run_is_no_claim_of_this_one(play_graph: Any) -> None:
    """1.6: what stands on the thread already was not said in this run."""
    model = ScriptedModel(turns=[DONE, turn(GAVE_UP)])
    ended = play_graph(lambda _: reporting(model, report=CAUSE), PASS, inputs=GIVEN, turns=2)
    assert [e.reason for e in ended.records.ended] == [Reason.GATE_PASSED, Reason.GAVE_UP]


@pytest.mark.parametrize("said", [GAVE_UP, "It is fixed."])
def test_an_answer_before_a_question_is_still_an_answer(play_graph: Any, said: str) -> None:
    """B7: what the model said before an interrupt is what it claims after it."""
    model = ScriptedModel(turns=[turn(said)])
    ended = play_graph(lambda _: reporting(model, asks=True), PASS, inputs=GIVEN, answers=["yes"])
    ended.check()
    assert [end.claim.text for end in asked(ended) if end.claim] == [said]
    assert ended.reason is (Reason.GAVE_UP if said == GAVE_UP else Reason.GATE_PASSED)


def test_a_report_before_a_question_is_still_the_claim(play_graph: Any) -> None:
    """B7, 1.6: the report that a person approves is the one that is judged."""
    model = ScriptedModel(turns=[DONE])
    ended = play_graph(
        lambda _: reporting(model, report=CAUSE, asks=True),
        PASS,
        inputs=GIVEN,
        answers=["yes"],
        goal=Goal.DIAGNOSIS,
    )
    ended.check()
    assert ended.outcome is Outcome.DIAGNOSED
    assert [e.name for e in ended.gate.requests[0].claim.entities] == ["checkout"]


def test_a_fallback_report_without_evidence_is_judged_like_any_other(play_graph: Any) -> None:
    """1.6: a node that writes a report when the agent has none claims nothing that is accepted."""
    model = ScriptedModel(turns=[turn("")], at_end="repeat")

    def think(state: Any) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def fallback(state: Any) -> dict[str, Any]:
        return {"final_report": {"root_cause": "unknown", "status": "resolved"}}

    graph = StateGraph(Reported)
    graph.add_node("think", think)
    graph.add_node("fallback", fallback)
    graph.add_edge(START, "think")
    graph.add_edge("think", "fallback")
    ended = play_graph(lambda _: graph.compile(), FAIL, inputs=GIVEN)
    ended.check()
    assert ended.outcome is Outcome.UNRESOLVED
    assert ended.reason is Reason.BUDGET_REFUSALS


def test_a_router_that_defaults_to_done_is_judged(play_graph: Any) -> None:
    """1.6: a supervisor whose model names neither branch goes to the end, which is refused."""
    model = ScriptedModel(turns=[turn("hmm"), turn("work"), turn("hmm")])

    def route(state: Any) -> str:
        return "work" if state["messages"][-1].text == "work" else "__end__"

    graph = StateGraph(MessagesState)
    graph.add_node("boss", lambda s: {"messages": [model.invoke(s["messages"])]})
    graph.add_node("work", lambda _: {"messages": [AIMessage("worked", name="worker")]})
    graph.add_edge(START, "boss")
    graph.add_conditional_edges("boss", route, ["work", "__end__"])
    graph.add_edge("work", "boss")
    ended = play_graph(lambda _: graph.compile(), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.facts.count("ModelReplied") == 3


def test_what_is_no_compiled_graph_is_named() -> None:
    """1.3: an uncompiled graph, a functional workflow and anything else each say the way out."""
    using, records = guarded_by(PASS)
    builder = StateGraph(MessagesState)

    @entrypoint()
    def workflow(given: dict[str, Any]) -> dict[str, Any]:
        return given

    for given, said in (
        (builder, r"not compiled: pass graph\.compile\(\)"),
        (workflow, "no StateGraph \\(an @entrypoint"),
        (object(), "takes a compiled StateGraph, not 'object'"),
    ):
        unfit: Any = given
        with pytest.raises(UsageError, match=said):
            guard(unfit, using=using)
        with pytest.raises(UsageError, match=said):
            asyncio.run(drive(unfit, TASK, using=using))
    assert records.events == []
