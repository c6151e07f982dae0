"""`guard_tools`: tools that are held before they run, whoever calls them.

Hand-built graphs call their tools in nodes of their own, with their own loops and error handling.
The one seam that all of them share is the tool, so the guard sits in it: the tool keeps its type,
name, schema and injected arguments, and only its `run` asks first.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import new_class
from typing import Any, TypedDict, cast, get_args, get_type_hints

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId
from langchain_core.tools import tool as tool_of
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from guardrails.core.decisions import Decision
from guardrails.core.events import ToolRequested
from guardrails.engine import Guard, SessionKey
from guardrails.integrations.holding import (
    hold,
    hold_sync,
    may_run,
    note_returned,
)
from guardrails.integrations.messages import arguments_json, requested_of, result_in
from guardrails.integrations.middleware_tools import ToolHooks, ToolResult, running
from guardrails.integrations.recalling import is_recall
from guardrails.integrations.replies import blocked_message
from guardrails.integrations.standing import TOOLS_ADAPTER, Standing, stand_at_tool
from guardrails.integrations.toolspecs import fault_in

Tool = BaseTool | Callable[..., Any] | dict[str, Any]
"""What LangChain takes for a tool. A dict is one that the provider runs."""


class ToolNodeHooks(TypedDict):
    """Keyword arguments for `langgraph.prebuilt.ToolNode`."""

    wrap_tool_call: Callable[[ToolCallRequest, Callable[[ToolCallRequest], ToolResult]], ToolResult]
    awrap_tool_call: Callable[
        [ToolCallRequest, Callable[[ToolCallRequest], Awaitable[ToolResult]]],
        Awaitable[ToolResult],
    ]


def guard_tools(tools: Sequence[Tool], *, using: Guard | None = None) -> list[Tool]:
    """Return the same tools, held before they run.

    A refusal comes back as what the caller expects: a `Command` with an error `ToolMessage` from a
    tool that returns commands, an error `ToolMessage` for a tool call, a string otherwise. Calls
    made through `invoke`, `ainvoke`, `run` and `arun` are held; calling a tool's `func` is not.

    Args:
        tools: Tools, functions, or dicts of tools that the provider runs; those stay as they are.
        using: The guard for runs that nothing else guards. Inside `guard(graph)`, the middleware
            or `guarded-agent run` it is not needed: there the run's own guard decides.

    Returns:
        New tools, in order. A tool that is guarded already is returned as it is.

    Raises:
        UsageError: From a call, when there is neither a guarded run nor `using`.

    Example:
        ```python
        tools = guard_tools([get_pods, submit])
        graph.add_node("tools", MyOwnToolNode(tools))
        ```
    """
    spare = _spare_key()
    return [t if isinstance(t, dict) else _guarded(t, using=using, spare=spare) for t in tools]


def tool_node_hooks(*, using: Guard | None = None) -> ToolNodeHooks:
    """Return the hooks that hold every call of a `ToolNode`, whatever its tools.

    Args:
        using: The guard for runs that nothing else guards, as in `guard_tools`.

    Example:
        ```python
        node = ToolNode(tools, **tool_node_hooks(using=guard))
        ```
    """
    spare = _spare_key()

    def enter(request: ToolCallRequest) -> Standing:
        return stand_at_tool(using, spare=spare, tool=request.tool_call["name"])

    hooks = ToolHooks(enter)
    return ToolNodeHooks(wrap_tool_call=hooks.wrap, awrap_tool_call=hooks.awrap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a guarded tool knows of its guard."""

    using: Guard | None
    spare: SessionKey
    commands: bool
    """True when the tool answers with a `Command`."""


class GuardedTool(BaseTool):
    """A tool of any class whose calls are held; made by `guard_tools`, never directly."""

    @property
    def held(self) -> Held:
        """The guard of this tool."""
        return cast("Held", self.__dict__[_HELD])

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # LangChain's signature
        """Hold the call, then run it."""
        standing, call, fact = _asked(self, tool_input, kwargs)
        standing.prepare_sync()
        decision = hold_sync(
            standing.guard,
            standing.session,
            fact,
            arguments=call["args"],
            agent=standing.agent,
            alone=standing.alone,
        )
        if decision is not None and not may_run(decision):
            return _refusal(self, decision, kwargs)
        with running(standing, fact, adapter=TOOLS_ADAPTER):
            result: object = super().run(tool_input, *args, **kwargs)
        _note_result(standing, fact, result)
        return result

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as above
        """Do `run` in async code."""
        standing, call, fact = _asked(self, tool_input, kwargs)
        await standing.prepare()
        decision = await hold(
            standing.guard,
            standing.session,
            fact,
            arguments=call["args"],
            agent=standing.agent,
            alone=standing.alone,
        )
        if decision is not None and not may_run(decision):
            return _refusal(self, decision, kwargs)
        with running(standing, fact, adapter=TOOLS_ADAPTER):
            result: object = await super().arun(tool_input, *args, **kwargs)
        _note_result(standing, fact, result)
        return result


