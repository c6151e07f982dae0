"""Hooks around a `ToolNode`'s calls: hold, run, record, and read hand-offs where they pass.

The middleware has them, and so has a graph of one's own through `tool_node_hooks`.

Parallel calls of one message run in threads of their own, so nothing is kept on the instance.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from langchain_core.messages import ToolMessage
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolRuntime
from langgraph.types import Command

from guardrails.core.decisions import Decision, Next
from guardrails.core.events import PauseReason, ToolRequested, ToolStatus
from guardrails.integrations.handoff import (
    HandOff,
    end_by,
    handed_off,
    handoff_in,
    with_outcome,
)
from guardrails.integrations.holding import (
    goal_of,
    hold,
    hold_sync,
    in_flight,
    may_run,
    note_paused,
    note_returned,
    note_tool_error,
)
from guardrails.integrations.messages import arguments_json, requested_of, result_in
from guardrails.integrations.recalling import is_recall
from guardrails.integrations.replies import blocked_message, outcome_state, stream_event
from guardrails.integrations.seen import first_time, forget
from guardrails.integrations.standing import ADAPTER, Standing
from guardrails.integrations.toolspecs import fault_in, shown_in, shown_to

ToolResult = ToolMessage | Command[Any]


class ToolHooks:
    """`wrap_tool_call` and its async twin, for whoever knows how to find a call's session."""

    def __init__(self, enter: Callable[[ToolCallRequest], Standing]) -> None:
        self._enter = enter

    def wrap(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolResult]
    ) -> ToolResult:
        """Hold one call, then run it."""
        if is_recall(request.tool):
            return handler(request)
        standing = self._enter(request)
        standing.prepare_sync()
        fact = requested_of(request.tool_call, request.tool, fault=_fault(standing, request))
        decision = hold_sync(
            standing.guard,
            standing.session,
            fact,
            arguments=request.tool_call["args"],
            agent=standing.agent,
            alone=standing.alone,
        )
        if decision is not None and not may_run(decision):
            return _refused(standing, request, decision)
        try:
            with running(standing, fact, adapter=ADAPTER):
                result = handler(request)
        except ParentCommand as leaving:
            handoff = _carried(leaving)
            if handoff is None:
                raise
            answer = self._hand_off(standing, request, handoff)
            if isinstance(answer, ToolMessage):
                return answer
            raise ParentCommand(answer) from leaving
        _note_result(standing, request, result)
        handoff = handoff_in(result)
        return result if handoff is None else self._hand_off(standing, request, handoff)

    async def awrap(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolResult]],
    ) -> ToolResult:
        """Do `wrap` in an async agent."""
        if is_recall(request.tool):
            return await handler(request)
        standing = self._enter(request)
        await standing.prepare()
        fact = requested_of(request.tool_call, request.tool, fault=_fault(standing, request))
        decision = await hold(
            standing.guard,
            standing.session,
            fact,
            arguments=request.tool_call["args"],
            agent=standing.agent,
            alone=standing.alone,
        )
        if decision is not None and not may_run(decision):
            return _refused(standing, request, decision)
        try:
            with running(standing, fact, adapter=ADAPTER):
                result = await handler(request)
        except ParentCommand as leaving:
            handoff = _carried(leaving)
            if handoff is None:
                raise
            answer = await self._ahand_off(standing, request, handoff)
            if isinstance(answer, ToolMessage):
                return answer
            raise ParentCommand(answer) from leaving
        _note_result(standing, request, result)
        handoff = handoff_in(result)
        return result if handoff is None else await self._ahand_off(standing, request, handoff)

    def _hand_off(
        self, standing: Standing, request: ToolCallRequest, handoff: HandOff
    ) -> ToolResult:
        if standing.owned:
            standing.session.observe(handed_off(handoff), agent=standing.agent)
            return handoff.command
        end = end_by(handoff, state_of(request), goal=goal_of(standing.session))
        decision = standing.guard.settle_sync(standing.session, end, agent=standing.agent)
        return _left(standing, request, handoff, decision)

    async def _ahand_off(
        self, standing: Standing, request: ToolCallRequest, handoff: HandOff
    ) -> ToolResult:
        if standing.owned:
            standing.session.observe(handed_off(handoff), agent=standing.agent)
            return handoff.command
        end = end_by(handoff, state_of(request), goal=goal_of(standing.session))
        decision = await standing.guard.settle(standing.session, end, agent=standing.agent)
        return _left(standing, request, handoff, decision)


