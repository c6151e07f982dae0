"""The outer loop: what only somebody outside of a graph can catch."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.policy.models import Budgets, Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE, NO_MACHINE

PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL
TASK = {"messages": [("user", "checkout is down")]}


@tool
def ask(question: str) -> str:
    """Ask a person."""
    return f"told: {interrupt(question)}"


def guarded_by(*played: Any, settings: Settings | None = None) -> tuple[Guard, Recorder]:
    """Make a guard and the recorder of its runs."""
    records = Recorder()
    return Guard(gate=ScriptedGate(*played), hooks=[records], settings=settings or FREE), records


def asking(*turns: Any, **options: Any) -> Any:
    """Build an agent that asks first."""
    first = turn(calls=[call("ask", question="may I restart checkout?")])
    return create_agent(ScriptedModel(turns=[first, *turns]), [ask], **options)


async def test_a_question_that_nobody_answers_needs_a_person() -> None:
    """The run ends escalated, and the question stands in its detail."""
    using, records = guarded_by(PASS)
    driven = await drive(asking(), TASK, using=using)
    assert driven.result.outcome is Outcome.ESCALATED
    assert "may I restart checkout?" in driven.result.detail
    assert driven.interrupts == ("may I restart checkout?",)
    assert len(records.ended) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_answer_resumes_the_run(asynchronous: bool) -> None:  # noqa: FBT001  # a parameter of the table
    """The answer, given at once or awaited, goes to the tool that asked."""
    asked: list[Any] = []

    async def later(payloads: tuple[Any, ...]) -> str:
        asked.append(payloads)
        return "yes"

    def at_once(payloads: tuple[Any, ...]) -> str:
        asked.append(payloads)
        return "yes"

    using, _ = guarded_by(FAIL, PASS)
    driven = await drive(
        asking(turn("done"), turn("done now"), checkpointer=InMemorySaver()),
        TASK,
        using=using,
        answer=later if asynchronous else at_once,
    )
    assert driven.result.outcome is Outcome.RESOLVED
    assert driven.result.refusals == 1
    assert asked == [("may I restart checkout?",)]
    assert "told: yes" in [m.content for m in driven.state["messages"]]


async def test_questions_that_stand_open_at_once_are_asked_one_by_one() -> None:
    """Two calls that ask at once ended the run `aborted`: LangGraph wants answers by id."""
    both = [call("ask", question="restart checkout?"), call("ask", question="and cart?")]
    model = ScriptedModel(turns=[turn(calls=both), turn("done")])
    using, _ = guarded_by(PASS)
    asked: list[Any] = []

    def answer(payloads: tuple[Any, ...]) -> str:
        asked.append(payloads)
        return f"yes to {payloads[0]}"

    driven = await drive(create_agent(model, [ask]), TASK, using=using, answer=answer)
    assert driven.result.outcome is Outcome.RESOLVED
    assert asked == [("restart checkout?",), ("and cart?",)]
    assert [m.content for m in driven.state["messages"]][2:4] == [
        "told: yes to restart checkout?",
        "told: yes to and cart?",
    ]


async def test_a_run_that_breaks_after_a_question_keeps_what_was_seen_before() -> None:
    """The state of the result is the newest one, not the one before the question."""
    using, _ = guarded_by(PASS)
    driven = await drive(asking(RuntimeError("down")), TASK, using=using, answer=lambda _: "yes")
    assert driven.result.outcome is Outcome.ABORTED
    assert [m.type for m in driven.state["messages"]] == ["human", "ai", "tool"]


async def test_a_node_marked_to_stop_at_is_a_question_too() -> None:
    """`interrupt_before` pauses the run; an answer lets it go on."""
    model = ScriptedModel(turns=[turn("done")])
    agent = create_agent(model, [], interrupt_before=["model"])
    using, _ = guarded_by(PASS)
    driven = await drive(agent, TASK, using=using, answer=lambda _: True)
    assert driven.result.outcome is Outcome.RESOLVED
    using, _ = guarded_by(PASS)
    driven = await drive(agent, TASK, using=using)
    assert driven.result.outcome is Outcome.ESCALATED
    assert "continue at model?" in driven.result.detail


async def test_the_wall_clock_stops_a_node_that_never_returns() -> None:
    """A budget of wall time holds also inside one node that shows nothing."""

    async def hang(state: Any) -> Any:
        await asyncio.Event().wait()

    graph = StateGraph(MessagesState)
    graph.add_node("hang", hang)
    graph.add_edge(START, "hang")
    using, records = guarded_by(
        FAIL, settings=Settings(fsm=NO_MACHINE, budgets=Budgets(wall_time=0.2))
    )
    driven = await drive(graph.compile(), TASK, using=using)
    assert driven.result.reason == Reason.BUDGET_WALL_TIME
    assert [e.reason for e in records.ended] == [Reason.BUDGET_WALL_TIME]


async def test_an_error_is_an_outcome_and_not_an_exception() -> None:
    """Whatever a node raises, the result says so."""
    using, records = guarded_by(PASS)
    agent = create_agent(ScriptedModel(turns=[RuntimeError("provider is down")]), [])
    driven = await drive(agent, TASK, using=using)
    assert driven.result.outcome is Outcome.ABORTED
    assert "provider is down" in driven.result.detail
    assert len(records.ended) == 1


async def test_a_cancelled_run_is_recorded_as_aborted() -> None:
    """Ctrl-C leaves a trace with an end."""
    began = asyncio.Event()

    async def hang(state: Any) -> Any:
        began.set()
        await asyncio.Event().wait()

    graph = StateGraph(MessagesState)
    graph.add_node("hang", hang)
    graph.add_edge(START, "hang")
    using, records = guarded_by(PASS)
    running = asyncio.create_task(drive(graph.compile(), TASK, using=using))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(e.outcome, e.reason) for e in records.ended] == [(Outcome.ABORTED, "cancelled")]


async def test_a_guarded_graph_is_driven_with_what_it_was_given() -> None:
    """Driving `guard(graph)` makes one run with one end, and keeps its `on_refusal`."""
    told: list[str] = []

    def on_refusal(state: Any, report: Any, words: str) -> dict[str, Any]:
        told.append(words)
        return {"messages": [("user", "try again")]}

    inner_using, inner_records = guarded_by(FAIL)
    using, records = guarded_by(FAIL, PASS)
    model = ScriptedModel(turns=[turn("done"), turn("done now")])
    graph = guard(create_agent(model, []), using=inner_using, on_refusal=on_refusal)
    driven = await drive(graph, TASK, using=using)
    assert driven.result.outcome is Outcome.RESOLVED
    assert len(told) == 1
    assert model.seen[1][-1].content == "try again"
    assert inner_records.events == []
    assert len(records.ended) == 1


async def test_the_middleware_joins_the_driven_run() -> None:
    """An agent with the middleware of another guard reports to the run around it."""
    inner_using, inner_records = guarded_by(FAIL)
    using, records = guarded_by(FAIL, PASS)
    model = ScriptedModel(turns=[turn("done"), turn("done now")])
    agent = create_agent(model, [], middleware=[GuardrailMiddleware(using=inner_using)])
    driven = await drive(agent, TASK, using=using)
    assert driven.result.outcome is Outcome.RESOLVED
    assert driven.result.steps == 2
    assert inner_records.events == []
    assert len(records.ended) == 1


async def test_updates_are_shown_as_they_come() -> None:
    """A live view gets every part of the streams, places included."""
    seen: list[tuple[tuple[str, ...], str, list[str]]] = []
    using, _ = guarded_by(PASS)
    agent = create_agent(ScriptedModel(turns=[turn("done")]), [])
    await drive(
        agent,
        TASK,
        using=using,
        on_update=lambda place, mode, payload: seen.append((place, mode, list(payload))),
    )
    assert seen == [
        ((), "values", ["messages"]),
        ((), "updates", ["model"]),
        ((), "values", ["messages"]),
    ]


async def test_a_thread_of_the_caller_is_kept() -> None:
    """With a checkpointer and a thread id the run stands on the caller's thread."""
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "t"}}
    agent = create_agent(
        ScriptedModel(turns=[turn("done"), turn("done now")]), [], checkpointer=saver
    )
    using, _ = guarded_by(FAIL, PASS)
    driven = await drive(agent, TASK, using=using, config=config)
    stored = agent.get_state(config).values["messages"]
    assert [m.content for m in stored] == [m.content for m in driven.state["messages"]]


