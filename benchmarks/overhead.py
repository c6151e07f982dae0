"""What the guard costs: per event, and per turn of a LangGraph agent.

`python -m benchmarks.overhead [--reps N]`. Three agents run interleaved in one process, so that
their ratio means something on a noisy machine: bare `create_agent`, the same with a middleware
whose six hooks do nothing, and ours. The gate plays a prepared report; its waiting is not cost.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import argparse
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import tool

from benchmarks.tables import quantile, save, show
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
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.policy.models import Budgets, Settings
from guardrails.testing.gates import ScriptedGate

TURNS = 21
"""Model turns of one run; as in published measurements of the framework alone."""

STEPS = (100, 1_000, 10_000)
OUTPUT = "\n".join(f"checkout-{n:05d}  1/1  Running  0  {n}m" for n in range(100))
"""A tool result of 4 kB, the size of a pod list."""

SETTINGS = Settings(budgets=Budgets(steps=100_000, tool_calls=1_000_000))


@tool
def list_pods(namespace: str) -> str:
    """List the pods of a namespace."""
    del namespace
    return OUTPUT


class CallingModel(GenericFakeChatModel):
    """Calls one tool in every turn but the last."""

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Return the model itself; it calls what its script says."""
        del tools, kwargs
        return self


def _script() -> Iterator[AIMessage | str]:
    for n in range(TURNS - 1):
        call = {"name": "list_pods", "args": {"namespace": f"n{n}"}, "id": f"c{n}"}
        yield AIMessage("looking", tool_calls=[call])
    yield AIMessage("The incident is mitigated.")


class SixHooks(AgentMiddleware):
    """A middleware that does nothing, six times a turn: what any guard must at least cost."""

    def before_agent(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def before_model(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def after_model(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def after_agent(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        """Pass on."""
        return handler(request)

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        """Pass on."""
        return handler(request)


def _guarding() -> GuardrailMiddleware:
    incident = Incident(task="checkout is down", namespaces=("shop",))
    guard = Guard(settings=SETTINGS, gate=ScriptedGate(GateVerdict.PASS), incident=incident)
    return GuardrailMiddleware(using=guard)


MIDDLEWARE: dict[str, Callable[[], list[AgentMiddleware[Any, Any, Any]]]] = {
    "bare create_agent": list,
    "six hooks, no-op": lambda: [SixHooks()],
    "guarded": lambda: [_guarding()],
}


def time_turns(reps: int) -> dict[str, list[float]]:
    """Run each agent `reps` times, interleaved; return milliseconds per turn of every run."""
    spent: dict[str, list[float]] = {name: [] for name in MIDDLEWARE}
    for rep in range(reps + 1):
        for name, middleware in MIDDLEWARE.items():
            model = CallingModel(messages=_script())
            agent = create_agent(model, [list_pods], middleware=middleware())
            gc.collect()
            began = time.perf_counter()
            agent.invoke({"messages": [HumanMessage("mend it")]})
            if rep:  # the first round warms caches
                spent[name].append((time.perf_counter() - began) * 1000 / TURNS)
    return spent


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveCost:
    """Cost of `observe` around one step."""

    step: int
    micros: list[float]
    session_bytes: int


def time_observe(goal: Goal) -> list[ObserveCost]:
    """Fold one long run; measure 200 events before each of the steps."""
    incident = Incident(task="checkout is down", goal=goal, namespaces=("shop",))
    guard = Guard(settings=SETTINGS, incident=incident)
    session = guard.begin(SessionKey("bench"), adapter="bench")
    costs: list[ObserveCost] = []
    spent: list[float] = []
    for step in range(1, max(STEPS) + 1):
        spent += _one_step(session, step)
        if step in STEPS:
            costs.append(
                ObserveCost(step=step, micros=spent[-200:], session_bytes=len(session.snapshot()))
            )
    return costs


def _one_step(session: Session, step: int) -> list[float]:
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
    spent: list[float] = []
    for fact in facts:
        began = time.perf_counter()
        session.observe(fact)
        spent.append((time.perf_counter() - began) * 1e6)
    return spent


def time_refusal() -> float:
    """Return milliseconds from a claim to its refusal when the gate itself takes no time."""
    guard = Guard(settings=SETTINGS, gate=ScriptedGate(GateVerdict.FAIL))
    session = guard.begin(SessionKey("refusal"), adapter="bench")
    claim = Claim(kind=ClaimKind.MITIGATED)
    session.observe(ModelReplied(text="done"))
    began = time.perf_counter()
    guard.settle_sync(session, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=40, help="runs of each agent (default 40)")
    reps: int = parser.parse_args().reps
    turns = time_turns(reps)
    bare = quantile(turns["bare create_agent"], 0.5)
    turn_rows = [
        {
            "agent": name,
            "p50 ms/turn": quantile(values, 0.5),
            "p99 ms/turn": quantile(values, 0.99),
            "over bare, p50 ms": quantile(values, 0.5) - bare,
            "ratio to bare": quantile(values, 0.5) / bare,
        }
        for name, values in turns.items()
    ]
    show(f"One LangGraph turn ({TURNS} turns a run, {reps} runs each, interleaved)", turn_rows)
    observe_rows = [
        {
            "goal": str(goal),
            "step": cost.step,
            "p50 µs": quantile(cost.micros, 0.5),
            "p99 µs": quantile(cost.micros, 0.99),
            "session kB": cost.session_bytes / 1024,
        }
        for goal in Goal
        for cost in time_observe(goal)
    ]
    show("session.observe (4 kB tool results, new call every step)", observe_rows)
    refusal = time_refusal()
    print(f"claim to refusal, gate excluded: {refusal:.2f} ms")
    path = save(
        "overhead",
        {"turns": turn_rows, "observe": observe_rows, "refusal_ms": refusal, "reps": reps},
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
