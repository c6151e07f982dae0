"""Agents of `create_agent` with every way out: their tools and middleware, and the table's row."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, RemoveMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from guardrails.core.decisions import Reason
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.testing.scripted import ScriptedModel, call, turn

PASS, FAIL, UNKNOWN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.UNKNOWN

LOOK = turn("looking", calls=[call("kubectl", command="kubectl get pods -n shop")])
MEND = turn("mending", calls=[call("kubectl", command="kubectl rollout restart deploy/checkout")])
DONE = turn("It is fixed.")


class Report(BaseModel):
    """A structured answer."""

    root_cause: str
    fixed: bool


def structured() -> AIMessage:
    """Give a structured answer."""
    return turn(calls=[call("Report", root_cause="deployment/checkout", fixed=True)])


@tool
def kubectl(command: str) -> str:
    """Run kubectl."""
    return f"ran {command}"


@tool
def submit(answer: str) -> str:
    """Submit the answer."""
    return f"submitted {answer}"


@tool(return_direct=True)
def conclude(text: str) -> str:
    """Give the answer."""
    return text


@tool
def breaks(command: str) -> str:
    """Break."""
    raise ValueError(f"broke on {command}")


@tool
def asks(question: str) -> str:
    """Ask a person."""
    return f"the person says {interrupt(question)}"


@tool
def goes_to_end(text: str, call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Ask LangGraph to end."""
    return Command(goto=END, update={"messages": [ToolMessage(text, tool_call_id=call_id)]})


@tool
def hands_off(to: str) -> Command[Any]:
    """Leave the graph."""
    return Command(graph=Command.PARENT, goto=to)


def awaited(one: Any) -> Any:
    """Return a tool whose code is asynchronous only."""
    if not isinstance(one, StructuredTool):
        return one
    function: Any = one.func

    @functools.wraps(function)
    async def run(*args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return one.model_copy(update={"func": None, "coroutine": run})


class Forgets(AgentMiddleware[Any, Any]):
    """Takes every model message out of the history."""

    def after_model(self, state: Any, runtime: Any) -> dict[str, Any]:
        """Forget."""
        return {"messages": [RemoveMessage(id=m.id) for m in state["messages"] if m.type == "ai"]}


class Quiet(AgentMiddleware[Any, Any]):
    """Hooks in everywhere and does nothing."""

    def before_model(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def after_model(self, state: Any, runtime: Any) -> None:
        """Do nothing."""

    def after_agent(self, state: Any, runtime: Any) -> None:
        """Do nothing."""


class AsksFirst(AgentMiddleware[Any, Any]):
    """Asks a person before the agent begins."""

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Ask."""
        interrupt("which cluster?")
        return None


def jumps(hook: str) -> AgentMiddleware[Any, Any]:
    """Make middleware that jumps to the end from a hook, each time."""

    def jump(self: Any, state: Any, runtime: Any) -> dict[str, Any]:
        del self, state, runtime
        return {"jump_to": "end"}

    hooked = hook_config(can_jump_to=["end"])(jump)
    return type("Jumps", (AgentMiddleware,), {hook: hooked})()


class BrokenHookError(Exception):
    """What `raises` raises."""


def raises(hook: str) -> AgentMiddleware[Any, Any]:
    """Make middleware with a hook that raises."""

    def fail(self: Any, *given: Any) -> Any:
        raise BrokenHookError

    async def afail(self: Any, *given: Any) -> Any:
        raise BrokenHookError

    return type("Raises", (AgentMiddleware,), {hook: fail, f"a{hook}": afail})()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One exit, named after the reference's number for it."""

    name: str
    turns: list[Any]
    gate: list[Any]
    outcome: Outcome
    reason: Reason | None = None
    tools: list[Any] = field(default_factory=lambda: [kubectl])
    around: Callable[[], list[Any]] = list
    """Other middleware."""
    last: bool = False
    """Whether the guard stands behind the other middleware instead of before it."""
    response_format: Any = None
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    answers: tuple[Any, ...] = ()
    repeats: bool = False
    remembers: bool = True
    """Whether there is a checkpointer."""
    raises: type[BaseException] | None = None
    """What leaves the agent when only the middleware guards it; its outcome is in the trace."""
    unseen: type[BaseException] | None = None
    """What leaves such an agent past every hook of the middleware: nothing ends, or is accepted."""

    def build(self, middleware: list[Any], *, asynchronous: bool = False) -> Any:
        """Build the agent, its tools asynchronous if asked."""
        others = self.around()
        return create_agent(
            ScriptedModel(turns=self.turns, at_end="repeat" if self.repeats else "raise"),
            [awaited(one) for one in self.tools] if asynchronous else self.tools,
            middleware=[*others, *middleware] if self.last else [*middleware, *others],
            response_format=self.response_format,
            checkpointer=InMemorySaver() if self.remembers else None,
        )
