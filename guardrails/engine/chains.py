"""Wrong calls in a row: the first is told, and the turn that errs again takes both back.

A row is counted in turns and per agent. Calls of one turn were written before any of them was
answered, so two wrong ones of a turn are one error; and a good call beside a wrong one does not
make the turn a good one, in whatever order the two are seen.
"""

from typing import Final

import msgspec

from guardrails.core.ids import CallId

replace = msgspec.structs.replace

AGENTS: Final = 16
"""Agents whose last errors are remembered; a supervisor has a handful of workers."""
OF_A_TURN: Final = 32
"""Wrong calls remembered of a row; models write a handful at once."""


class TakenBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that the model is not sent again, with the reason that stands in its place."""

    call_id: CallId
    reason: str


class Chain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last errors of one agent."""

    agent: str = ""
    wrong: tuple[TakenBack, ...] = ()
    turn: int = 0
    """Turn of the last wrong call."""
    good: tuple[int, ...] = ()
    """The last two turns with a call that ran."""
    taken: bool = False
    """Whether the turn's errors were taken back already."""


def chain_of(chains: tuple[Chain, ...], agent: str) -> Chain:
    """Return an agent's chain; an empty one if it has not erred."""
    return next((chain for chain in chains if chain.agent == agent), Chain(agent=agent))


def with_chain(chains: tuple[Chain, ...], chain: Chain) -> tuple[Chain, ...]:
    """Put a chain in the place of its agent's."""
    others = tuple(one for one in chains if one.agent != chain.agent)
    return (*others[1 - AGENTS :], chain)


def lengthened(
    chain: Chain, found: TakenBack, *, turn: int
) -> tuple[Chain, tuple[TakenBack, ...], bool]:
    """Add a wrong call to a chain.

    Args:
        chain: Of the agent that made it.
        found: The call.
        turn: The model turn that it stands in.

    Returns:
        The chain, what is taken back now, and whether that is a rewind of its own: what follows in
        a turn that was taken back already goes with it.
    """
    if chain.taken and chain.turn == turn:
        return chain, (found,), False
    if chain.taken or any(chain.turn < good < turn for good in chain.good):
        chain = Chain(agent=chain.agent)
    wrong = (*chain.wrong[1 - OF_A_TURN :], found)
    if not chain.wrong or chain.turn == turn:
        return replace(chain, wrong=wrong, turn=turn), (), False
    return Chain(agent=chain.agent, turn=turn, taken=True), wrong, True


def with_good(chain: Chain, *, turn: int) -> Chain:
    """Note a call that ran. What it means for a row shows when the next wrong one comes."""
    if not chain.wrong or turn in chain.good:
        return chain
    return replace(chain, good=(*chain.good[-1:], turn))
