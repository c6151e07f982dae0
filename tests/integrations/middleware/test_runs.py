"""What becomes of runs: shadow mode, owners, retries, cancellation, and what the trace says."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRetryMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from guardrails.core.events import AgentHandedOff, ErrorRaised, ModelReplied, RunStarted
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.engine import SessionKey
from guardrails.engine.store import MemoryStore
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.owner import current_owner, own
from guardrails.testing.scripted import ScriptedModel, call, turn

FAIL, PASS = GateVerdict.FAIL, GateVerdict.PASS


def test_shadow_mode_holds_nothing_back(make_rig: Any) -> None:
    """The agent runs as without a guard; the outcome says what would have been."""
    ran: list[str] = []

    @tool
    def submit(answer: str) -> str:
        """Submit the answer."""
        ran.append(answer)
        return "ok"

    rig = make_rig(FAIL, mode="shadow", effects={"write": "block"}, budgets={"steps": 1})
    rig.build(
        turn(calls=[call("submit", answer="fixed")]),
        turn(calls=[call("submit", answer="fixed again")]),
        turn("All fixed."),
        tools=[submit],
    )
    result = rig.run()
    assert ran == ["fixed", "fixed again"]
    assert result["messages"][-1].text == "All fixed."
    assert not Outcome(result["guardrails_outcome"]["outcome"]).accepted
    assert len(rig.recorder.ended) == 1


def test_trace_names_the_model_and_the_adapter(make_rig: Any) -> None:
    """Profiles and reports key on `provider:name`."""
    rig = make_rig(PASS)
    rig.build(turn("Fixed.", reasoning="it is up", tokens=(11, 3), finish_reason="stop"))
    rig.run()
    (started,), (reply,) = rig.facts(RunStarted), rig.facts(ModelReplied)
    assert (started.model, started.adapter) == ("scripted:model", "create_agent")
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Fixed.", "it is up", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 3)


def test_retry_outside_the_guard_goes_on_in_a_new_run(make_rig: Any) -> None:
    """A retry listed before the guard mends an error that the guard took for the end."""
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, jitter=False, backoff_factor=0)
    rig = make_rig(PASS)
    rig.build(ConnectionError("busy"), turn("Fixed."), before=(retry,))
    rig.sound(rig.run(), Outcome.RESOLVED)
    assert [e.outcome for e in rig.recorder.ended] == [Outcome.ABORTED, Outcome.RESOLVED]


def test_retry_outside_the_guard_is_not_endless(make_rig: Any) -> None:
    """After five new starts the run stays aborted and the model is not asked any more."""

    class Stubborn(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            """Ask until something comes back."""
            while True:
                try:
                    return handler(request)
                except ConnectionError:
                    continue

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            """Do the same in async code."""
            while True:
                try:
                    return await handler(request)
                except ConnectionError:
                    continue

    rig = make_rig(PASS)
    rig.build(ConnectionError("down"), at_end="repeat", before=(Stubborn(),))
    rig.sound(rig.run(), Outcome.ABORTED)
    assert rig.model.asked == 6


async def test_cancelled_run_is_aborted_and_stays_cancelled(make_rig: Any) -> None:
    """Cancellation passes through and leaves its outcome in the trace."""
    began = asyncio.Event()

    @tool
    async def get_slow_logs() -> str:
        """Read logs for ever."""
        began.set()
        await asyncio.Event().wait()
        return "never"

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_slow_logs")]), tools=[get_slow_logs])
    work = asyncio.ensure_future(rig.agent.ainvoke({"messages": [("user", "hi")]}))
    await began.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    rig.sound_trace(Outcome.ABORTED)


def test_owned_run_is_left_to_its_owner(make_rig: Any) -> None:
    """Inside an owner the middleware adds its facts and settles nothing."""
    rig = make_rig(PASS)
    rig.build(turn(calls=[call("get_pods")]), turn("Fixed."))
    session = rig.guard.begin(SessionKey("outer"), adapter="cli")
    with own(rig.guard, session, adapter="cli"):
        result = rig.run()
    assert current_owner.get() is None
    assert session.outcome is None
    assert (session.state.step, session.state.tool_calls) == (2, 1)
    assert "guardrails_outcome" not in result
    assert rig.exits == []


def test_owned_error_is_the_owners_to_judge(make_rig: Any) -> None:
    """Inside an owner an error is a fact, not yet an end."""
    rig = make_rig(PASS)
    rig.build(ConnectionError("busy"))
    session = rig.guard.begin(SessionKey("outer"), adapter="cli")
    with own(rig.guard, session, adapter="cli"), pytest.raises(ConnectionError):
        rig.run()
    assert session.outcome is None
    assert [f.fatal for f in rig.facts(ErrorRaised)] == [False]


def test_owned_handoff_is_a_fact(make_rig: Any) -> None:
    """Inside an owner an agent may leave its own graph."""

    @tool
    def transfer() -> Any:
        """Hand over."""
        return Command(graph=Command.PARENT, goto="other")

    rig = make_rig(PASS)
    rig.build(turn(calls=[call("transfer")]), tools=[transfer])
    parent = StateGraph(MessagesState)
    parent.add_node("agent", rig.agent, destinations=("other",))
    parent.add_node("other", lambda _: {})
    parent.add_edge(START, "agent")
    parent.add_edge("other", END)
    rig.agent = parent.compile()
    session = rig.guard.begin(SessionKey("outer"), adapter="langgraph")
    with own(rig.guard, session, adapter="langgraph"):
        rig.run()
    assert session.outcome is None
    assert [(f.to, f.leaves_graph) for f in rig.facts(AgentHandedOff)] == [("other", True)]


def test_sub_agent_in_a_tool_belongs_to_the_run_around_it(make_rig: Any) -> None:
    """A guarded agent called as a tool shares the budgets, and its end is not the run's."""
    rig = make_rig(PASS)
    inner_model = ScriptedModel(turns=[turn("the pods crash")])
    inner = create_agent(
        inner_model, [], middleware=[GuardrailMiddleware(using=rig.guard)], name="researcher"
    )

    @tool
    async def ask_researcher(question: str) -> str:
        """Ask the sub-agent."""
        return (await inner.ainvoke({"messages": [("user", question)]}))["messages"][-1].text

    @tool
    def ask_researcher_sync(question: str) -> str:
        """Ask the sub-agent."""
        return inner.invoke({"messages": [("user", question)]})["messages"][-1].text

    chosen = ask_researcher if rig.way == "async" else ask_researcher_sync
    rig.build(turn(calls=[call(chosen.name, question="why?")]), turn("Fixed."), tools=[chosen])
    rig.sound(rig.run(), Outcome.RESOLVED)
    replies = [
        (e.agent, e.fact.text) for e in rig.recorder.events if isinstance(e.fact, ModelReplied)
    ]
    assert replies == [("", ""), ("researcher", "the pods crash"), ("", "Fixed.")]


