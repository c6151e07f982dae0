"""Runs that real tracers recorded are read as what happened.

The agents are real graphs of LangChain and LangGraph whose model plays a script; the tracers are
those that people use. What they write changes from version to version, so no record is kept here.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph_supervisor import create_supervisor
from langsmith._internal._serde import dumps_json  # as LangSmith's client writes them
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.tagging import agents_of, tag_run
from guardrails.core.events import EndRequested, RunStarted, ToolRequested, ToolReturned
from guardrails.testing import ScriptedModel, call, turn

TASK = "Orders fail in namespace shop. Find the root cause and mitigate it."
PODS = "NAME     READY   STATUS             RESTARTS\ncart-0   0/1     ImagePullBackOff   0"
ANSWER = "Root cause: the pod cart-0 cannot pull its image."

Agent = Callable[[RunnableConfig], object]
Record = Callable[[Agent, Path], None]


def kubectl(command: str) -> str:
    """Run a command of kubectl."""
    return f"{PODS}\n({command})"


def single(config: RunnableConfig) -> object:
    """Run one agent with two looks."""
    agent = cast("Any", create_agent)(
        ScriptedModel(
            turns=[
                turn("I list the pods.", calls=[call("kubectl", command="kubectl get pods")]),
                turn("And once more.", calls=[call("kubectl", command="kubectl get pods -o wide")]),
                turn(ANSWER),
            ]
        ),
        [kubectl],
        system_prompt="You are an SRE.",
        name="medic",
    )
    return agent.invoke({"messages": [("user", TASK)]}, config)


def supervised(config: RunnableConfig) -> object:
    """Run a supervisor that has another agent look."""
    reader = cast("Any", create_agent)(
        ScriptedModel(
            turns=[
                turn("I list the pods.", calls=[call("kubectl", command="kubectl get pods")]),
                turn(ANSWER),
            ]
        ),
        [kubectl],
        name="reader",
    )
    lead = ScriptedModel(
        turns=[turn("The reader looks.", calls=[call("transfer_to_reader")]), turn(f"So: {ANSWER}")]
    )
    graph = create_supervisor([reader], model=lead, prompt="You lead.").compile(name="incident")
    return cast("Any", graph).invoke({"messages": [("user", TASK)]}, config)


def delegating(config: RunnableConfig) -> object:
    """Run an agent that gives a task to another and waits for it."""
    model = ScriptedModel(
        turns=[
            turn(
                "The reader looks.",
                calls=[call("task", description="List the pods.", subagent_type="reader")],
            ),
            turn("I list them.", calls=[call("kubectl", command="kubectl get pods")]),
            turn(ANSWER),
            turn(f"So: {ANSWER}"),
        ]
    )
    reader = {"name": "reader", "description": "Reads.", "system_prompt": "Read."}
    agent = cast("Any", create_deep_agent)(
        model=model, tools=[kubectl], subagents=[reader], name="lead"
    )
    return agent.invoke({"messages": [("user", TASK)]}, config)


@contextmanager
def _spans(path: Path, instrumentor: Any) -> Generator[None]:
    """Record what an instrumentor sees as a console's exporter prints it."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    untouched = BaseCallbackManager.__init__
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()
        # OpenLLMetry leaves its hook behind, and every later run would be recorded by it.
        BaseCallbackManager.__init__ = untouched
    path.write_text("\n".join(span.to_json() for span in kept.get_finished_spans()))


def openinference(agent: Agent, path: Path) -> None:
    """Record with OpenInference."""
    with _spans(path, LangChainInstrumentor()):
        agent({})


def openllmetry(agent: Agent, path: Path) -> None:
    """Record with OpenLLMetry."""
    with _spans(path, LangchainInstrumentor()):
        agent({})


def langsmith(agent: Agent, path: Path) -> None:
    """Record LangSmith's runs, a row each."""
    kept = RunCollectorCallbackHandler()
    agent({"callbacks": [kept]})
    rows: list[bytes] = []
    waiting = list(kept.traced_runs)
    while waiting:
        run = waiting.pop()
        waiting += run.child_runs
        rows.append(dumps_json(run.model_dump(exclude={"child_runs", "parent_run"})))
    path.write_bytes(b"\n".join(rows))


TRACERS: Sequence[Record] = (openinference, openllmetry, langsmith)


def _recorded(record: Record, agent: Agent, tmp_path: Path) -> RecordedRun:
    path = tmp_path / "trace.json"
    record(agent, path)
    (run,) = read_runs(path)
    return run


def _calls(run: RecordedRun) -> list[tuple[str, str, str]]:
    return [
        (event.agent, event.fact.tool, event.fact.arguments)
        for event in run.events
        if isinstance(event.fact, ToolRequested)
    ]


@pytest.mark.parametrize("record", TRACERS)
def test_one_agent_is_read_as_it_ran(record: Record, tmp_path: Path) -> None:
    """Task, agent, calls, results and the end are those of the run."""
    run = _recorded(record, single, tmp_path)
    started = run.events[0].fact
    assert isinstance(started, RunStarted)
    assert TASK in started.incident.task
    assert agents_of(run.events) == ("medic",)
    assert _calls(run) == [
        ("medic", "kubectl", '{"command": "kubectl get pods"}'),
        ("medic", "kubectl", '{"command": "kubectl get pods -o wide"}'),
    ]
    results = [event.fact for event in run.events if isinstance(event.fact, ToolReturned)]
    assert [one.text for one in results] == [
        f"{PODS}\n(kubectl get pods)",
        f"{PODS}\n(kubectl get pods -o wide)",
    ]
    end = run.events[-1].fact
    assert isinstance(end, EndRequested)
    assert end.claim is not None
    assert end.claim.text == ANSWER


@pytest.mark.parametrize("record", TRACERS)
def test_agents_of_a_supervisor_are_told_apart(record: Record, tmp_path: Path) -> None:
    """Agents are those who act, by their names: no nodes of graphs, and not the graph."""
    run = _recorded(record, supervised, tmp_path)
    assert agents_of(run.events) == ("supervisor", "reader")
    assert [(agent, tool) for agent, tool, _ in _calls(run)] == [
        ("supervisor", "transfer_to_reader"),
        ("reader", "kubectl"),
    ]
    handed, _ = [event.fact for event in run.events if isinstance(event.fact, ToolReturned)]
    assert handed.text == "Successfully transferred to reader"
    assert run.events[-1].agent == "supervisor"


@pytest.mark.parametrize("record", TRACERS)
def test_a_task_that_is_given_lies_inside_its_call(record: Record, tmp_path: Path) -> None:
    """What the other agent does comes between the call and its result."""
    run = _recorded(record, delegating, tmp_path)
    assert agents_of(run.events) == ("lead", "reader")
    done = [
        (event.agent, type(event.fact).__name__, event.fact.tool)
        for event in run.events
        if isinstance(event.fact, (ToolRequested, ToolReturned))
    ]
    assert done == [
        ("lead", "ToolRequested", "task"),
        ("reader", "ToolRequested", "kubectl"),
        ("reader", "ToolReturned", "kubectl"),
        ("lead", "ToolReturned", "task"),
    ]


@pytest.mark.parametrize("agent", [single, supervised, delegating])
def test_tracers_agree_on_what_is_found(agent: Agent, tmp_path: Path) -> None:
    """Whoever records a run, the same modes are found in it."""
    modes = {
        record.__name__: tag_run(_recorded(record, agent, tmp_path)).modes for record in TRACERS
    }
    assert modes["openinference"] == modes["openllmetry"] == modes["langsmith"]
