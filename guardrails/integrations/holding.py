"""One tool call at the guard: held before it runs, recorded when it comes back.

Shared by the middleware and the guarded tools. A call that passes two of them (a guarded tool
under the middleware) is decided by the outer one. Which calls are in flight is known from the
context and not from a list of ids, because some models number their calls anew in every turn.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from guardrails.actions.claims import read_structured_claim
from guardrails.core.claims import Claim
from guardrails.core.decisions import Decision, EnforcedAction, Next
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ExitKind,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.incident import Goal
from guardrails.engine import Guard, Session
from guardrails.hygiene.redact import clipped
from guardrails.integrations.messages import returned_of
from guardrails.integrations.owner import own
from guardrails.integrations.seen import first_time, forget

_in_flight: ContextVar[frozenset[tuple[str, str]]] = ContextVar(
    "guardrails_in_flight", default=frozenset()
)
"""Tool and call id of the calls that the current code runs for."""


def goal_of(session: Session) -> Goal:
    """Return what the session's incident asks for."""
    incident = session.state.incident
    return incident.goal if incident is not None else Goal.MITIGATION


def may_run(decision: Decision) -> bool:
    """Tell whether a held call runs: allowed, or a finish call whose end was accepted."""
    return decision.action in {EnforcedAction.ALLOW, EnforcedAction.MODIFY}


async def hold(
    guard: Guard,
    session: Session,
    request: ToolRequested,
    *,
    arguments: Mapping[str, object],
    agent: str = "",
    alone: bool = False,
) -> Decision | None:
    """Ask the guard about a call before it runs; a finish call waits for the gate here.

    Args:
        guard: The guard of the session.
        session: The run.
        request: The call.
        arguments: Its arguments, from which a finish call's claim is read.
        agent: Which agent calls.
        alone: True when nothing stands around the call that would bring a stopped run to the door.

    Returns:
        The decision (see `may_run`), or None when the call was let through already.
    """
    await guard.look(session, agent=agent)
    decision = _ask(session, request, agent=agent)
    if decision is not None and decision.next is Next.VERIFY:
        end = _finish(session, request, arguments)
        decision = await guard.settle(session, end, agent=agent)
    elif decision is not None and decision.next is Next.STOP and alone:
        await guard.settle(session, EndRequested(exit=ExitKind.BUDGET), agent=agent)
    return _told(session, request, decision, agent=agent)


def hold_sync(
    guard: Guard,
    session: Session,
    request: ToolRequested,
    *,
    arguments: Mapping[str, object],
    agent: str = "",
    alone: bool = False,
) -> Decision | None:
    """Do `hold` from synchronous code."""
    guard.look_sync(session, agent=agent)
    decision = _ask(session, request, agent=agent)
    if decision is not None and decision.next is Next.VERIFY:
        end = _finish(session, request, arguments)
        decision = guard.settle_sync(session, end, agent=agent)
    elif decision is not None and decision.next is Next.STOP and alone:
        guard.settle_sync(session, EndRequested(exit=ExitKind.BUDGET), agent=agent)
    return _told(session, request, decision, agent=agent)


def hold_unreadable(session: Session, request: ToolRequested, *, agent: str = "") -> Decision:
    """Ask the guard about a call that no tool can run, and record it as returned.

    Args:
        session: The run.
        request: The call, with what is wrong with it.
        agent: Which agent wrote it.
    """
    first_time(session, "request", request.call_id)
    decision = session.observe(request, agent=agent)
    if first_time(session, "return", request.call_id):
        said = decision.to_model or request.fault
        blocked = returned_of(
            said, call_id=request.call_id, tool=request.tool, status=ToolStatus.BLOCKED
        )
        session.observe(blocked, agent=agent)
    return decision


def note_returned(
    session: Session,
    value: object,
    *,
    call_id: str,
    tool: str,
    status: ToolStatus | None = None,
    agent: str = "",
) -> None:
    """Record what a call gave back, once."""
    if first_time(session, "return", call_id):
        fact = returned_of(value, call_id=call_id, tool=tool, status=status)
        session.observe(fact, agent=agent)


def note_tool_error(
    session: Session, error: Exception, *, call_id: str, tool: str, agent: str = ""
) -> None:
    """Record an exception of a tool, once, as a result; it does not end the run by itself."""
    if first_time(session, "return", call_id):
        session.observe(
            ErrorRaised(
                error=type(error).__name__,
                message=clipped(str(error), 500),
                where=f"tool:{tool}",
                fatal=False,
            ),
            agent=agent,
        )
        said = f"{type(error).__name__}: {error}"
        fact = returned_of(said, call_id=call_id, tool=tool, status=ToolStatus.ERROR)
        session.observe(fact, agent=agent)


@contextmanager
def in_flight(
    guard: Guard, session: Session, request: ToolRequested, *, adapter: str
) -> Generator[None]:
    """Run a held call: guards inside it know the call and find the session.

    Args:
        guard: The guard of the session.
        session: The run.
        request: The call that was let through.
        adapter: Who lets it through, if nobody outside owns the session.
    """
    token = _in_flight.set(_in_flight.get() | {(request.tool, request.call_id)})
    try:
        with own(guard, session, adapter=adapter):
            yield
    finally:
        _in_flight.reset(token)


def note_paused(session: Session, call_id: str) -> None:
    """Remember that a call stands still; the framework will run it again from its start."""
    first_time(session, "pause", call_id)


def _ask(session: Session, request: ToolRequested, *, agent: str) -> Decision | None:
    call_id = request.call_id
    if (request.tool, call_id) in _in_flight.get() or forget(session, "pause", call_id):
        return None
    first_time(session, "request", call_id)
    forget(session, "return", call_id)
    forget(session, "blocked", call_id)
    return session.observe(request, agent=agent)


def _told(
    session: Session, request: ToolRequested, decision: Decision | None, *, agent: str
) -> Decision | None:
    """Record a call that does not run as returned, so that every request has its return."""
    if decision is not None and not may_run(decision):
        first_time(session, "blocked", request.call_id)
        blocked: ToolReturned = returned_of(
            decision.to_model,
            call_id=request.call_id,
            tool=request.tool,
            status=ToolStatus.BLOCKED,
        )
        if first_time(session, "return", request.call_id):
            session.observe(blocked, agent=agent)
    return decision


def _finish(
    session: Session, request: ToolRequested, arguments: Mapping[str, object]
) -> EndRequested:
    claim: Claim = read_structured_claim(arguments, goal=goal_of(session))
    return EndRequested(exit=ExitKind.FINISH_TOOL, call_id=request.call_id, claim=claim)
