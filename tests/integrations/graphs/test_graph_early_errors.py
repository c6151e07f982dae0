"""Wrong calls in graphs of one's own: mended, sent back, and taken out of the graph's state."""

import asyncio
import sqlite3
import warnings
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph_supervisor import create_supervisor

from guardrails.core.decisions import Reason
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    StepTakenBack,
    ToolRequested,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.integrations.recalling import recall
from guardrails.integrations.sending import clean_context
from guardrails.integrations.tools import guard_tools
from guardrails.policy.models import Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import NO_MACHINE

PASS = GateVerdict.PASS
DONE = turn("It is fixed.")
CUT = turn(malformed=[("get_pods", '{"namespace": "sh')])


@tool
def get_pods(namespace: str = "shop") -> str:
    """List pods."""
    return f"web-1 Running in {namespace}"


def wrong(number: int) -> AIMessage:
    """Write a turn with a wrong call."""
    return turn(f"Look {number}.", calls=[call("get_pod", call_id=f"wrong{number}")])


class Talk(TypedDict):
    """A conversation under another key."""

    talk: Annotated[list[AnyMessage], add_messages]
    plans: int


def own_tools(tools: list[Any], key: str) -> Any:
    """Build a tool node as people write them: it knows its tools, and answers for the others."""
    by_name = {one.name: one for one in tools}

    def act(state: Any) -> dict[str, Any]:
        found: list[Any] = []
        for asked in state[key][-1].tool_calls:
            if asked["name"] in by_name:
                found.append(by_name[asked["name"]].invoke(asked))
            else:
                found.append(ToolMessage("no such tool", tool_call_id=asked["id"], status="error"))
        return {key: found}

    return act


def looping(
    model: Any,
    *,
    node: str = "ToolNode",
    key: str = "messages",
    tools: tuple[Any, ...] = (get_pods,),
    saver: Any = None,
    clean: bool = False,
) -> Any:
    """Build a planner, and the usual loop of a model and its tools behind it."""
    bound = model.bind_tools(list(tools))
    asks = clean_context() | bound if clean else bound

    def plan(state: Any) -> dict[str, Any]:
        return {"plans": state.get("plans", 0) + 1} if key == "talk" else {}

    def think(state: Any) -> dict[str, Any]:
        return {key: [asks.invoke(state[key])]}

    async def athink(state: Any) -> dict[str, Any]:
        return {key: [await asks.ainvoke(state[key])]}

    def after_model(state: Any) -> str:
        return "tools" if state[key][-1].tool_calls else END

    acts = {
        "ToolNode": lambda: ToolNode(list(tools), messages_key=key),
        "own": lambda: own_tools(list(tools), key),
        "guarded": lambda: own_tools(guard_tools(tools), key),
    }
    graph = StateGraph(Talk if key == "talk" else MessagesState)
    graph.add_node("plan", plan)
    graph.add_node("think", think if not model.model_name.endswith("async") else athink)
    graph.add_node("tools", acts[node]())
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "think")
    graph.add_conditional_edges("think", after_model, ["tools", END])
    graph.add_edge("tools", "think")
    return graph.compile(checkpointer=saver)


def model_of(play: Any, *turns: Any, at_end: Any = "raise") -> ScriptedModel:
    """Make the model; its name says how the graph asks it."""
    name = "m-async" if play.asynchronous else "m"
    return ScriptedModel(turns=list(turns), at_end=at_end, model_name=name)


def facts(ended: Any, kind: type) -> list[Any]:
    """The facts of one type, in order."""
    return [e.fact for e in ended.records.events if isinstance(e.fact, kind)]


# Mended, and sent back


