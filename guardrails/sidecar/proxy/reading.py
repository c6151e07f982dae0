"""Requests as they are read: a conversation that grew is read on from where the last one ended.

An agent sends its whole conversation each time. What stood in an earlier request is the very object
of then: it is compared and digested once, filters know it again, and it is in memory once.
"""

import dataclasses
from collections import OrderedDict
from itertools import islice
from typing import Any, Final

import msgspec

from guardrails.hygiene.messages import Role
from guardrails.sidecar.proxy.history import History, digest
from guardrails.sidecar.proxy.wire.base import Asked, Wire, WireError

REMEMBERED: Final = 128
"""Conversations whose last request is remembered, those of the latest requests."""
_TOLD_APART_BY: Final = 2


class Requests:
    """Reads requests, and remembers the last one of each conversation.

    What is remembered only saves work: two conversations that begin alike take turns at one place,
    and each is read as it is.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, History] = OrderedDict()

    def read(self, wire: Wire, body: bytes) -> tuple[Asked, History]:
        """Read the body of a request.

        Returns:
            The request, and its conversation.

        Raises:
            WireError: It is none.
        """
        asked = wire.asked(_object(body))
        key = _beginning(wire, asked)
        history = History.of(asked, known=self._last.get(key))
        self._last[key] = history
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return dataclasses.replace(asked, messages=history.messages), history


def _beginning(wire: Wire, asked: Asked) -> str:
    """Return a digest of what a conversation's requests have in common: its task and first reply.

    Agents with the same task are told apart by what their models said first.
    """
    said = (m.text for m in asked.messages if m.role is not Role.SYSTEM)
    return digest(wire.name, *islice(said, _TOLD_APART_BY))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"The request is no JSON object: {error}") from error
