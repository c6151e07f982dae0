"""What the guard costs per turn of a LangGraph agent.

Three agents run interleaved in one process, so that their ratio means something on a noisy
machine: bare `create_agent`, the same with a middleware whose six hooks do nothing, and ours. The
gate plays a prepared report; its waiting is not cost.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

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

from benchmarks.observing import OUTPUT, SETTINGS
from benchmarks.tables import quantile
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.testing.gates import ScriptedGate

BARE, NO_OP, GUARDED = "bare create_agent", "six hooks, no-op", "guarded"
TURNS = 21
"""Model turns of one run; as in published measurements of the framework alone."""


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
    BARE: list,
    NO_OP: lambda: [SixHooks()],
    GUARDED: lambda: [_guarding()],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one run cost per turn, in milliseconds."""

    wall: float
    cpu: float
    """Of the whole process: other work on the machine does not count."""


def time_turns(reps: int) -> dict[str, list[Spent]]:
    """Run each agent `reps` times, interleaved, in an order that turns from round to round."""
    spent: dict[str, list[Spent]] = {name: [] for name in MIDDLEWARE}
    names = list(MIDDLEWARE)
    for rep in range(reps + 1):
        names = [*names[1:], names[0]]
        for name in names:
            model = CallingModel(messages=_script())
            agent = create_agent(model, [list_pods], middleware=MIDDLEWARE[name]())
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            agent.invoke({"messages": [HumanMessage("mend it")]})
            if rep:  # the first round warms caches
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                spent[name].append(Spent(wall=wall * 1000 / TURNS, cpu=cpu * 1000 / TURNS))
    return spent


def turn_rows(reps: int) -> list[dict[str, object]]:
    """A row per agent; shares are medians over rounds of the differences within a round."""
    turns = time_turns(reps)
    bare, no_op = turns[BARE], turns[NO_OP]
    rows: list[dict[str, object]] = []
    for name, runs in turns.items():
        rows.append(
            {
                "agent": name,
                "p50 ms": quantile([one.wall for one in runs], 0.5),
                "p99 ms": quantile([one.wall for one in runs], 0.99),
                "CPU p50 ms": quantile([one.cpu for one in runs], 0.5),
                "over bare, CPU ms": _share(runs, bare),
                "over no-op, CPU ms": _share(runs, no_op),
                "CPU ratio to bare": quantile(
                    [one.cpu / other.cpu for one, other in zip(runs, bare, strict=True)], 0.5
                ),
            }
        )
    return rows


def _share(runs: list[Spent], base: list[Spent]) -> float:
    return quantile([one.cpu - other.cpu for one, other in zip(runs, base, strict=True)], 0.5)
