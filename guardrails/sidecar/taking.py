"""Facts of callers: each decided once, in the order of its numbers, as many at a time as may be.

A change of threads takes as long as a fact, so facts that need nothing but the store are taken at
one go. Before a call that the run's machine wants looked at first, the gate has its turn.
"""

from collections.abc import Sequence

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import ToolRequested
from guardrails.sidecar.ends import Ends, is_held
from guardrails.sidecar.facts import GapError, Posted
from guardrails.sidecar.register import Register
from guardrails.sidecar.runs import LiveRun
from guardrails.sidecar.stores.base import ConflictError


class Facts:
    """Takes facts.

    Args:
        register: Holds the runs.
        ends: Lets the gate look.
    """

    def __init__(self, register: Register, ends: Ends) -> None:
        self._register = register
        self._ends = ends

    async def take(self, live: LiveRun, posted: Sequence[Posted]) -> list[Decision]:
        """Decide on facts, or return what was decided when they were stated before.

        Args:
            live: The run; its turn is held.
            posted: Facts in their order.

        Raises:
            GapError: A number is missing; those before it were taken.
        """
        decisions = list[Decision]()
        while len(decisions) < len(posted):
            decisions += await self._some(live, posted[len(decisions) :])
        self._register.read_soon(live)
        return decisions

    async def _some(self, live: LiveRun, posted: Sequence[Posted]) -> list[Decision]:
        """Take the first of some facts, and those after it that need nothing but the store."""
        first = posted[0]
        if first.number > live.number + 1:
            await self._register.blocking(live.catch_up)  # those before may have gone elsewhere
        if first.number > live.number + 1:
            raise GapError(expected=live.number + 1, number=first.number)
        if first.number > live.number and _asks_for_a_look(live, first):
            await self._ends.look(live, agent=first.agent)

        def take() -> list[Decision]:
            decisions = [self._decided(live, first)]
            for one in posted[1:]:
                if one.number > live.number + 1 or _asks_for_a_look(live, one):
                    break
                decisions.append(self._decided(live, one))
            return decisions

        return await self._register.blocking(take)

    def _decided(self, live: LiveRun, one: Posted) -> Decision:
        if one.number <= live.number:
            return self._known(live, one.number)
        try:
            decision = live.decided(
                lambda: live.session.observe(one.fact, agent=one.agent), number=one.number
            )
        except ConflictError:
            if one.number > live.number:
                raise
            return self._known(live, one.number)
        if not is_held(decision):
            live.settle_down()
        return decision

    def _known(self, live: LiveRun, number: int) -> Decision:
        found = self._register.store.decision(live.run, number)
        if found is None:
            live.catch_up()  # it may be that the store lost it
            raise GapError(expected=live.number + 1, number=number)
        return msgspec.json.decode(found, type=Decision)


def _asks_for_a_look(live: LiveRun, one: Posted) -> bool:
    """Tell whether the gate is to look before a fact is taken."""
    return isinstance(one.fact, ToolRequested) and live.session.look_due
