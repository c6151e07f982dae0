"""A copy of a `ToolNode` whose calls are held, whatever tools and hooks it has."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any, cast

from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest

from guardrails.integrations.middleware_tools import ToolResult
from guardrails.integrations.tools import tool_node_hooks

Handler = Callable[[ToolCallRequest], ToolResult]
AsyncHandler = Callable[[ToolCallRequest], Awaitable[ToolResult]]
Hook = Callable[[ToolCallRequest, Handler], ToolResult]
AsyncHook = Callable[[ToolCallRequest, AsyncHandler], Awaitable[ToolResult]]


def guarded_tool_node(node: ToolNode) -> ToolNode:
    """Return a copy that asks the run's guard before each call, outside of the node's own hooks.

    The node itself is not touched: the user may run it elsewhere, unguarded.
    """
    hooks = tool_node_hooks()
    held = copy.copy(node)
    sync_hook = cast("Hook | None", node._wrap_tool_call)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]  # LangGraph has no way to add a hook to a node that exists
    async_hook = cast("AsyncHook | None", node._awrap_tool_call)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]  # as above
    held._wrap_tool_call = _around(sync_hook, hooks["wrap_tool_call"])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
    if sync_hook is None or async_hook is not None:
        held._awrap_tool_call = _around_async(async_hook, hooks["awrap_tool_call"])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
    # Else LangGraph runs the sync hook in async graphs too, and ours stays around it.
    return _rebound(held, node)


def _rebound(held: ToolNode, node: ToolNode) -> ToolNode:
    """Point the copy's methods at the copy: a `RunnableCallable` keeps bound methods."""
    rebound: Any = held
    for name in ("func", "afunc"):
        method: Any = getattr(node, name)
        if getattr(method, "__self__", None) is node:
            setattr(rebound, name, method.__func__.__get__(held))
    return held


def _around(inner: Hook | None, outer: Hook) -> Hook:
    if inner is None:
        return outer

    def both(request: ToolCallRequest, handler: Handler) -> ToolResult:
        return outer(request, lambda asked: inner(asked, handler))

    return both


def _around_async(inner: AsyncHook | None, outer: AsyncHook) -> AsyncHook:
    if inner is None:
        return outer

    async def both(request: ToolCallRequest, handler: AsyncHandler) -> ToolResult:
        async def wrapped(asked: ToolCallRequest) -> ToolResult:
            return await inner(asked, handler)

        return await outer(request, wrapped)

    return both
