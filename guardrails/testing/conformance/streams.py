"""Runs made of moves, for whoever has to hold for every run: sound ones, and broken ones.

A move is three numbers; anything is one. So a random generator makes long runs, hypothesis makes
and shrinks short ones, and the same moves give the same events everywhere.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from guardrails.core.events import AnyFact, Event, ModelReplied, NodeRan, ToolRequested
from guardrails.core.ids import RunId
from guardrails.testing.conformance.moves import MOVES, Stage, begun

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Move = tuple[int, int, int]
"""What happens, who does it, and which of the ways."""

RUN: Final = RunId("run")
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)

AGENTS: Final = ("", "lead", "network", "storage")
"""The only agent of a run has no name; those of a run of several have one."""

HIGHEST: Final = 1_000_000
"""Numbers of a move are below; each is taken modulo the ways that there are."""


def events_of(moves: Iterable[Move], *, sound: bool = True) -> Iterator[Event]:
    """Yield the events that moves make, numbered and dated, lazily.

    Args:
        moves: What happens, in order.
        sound: Whether calls return once, and only those that were made. Traces of others are not
            always so.
    """
    stage = Stage(sound=sound)
    step = 0
    for seq, (agent, fact) in enumerate(_facts(stage, moves), start=1):
        step += isinstance(fact, ModelReplied) or (isinstance(fact, NodeRan) and fact.turn)
        at = AT + timedelta(seconds=seq)
        yield Event(run=RUN, seq=seq, at=at, step=step, agent=agent, fact=fact)


def random_events(
    seed: int, moves: int, *, sound: bool = True, kinds: Sequence[int] | None = None
) -> Iterator[Event]:
    """Yield the events of a long run.

    Args:
        seed: The same seed gives the same run.
        moves: How many; each makes one or two events.
        sound: As of `events_of`.
        kinds: What may happen, by place in `MOVES`; anything when left out.
    """
    dice = random.Random(seed)  # noqa: S311  # no secret hangs on it
    may = tuple(range(len(MOVES))) if kinds is None else tuple(kinds)
    drawn = (
        (dice.choice(may), dice.randrange(HIGHEST), dice.randrange(HIGHEST)) for _ in range(moves)
    )
    return events_of(drawn, sound=sound)


def event_streams(*, moves: int = 40) -> "SearchStrategy[tuple[Event, ...]]":
    """Return a hypothesis strategy of runs, sound and broken, of one agent and of several.

    Args:
        moves: The most that happens in one.
    """
    from hypothesis import strategies as st  # noqa: PLC0415  # only who asks for it needs it

    number = st.integers(min_value=0, max_value=HIGHEST)
    lists = st.lists(st.tuples(number, number, number), max_size=moves)
    return st.builds(_whole, lists, sound=st.booleans())


def _whole(moves: list[Move], *, sound: bool) -> tuple[Event, ...]:
    return tuple(events_of(moves, sound=sound))


def _facts(stage: Stage, moves: Iterable[Move]) -> Iterator[tuple[str, AnyFact]]:
    yield "", begun()
    waiting: deque[tuple[str, AnyFact]] = deque()
    for kind, who, way in moves:
        agent = AGENTS[who % len(AGENTS)]
        for fact in MOVES[kind % len(MOVES)](stage, agent, way):
            waiting.append((agent, fact))
        while waiting:
            by, fact = waiting.popleft()
            if isinstance(fact, ToolRequested):
                stage.noted(by, fact)
            yield by, fact
