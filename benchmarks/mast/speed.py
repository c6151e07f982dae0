"""What tagging costs: events a second in one process, and one event of a long run."""

import os
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.mast.gold import run_files
from benchmarks.tables import quantile
from guardrails.actions.classify import classify
from guardrails.batch.reading import read_runs
from guardrails.batch.tagging import tag_run
from guardrails.core.events import (
    AnyFact,
    Event,
    MessagePassed,
    ModelReplied,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
    Usage,
)
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident
from guardrails.detectors.registry import DetectorStates, observe_all

STEPS = (100, 1_000, 10_000)
WINDOW = 400
"""Events looked at before each step."""
EVERY = 20
"""Steps after which an agent reports and another goes on."""
SERVICES = ("checkout", "cart", "payment", "catalogue", "shipping")
KINDS = ("pods", "deployments", "services", "events", "endpoints")


def throughput_rows(data: Path) -> list[dict[str, object]]:
    """Events a second: reading alone, and tagging alone."""
    clock = Clock()
    runs = [run for path in run_files(data) for run in read_runs(path)]
    events = sum(len(run.events) for run in runs)
    rows = [clock.row("reading", events)]
    clock = Clock()
    for run in runs:
        tag_run(run)
    rows.append(clock.row("tagging, without reading", events))
    return rows


class Clock:
    """Time of the wall and of this process, from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    def row(self, what: str, events: int) -> dict[str, object]:
        """Return a row. A busy machine stretches the wall's time, and hardly that of processors."""
        wall, cpu = time.perf_counter() - self._wall, _cpu_seconds() - self._cpu
        return {
            "what": what,
            "events": events,
            "seconds": wall,
            "events/s": round(events / wall),
            "CPU seconds": cpu,
            "events/s of CPU": round(events / cpu),
        }


def flat_rows() -> list[dict[str, object]]:
    """Cost of one event around each of the steps, with all detectors; CPU time of this thread."""
    states, spent = DetectorStates(), [0.0]
    rows: list[dict[str, object]] = []
    first = 0.0
    for event in _long_run():
        fact = event.fact
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        began = time.thread_time_ns()
        states, _ = observe_all(states, event, action=action)
        spent.append((time.thread_time_ns() - began) / 1000)
        if event.step in STEPS and isinstance(fact, ToolReturned):
            window = spent[-WINDOW:]
            middle = quantile(window, 0.5)
            first = first or middle
            rows.append(
                {
                    "step": event.step,
                    "p50 µs": middle,
                    "p99 µs": quantile(window, 0.99),
                    "mean µs": sum(window) / len(window),
                    "to step 100": middle / first,
                }
            )
    return rows


def cores() -> int:
    """Return how many processes this one may use at a time."""
    return max(2, len(os.sched_getaffinity(0)))


def _long_run() -> Iterator[Event]:
    at, step = datetime(2026, 1, 1, tzinfo=UTC), 0
    for seq, (agent, fact) in enumerate(_facts(), start=1):
        step += isinstance(fact, ModelReplied)
        yield Event(
            run=RunId("bench"),
            seq=seq,
            at=at + timedelta(seconds=seq),
            step=step,
            agent=agent,
            fact=fact,
        )


def _facts() -> Iterator[tuple[str, AnyFact]]:
    incident = Incident(
        task="checkout answers with errors", goal=Goal.DIAGNOSIS, namespaces=("shop",)
    )
    yield "", RunStarted(incident=incident, adapter="bench")
    for step in range(1, max(STEPS) + 1):
        agent = f"investigator {step // EVERY % 4}"
        service, kind = SERVICES[step % 5], KINDS[step // 5 % 5]
        call = CallId(f"c{step}")
        arguments = f'{{"command": "kubectl get {kind} -n shop -l app={service} --limit={step}"}}'
        yield (
            agent,
            ModelReplied(
                text=f"Looking at the {kind} of {service} next.",
                tool_calls=(ToolCall(call_id=call, tool="kubectl", arguments=arguments),),
                usage=Usage(input_tokens=900, output_tokens=40),
            ),
        )
        yield agent, ToolRequested(call_id=call, tool="kubectl", arguments=arguments)
        text = "\n".join(f"{service}-{n:05d}  1/1  Running  {step % 7}  {n}m" for n in range(100))
        yield (
            agent,
            ToolReturned(
                call_id=call, tool="kubectl", text=text, digest=f"d{step}", size=len(text)
            ),
        )
        if step % EVERY == 0:
            said = (
                f"{service} runs {step} pods, none of which restarted; {kind} look as they should."
            )
            yield agent, MessagePassed(to="supervisor", kind="report", text=said)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
