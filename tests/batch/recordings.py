"""Runs of real graphs, recorded by the tracers that people use: a program of its own.

Tracers patch LangChain and LangGraph, and do not take all of that back. So each one records in a
process that does nothing else: `recordings.py TRACER FOLDER` writes `AGENT.json` for every agent.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph_supervisor import create_supervisor
from langsmith._internal._serde import dumps_json  # as LangSmith's client writes them
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from guardrails.testing import ScriptedModel, call, turn

TASK = "Orders fail in namespace shop. Find the root cause and mitigate it."
PODS = "NAME     READY   STATUS             RESTARTS\ncart-0   0/1     ImagePullBackOff   0"
ANSWER = "Root cause: the pod cart-0 cannot pull its image."

Agent = Callable[[RunnableConfig], object]


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


def spans(instrumentor: Any, folder: Path) -> None:
    """Record what an instrumentor sees, as a console's exporter prints it."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    instrumentor.instrument(tracer_provider=provider)
    for agent in AGENTS:
        agent({})
        text = "\n".join(span.to_json() for span in kept.get_finished_spans())
        (folder / f"{agent.__name__}.json").write_text(text)
        kept.clear()


def runs(folder: Path) -> None:
    """Record LangSmith's runs, a row each."""
    for agent in AGENTS:
        kept = RunCollectorCallbackHandler()
        agent({"callbacks": [kept]})
        rows: list[bytes] = []
        waiting = list(kept.traced_runs)
        while waiting:
            run = waiting.pop()
            waiting += run.child_runs
            rows.append(dumps_json(run.model_dump(exclude={"child_runs", "parent_run"})))
        (folder / f"{agent.__name__}.json").write_bytes(b"\n".join(rows))


AGENTS: Sequence[Agent] = (single, supervised, delegating)
TRACERS: Mapping[str, Callable[[Path], None]] = {
    "openinference": lambda folder: spans(LangChainInstrumentor(), folder),
    "openllmetry": lambda folder: spans(LangchainInstrumentor(), folder),
    "langsmith": runs,
}

if __name__ == "__main__":
    TRACERS[sys.argv[1]](Path(sys.argv[2]))
