"""Guarded tools: what they are on the outside does not change; what they run is held first."""

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, InjectedStore, ToolNode, ToolRuntime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt

from guardrails.core.claims import ClaimKind
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, SessionKey
from guardrails.errors import UsageError
from guardrails.integrations.owner import own
from guardrails.integrations.tools import GuardedTool, guard_tools, tool_node_hooks
from guardrails.policy.models import Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS
Way = Literal["sync", "async"]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    """Run the test both ways."""
    return request.param


@pytest.fixture
def recorder() -> Recorder:
    """Keep the records of the guards made here."""
    return Recorder()


@pytest.fixture
def make_guard(recorder: Recorder) -> Callable[..., Guard]:
    """Make a guard whose gate plays these verdicts."""

    def make(*verdicts: Any, **settings: Any) -> Guard:
        settings.setdefault("tools", {"finish": ("submit*",)})
        settings.setdefault("fsm", {"machine": "none", "alignment": "none"})
        return Guard(
            settings=Settings.model_validate(settings),
            gate=ScriptedGate(*verdicts),
            hooks=[recorder],
            incident=Incident(task="checkout is down", namespaces=("shop",)),
        )

    return make


def use(way: Way, held: Any, value: Any) -> Any:
    """Call a tool."""
    return held.invoke(value) if way == "sync" else asyncio.run(held.ainvoke(value))


def tool_call(tool_name: str, /, *, call_id: str = "c1", **arguments: Any) -> dict[str, Any]:
    """Write a call as a tool node passes it."""
    return {"type": "tool_call", "id": call_id, "name": tool_name, "args": arguments}


def facts(recorder: Recorder, kind: type) -> list[Any]:
    """Return the facts of one type, in order."""
    return [e.fact for e in recorder.events if isinstance(e.fact, kind)]


received: list[str]


@pytest.fixture(autouse=True)
def desk() -> list[str]:
    """Empty the desk that submissions go to."""
    global received  # noqa: PLW0603  # tools are plain functions and need somewhere to write
    received = []
    return received


@tool
def get_pods(namespace: str) -> str:
    """List the pods of a namespace."""
    return f"pods in {namespace}"


@tool
def submit(answer: str) -> str:
    """Submit the answer."""
    received.append(answer)
    return "submitted"


