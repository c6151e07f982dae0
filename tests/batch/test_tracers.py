"""Runs that real tracers recorded are read as what happened.

The agents are real graphs of LangChain and LangGraph whose model plays a script; the tracers are
those that people use. What they write changes from version to version, so no record is kept here.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.tagging import agents_of, tag_run
from guardrails.core.events import EndRequested, RunStarted, ToolRequested, ToolReturned

TASK = "Orders fail in namespace shop. Find the root cause and mitigate it."
PODS = "NAME     READY   STATUS             RESTARTS\ncart-0   0/1     ImagePullBackOff   0"
ANSWER = "Root cause: the pod cart-0 cannot pull its image."
TRACERS = ("openinference", "openllmetry", "langsmith")

Recorded = Callable[[str], RecordedRun]


@cache
def _recordings(tracer: str, temporary: Path) -> Path:
    """Record every agent with one tracer, in a process of its own."""
    folder = temporary / f"recorded-{tracer}"
    folder.mkdir()
    program = Path(__file__).with_name("recordings.py")
    subprocess.run(
        [sys.executable, str(program), tracer, str(folder)],
        check=True,
        timeout=90,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return folder


def _read(tracer: str, agent: str, temporary: pytest.TempPathFactory) -> RecordedRun:
    (run,) = read_runs(_recordings(tracer, temporary.getbasetemp()) / f"{agent}.json")
    return run


@pytest.fixture(params=TRACERS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Give what a tracer recorded of an agent."""
    return lambda agent: _read(request.param, agent, tmp_path_factory)


def _calls(run: RecordedRun) -> list[tuple[str, str, str]]:
    return [
        (event.agent, event.fact.tool, event.fact.arguments)
        for event in run.events
        if isinstance(event.fact, ToolRequested)
    ]


def test_one_agent_is_read_as_it_ran(recorded: Recorded) -> None:
    """Task, agent, calls, results and the end are those of the run."""
    run = recorded("single")
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


def test_agents_of_a_supervisor_are_told_apart(recorded: Recorded) -> None:
    """Agents are those who act, by their names: no nodes of graphs, and not the graph."""
    run = recorded("supervised")
    assert agents_of(run.events) == ("supervisor", "reader")
    assert [(agent, tool) for agent, tool, _ in _calls(run)] == [
        ("supervisor", "transfer_to_reader"),
        ("reader", "kubectl"),
    ]
    handed, _ = [event.fact for event in run.events if isinstance(event.fact, ToolReturned)]
    assert handed.text == "Successfully transferred to reader"
    assert run.events[-1].agent == "supervisor"


def test_a_task_that_is_given_lies_inside_its_call(recorded: Recorded) -> None:
    """What the other agent does comes between the call and its result."""
    run = recorded("delegating")
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


@pytest.mark.parametrize("agent", ["single", "supervised", "delegating"])
def test_tracers_agree_on_what_is_found(
    agent: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever records a run, the same modes are found in it."""
    modes = [tag_run(_read(tracer, agent, tmp_path_factory)).modes for tracer in TRACERS]
    assert modes[0] == modes[1] == modes[2]
