"""`guard(graph)` is a compiled graph like any other: streams, threads, nesting, errors."""

import asyncio
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from langgraph.runtime import RunControl
from langgraph.types import Command, interrupt

from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.errors import UsageError
from guardrails.integrations.langgraph import guard
from guardrails.policy.models import Budgets, EffectRules, Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE, NO_MACHINE

PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL
TASK = {"messages": [HumanMessage("checkout is down", id="task")]}


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


def look() -> Any:
    """Take a look, with a call id that is the same in every run."""
    return turn("looking at it", calls=[call("kubectl", call_id="c1", command="kubectl get po")])


def agent(*turns: Any, checkpointer: Any = None) -> Any:
    """Build an agent."""
    return create_agent(
        ScriptedModel(turns=list(turns)), [kubectl], checkpointer=checkpointer, name="sre"
    )


def guarded_by(*played: Any, settings: Settings | None = None) -> tuple[Guard, Recorder]:
    """Make a guard and the recorder of its runs."""
    records = Recorder()
    return Guard(gate=ScriptedGate(*played), hooks=[records], settings=settings or FREE), records


def plain(part: Any) -> str:
    """Show a part of a stream without what differs from run to run."""
    match part:
        case dict():
            rows = {k: plain(v) for k, v in part.items() if k != "id"}
            return str(rows)
        case list() | tuple():
            return str([plain(one) for one in part])
        case _ if hasattr(part, "content"):
            calls = getattr(part, "tool_calls", "")
            return f"{type(part).__name__}:{part.content}:{calls}"
        case _:
            return str(part)


@pytest.mark.parametrize("mode", ["updates", "values", "messages", ["updates", "custom"]])
@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_streams_show_the_graph_as_if_it_were_not_guarded(
    mode: Any,
    subgraphs: bool,  # noqa: FBT001  # a parameter of the table
    asynchronous: bool,  # noqa: FBT001  # as above
) -> None:
    """Every stream mode gives the graph's own parts in order, and the gate's after them."""

    def parts(graph: Any) -> list[Any]:
        options = {"stream_mode": mode, "subgraphs": subgraphs}
        if not asynchronous:
            return list(graph.stream(TASK, **options))

        async def collect() -> list[Any]:
            return [part async for part in graph.astream(TASK, **options)]

        return asyncio.run(collect())

    def shown(found: list[Any]) -> list[str]:
        if mode == "messages":
            return [plain(part[-1][0] if subgraphs else part[0]) for part in found]
        return [plain(part) for part in found]

    using, _ = guarded_by(PASS)
    bare = shown(parts(agent(look(), turn("It is fixed."))))
    around = shown(parts(guard(agent(look(), turn("It is fixed.")), using=using)))
    assert around[: len(bare)] == bare
    rest = around[len(bare) :]
    assert all("guardrails" in part for part in rest)
    assert bool(rest) is (mode != "messages")


def test_the_second_form_of_parts_is_kept() -> None:
    """`version="v2"` gives dicts with the graph's own places."""
    using, _ = guarded_by(PASS)
    graph = guard(agent(look(), turn("It is fixed.")), using=using)
    found = list(graph.stream(TASK, stream_mode=["updates"], version="v2"))
    assert [(p["type"], p["ns"], next(iter(p["data"]))) for p in found] == [
        ("updates", (), "model"),
        ("updates", (), "tools"),
        ("updates", (), "model"),
        ("updates", (), "guardrails_gate"),
    ]


def test_refusals_and_ends_show_in_the_custom_stream() -> None:
    """Whoever watches the stream sees that an answer was refused, and why."""
    using, _ = guarded_by(FAIL, PASS)
    graph = guard(agent(turn("done"), turn("done now")), using=using)
    shown = [p["guardrails"] for p in graph.stream(TASK, stream_mode="custom")]
    found = [p for p in shown if p["type"] in {"refused", "ended"}]
    assert [(p["type"], p["outcome"]) for p in found] == [("refused", None), ("ended", "resolved")]


def test_it_is_a_compiled_graph_with_the_schemas_of_the_one_inside() -> None:
    """Servers and parents take it for the graph; only the outcome is added to the output."""
    using, _ = guarded_by(PASS)
    inner = agent(turn("done"))
    graph = guard(inner, using=using)
    assert isinstance(graph, CompiledStateGraph)
    assert graph.name == inner.name
    assert graph.get_input_jsonschema() == inner.get_input_jsonschema() | {
        "title": graph.get_input_jsonschema()["title"]
    }
    outputs = set(graph.get_output_jsonschema()["properties"])
    assert outputs == {*inner.get_output_jsonschema()["properties"], "guardrails_outcome"}
    assert set(graph.get_graph(xray=True).nodes) >= {"agent:model", "agent:tools"}
    assert set(graph.with_config(tags=["x"]).invoke(TASK)) <= outputs