@tool
def submit_report(answer: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Submit the answer and set the flag."""
    received.append(answer)
    message = ToolMessage("submitted", tool_call_id=tool_call_id)
    return Command(update={"submitted": True, "messages": [message]})


def submit_unannotated(answer: str, tool_call_id: Annotated[str, InjectedToolCallId]):  # noqa: ANN201  # the case under test
    """Submit the answer and set the flag, without saying what is returned."""
    received.append(answer)
    return Command(update={"messages": [ToolMessage("submitted", tool_call_id=tool_call_id)]})


class SubmitClass(BaseTool):
    """A tool of a class of its own."""

    name: str = "submit_class"
    description: str = "Submit the answer."
    prefix: str = "got"

    def _run(self, answer: str) -> str:
        received.append(answer)
        return f"{self.prefix} {answer}"


def test_guarded_tool_looks_like_the_tool(make_guard: Any) -> None:
    """Name, description, schema, type and flags stay; the original is untouched."""

    @tool(return_direct=True, response_format="content_and_artifact", extras={"cache": True})
    def get_graph(query: str) -> tuple[str, dict[str, int]]:
        """Draw a graph."""
        return query, {"points": 3}

    (held,) = guard_tools([get_graph], using=make_guard(PASS))
    assert isinstance(held, StructuredTool)
    assert isinstance(held, GuardedTool)
    assert not isinstance(get_graph, GuardedTool)
    for name in (
        "name",
        "description",
        "args",
        "return_direct",
        "response_format",
        "extras",
        "func",
    ):
        assert getattr(held, name) == getattr(get_graph, name)
    assert (
        held.tool_call_schema.model_json_schema() == get_graph.tool_call_schema.model_json_schema()
    )
    message = held.invoke(tool_call("get_graph", query="up"))
    assert (message.content, message.artifact) == ("up", {"points": 3})


def test_functions_classes_and_provider_tools_are_taken(make_guard: Any) -> None:
    """Whatever `create_agent` or `ToolNode` take."""

    def get_nodes() -> str:
        """List nodes."""
        return "node-1"

    search = {"type": "web_search"}
    function, instance, provider = guard_tools(
        [get_nodes, SubmitClass(prefix="kept"), search], using=make_guard(PASS)
    )
    assert function.invoke({}) == "node-1"
    assert isinstance(instance, SubmitClass)
    assert instance.invoke({"answer": "x"}) == "kept x"
    assert provider is search


def test_guarding_twice_is_guarding_once(make_guard: Any) -> None:
    """A guarded tool is returned as it is."""
    held = guard_tools([get_pods], using=make_guard(PASS))
    assert guard_tools(held)[0] is held[0]


@pytest.mark.parametrize("submitting", [submit, SubmitClass()], ids=lambda t: t.name)
def test_submission_is_held_before_it_runs(
    way: Way, make_guard: Any, recorder: Recorder, submitting: BaseTool
) -> None:
    """Refused, it does not run and answers as an error result; accepted, it runs."""
    (held,) = guard_tools([submitting], using=make_guard(FAIL, PASS))
    refused = use(way, held, tool_call(submitting.name, answer="fixed"))
    assert isinstance(refused, ToolMessage)
    assert (refused.status, refused.tool_call_id, refused.name) == ("error", "c1", submitting.name)
    assert "Not accepted" in refused.text
    assert received == []
    use(way, held, tool_call(submitting.name, call_id="c2", answer="fixed now"))
    assert received == ["fixed now"]
    assert recorder.ended[0].outcome is Outcome.RESOLVED


def test_refusal_without_a_tool_call_is_a_string(way: Way, make_guard: Any) -> None:
    """A caller that passes bare arguments expects the bare result."""
    (held,) = guard_tools([submit], using=make_guard(FAIL))
    answer = use(way, held, {"answer": "fixed"})
    assert isinstance(answer, str)
    assert "Not accepted" in answer


@pytest.mark.parametrize("submitting", [submit_report, tool(submit_unannotated)])
def test_refusal_of_a_tool_with_commands_is_a_command(
    way: Way, make_guard: Any, submitting: BaseTool
) -> None:
    """A node that applies commands gets one, with the refusal as the call's result."""
    (held,) = guard_tools([submitting], using=make_guard(FAIL, PASS))
    refused = use(way, held, tool_call(submitting.name, answer="fixed"))
    assert isinstance(refused, Command)
    assert list(refused.update) == ["messages"]
    assert refused.update["messages"][0].tool_call_id == "c1"
    assert received == []
    accepted = use(way, held, tool_call(submitting.name, answer="fixed"))
    assert accepted.update["messages"][0].text == "submitted"


def test_blocked_effect_does_not_run(way: Way, make_guard: Any, recorder: Recorder) -> None:
    """The policy's word on effects holds for guarded tools too."""
    ran: list[str] = []

    @tool
    def delete_pod(name: str) -> str:
        """Delete a pod."""
        ran.append(name)
        return "deleted"

    (held,) = guard_tools([delete_pod], using=make_guard(PASS, effects={"destructive": "block"}))
    assert "Not run" in use(way, held, tool_call("delete_pod", name="a")).text
    assert ran == []
    assert [f.status for f in facts(recorder, ToolReturned)] == [ToolStatus.BLOCKED]


def test_injected_arguments_arrive_and_are_not_recorded(
    way: Way, make_guard: Any, recorder: Recorder
) -> None:
    """State, store and runtime reach the tool; the trace holds what the model wrote."""
    seen: dict[str, Any] = {}

    @tool
    def get_all(
        query: str,
        state: Annotated[dict[str, Any], InjectedState],
        store: Annotated[BaseStore, InjectedStore()],
        runtime: ToolRuntime,
    ) -> str:
        """Use everything that can be injected."""
        seen.update(messages=len(state["messages"]), store=store, call=runtime.tool_call_id)
        return query

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(guard_tools([get_all], using=make_guard(PASS))))
    graph.add_edge(START, "tools")
    store = InMemoryStore()
    app = graph.compile(store=store)
    given = {"messages": [AIMessage("", tool_calls=[tool_call("get_all", query="up")])]}
    out = app.invoke(given) if way == "sync" else asyncio.run(app.ainvoke(given))
    assert out["messages"][-1].text == "up"
    assert seen == {"messages": 1, "store": store, "call": "c1"}
    assert [f.arguments for f in facts(recorder, ToolRequested)] == ['{"query":"up"}']


