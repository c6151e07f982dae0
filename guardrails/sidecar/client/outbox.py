"""Facts of one run, numbered: those that the service has yet to take, and the last that it took.

A number is given once and goes with its fact for ever, so that a fact whose answer got lost can be
stated again. Those taken last are kept in case the service comes back without them.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from guardrails.core.events import AnyFact, EndRequested
from guardrails.sidecar.client.wire import Stated

KEPT: Final = 256
"""Facts kept after they were taken: a store that fails over loses seconds, and an agent states
some ten in a turn."""
AT_ONCE: Final = 200
"""Facts in one request."""
BYTES_AT_ONCE: Final = 256 * 1024
"""Of facts in one request, unless one alone is larger."""


class Outbox:
    """Numbers facts, and holds those that are under way.

    Args:
        number: Of the run's last fact.
        waiting: Facts that were not taken yet, from a snapshot.
    """

    def __init__(self, *, number: int = 0, waiting: Sequence[Stated] = ()) -> None:
        self.number = max([number, *(one.number for one in waiting)])
        self._waiting = deque(waiting)
        self._taken: deque[Stated] = deque(maxlen=KEPT)

    @property
    def waiting(self) -> tuple[Stated, ...]:
        """Facts that the service has yet to take, in order."""
        return tuple(self._waiting)

    def put(self, fact: AnyFact, *, agent: str) -> Stated:
        """Number a fact."""
        self.number += 1
        stated = Stated(number=self.number, fact=fact, agent=agent)
        self._waiting.append(stated)
        return stated

    def next(self) -> tuple[Stated, ...]:
        """Return what goes into the next request: some facts, or one end."""
        return next(self._groups(), ())

    def taken(self, group: Sequence[Stated]) -> None:
        """Note that the service has some facts."""
        for one in group:
            self._waiting.remove(one)
            self._taken.append(one)

    def back_to(self, number: int) -> bool:
        """Let facts from a number on wait again, since the service does not have them.

        Returns:
            False if that one is not here any more.
        """
        again = [one for one in self._taken if one.number >= number]
        waiting = [one.number for one in (*again, *self._waiting)]
        if not waiting or waiting[0] != number:
            return False
        for one in again:
            self._taken.remove(one)
        self._waiting.extendleft(reversed(again))
        return True

    def renumber(self, number: int) -> None:
        """Number the facts that wait anew, behind one that somebody else has stated."""
        waiting, self.number = self.waiting, number
        self._waiting.clear()
        for one in waiting:
            self.put(one.fact, agent=one.agent)

    def _groups(self) -> Iterator[tuple[Stated, ...]]:
        group: list[Stated] = []
        size = 0
        for one in self._waiting:
            end = isinstance(one.fact, EndRequested)
            more = len(msgspec.json.encode(one)) if len(self._waiting) > 1 else 0
            if group and (end or len(group) == AT_ONCE or size + more > BYTES_AT_ONCE):
                yield tuple(group)
                group, size = [], 0
            group.append(one)
            size += more
            if end:
                yield tuple(group)
                group = []
        if group:
            yield tuple(group)
