"""How a run is said in a few words: its state, what it waits for, its findings and its age.

Every text that came from outside goes through `printable`, which leaves no control character: an
agent's escape sequence must not reach the terminal, nor its markup the screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from guardrails.core.mast import Weight
from guardrails.reports.wording import count, printable
from guardrails.top.wire import Progress, RunLine, RunState, Standing

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400

ASKS, GATE, WORKS, ENDED, OPEN = "asks", "gate", "works", "ended", "open"

_LETTERS: Final = {Weight.DECISIVE: "D", Weight.STRUCTURAL: "S", Weight.UNSEEN: "U"}
"""The worst first."""
_OUTCOMES: Final = {
    "resolved": "green",
    "diagnosed": "green",
    "unresolved": "red",
    "escalated": "yellow",
    "unverifiable": "yellow",
    "aborted": "red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a run is at. The word says all; the colour only helps to find it."""

    word: str
    style: str
    rank: int
    """The least is what a person has to see to first."""


def status_of(line: RunLine) -> Status:
    """Return what a run is at."""
    standing = line.standing
    if standing is None:
        # Not read yet: only whether it has ended is known.
        return Status(word=ENDED if line.ended else OPEN, style="dim", rank=4 if line.ended else 3)
    return _status(
        outcome=standing.outcome,
        questions=standing.questions,
        judged=standing.ending is not None or standing.progress is not None,
    )


def status_of_state(state: RunState) -> Status:
    """Return what a run is at, from its whole state."""
    return _status(
        outcome=state.outcome,
        questions=len(state.questions),
        judged=state.ending is not None or state.progress is not None,
    )


def _status(*, outcome: str | None, questions: int, judged: bool) -> Status:
    if outcome is not None:
        word = printable(outcome, width=12)
        return Status(word=word, style=_OUTCOMES.get(outcome, ""), rank=4)
    if questions:
        return Status(word=f"{ASKS} {questions}", style="bold yellow", rank=0)
    if judged:
        return Status(word=GATE, style="cyan", rank=1)
    return Status(word=WORKS, style="", rank=2)


def why(line: RunLine, *, width: int, now: datetime) -> str:
    """Say what a run waits for; of one that has ended, why; else what it is about."""
    standing = line.standing
    if standing is None:
        return "not read yet"
    return printable(_why(standing, now), width=width)


def _why(standing: Standing, now: datetime) -> str:
    if standing.outcome is not None:
        return standing.detail or standing.reason
    if standing.questions:
        return f"{count(standing.questions, 'answer')} of a person"
    if standing.progress is not None and standing.progress.waiting_for:
        return waits_for(standing.progress, now)
    if standing.ending is not None:
        return f"the gate judges its end ({standing.ending})"
    return standing.task


def waits_for(progress: Progress, now: datetime) -> str:
    """Say what a gate waits for, and how long at most."""
    said = "; ".join(progress.waiting_for)
    if progress.waiting_until is None:
        return said
    left = (progress.waiting_until - now).total_seconds()
    return f"{said} (at most {span(left)})" if left > 0 else said


def findings(found: Mapping[str, int]) -> str:
    """Write findings by how much they say of a run's fate.

    >>> findings({"structural": 3, "decisive": 1}), findings({})
    ('1D 3S', '-')
    """
    known = [f"{found[one]}{letter}" for one, letter in _LETTERS.items() if found.get(one)]
    others = sum(times for one, times in found.items() if one not in _LETTERS)
    return " ".join([*known, *([f"{others}?"] if others else [])]) or "-"


def worst(found: Mapping[str, int]) -> tuple[int, int, int]:
    """Return what findings are sorted by."""
    return (
        found.get(Weight.DECISIVE, 0),
        found.get(Weight.STRUCTURAL, 0),
        found.get(Weight.UNSEEN, 0),
    )


def steps(step: int, limit: float | None) -> str:
    """Write the steps of a budget.

    >>> steps(3, 60), steps(3, None)
    ('3/60', '3')
    """
    return f"{step}" if limit is None else f"{step}/{limit:g}"


def span(seconds: float) -> str:
    """Write a length of time in at most four characters.

    >>> span(7.4), span(95), span(7_500), span(200_000)
    ('7s', '1m', '2h', '2d')
    """
    whole = max(0, int(seconds))
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if whole >= unit:
            return f"{whole // unit}{letter}"
    return f"{whole}s"
