"""Who owns the session of the run that the current code is part of.

Adapters nest: a driver runs a guarded graph, whose agent has the middleware, whose tools are
guarded. The outermost one opens the session and brings its end to the door; the others find it
here, add what they see to it, and never end it a second time. A context variable carries it,
because LangGraph copies the context into every thread and task that it starts.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

from guardrails.engine import Guard, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The adapter that stands around the current run."""

    guard: Guard
    session: Session
    adapter: str
    """`create_agent`, `langgraph`, `cli` or `sidecar`."""


current_owner: ContextVar[Owner | None] = ContextVar("guardrails_owner", default=None)
"""The owner of the current run, or None outside of any guarded run."""


@contextmanager
def own(guard: Guard, session: Session, *, adapter: str) -> Generator[Owner]:
    """Own the session of everything that runs inside this block.

    Around a generator, enter it anew for each step: a block that spans a `yield` would leak the
    owner into the code that consumes the generator.

    Args:
        guard: The guard that opened the session.
        session: The run's session.
        adapter: Name of the adapter that owns it.
    """
    owner = Owner(guard=guard, session=session, adapter=adapter)
    token = current_owner.set(owner)
    try:
        yield owner
    finally:
        # A generator may be closed from another context, where there is nothing to put back.
        with suppress(ValueError):
            current_owner.reset(token)
