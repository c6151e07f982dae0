"""What the guard costs per event: time of `observe` over a long run, and the session's memory."""

import gc
import re
import tempfile
import time
import tracemalloc
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import quantile
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolReturned,
    Usage,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal, Incident
from guardrails.engine import Guard, Session, SessionKey
from guardrails.fsm.ledger import Ledger
from guardrails.fsm.load import machine_for, text_named
from guardrails.fsm.machine import Trigger
from guardrails.fsm.step import Position, react
from guardrails.policy.models import Budgets, FsmSettings, Settings
from guardrails.testing.gates import ScriptedGate

STEPS = (100, 1_000, 10_000)
WINDOW = 300
"""Events looked at before each step: the three of each of a hundred steps."""
REPEATS = 3
OUTPUT = "\n".join(f"checkout-{n:05d}  1/1  Running  0  {n}m" for n in range(100))
"""A tool result of 4 kB, the size of a pod list."""
ENDLESS = Budgets(steps=100_000, tool_calls=1_000_000)
SETTINGS = Settings(budgets=ENDLESS, fsm=FsmSettings(machine="none"))
PHASE_TURNS = 1_000_000
"""Budget of each phase in the endless machine, so that a run of 10,000 steps stays in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveCost:
    """Cost of `observe` around one step."""

    step: int
    wall: list[float]
    """Microseconds of each call, in the hundred steps up to this one."""
    cpu: list[float]
    """The same without what other work on the machine took."""
    snapshot_bytes: int


def time_observe(goal: Goal, settings: Settings) -> list[ObserveCost]:
    """Fold one long run; look back over `WINDOW` events at each of the steps."""
    session = _begin(goal, settings)
    costs: list[ObserveCost] = []
    spent: deque[tuple[float, float]] = deque(maxlen=WINDOW)
    for step in range(1, max(STEPS) + 1):
        spent += _one_step(session, step)
        if step in STEPS:
            costs.append(
                ObserveCost(
                    step=step,
                    wall=[wall for wall, _ in spent],
                    cpu=[cpu for _, cpu in spent],
                    snapshot_bytes=len(session.snapshot()),
                )
            )
    return costs


def session_memory(goal: Goal, settings: Settings) -> int:
    """Bytes that a session holds on to after the last of the steps."""
    session = _begin(goal, settings)
    gc.collect()
    tracemalloc.start()
    try:
        for step in range(1, max(STEPS) + 1):
            _one_step(session, step)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _begin(goal: Goal, settings: Settings) -> Session:
    incident = Incident(task="checkout is down", goal=goal, namespaces=("shop",))
    return Guard(settings=settings, incident=incident).begin(SessionKey("bench"), adapter="bench")


@contextmanager
def endless_machine(goal: Goal) -> Generator[Settings]:
    """Yield settings with the shipped machine, whose phases never run out of turns here."""
    text = re.sub(r"turns: \d+", f"turns: {PHASE_TURNS}", text_named(machine_for(goal).name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "endless.yaml"
        path.write_text(text, encoding="utf-8")
        yield Settings(budgets=ENDLESS, fsm=FsmSettings(machine=str(path)))


def machine_microseconds(goal: Goal) -> float:
    """Return what the shipped machine adds to `observe`, in µs of CPU: median over events.

    A run with the machine and one without take the same steps in turn, so that both meet the same
    machine, however busy that is.
    """
    added: list[float] = []
    with endless_machine(goal) as settings:
        without, with_ = _begin(goal, SETTINGS), _begin(goal, settings)
        for step in range(1, STEPS[1] * REPEATS):
            # Other arguments, because the meaning of a call is remembered.
            one, other = _one_step(without, 2 * step), _one_step(with_, 2 * step + 1)
            pairs = zip(one, other, strict=True)
            added += [more - less for (_, less), (_, more) in pairs]
    return quantile(added, 0.5)


def transition_microseconds() -> float:
    """Return the time of one step of the shipped machine that moves it, in µs; least of many."""
    machine = machine_for(Goal.MITIGATION)
    read = Ledger(reads=2, seen=(("a", "b"), (), (), (), (), ()), hypotheses=("deployment/web",))
    best = float("inf")
    for _ in range(STEPS[0]):
        began = time.perf_counter()
        for _ in range(STEPS[0]):
            react(machine, Position(state="investigate"), read, Trigger.NEXT)
        best = min(best, (time.perf_counter() - began) / STEPS[0])
    return best * 1e6


def _one_step(session: Session, step: int) -> list[tuple[float, float]]:
    call = CallId(f"c{step}")
    arguments = f'{{"command": "kubectl get pods -n shop -l app=checkout --limit={step}"}}'
    facts = (
        ModelReplied(
            text="Looking at the pods of checkout next.",
            tool_calls=(ToolCall(call_id=call, tool="kubectl", arguments=arguments),),
            usage=Usage(input_tokens=900, output_tokens=40),
            message_id=f"m{step}",
        ),
        ToolRequested(call_id=call, tool="kubectl", arguments=arguments),
        ToolReturned(
            call_id=call, tool="kubectl", text=OUTPUT, digest=f"d{step}", size=len(OUTPUT)
        ),
    )
    spent: list[tuple[float, float]] = []
    for fact in facts:
        wall, cpu = time.perf_counter(), time.thread_time()
        session.observe(fact)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        spent.append((wall * 1e6, cpu * 1e6))
    return spent


def observe_rows() -> list[dict[str, object]]:
    """A row per goal and step, over the medians of the repeats."""
    rows: list[dict[str, object]] = []
    for goal in Goal:
        rows += _rows_of(goal, SETTINGS, machine="none")
        with endless_machine(goal) as settings:
            rows += _rows_of(goal, settings, machine=machine_for(goal).name)
    return rows


def _rows_of(goal: Goal, settings: Settings, *, machine: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    repeats = [time_observe(goal, settings) for _ in range(REPEATS)]
    memory = session_memory(goal, settings)
    first = quantile([quantile(costs[0].cpu, 0.5) for costs in repeats], 0.5)
    for costs in zip(*repeats, strict=True):
        cpu = quantile([quantile(one.cpu, 0.5) for one in costs], 0.5)
        rows.append(
            {
                "goal": str(goal),
                "machine": machine,
                "step": costs[0].step,
                "p50 µs": quantile([quantile(one.wall, 0.5) for one in costs], 0.5),
                "p99 µs": quantile([quantile(one.wall, 0.99) for one in costs], 0.5),
                "CPU p50 µs": cpu,
                "CPU p99 µs": quantile([quantile(one.cpu, 0.99) for one in costs], 0.5),
                "to step 100": cpu / first,
                "snapshot kB": costs[0].snapshot_bytes / 1024,
                "memory kB, at the end": memory / 1024,
            }
        )
    return rows


def time_refusal() -> float:
    """Return milliseconds from a claim to its refusal when the gate itself takes no time."""
    guard = Guard(settings=SETTINGS, gate=ScriptedGate(GateVerdict.FAIL))
    session = guard.begin(SessionKey("refusal"), adapter="bench")
    claim = Claim(kind=ClaimKind.MITIGATED)
    session.observe(ModelReplied(text="done"))
    began = time.perf_counter()
    guard.settle_sync(session, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))
    return (time.perf_counter() - began) * 1000
