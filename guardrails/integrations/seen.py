"""What a session has been told already, so that no fact is counted twice.

One model turn can reach the guard through a callback, the middleware and a state update, one
tool call through the middleware and a guarded tool. Whoever comes first tells the session. The
memory is bounded per session and goes with the session.
"""

import threading
from collections import OrderedDict
from typing import Literal
from weakref import WeakKeyDictionary

from guardrails.engine import Session

FactKind = Literal[
    "reply", "request", "return", "node", "handoff", "direct", "blocked", "pause", "bounce"
]
"""What an id stands for: a model turn (message id), a tool call asked for or returned (call id),
a node's run (task id), a hand-off, a call of a direct-return tool, a call that was refused, one
that interrupted, and a reply after which the agent was sent straight back to its model."""

SEEN_LIMIT = 4096
"""Ids kept per session, over all kinds. A fact comes back within the same superstep, and at most
a few hundred calls run at once; 4096 ids of 40 characters are below 0.5 MB."""

_lock = threading.Lock()
_seen: WeakKeyDictionary[Session, OrderedDict[tuple[FactKind, str], None]] = WeakKeyDictionary()


def first_time(session: Session, kind: FactKind, fact_id: str | None) -> bool:
    """Tell whether this fact is new to the session, and remember it.

    Args:
        session: The run.
        kind: What the id stands for.
        fact_id: The framework's id; a fact without one is always new.

    Returns:
        True exactly once per session, kind and id, whatever the thread.
    """
    if not fact_id:
        return True
    with _lock:
        memory = _seen.setdefault(session, OrderedDict())
        known = (kind, fact_id) in memory
        memory[kind, fact_id] = None
        memory.move_to_end((kind, fact_id))
        while len(memory) > SEEN_LIMIT:
            memory.popitem(last=False)
    return not known


def was_seen(session: Session, kind: FactKind, fact_id: str | None) -> bool:
    """Tell whether the session knows this fact, without adding it."""
    with _lock:
        memory = _seen.get(session)
        return bool(fact_id) and memory is not None and (kind, fact_id) in memory


def forget(session: Session, kind: FactKind, fact_id: str | None) -> bool:
    """Take one id out again; returns whether it was there."""
    with _lock:
        memory = _seen.get(session)
        if not fact_id or memory is None or (kind, fact_id) not in memory:
            return False
        del memory[kind, fact_id]
        return True
