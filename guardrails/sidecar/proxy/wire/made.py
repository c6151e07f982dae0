"""What the proxy makes itself in a wire's place: ids, times, and errors as clients read them."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from guardrails.sidecar.proxy.wire.base import Json


def _fresh(prefix: str) -> str:
    return f"{prefix}{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Makes:
    """Where ids and times come from; tests pass their own."""

    fresh: Callable[[str], str] = _fresh
    """An id that nobody has, from its prefix."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""


_OPENAI: Final = {
    400: ("invalid_request_error", "invalid_prompt"),
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    409: ("invalid_request_error", "conflict"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", "invalid_prompt"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "invalid_request_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def openai_error(status: int, text: str) -> Json:
    """Return an error as clients of OpenAI's formats read it."""
    kind, code = _OPENAI.get(status, ("server_error", "server_error"))
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}


def anthropic_error(status: int, text: str) -> Json:
    """Return an error as Anthropic's clients read it."""
    kind = _ANTHROPIC.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": text}}