def _fault(standing: Standing, request: ToolCallRequest) -> str:
    """Say what is wrong with a call's form.

    A tool that is there says itself what it takes. One that is not may still be another
    middleware's, if the model was shown it.
    """
    call = request.tool_call
    text = arguments_json(call["args"])
    if request.tool is not None:
        return fault_in(request.tool, call["args"], text)
    shown = shown_to(standing.session, agent=standing.agent)
    if not shown.specs:
        runtime = cast("ToolRuntime[Any, Any]", request.runtime)  # pyright: ignore[reportUnknownMemberType]  # LangGraph leaves ToolRuntime's parameters open
        shown = shown_in(runtime.tools)
    return shown.fault(call["name"], text)


def _left(
    standing: Standing, request: ToolCallRequest, handoff: HandOff, decision: Decision
) -> ToolResult:
    """Let the agent leave its graph with its outcome, or answer the hand-off with the refusal."""
    if decision.next is Next.END:
        return with_outcome(handoff.command, outcome_state(standing.session.result()))
    return _refused(standing, request, decision)


def _refused(standing: Standing, request: ToolCallRequest, decision: Decision) -> ToolMessage:
    event = stream_event(standing.session, decision, kind="blocked")
    runtime = cast("ToolRuntime[Any, Any]", request.runtime)  # pyright: ignore[reportUnknownMemberType]  # LangGraph leaves ToolRuntime's parameters open
    runtime.stream_writer(event)
    call = request.tool_call
    return blocked_message(decision, tool=call["name"], call_id=call["id"] or "")


@contextmanager
def running(standing: Standing, fact: ToolRequested, *, adapter: str) -> Generator[None]:
    """Run a held call, and record an interrupt, an exception or a cancellation that leaves it.

    Args:
        standing: Where the call stands.
        fact: The call.
        adapter: Who lets it through, if nobody outside owns the session.
    """
    try:
        with in_flight(standing.guard, standing.session, fact, adapter=adapter):
            yield
    except GraphBubbleUp as bubble:
        _note_bubble(standing, fact, bubble)
        raise
    except Exception as error:
        _note_error(standing, fact, error)
        raise
    except BaseException:
        standing.cancelled(f"tool:{fact.tool}")
        raise


def _note_result(standing: Standing, request: ToolCallRequest, result: object) -> None:
    call, session = request.tool_call, standing.session
    call_id = call["id"] or ""
    forget(session, "direct", call_id)
    if request.tool is not None and request.tool.return_direct:
        first_time(session, "direct", call_id)
    note_returned(
        session, result_in(result), call_id=call_id, tool=call["name"], agent=standing.agent
    )


def _note_bubble(standing: Standing, fact: ToolRequested, bubble: GraphBubbleUp) -> None:
    """Record an interrupt inside a tool: the run stands still, and the call comes again."""
    if isinstance(bubble, GraphInterrupt):
        note_paused(standing.session, fact.call_id)
        standing.paused(PauseReason.INTERRUPT, f"tool:{fact.tool}")


def _note_error(standing: Standing, fact: ToolRequested, error: Exception) -> None:
    """Record an exception that leaves the tool, and with it the agent."""
    if standing.owned:
        note_tool_error(
            standing.session, error, call_id=fact.call_id, tool=fact.tool, agent=standing.agent
        )
        return
    said = f"{type(error).__name__}: {error}"
    note_returned(
        standing.session,
        said,
        call_id=fact.call_id,
        tool=fact.tool,
        status=ToolStatus.ERROR,
        agent=standing.agent,
    )
    standing.guard.fail(standing.session, error, where=f"tool:{fact.tool}")


def _carried(leaving: ParentCommand) -> HandOff | None:
    return handoff_in(cast("object", leaving.args[0]))  # pyright: ignore[reportUnknownMemberType]  # LangGraph leaves Command's parameter open


def state_of(request: ToolCallRequest) -> Mapping[str, Any]:
    """Return the state that a call was made in; a `ToolNode` over a bare list has none."""
    state: object = request.state
    return cast("Mapping[str, Any]", state) if isinstance(state, Mapping) else {"messages": []}
