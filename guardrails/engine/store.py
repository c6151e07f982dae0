"""Where open sessions live: in memory, keyed by thread, bounded, oldest ended first out."""

import threading
from collections import OrderedDict
from typing import NewType

from guardrails.engine.session import Session

SessionKey = NewType("SessionKey", str)
"""What an adapter finds its session by: a LangGraph thread id, or an id of its own."""

CAPACITY = 1024
"""Most sessions kept; at the bound of 2 MB each this is the largest share of memory a library
should take in somebody's process."""


class MemoryStore:
    """A bounded, thread-safe map from key to session."""

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._capacity = capacity
        self._sessions: OrderedDict[SessionKey, Session] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: SessionKey) -> Session | None:
        """Return the session under a key, if there is one."""
        with self._lock:
            session = self._sessions.get(key)
            if session is not None:
                self._sessions.move_to_end(key)
            return session

    def put(self, key: SessionKey, session: Session) -> None:
        """Keep a session; over capacity an ended one goes first, else the least recently used."""
        with self._lock:
            self._sessions[key] = session
            self._sessions.move_to_end(key)
            while len(self._sessions) > self._capacity:
                del self._sessions[self._victim(key)]

    def _victim(self, newest: SessionKey) -> SessionKey:
        others = [key for key in self._sessions if key != newest]
        ended = (key for key in others if self._sessions[key].outcome is not None)
        return next(ended, others[0])

    def __len__(self) -> int:
        return len(self._sessions)