def test_the_given_graph_is_not_changed() -> None:
    """Guarding makes a copy: the graph still runs unguarded elsewhere."""
    settings = Settings(fsm=NO_MACHINE, effects=EffectRules(read="block"))
    using, records = guarded_by(PASS, settings=settings)
    inner = agent(look(), turn("done"))
    node = inner.nodes["tools"].bound
    guarded = guard(inner, using=using)
    found = inner.invoke(TASK)
    assert inner.nodes["tools"].bound is node
    assert found["messages"][2].content == "ran kubectl get po"
    assert "guardrails_outcome" not in found
    assert records.events == []
    inner.nodes["model"]  # still there
    assert guarded.guarded is inner


def test_an_ordinary_tool_node_is_held_without_code_changes() -> None:
    """A call that the policy blocks does not run, and its hooks still work for others."""
    hooked: list[str] = []

    def hook(request: Any, handler: Any) -> Any:
        hooked.append(request.tool_call["name"])
        return handler(request)

    def build() -> Any:
        model = ScriptedModel(
            turns=[
                turn(calls=[call("kubectl", command="kubectl delete pod x")]),
                look(),
                turn("done"),
            ]
        )
        graph = StateGraph(MessagesState)
        graph.add_node("think", lambda s: {"messages": [model.invoke(s["messages"])]})
        graph.add_node("tools", ToolNode([kubectl], wrap_tool_call=hook))
        graph.add_edge(START, "think")
        graph.add_conditional_edges(
            "think", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
        )
        graph.add_edge("tools", "think")
        return graph.compile()

    settings = Settings(fsm=NO_MACHINE, effects=EffectRules(destructive="block"))
    for asynchronous in (False, True):
        hooked.clear()
        using, _ = guarded_by(PASS, settings=settings)
        graph = guard(build(), using=using)
        found = asyncio.run(graph.ainvoke(TASK)) if asynchronous else graph.invoke(TASK)
        assert found["messages"][2].status == "error"
        assert found["messages"][4].content == "ran kubectl get po"
        assert hooked == ["kubectl"]
        assert found["guardrails_outcome"]["outcome"] == "resolved"


def test_a_blocked_call_in_an_unguarded_node_goes_back_to_the_model() -> None:
    """A node that catches nothing is not killed by a call that the policy blocks."""
    model = ScriptedModel(
        turns=[turn(calls=[call("kubectl", command="kubectl delete pod x")]), turn("done")]
    )

    def act(state: Any) -> Any:
        asked = state["messages"][-1].tool_calls
        return {"messages": [kubectl.invoke({**c, "type": "tool_call"}) for c in asked]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", lambda s: {"messages": [model.invoke(s["messages"])]})
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "act" if s["messages"][-1].tool_calls else END, ["act", END]
    )
    graph.add_edge("act", "think")
    using, _ = guarded_by(
        PASS, settings=Settings(fsm=NO_MACHINE, effects=EffectRules(destructive="block"))
    )
    found = guard(graph.compile(), using=using).invoke(TASK)
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    assert "not allowed here" in found["messages"][2].content


def test_a_second_turn_on_a_thread_is_a_run_of_its_own() -> None:
    """B20: budgets are fresh, and the first outcome does not stand for the second run."""
    using, records = guarded_by(PASS)
    graph = guard(agent(turn("a"), turn("b"), checkpointer=InMemorySaver()), using=using)
    config: Any = {"configurable": {"thread_id": "t"}}
    first = graph.invoke(TASK, config)["guardrails_outcome"]
    second = graph.invoke({"messages": [("user", "again")]}, config)
    assert first["run"] != second["guardrails_outcome"]["run"]
    assert [m.content for m in second["messages"]] == ["checkout is down", "a", "again", "b"]
    assert [e.outcome for e in records.ended] == [Outcome.RESOLVED, Outcome.RESOLVED]


def test_an_interrupt_is_resumed_and_refused_ends_go_on_after_it() -> None:
    """A refusal after a resumption re-enters the graph; it does not replay the resumption."""

    @tool
    def ask(question: str) -> str:
        """Ask a person."""
        return str(interrupt(question))

    model = ScriptedModel(
        turns=[turn(calls=[call("ask", question="may I?")]), turn("done"), turn("done now")]
    )
    inner = create_agent(model, [ask], checkpointer=InMemorySaver())
    using, records = guarded_by(FAIL, PASS)
    graph = guard(inner, using=using)
    config: Any = {"configurable": {"thread_id": "t"}}
    paused = graph.invoke(TASK, config)
    assert [i.value for i in paused["__interrupt__"]] == ["may I?"]
    found = graph.invoke(Command(resume="yes"), config)
    assert found["guardrails_outcome"]["refusals"] == 1
    facts = [type(e.fact).__name__ for e in records.events]
    assert facts.count("RunPaused") == facts.count("RunResumed") == 1
    assert facts.count("ToolRequested") == facts.count("ToolReturned") == 1


