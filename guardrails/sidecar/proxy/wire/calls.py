"""Calls by their ids: filled in where a server gave none, and counted once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from guardrails.hygiene.messages import Call
from guardrails.sidecar.proxy.wire.base import Json, Turn, WireError


def ids_for(given: Iterable[str], fresh: Callable[[], str]) -> list[str]:
    """Return an id for each call: the server's, or a fresh one if it has none or gave it twice."""
    found: list[str] = []
    for one in given:
        found.append(one if one and one not in found else fresh())
    return found


def kept_of(turn: Turn, calls: Iterable[str] | None) -> frozenset[str]:
    """Return the ids of the calls that stay.

    Raises:
        ValueError: One is not the turn's.
    """
    known = frozenset(call.call_id for call in turn.calls)
    if calls is None:
        return known
    kept = frozenset(calls)
    if not kept <= known:
        raise ValueError(f"the turn has no calls {sorted(kept - known)}, only {sorted(known)}")
    return kept


def ending(finish: str, *, calls: Sequence[Call]) -> str:
    """Return how a turn ended; one with calls waits for them, whatever word its server used."""
    return "tool_calls" if calls and finish in {"", "stop", "function_call"} else finish or "stop"


def the_object(arguments: str, call_id: str) -> Json:
    """Read arguments that must be a JSON object.

    Raises:
        WireError: They are none.
    """
    try:
        return msgspec.json.decode(arguments.encode(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise WireError(f"The arguments of call {call_id} are no JSON object: {error}") from error