def test_two_guarded_agents_in_one_graph_are_two_runs(make_rig: Any) -> None:
    """Agents side by side on one thread do not take each other's session."""
    rig = make_rig(PASS)
    parent = StateGraph(MessagesState)
    for name in ("first", "second"):
        rig.build(turn(f"Fixed by {name}."))
        parent.add_node(name, rig.agent)
    parent.add_edge(START, "first")
    parent.add_edge("first", "second")
    rig.agent = parent.compile(checkpointer=InMemorySaver())
    rig.run(thread="t")
    assert [e.outcome for e in rig.recorder.ended] == [Outcome.RESOLVED, Outcome.RESOLVED]


def test_resumed_elsewhere_the_run_is_judged_all_the_same(make_rig: Any) -> None:
    """A process that does not have the session begins a new one; the end still needs a report."""

    @tool
    def ask_person() -> str:
        """Ask the person on call."""
        return interrupt("restart?")

    rig = make_rig(FAIL, PASS)
    rig.build(
        turn(calls=[call("ask_person")]),
        turn("Fixed."),
        turn("Fixed now."),
        tools=[ask_person],
        checkpointer=InMemorySaver(),
    )
    rig.run(thread="t")
    rig.guard.store = MemoryStore()
    result = rig.run(Command(resume="yes"), thread="t")
    assert result["guardrails_outcome"]["outcome"] == Outcome.RESOLVED
    assert "Not accepted" in rig.feedback()


def test_gate_notes_the_world_before_the_first_turn(make_rig: Any) -> None:
    """The reference must not hold what the agent did, and is taken once."""
    opened: list[int] = []
    rig = make_rig(FAIL, PASS)

    def first(_: Any) -> Any:
        opened.append(len(rig.gate.opened))
        return turn("Fixed.")

    rig.build(first, turn("Fixed now."))
    rig.run()
    assert opened == [1]
    assert len(rig.gate.opened) == 1


def test_guard_without_a_gate_accepts_nothing(make_rig: Any) -> None:
    """Nothing to judge by is `unverifiable`, never a success."""
    rig = make_rig(PASS)
    rig.guard.gate = None
    rig.build(turn("Fixed."))
    rig.sound(rig.run(), Outcome.UNVERIFIABLE)


def test_empty_name_is_refused_at_once(make_rig: Any) -> None:
    """LangChain names graph nodes by it."""
    with pytest.raises(ValueError, match="must not be empty"):
        GuardrailMiddleware(using=make_rig(PASS).guard, name="")