async def test_the_model_is_named_in_the_trace() -> None:
    """`model=` goes into the run's first event."""
    using, records = guarded_by(PASS)
    agent = create_agent(ScriptedModel(turns=[turn("done")]), [])
    await drive(agent, TASK, using=using, model="openai:gpt-5")
    assert records.events[0].fact.model == "openai:gpt-5"  # type: ignore[union-attr]


WATCHED = Settings.model_validate(
    {
        "gate": {"watch_for": "40ms", "poll_every": "20ms"},
        "fsm": {"machine": "none", "alignment": "none"},
    }
)


async def test_a_regression_sends_the_agent_back_in() -> None:
    """The run goes on in the same session, with what regressed as feedback."""
    using, records = guarded_by(PASS, FAIL, PASS, settings=WATCHED)
    model = ScriptedModel(turns=[turn("done"), turn("done now")])
    driven = await drive(create_agent(model, []), TASK, using=using)
    assert driven.result.outcome is Outcome.RESOLVED
    assert driven.result.refusals == 1
    assert len(records.ended) == 1
    told = [m.content for m in driven.state["messages"] if m.type == "human"]
    assert "Not accepted after all" in told[-1]
    assert model.asked == 2


def test_a_guarded_graph_is_watched_by_policy() -> None:
    """The same without an outer loop, also in synchronous code."""
    using, _ = guarded_by(PASS, FAIL, PASS, settings=WATCHED)
    model = ScriptedModel(turns=[turn("done"), turn("done now")])
    result = guard(create_agent(model, []), using=using).invoke(TASK)
    assert result["guardrails_outcome"]["outcome"] == "resolved"
    assert result["guardrails_outcome"]["refusals"] == 1


def test_the_middleware_is_watched_by_policy() -> None:
    """And inside of `create_agent`."""
    using, _ = guarded_by(PASS, FAIL, PASS, settings=WATCHED)
    model = ScriptedModel(turns=[turn("done"), turn("done now")])
    agent = create_agent(model, [], middleware=[GuardrailMiddleware(using=using)])
    result = agent.invoke(TASK)
    assert result["guardrails_outcome"]["outcome"] == "resolved"
    assert model.asked == 2


async def test_a_run_that_regresses_and_gives_up_is_unresolved() -> None:
    """The pass of before is no outcome any more."""
    using, _ = guarded_by(PASS, FAIL, settings=WATCHED)
    model = ScriptedModel(turns=[turn("done"), turn("I was unable to resolve the incident.")])
    driven = await drive(create_agent(model, []), TASK, using=using)
    assert driven.result.outcome is Outcome.UNRESOLVED
