"""Which runs are shown and in what order: values, so that nothing of it needs a screen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never

from guardrails.reports.wording import printable
from guardrails.top.wire import RunLine, Standing
from guardrails.top.words import status_of, worst

_NOTHING: Final = Standing()
_SEARCHED: Final = 400
"""Characters of each text that are searched."""


class Order(StrEnum):
    """What runs are sorted by."""

    ATTENTION = "attention"
    """Those that ask a person first, then those at the gate, at work, ended; oldest first in each,
    so that lines stay where they are."""
    CHANGED = "changed"
    AGE = "age"
    FINDINGS = "findings"
    STEPS = "steps"
    RUN = "run"

    @property
    def next(self) -> "Order":
        """Return the one behind it, and the first behind the last."""
        known = list(Order)
        return known[(known.index(self) + 1) % len(known)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person wants to see."""

    words: str = ""
    """Each of these is somewhere in a run, in any case."""
    order: Order = Order.ATTENTION
    backwards: bool = False


def chosen(lines: Sequence[RunLine], choice: Choice) -> list[RunLine]:
    """Return the runs that are wanted, in order."""
    wanted = choice.words.casefold().split()
    found = [one for one in lines if not wanted or _has(one, wanted)]
    found.sort(key=_key(choice.order), reverse=choice.backwards)
    return found


def _has(line: RunLine, wanted: Sequence[str]) -> bool:
    one = line.standing or _NOTHING
    progress = () if one.progress is None else one.progress.waiting_for
    texts = (
        line.run,
        line.key,
        status_of(line).word,
        one.phase,
        one.model,
        one.task,
        one.detail,
        *progress,
    )
    text = "\n".join(printable(text, width=_SEARCHED) for text in texts).casefold()
    return all(word in text for word in wanted)


def _key(order: Order) -> Callable[[RunLine], Any]:
    match order:
        case Order.ATTENTION:
            return lambda one: (status_of(one).rank, one.created, one.run)
        case Order.CHANGED:
            return lambda one: (-_seconds(one.changed), one.run)
        case Order.AGE:
            return lambda one: (one.created, one.run)
        case Order.FINDINGS:
            return lambda one: (*(-n for n in worst((one.standing or _NOTHING).findings)), one.run)
        case Order.STEPS:
            return lambda one: (-(one.standing or _NOTHING).step, one.run)
        case Order.RUN:
            return lambda one: one.run
        case _:
            assert_never(order)


def _seconds(at: datetime) -> float:
    return at.timestamp()


def tallied(lines: Sequence[RunLine]) -> str:
    """Say how many runs are at what.

    >>> tallied([])
    'no runs'
    """
    if not lines:
        return "no runs"
    ranks = [status_of(one).rank for one in lines]
    names = ("ask", "at the gate", "work", "open", "ended")
    told = [f"{ranks.count(rank)} {name}" for rank, name in enumerate(names) if rank in ranks]
    return f"{len(lines)} runs: {', '.join(told)}" if len(lines) != 1 else f"1 run: {told[0]}"