def test_a_drain_is_a_pause() -> None:
    """B23: a drained run is resumable, and ends at its gate after that."""
    control = RunControl()

    @tool
    def slow(command: str) -> str:
        """Run something while the process is told to stop."""
        control.request_drain("deploy")
        return "ok"

    model = ScriptedModel(turns=[turn(calls=[call("slow", command="x")]), turn("done")])
    using, records = guarded_by(PASS)
    graph = guard(create_agent(model, [slow], checkpointer=InMemorySaver()), using=using)
    config: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphDrained):
        graph.invoke(TASK, config, control=control)
    assert records.ended == []
    found = graph.invoke(None, config)
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    assert [e.outcome for e in records.ended] == [Outcome.RESOLVED]


def test_an_error_ends_in_the_state_or_is_raised_as_asked() -> None:
    """Either way its outcome is recorded; the state keeps what was done until then."""
    for errors in ("return", "raise"):
        using, records = guarded_by(PASS)
        graph = guard(agent(look(), RuntimeError("down")), using=using, errors=errors)
        if errors == "raise":
            with pytest.raises(RuntimeError, match="down"):
                graph.invoke(TASK)
        else:
            found = graph.invoke(TASK)
            assert found["guardrails_outcome"]["outcome"] == "aborted"
            assert "ran kubectl get po" in [m.content for m in found["messages"]]
        assert [e.reason for e in records.ended] == [Reason.ERROR]


def test_errors_of_the_callers_functions_end_the_run_and_are_raised() -> None:
    """A bug in `claim` or `on_refusal` is the caller's to see; the run has an outcome."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    for options in ({"claim": broken}, {"on_refusal": broken}):
        using, records = guarded_by(FAIL)
        with pytest.raises(ZeroDivisionError):
            guard(agent(turn("done")), using=using, **options).invoke(TASK)
        assert [e.outcome for e in records.ended] == [Outcome.ABORTED]


def test_an_unknown_node_to_re_enter_at_is_named() -> None:
    """The error says which nodes there are."""
    using, _ = guarded_by(FAIL)
    graph = guard(agent(turn("done")), using=using, on_refusal=lambda *_: Command(goto="nowhere"))
    with pytest.raises(UsageError, match=r"'nowhere'.*its nodes: model, tools"):
        graph.invoke(TASK)


def test_the_recursion_limit_counts_inside() -> None:
    """A small limit ends the agent, not the guard around it."""
    using, records = guarded_by(FAIL, PASS)
    graph = guard(agent(turn("done"), turn("done now")), using=using)
    found = graph.invoke(TASK, {"recursion_limit": 2})
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    using, records = guarded_by(PASS)
    graph = guard(agent(look(), look(), look()), using=using)
    graph.invoke(TASK, {"recursion_limit": 2})
    assert [e.reason for e in records.ended] == [Reason.RECURSION_LIMIT]


def test_a_guarded_graph_inside_another_graph_ends_its_own_run() -> None:
    """As a node of a larger graph it is judged by itself, and the larger graph goes on."""
    using, records = guarded_by(FAIL, PASS)
    inner = guard(agent(turn("done"), turn("done now")), using=using)

    class Outer(MessagesState):
        guardrails_outcome: dict[str, Any]

    for checkpointer in (None, InMemorySaver()):
        graph = StateGraph(Outer)
        using, records = guarded_by(FAIL, PASS)
        inner = guard(agent(turn("done"), turn("done now")), using=using)
        graph.add_node("sre", inner)
        graph.add_node(
            "after", lambda s: {"messages": [("ai", s["guardrails_outcome"]["outcome"])]}
        )
        graph.add_edge(START, "sre")
        graph.add_edge("sre", "after")
        found = graph.compile(checkpointer=checkpointer).invoke(
            TASK, {"configurable": {"thread_id": "t"}}
        )
        assert found["messages"][-1].content == "resolved"
        assert [e.refusals for e in records.ended] == [1]


def test_a_guarded_graph_inside_a_guarded_graph_leaves_the_end_to_the_outer_one() -> None:
    """One run, one session, one end."""
    inner_using, inner_records = guarded_by(FAIL)
    outer_using, outer_records = guarded_by(PASS)
    inner = guard(agent(turn("done")), using=inner_using)
    graph = StateGraph(MessagesState)
    graph.add_node("sre", inner)
    graph.add_edge(START, "sre")
    found = guard(graph.compile(), using=outer_using).invoke(TASK)
    assert found["guardrails_outcome"]["outcome"] == "resolved"
    assert inner_records.events == []
    assert [type(e.fact).__name__ for e in outer_records.events].count("ModelReplied") == 1


def test_a_hand_off_to_a_graph_further_out_goes_on_its_way() -> None:
    """Inside a larger graph the hand-off is recorded as this run's end and then happens."""
    using, records = guarded_by(PASS)

    def leave(state: Any) -> Command[Any]:
        return Command(graph=Command.PARENT, goto="other", update={"messages": [("ai", "bye")]})

    inner = StateGraph(MessagesState)
    inner.add_node("leave", leave)
    inner.add_edge(START, "leave")
    outer = StateGraph(MessagesState)
    outer.add_node("sre", guard(inner.compile(), using=using), destinations=("other",))
    outer.add_node("other", lambda _: {"messages": [("ai", "other here")]})
    outer.add_edge(START, "sre")
    found = outer.compile().invoke(TASK)
    assert [m.content for m in found["messages"]][-2:] == ["bye", "other here"]
    assert [e.reason for e in records.ended] == [Reason.HANDED_OFF]