_HELD = "_guardrails_held"


def _spare_key() -> SessionKey:
    return SessionKey(f"tools-{uuid.uuid4().hex}")


def _guarded(
    tool: BaseTool | Callable[..., Any], *, using: Guard | None, spare: SessionKey
) -> BaseTool:
    if not isinstance(tool, BaseTool):
        tool = tool_of(tool)
    if isinstance(tool, GuardedTool) or is_recall(tool):
        return tool
    held = Held(using=using, spare=spare, commands=_answers_with_command(tool))
    # The copy gets a class that stands before the tool's own one, so that whatever looks at the
    # tool (its type, `func`, schema, injected arguments) sees what it was.
    copy = tool.model_copy()
    object.__setattr__(copy, "__class__", _guarded_class(type(tool)))
    object.__setattr__(copy, _HELD, held)
    return copy


@cache
def _guarded_class(cls: type[BaseTool]) -> type[BaseTool]:
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return new_class(cls.__name__, (GuardedTool, cls), exec_body=lambda body: body.update(names))


def _asked(
    tool: GuardedTool, tool_input: str | dict[str, Any], options: Mapping[str, Any]
) -> tuple[Standing, ToolCall, ToolRequested]:
    """Return where the call stands and what it is, without the arguments that no model wrote."""
    call_id = options.get("tool_call_id") or f"call-{uuid.uuid4().hex}"
    if isinstance(tool_input, str):
        written = {next(iter(tool.args), "input"): tool_input}
    else:
        written = tool._filter_injected_args(tool_input)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # LangChain's own rule for what a model may write
    call = ToolCall(type="tool_call", name=tool.name, args=written, id=call_id)
    standing = stand_at_tool(tool.held.using, spare=tool.held.spare, tool=tool.name)
    # Only a model's call has an id; what the graph's own code gives is not judged.
    asked = "tool_call_id" in options and isinstance(tool_input, dict)
    fault = fault_in(tool, written, arguments_json(written)) if asked else ""
    return standing, call, requested_of(call, tool, fault=fault)


def _refusal(
    tool: GuardedTool, decision: Decision, options: Mapping[str, Any]
) -> ToolMessage | Command[Any] | str:
    call_id: str | None = options.get("tool_call_id")
    message = blocked_message(decision, tool=tool.name, call_id=call_id or "")
    if call_id is None:
        return message.text
    return Command(update={"messages": [message]}) if tool.held.commands else message


def _note_result(standing: Standing, fact: ToolRequested, result: object) -> None:
    note_returned(
        standing.session,
        result_in(result),
        call_id=fact.call_id,
        tool=fact.tool,
        agent=standing.agent,
    )


def _answers_with_command(tool: BaseTool) -> bool:
    """Tell whether a tool answers with a `Command`.

    Its return annotation says so. One without an annotation that has the call's id injected needs
    that id for the message in its `Command`; nothing else uses it.
    """
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    ways = [function] if function is not None else [type(tool)._run, type(tool)._arun]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # where a tool class has its code
    hints = [hint for way in ways if (hint := _returns(way)) is not None]
    if hints:
        return any(_names_command(hint) for hint in hints)
    return any(_has_call_id(way) for way in ways)


def _returns(function: Callable[..., Any]) -> object | None:
    returned = _hints(function).get("return")
    return None if returned is Any else returned


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _names_command(hint: object) -> bool:
    origin = getattr(hint, "__origin__", hint)
    return origin is Command or any(_names_command(part) for part in get_args(hint))


def _has_call_id(function: Callable[..., Any]) -> bool:
    parts = [part for hint in _hints(function).values() for part in get_args(hint)]
    return any(part is InjectedToolCallId or isinstance(part, InjectedToolCallId) for part in parts)
