"""Three roles, and what each may ask of the HTTP API.

An agent may not answer its own questions, and may not allow its own losses: both are what the guard
asks a person for.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a caller may do."""

    VIEWER = "viewer"
    """Read every run."""
    AGENT = "agent"
    """Open runs, state facts and end them, and read its own; use the proxy."""
    OPERATOR = "operator"
    """Everything, also what only a person may say: answers and allowances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent a request."""

    name: str
    role: Role


LOCAL: Final = Caller(name="local", role=Role.OPERATOR)
"""Everybody, where nobody is asked for a token."""

_OPEN: Final = frozenset({"/healthz", "/readyz"})
_READ: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION: Final = re.compile(r"/v1/sessions/(?P<run>[^/]+)(?:/(?P<part>[^/]+))?/?")
_SAID_BY_PEOPLE: Final = frozenset({"answers", "allowances"})
_PROXY: Final = frozenset(
    {
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/models",
    }
)


def is_open(path: str, *, open_metrics: bool) -> bool:
    """Tell whether a path needs no token.

    >>> is_open("/healthz", open_metrics=False)
    True
    """
    return path in _OPEN or (open_metrics and path == "/metrics")


def is_proxy(path: str) -> bool:
    """Tell whether a path is one of the model proxy, whose clients have headers of their own."""
    return path in _PROXY or path.startswith("/v1/models/")


def run_of(path: str) -> str:
    """Return the run that a path is about, or nothing.

    >>> run_of("/v1/sessions/a1/events")
    'a1'
    """
    found = _SESSION.fullmatch(path)
    return found["run"] if found else ""


def may(role: Role, method: str, path: str) -> bool:
    """Tell whether a role may make a request at all; whose run it is about is another question.

    >>> may(Role.AGENT, "POST", "/v1/sessions/a1/answers")
    False
    """
    if role is Role.OPERATOR:
        return True
    if role is Role.VIEWER:
        # Models cost money, also to be listed.
        return method in _READ and not is_proxy(path)
    found = _SESSION.fullmatch(path)
    return found is None or method in _READ or found["part"] not in _SAID_BY_PEOPLE