@pytest.mark.parametrize("node", ["ToolNode", "own", "guarded"])
def test_arguments_with_one_reading_are_mended(play_graph: Any, node: str) -> None:
    """The graph routes by a message that is whole already."""
    mends = turn(malformed=[("get_pods", '{"namespace": "prod",}')])
    model = model_of(play_graph, mends, DONE)
    ended = play_graph(lambda _: looping(model, node=node), PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert model.seen[1][-1].text == "web-1 Running in prod"
    assert facts(ended, ModelReplied)[0].tool_calls[0].mended


def test_unread_calls_go_back_to_the_node_that_wrote_them(play_graph: Any) -> None:
    """They are answered there; what stands before it is not run again."""
    model = model_of(play_graph, CUT, DONE)
    graph = looping(model, key="talk")
    given = {"talk": [("user", "web is down")], "plans": 0}
    ended = play_graph(lambda _: graph, PASS, inputs=given)
    assert ended.outcome is Outcome.RESOLVED
    assert ended.state["plans"] == 1
    assert [m.type for m in model.seen[1]] == ["human", "ai", "tool"]
    assert "the call was cut off" in model.seen[1][-1].text
    assert [end.exit for end in facts(ended, EndRequested)] == [ExitKind.FINAL_ANSWER]


def test_nothing_but_unread_calls_ends_with_a_person(play_graph: Any) -> None:
    """Taken back, asked again, and in the end stopped; the state is clean."""
    model = model_of(play_graph, CUT, at_end="repeat")
    ended = play_graph(lambda _: looping(model), PASS)
    ended.check()
    assert (ended.outcome, ended.reason) == (Outcome.ESCALATED, Reason.BAD_CALL)
    assert model.asked == 8
    assert not any(m.invalid_tool_calls for m in ended.state["messages"] if m.type == "ai")


def test_an_argument_that_the_tool_would_drop_is_told(play_graph: Any) -> None:
    """By the tool's own schema, in a tool node as anywhere."""
    model = model_of(play_graph, turn(calls=[call("get_pods", ns="prod")]), DONE)
    ended = play_graph(lambda _: looping(model), PASS)
    ended.check()
    assert "did you mean namespace?" in model.seen[1][-1].text
    assert facts(ended, ToolRequested)[0].fault


# Taken back


@pytest.mark.parametrize("key", ["messages", "talk"])
def test_wrong_steps_leave_the_state(play_graph: Any, key: str) -> None:
    """The next node finds one line in their place, and so does whoever reads the end."""
    model = model_of(play_graph, wrong(1), wrong(2), turn(calls=[call("get_pods")]), DONE)
    given = {key: [("user", "web is down")]}
    ended = play_graph(lambda _: looping(model, key=key), PASS, inputs=given)
    assert ended.outcome is Outcome.RESOLVED
    assert [m.type for m in model.seen[2]] == ["human", "human"]
    kinds = [m.type for m in ended.state[key]]
    assert kinds == ["human", "human", "ai", "tool", "ai"]
    assert "[taken back: There is no tool get_pod" in ended.state[key][1].text
    (taken,) = facts(ended, StepTakenBack)
    assert (taken.call_ids, taken.steps) == (("wrong1", "wrong2"), 2)


def test_what_ran_beside_a_wrong_call_stays_in_the_state(play_graph: Any) -> None:
    """It happened, and nothing brings it back to before."""
    both = [
        turn(calls=[call("get_pods", namespace=f"n{n}"), call("get_pod", call_id=f"wrong{n}")])
        for n in range(2)
    ]
    model = model_of(play_graph, *both, DONE)
    ended = play_graph(lambda _: looping(model), PASS)
    ended.check()
    kinds = ["human", "ai", "tool", "ai", "tool", "human", "ai"]
    assert [m.type for m in ended.state["messages"]] == kinds


def test_nodes_side_by_side_take_out_once(play_graph: Any) -> None:
    """Two nodes of one superstep both see a clean state; LangGraph is told once."""
    model = model_of(play_graph, wrong(1), wrong(2), DONE)
    seen: list[list[str]] = []

    def think(state: Any) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def note(state: Any) -> None:
        seen.append([m.type for m in state["messages"]])

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([get_pods]))
    for name in ("one", "other"):
        graph.add_node(name, note)
        graph.add_edge("tools", name)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
    )
    graph.add_edge(["one", "other"], "think")
    ended = play_graph(lambda _: graph.compile(), PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert len(facts(ended, StepTakenBack)) == 1
    assert ["human", "human"] in seen[2:]
    assert [m.type for m in ended.state["messages"]] == ["human", "human", "ai"]


def test_an_agent_inside_is_cleaned_too(play_graph: Any) -> None:
    """An agent of `create_agent` without any middleware, as a node of a graph."""
    model = model_of(play_graph, wrong(1), wrong(2), DONE)
    graph = StateGraph(MessagesState)
    graph.add_node("sre", create_agent(model, [get_pods]))
    graph.add_edge(START, "sre")
    ended = play_graph(lambda _: graph.compile(), PASS)
    ended.check()
    assert [m.type for m in model.seen[2]] == ["human", "human"]
    assert [m.type for m in ended.state["messages"]] == ["human", "human", "ai"]


@pytest.mark.parametrize("guarded", [False, True])
def test_a_supervisors_worker_errs_and_goes_on(play_graph: Any, *, guarded: bool) -> None:
    """With the middleware its own state is clean at once, else when it comes back.

    The supervisor calls its workers from functions, into which no guard around the graph reaches.
    """
    boss = model_of(play_graph, turn(calls=[call("transfer_to_sre")]), DONE)
    worker = model_of(play_graph, wrong(1), wrong(2), turn("looked"))
    middleware = [GuardrailMiddleware(using=guard_on(PASS))] if guarded else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library builds on a deprecated function
        agent = create_agent(worker, [get_pods], name="sre", middleware=middleware)
        graph = create_supervisor([agent], model=boss, output_mode="full_history").compile(
            checkpointer=InMemorySaver()
        )
    ended = play_graph(lambda _: graph, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert any("Look" in m.text for m in worker.seen[2] if m.type == "ai") is not guarded
    assert not any("Look" in m.text for m in ended.state["messages"] if m.type == "ai")
    assert len(facts(ended, StepTakenBack)) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_checkpoint_holds_the_clean_history(*, asynchronous: bool, tmp_path: Any) -> None:
    """Who resumes the thread in another process finds no wrong step."""
    connection = sqlite3.connect(tmp_path / "threads.sqlite", check_same_thread=False)
    saver = InMemorySaver() if asynchronous else SqliteSaver(connection)
    model = ScriptedModel(turns=[wrong(1), wrong(2), DONE])
    graph = guard(looping(model, saver=saver), using=guard_on(PASS))
    config: Any = {"configurable": {"thread_id": "t"}}
    given: Any = {"messages": [("user", "web is down")]}
    if asynchronous:
        asyncio.run(graph.ainvoke(given, config))
    else:
        graph.invoke(given, config)
    kept = graph.get_state(config).values["messages"]
    assert [m.type for m in kept] == ["human", "human", "ai"]
    connection.close()


def guard_on(*verdicts: Any, hooks: Any = ()) -> Guard:
    """Make a guard on a scripted gate."""
    return Guard(
        settings=Settings(fsm=NO_MACHINE),
        gate=ScriptedGate(*verdicts),
        hooks=list(hooks),
        incident=Incident(task="web is down", namespaces=("shop",)),
    )


# Recall


@tool
def get_list(namespace: str = "shop") -> str:
    """List many things."""
    return "\n".join(f"{namespace}-{n} Running 1/1" for n in range(60))


@pytest.mark.parametrize("node", ["ToolNode", "own", "guarded"])
@pytest.mark.parametrize("key", ["messages", "talk"])
def test_a_result_is_recalled_from_any_state(node: str, key: str) -> None:
    """Under whatever key, and where a node calls its tools without the state."""
    model = ScriptedModel(
        turns=[
            *[turn(calls=[call("get_list", call_id=f"c{n}")]) for n in range(2)],
            turn(calls=[call("recall", pointer="c0")]),
            DONE,
        ]
    )
    records = Recorder()
    graph = looping(model, node=node, key=key, tools=(get_list, recall), clean=True)
    guard(graph, using=guard_on(PASS, hooks=[records])).invoke({key: [("user", "web is down")]})
    assert model.seen[2][2].text.startswith("[left out")
    assert model.seen[3][-1].text == get_list.invoke({})
    asked = [e.fact.tool for e in records.events if isinstance(e.fact, ToolRequested)]
    assert asked == ["get_list"] * 2
