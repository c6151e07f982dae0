"""Turns that are read more than once: a reply comes, is decided on, kept, and given to the agent.

Each of these has the body, since that is what a store keeps. It is the same object where all
happens in one process, and nothing changes it.
"""

from collections import OrderedDict
from typing import Final

from guardrails.sidecar.proxy.wire.base import Json, Turn, Wire

REMEMBERED: Final = 32
"""Turns that are remembered: about as many as are under way at one moment."""


class ReadTurns:
    """Reads turns, and knows the latest ones by the identity of their bodies."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Wire, Json, Turn]] = OrderedDict()

    def note(self, wire: Wire, turn: Turn) -> Turn:
        """Remember a turn by its body, and return it."""
        return self._noted(wire, turn.body, turn)

    def read(self, wire: Wire, body: Json) -> Turn:
        """Return the turn of a body.

        Raises:
            WireError: It is none.
        """
        known = self._known.get(id(body))
        if known is not None and known[0] is wire:
            return known[2]
        return self._noted(wire, body, wire.turn(body))

    def _noted(self, wire: Wire, body: Json, turn: Turn) -> Turn:
        # The body is held, so that no other one gets its identity meanwhile.
        self._known[id(body)] = wire, body, turn
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return turn


TURNS: Final = ReadTurns()
"""Of this process; used on its event loop."""