def test_shadow_mode_holds_nothing() -> None:
    """The run is what it would have been, with an outcome beside it."""
    using, records = guarded_by(
        FAIL, settings=Settings(fsm=NO_MACHINE, mode="shadow", budgets=Budgets(steps=1))
    )
    found = guard(agent(look(), look(), turn("done")), using=using).invoke(TASK)
    assert found["messages"][-1].content == "done"
    assert [e.outcome for e in records.ended] == [Outcome.UNRESOLVED]


async def test_a_cancelled_run_is_aborted() -> None:
    """Cancellation is recorded and passes."""
    began = asyncio.Event()

    async def wait(state: Any) -> Any:
        began.set()
        await asyncio.Event().wait()

    graph = StateGraph(MessagesState)
    graph.add_node("wait", wait)
    graph.add_edge(START, "wait")
    using, records = guarded_by(PASS)
    running = asyncio.create_task(guard(graph.compile(), using=using).ainvoke(TASK))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(e.outcome, e.reason) for e in records.ended] == [(Outcome.ABORTED, "cancelled")]


def test_what_cannot_be_guarded_is_said_at_once() -> None:
    """The error names the graph's keys and what to pass."""

    class Bare(TypedDict):
        tasks: list[str]

    graph = StateGraph(Bare)
    graph.add_node("x", lambda _: {})
    graph.add_edge(START, "x")
    using, _ = guarded_by(PASS)
    with pytest.raises(
        UsageError, match=r"keeps no messages \(its state: tasks\); pass claim=.*on_"
    ):
        guard(graph.compile(), using=using)
    with pytest.raises(UsageError, match="guarded already"):
        guard(guard(agent(turn("x")), using=using), using=using)
    bare: Any = StateGraph(list)
    bare.add_node("x", lambda s: s)
    bare.add_edge(START, "x")
    with pytest.raises(UsageError, match="one bare value"):
        guard(bare.compile(), using=using)


def test_a_loop_in_an_own_retry_cannot_swallow_the_stop() -> None:
    """An agent that catches every exception still stops when its budget is spent."""
    model = ScriptedModel(turns=[look()], at_end="repeat")

    def stubborn(state: Any) -> Any:
        while True:
            try:
                model.invoke(state["messages"])
            except Exception:  # noqa: BLE001, S112  # what stubborn agents do
                continue

    graph = StateGraph(MessagesState)
    graph.add_node("stubborn", stubborn)
    graph.add_edge(START, "stubborn")
    using, records = guarded_by(FAIL, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(steps=5)))
    guard(graph.compile(), using=using).invoke(TASK)
    assert [(e.reason, e.steps) for e in records.ended] == [(Reason.BUDGET_STEPS, 6)]


def test_an_accepted_agent_may_write_its_report_but_not_go_on_for_ever() -> None:
    """After an accepted submit the agent has a few turns left, then it is stopped."""

    @tool
    def submit(answer: str) -> str:
        """Submit."""
        return "sent"

    model = ScriptedModel(turns=[turn(calls=[call("submit", answer="fixed")]), look()])
    model.at_end = "repeat"
    using, records = guarded_by(PASS)
    guard(create_agent(model, [submit, kubectl]), using=using).invoke(TASK)
    assert [e.outcome for e in records.ended] == [Outcome.RESOLVED]
    assert model.asked < 15