def _own_node(tools: list[Any]) -> Callable[[Any], Any]:
    """Write a tool node as hand-built agents do: submissions first, commands applied by hand."""
    by_name = {t.name: t for t in tools}

    async def node(state: Any) -> Any:
        update: dict[str, Any] = {"messages": []}
        calls = sorted(state["messages"][-1].tool_calls, key=lambda c: "submit" not in c["name"])
        for one in calls:
            result = await by_name[one["name"]].ainvoke({**one, "type": "tool_call"})
            if isinstance(result, Command):
                update["messages"] += result.update["messages"]
                update |= {k: v for k, v in result.update.items() if k != "messages"}
            else:
                update["messages"].append(result)
        return update

    return node


class Submitting(MessagesState):
    """A hand-built agent's state: a submit tool sets the flag that ends it."""

    submitted: bool


def test_own_tool_node_that_expects_commands_is_held(make_guard: Any, recorder: Recorder) -> None:
    """The flag is not set by a refused submission, so the graph goes on."""
    tools = guard_tools([submit_report, get_pods], using=make_guard(FAIL, PASS))
    script = iter(["fixed", "fixed now"])

    def model(_: Any) -> Any:
        answer = next(script)
        calls = [
            tool_call("get_pods", call_id=f"p-{answer}", namespace="shop"),
            tool_call("submit_report", call_id=f"s-{answer}", answer=answer),
        ]
        return {"messages": [AIMessage("", tool_calls=calls)]}

    graph = StateGraph(Submitting)
    graph.add_node("model", model)
    graph.add_node("tools", _own_node(tools))
    graph.add_edge(START, "model")
    graph.add_edge("model", "tools")
    graph.add_conditional_edges("tools", lambda s: END if s.get("submitted") else "model")
    out = asyncio.run(graph.compile().ainvoke({"messages": [("user", "checkout is down")]}))
    assert received == ["fixed now"]
    assert out["submitted"] is True
    assert recorder.ended[0].outcome is Outcome.RESOLVED
    assert len(facts(recorder, EndRequested)) == 2


def test_tool_node_hooks_hold_every_call(way: Way, make_guard: Any) -> None:
    """A `ToolNode` with the hooks holds tools that are not guarded themselves."""
    node = ToolNode([submit, get_pods], **tool_node_hooks(using=make_guard(FAIL)))
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    app = graph.compile()
    calls = [
        tool_call("submit", call_id="a", answer="fixed"),
        tool_call("get_pods", call_id="b", namespace="shop"),
    ]
    given = {"messages": [AIMessage("", tool_calls=calls)]}
    out = app.invoke(given) if way == "sync" else asyncio.run(app.ainvoke(given))
    results = {m.tool_call_id: m.text for m in out["messages"] if isinstance(m, ToolMessage)}
    assert received == []
    assert "Not accepted" in results["a"]
    assert results["b"] == "pods in shop"


def test_owner_decides_whatever_guard_the_tool_was_given(make_guard: Any) -> None:
    """Inside a guarded run its guard and session count, and its end is left to the owner."""
    strict, lax = make_guard(FAIL), make_guard(PASS)
    (held,) = guard_tools([submit], using=lax)
    session = strict.begin(SessionKey("outer"), adapter="langgraph")
    with own(strict, session, adapter="langgraph"):
        assert "Not accepted" in held.invoke(tool_call("submit", answer="fixed")).text
    assert session.state.tool_calls == 1
    assert received == []


def test_tool_outside_of_any_run_says_what_is_missing() -> None:
    """Without a run and without a guard nothing could judge the call, so it does not run."""
    (held,) = guard_tools([submit])
    with pytest.raises(UsageError, match=r"'submit'.*guard_tools\(tools, using=guard\)"):
        held.invoke({"answer": "fixed"})
    assert received == []


