"""The engine: a pure fold over events, sessions that hold its state, and the guard over them."""

from guardrails.engine.fold import Folded, fold
from guardrails.engine.guard import Guard
from guardrails.engine.replay import Replay, replay
from guardrails.engine.rules import Rules
from guardrails.engine.session import Session
from guardrails.engine.state import SessionState
from guardrails.engine.store import MemoryStore, SessionKey

__all__ = [
    "Folded",
    "Guard",
    "MemoryStore",
    "Replay",
    "Rules",
    "Session",
    "SessionKey",
    "SessionState",
    "fold",
    "replay",
]
