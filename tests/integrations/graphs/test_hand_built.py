"""Hand-built graphs of every shape met in public SRE agents, guarded without changing them."""

import operator
from typing import Annotated, Any, NotRequired, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send
from pydantic import BaseModel, ValidationError

from guardrails.core.decisions import Reason
from guardrails.core.events import EndRequested, ExitKind, ModelReplied
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.integrations.tools import guard_tools
from guardrails.testing.scripted import ScriptedModel, call, turn

PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL

MEND = turn("mending", calls=[call("kubectl", command="kubectl rollout restart deploy/checkout")])
DONE = turn("It is fixed.")


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


class Flagged(MessagesState):
    """A conversation with a flag that ends it."""

    submitted: NotRequired[bool]
    rca_output: NotRequired[dict[str, Any]]


@tool
def record_verdict(text: str, call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Record the verdict and end."""
    said = ToolMessage("recorded", tool_call_id=call_id)
    return Command(update={"messages": [said], "submitted": True, "rca_output": {"summary": text}})


def looping(
    model: ScriptedModel, tools: Any, *, state: Any = MessagesState, ends_on: str = ""
) -> Any:
    """Build the usual loop of a model node and a tool node."""

    def think(state: Any) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def after_model(state: Any) -> str:
        return "tools" if state["messages"][-1].tool_calls else END

    def after_tools(state: Any) -> str:
        return END if ends_on and state.get(ends_on) else "think"

    graph = StateGraph(state)
    graph.add_node("think", think)
    graph.add_node("tools", tools)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", after_model, ["tools", END])
    graph.add_conditional_edges("tools", after_tools, ["think", END])
    return graph.compile()


def test_a_raised_flag_is_taken_back_by_a_refusal(play_graph: Any) -> None:
    """A submit tool sets a flag that ends the graph; a refused end must lower it."""
    record = [call("record_verdict", text="all good")]
    model = ScriptedModel(turns=[turn(calls=record), MEND, turn("checked"), turn(calls=record)])
    model.turns[2] = turn(calls=[call("kubectl", command="kubectl get pods")])
    ended = play_graph(
        lambda _: looping(
            model, ToolNode([kubectl, record_verdict]), state=Flagged, ends_on="submitted"
        ),
        FAIL,
        PASS,
    )
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert model.asked == 4
    assert ended.state["submitted"] is True


def test_a_submit_to_the_outside_is_held_in_a_tool_node(play_graph: Any) -> None:
    """A submit tool of a `ToolNode` runs only once its claim is accepted, without code changes."""
    sent: list[str] = []

    @tool
    def submit(answer: str) -> str:
        """Send the answer to the judge."""
        sent.append(answer)
        return "sent"

    model = ScriptedModel(
        turns=[
            turn(calls=[call("submit", answer="first")]),
            MEND,
            turn(calls=[call("submit", answer="second")]),
            turn("Submitted."),
        ]
    )
    ended = play_graph(lambda _: looping(model, ToolNode([kubectl, submit])), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert sent == ["second"]


def own_tool_node(tools: list[Any]) -> Any:
    """Build a tool node as hand-built agents write it: submit first, only bad arguments caught."""
    by_name = {one.name: one for one in tools}

    def run(state: Any) -> Any:
        calls = sorted(state["messages"][-1].tool_calls, key=lambda c: c["name"] != "submit")
        results: list[Any] = []
        for asked in calls:
            try:
                found = by_name[asked["name"]].invoke({**asked, "type": "tool_call"})
            except ValidationError as error:
                found = ToolMessage(str(error), tool_call_id=asked["id"])
            if isinstance(found, Command):
                results.extend(found.update["messages"])
                if found.update.get("submitted"):
                    return {"messages": results, "submitted": True}
            else:
                results.append(found)
        return {"messages": results}

    return run


def test_own_tool_nodes_get_a_refusal_in_the_type_they_expect(play_graph: Any) -> None:
    """A node of one's own that expects a `Command` gets one when the guard refuses the call."""
    sent: list[str] = []

    @tool
    def submit(answer: str, call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
        """Send the answer."""
        sent.append(answer)
        said = ToolMessage("sent", tool_call_id=call_id)
        return Command(update={"messages": [said], "submitted": True})

    model = ScriptedModel(
        turns=[
            turn(calls=[call("submit", answer="first")]),
            MEND,
            turn(calls=[call("submit", answer="second")]),
        ]
    )
    node = own_tool_node(list(guard_tools([kubectl, submit])))
    ended = play_graph(
        lambda _: looping(model, node, state=Flagged, ends_on="submitted"), FAIL, PASS
    )
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert sent == ["second"]
    assert ended.facts.count("EndRequested") == 2


def own_client(turns: list[AIMessage]) -> Any:
    """Build a graph whose model is a raw client: LangChain sees none of its calls."""

    def think(state: Any) -> dict[str, Any]:
        said = turns.pop(0) if len(turns) > 1 else turns[0]
        return {"messages": [said.model_copy(update={"id": None})]}

    def act(state: Any) -> dict[str, Any]:
        asked = state["messages"][-1].tool_calls
        return {"messages": [ToolMessage("ok", tool_call_id=c["id"]) for c in asked]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "act" if s["messages"][-1].tool_calls else END, ["act", END]
    )
    graph.add_edge("act", "think")
    return graph.compile()


def test_steps_of_an_own_model_client_are_read_from_the_state(play_graph: Any) -> None:
    """Turns and calls are counted once each where no callback fires."""
    look = [call("kubectl", call_id=f"c{n}", command="kubectl get pods") for n in range(2)]
    turns = [turn("a", calls=look[:1]), turn("b", calls=look[1:]), DONE]
    ended = play_graph(lambda _: own_client(turns), PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.facts.count("ModelReplied") == 3
    assert ended.facts.count("ToolRequested") == ended.facts.count("ToolReturned") == 2
    said = [e.fact.text for e in ended.records.events if isinstance(e.fact, ModelReplied)]
    assert said == ["a", "b", "It is fixed."]


def test_an_own_client_that_never_ends_spends_its_budget(play_graph: Any) -> None:
    """A loop that LangChain does not see is stopped at a superstep."""
    ended = play_graph(
        lambda _: own_client([turn("again", calls=[call("kubectl", call_id="c", command="x")])]),
        FAIL,
    )
    ended.check()
    assert ended.reason is Reason.BUDGET_STEPS


class Board(TypedDict):
    """A supervisor's state: no conversation at the top."""

    task: str
    feedback: NotRequired[str]
    rounds: NotRequired[int]
    findings: Annotated[list[str], operator.add]
    final_report: NotRequired[dict[str, Any]]


class Work(TypedDict):
    """What a worker gets."""

    topic: str
    messages: Annotated[list[AnyMessage], add_messages]


def board(model: ScriptedModel) -> Any:
    """Build a planner that fans out to workers and writes a report."""

    def work(state: Work) -> dict[str, Any]:
        return {"messages": [model.invoke([HumanMessage(state["topic"])])]}

    worker = StateGraph(Work)
    worker.add_node("work", work)
    worker.add_edge(START, "work")
    crew = worker.compile()

    def plan(state: Board) -> dict[str, Any]:
        return {"rounds": (state.get("rounds") or 0) + 1}

    def fan_out(state: Board) -> list[Send]:
        topics = [state["task"], state.get("feedback") or "none"]
        return [Send("worker", {"topic": t, "messages": []}) for t in topics]

    def summarize(state: Any) -> dict[str, Any]:
        done = crew.invoke(state)
        return {"findings": [done["messages"][-1].text]}

    def report(state: Board) -> dict[str, Any]:
        cause = {"kind": "Deployment", "name": "checkout", "namespace": "shop"}
        return {"final_report": {"root_cause": cause, "detection": True}}

    graph = StateGraph(Board)
    graph.add_node("plan", plan)
    graph.add_node("worker", summarize)
    graph.add_node("report", report)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", fan_out, ["worker"])
    graph.add_edge("worker", "report")
    return graph.compile(name="board")


def test_a_graph_without_messages_says_how_a_refusal_goes_in(play_graph: Any) -> None:
    """The report is the claim, `on_refusal` names the place for the words and the way in."""
    model = ScriptedModel(turns=[turn("worker says so")], at_end="repeat")
    told: list[Any] = []

    def on_refusal(state: dict[str, Any], report: Any, words: str) -> Command[Any]:
        told.append((state["final_report"]["detection"], report.verdict))
        return Command(goto="plan", update={"feedback": words, "final_report": None})

    ended = play_graph(
        lambda _: board(model),
        FAIL,
        PASS,
        inputs={"task": "checkout is down", "findings": []},
        goal=Goal.DIAGNOSIS,
        on_refusal=on_refusal,
    )
    ended.check()
    assert ended.outcome is Outcome.DIAGNOSED
    assert told == [(True, FAIL)]
    assert model.asked == 4
    assert ended.state["rounds"] == 2
    assert ended.state["findings"] == ["worker says so"] * 4
    assert ended.facts.count("ModelReplied") == 4
    assert any("checkout" in str(seen[0].content) for seen in model.seen[2:])
    assert [e.name for e in ended.gate.requests[0].claim.entities] == ["checkout"]


def test_a_claim_can_be_read_by_the_caller(play_graph: Any) -> None:
    """`claim=` overrides where the answer stands."""
    model = ScriptedModel(turns=[turn("x")], at_end="repeat")
    ended = play_graph(
        lambda _: board(model),
        PASS,
        inputs={"task": "t", "findings": []},
        claim=lambda state: "I was unable to resolve it and give up.",
        on_refusal=lambda state, report, words: {"feedback": words},
    )
    ended.check()
    assert ended.reason is Reason.GAVE_UP


def test_a_forced_answer_at_a_step_limit_is_judged_like_any_other(play_graph: Any) -> None:
    """A node that answers in the model's place at its own limit claims nothing by that."""

    class Limited(MessagesState):
        turns: int

    model = ScriptedModel(turns=[MEND], at_end="repeat")

    def think(state: Any) -> dict[str, Any]:
        if state.get("turns", 0) >= 2:
            return {"messages": [AIMessage("Step limit reached; the best guess: all is fixed.")]}
        return {
            "messages": [model.invoke(state["messages"])],
            "turns": state.get("turns", 0) + 1,
        }

    graph = StateGraph(Limited)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([kubectl]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
    )
    graph.add_edge("tools", "think")
    ended = play_graph(lambda _: graph.compile(), FAIL)
    ended.check()
    assert ended.outcome is Outcome.UNRESOLVED
    ends = [e.fact for e in ended.records.events if isinstance(e.fact, EndRequested)]
    assert ends[0].exit is ExitKind.MIDDLEWARE_END
    assert ends[0].claim is None
    assert model.asked == 2


def test_a_rewritten_message_list_counts_every_turn_once(play_graph: Any) -> None:
    """A node that rewrites the history after the tools ran neither hides nor doubles steps."""

    class Rewritten(TypedDict):
        messages: Annotated[list[AnyMessage], lambda old, new: new]

    model = ScriptedModel(turns=[MEND, MEND, DONE])

    def think(state: Any) -> dict[str, Any]:
        return {"messages": [*state["messages"], model.invoke(state["messages"])]}

    def act(state: Any) -> dict[str, Any]:
        found = ToolNode([kubectl]).invoke({"messages": state["messages"][-1:]})
        return {"messages": [*state["messages"], *found["messages"]]}

    def rewrite(state: Any) -> dict[str, Any]:
        return {"messages": [m.model_copy() for m in state["messages"]]}

    graph = StateGraph(Rewritten)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_node("rewrite", rewrite)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "act" if s["messages"][-1].tool_calls else END, ["act", END]
    )
    graph.add_edge("act", "rewrite")
    graph.add_edge("rewrite", "think")
    ended = play_graph(
        lambda _: graph.compile(), PASS, inputs={"messages": [HumanMessage("checkout is down")]}
    )
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.facts.count("ModelReplied") == 3
    assert ended.facts.count("ToolRequested") == ended.facts.count("ToolReturned") == 2


def test_a_graph_that_shows_nothing_is_stopped_too(play_graph: Any) -> None:
    """Without models, tools or messages every node counts as a step."""

    class Bare(TypedDict):
        count: int

    graph = StateGraph(Bare)
    graph.add_node("again", lambda s: {"count": s["count"] + 1})
    graph.add_edge(START, "again")
    graph.add_edge("again", "again")
    ended = play_graph(
        lambda _: graph.compile(),
        FAIL,
        inputs={"count": 0},
        claim=lambda state: None,
        on_refusal=lambda state, report, words: {},
    )
    ended.check()
    assert ended.reason is Reason.BUDGET_STEPS
    assert ended.state["count"] < 20


def test_reducers_that_add_do_not_double(play_graph: Any) -> None:
    """A key with `operator.add` holds each entry once, over refusals too."""

    class Logged(MessagesState):
        log: Annotated[list[str], operator.add]

    model = ScriptedModel(turns=[DONE], at_end="repeat")

    def think(state: Any) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])], "log": ["thought"]}

    graph = StateGraph(Logged)
    graph.add_node("think", think)
    graph.add_edge(START, "think")
    ended = play_graph(
        lambda _: graph.compile(),
        FAIL,
        PASS,
        inputs={"messages": [("user", "go")], "log": ["in"]},
    )
    ended.check()
    assert ended.state["log"] == ["in", "thought", "thought"]


def test_a_pydantic_state_is_guarded(play_graph: Any) -> None:
    """A state that is checked by pydantic goes in and out as it is."""

    class Checked(BaseModel):
        messages: Annotated[list[AnyMessage], add_messages]
        submitted: bool = False
        note: str = "none"

    model = ScriptedModel(turns=[DONE], at_end="repeat")

    def think(state: Checked) -> dict[str, Any]:
        assert not state.submitted
        return {"messages": [model.invoke(state.messages)], "submitted": True, "note": "seen"}

    graph = StateGraph(Checked)
    graph.add_node("think", think)
    graph.add_edge(START, "think")
    ended = play_graph(lambda _: graph.compile(), FAIL, PASS)
    ended.check()
    assert ended.outcome is Outcome.RESOLVED
    assert ended.state["submitted"] is True