def test_sessions_are_found_by_thread(make_guard: Any) -> None:
    """Two threads that share the tools do not share a run."""
    guard = make_guard(PASS)
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(guard_tools([get_pods], using=guard)))
    graph.add_edge(START, "tools")
    app = graph.compile(checkpointer=InMemorySaver())
    for thread in ("one", "two"):
        call = tool_call("get_pods", call_id=thread, namespace=thread)
        config = {"configurable": {"thread_id": thread}}
        app.invoke({"messages": [AIMessage("", tool_calls=[call])]}, config)
    runs = {guard.find(SessionKey(thread)).run for thread in ("one", "two")}
    assert len(runs) == 2


def test_budget_without_an_owner_ends_the_run(
    way: Way, make_guard: Any, recorder: Recorder
) -> None:
    """Nobody else would bring the stopped run to the door, so the tool does."""
    (held,) = guard_tools([get_pods], using=make_guard(FAIL, budgets={"tool_calls": 1}))
    use(way, held, tool_call("get_pods", call_id="a", namespace="shop"))
    stopped = use(way, held, tool_call("get_pods", call_id="b", namespace="shop"))
    assert stopped.status == "error"
    assert recorder.ended[0].reason == "budget-tool-calls"
    assert recorder.ended[0].outcome is Outcome.UNRESOLVED


def test_error_of_a_tool_passes_and_is_recorded(
    way: Way, make_guard: Any, recorder: Recorder
) -> None:
    """What an exception means is up to the graph; the session knows of it."""

    @tool
    def get_logs() -> str:
        """Read logs."""
        raise TimeoutError("no route")

    (held,) = guard_tools([get_logs], using=make_guard(PASS))
    with pytest.raises(TimeoutError, match="no route"):
        use(way, held, tool_call("get_logs"))
    assert [f.fatal for f in facts(recorder, ErrorRaised)] == [False]
    assert [f.status for f in facts(recorder, ToolReturned)] == [ToolStatus.ERROR]
    assert recorder.ended == []


def test_interrupted_tool_is_asked_about_once(
    way: Way, make_guard: Any, recorder: Recorder
) -> None:
    """LangGraph runs the node again on resumption; the call is the same one."""

    @tool
    def get_approval() -> str:
        """Ask the person on call."""
        return interrupt("restart?")

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(guard_tools([get_approval], using=make_guard(PASS))))
    graph.add_edge(START, "tools")
    app = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    given: Any = {"messages": [AIMessage("", tool_calls=[tool_call("get_approval")])]}
    for value in (given, Command(resume="yes")):
        out = (
            app.invoke(value, config) if way == "sync" else asyncio.run(app.ainvoke(value, config))
        )
    assert out["messages"][-1].text == "yes"
    assert len(facts(recorder, ToolRequested)) == 1
    assert [f.text for f in facts(recorder, ToolReturned)] == ["yes"]


def test_parallel_calls_are_all_counted(make_guard: Any, recorder: Recorder) -> None:
    """Calls in parallel threads meet in one session and none is lost."""
    together = threading.Barrier(8, timeout=20)

    @tool
    def get_metric(name: str) -> str:
        """Read a metric."""
        together.wait()
        return name

    node = ToolNode(guard_tools([get_metric], using=make_guard(PASS)))
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    calls = [tool_call("get_metric", call_id=f"c{n}", name=f"m{n}") for n in range(8)]
    graph.compile().invoke({"messages": [AIMessage("", tool_calls=calls)]}, {"max_concurrency": 8})
    assert len(facts(recorder, ToolRequested)) == len(facts(recorder, ToolReturned)) == 8
    assert [e.seq for e in recorder.events] == list(range(1, len(recorder.events) + 1))


def test_submission_that_asks_for_a_person_ends_the_run(
    make_guard: Any, recorder: Recorder
) -> None:
    """What is submitted is read as the claim."""
    (held,) = guard_tools([submit], using=make_guard(PASS))
    held.invoke(tool_call("submit", answer="This needs a human: please escalate to on-call."))
    (end,) = facts(recorder, EndRequested)
    assert end.claim.kind is ClaimKind.NEEDS_HUMAN
    assert recorder.ended[0].outcome is Outcome.ESCALATED
    assert received == []
