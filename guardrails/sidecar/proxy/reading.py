"""Requests as they are read: a conversation that grew is read on from where the last one ended.

An agent sends its whole conversation each time. What stood in an earlier request is the very object
of then: it is compared and digested once, filters know it again, and it is in memory once.
"""

import dataclasses
from collections import OrderedDict
from itertools import filterfalse, islice
from typing import Any, Final, cast

import msgspec

from guardrails.sidecar.proxy.history import History, digest
from guardrails.sidecar.proxy.wire.base import NOTHING, Asked, Before, Json, Wire, WireError
from guardrails.sidecar.proxy.wire.fields import as_json

REMEMBERED: Final = 128
"""Conversations whose last request is remembered, those of the latest requests."""
_TOLD_APART_BY: Final = 2
_INSTRUCTIONS: Final = frozenset({"system", "developer"})


class Requests:
    """Reads requests, and remembers the last one of each conversation.

    What is remembered only saves work: two conversations that begin alike take turns at one place,
    and each is read as it is.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[Before, History]] = OrderedDict()

    def read(self, wire: Wire, body: bytes) -> tuple[Asked, History]:
        """Read the body of a request.

        Returns:
            The request, and its conversation.

        Raises:
            WireError: It is none.
        """
        found = _object(body)
        key = _beginning(wire, found.get(wire.listing))
        before, known = self._last.get(key, (NOTHING, None))
        asked = wire.asked(found, before=before)
        history = History.of(asked, known=known)
        asked = dataclasses.replace(asked, messages=history.messages)
        self._last[key] = Before(items=asked.items, messages=asked.messages), history
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return asked, history


def _beginning(wire: Wire, listed: object) -> str:
    """Return a digest of what a conversation's requests have in common: its task and first reply.

    Agents with the same task are told apart by what their models said first. Instructions are left
    out: many have the time in them.
    """
    items = cast("list[object]", listed) if isinstance(listed, list) else [listed]
    said = islice(filterfalse(_instructs, items), _TOLD_APART_BY)
    return digest(wire.name, as_json([*said]))


def _instructs(item: object) -> bool:
    return isinstance(item, dict) and cast("Json", item).get("role") in _INSTRUCTIONS


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"The request is no JSON object: {error}") from error
