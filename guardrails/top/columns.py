"""The columns of the list, and which of them a terminal has room for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.text import Text

from guardrails.reports.wording import printable
from guardrails.top.wire import RunLine, Standing
from guardrails.top.words import findings, span, status_of, steps, why

GAP: Final = 1
"""Blanks behind each column."""
_NOTHING: Final = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column."""

    name: str
    width: int
    room: int
    """The width of a terminal from which on it is shown: the narrow ones are needed always."""
    cell: Callable[[RunLine, int, datetime], Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A column at the width that it has."""

    column: Column
    width: int

    def cell(self, line: RunLine, now: datetime) -> Text:
        """Return what a run has in it."""
        return self.column.cell(line, self.width, now)


def _text(read: Callable[[Standing], str]) -> Callable[[RunLine, int, datetime], Text]:
    def cell(line: RunLine, width: int, now: datetime) -> Text:
        del now
        return Text(printable(read(line.standing or _NOTHING), width=width), no_wrap=True)

    return cell


def _run(line: RunLine, width: int, now: datetime) -> Text:
    del now
    return Text(printable(line.run, width=width), no_wrap=True)


def _key(line: RunLine, width: int, now: datetime) -> Text:
    del now
    return Text(printable(line.key, width=width), no_wrap=True)


def _status(line: RunLine, width: int, now: datetime) -> Text:
    del now
    status = status_of(line)
    return Text(status.word[:width], style=status.style, no_wrap=True)


def _age(line: RunLine, width: int, now: datetime) -> Text:
    until = line.changed if line.ended else now
    return Text(span((until - line.created).total_seconds())[:width], no_wrap=True)


def _findings(line: RunLine, width: int, now: datetime) -> Text:
    del now
    found = (line.standing or _NOTHING).findings
    style = "red" if found.get("decisive") else ""
    return Text(printable(findings(found), width=width), style=style, no_wrap=True)


def _why(line: RunLine, width: int, now: datetime) -> Text:
    return Text(why(line, width=width, now=now), no_wrap=True)


LEAST: Final = 12
"""Characters that the last column has at least; below that it says nothing."""

COLUMNS: Final = (
    Column(name="RUN", width=10, room=0, cell=_run),
    Column(name="KEY", width=14, room=150, cell=_key),
    Column(name="STATE", width=12, room=0, cell=_status),
    Column(name="PHASE", width=11, room=61, cell=_text(lambda one: one.phase or "-")),
    Column(name="STEP", width=6, room=50, cell=_text(lambda one: steps(one.step, one.steps))),
    Column(name="AGE", width=4, room=42, cell=_age),
    Column(name="FOUND", width=8, room=70, cell=_findings),
    Column(name="REF", width=3, room=100, cell=_text(lambda one: str(one.refusals))),
    Column(name="MODEL", width=20, room=110, cell=_text(lambda one: one.model or "-")),
    Column(name="TASK", width=30, room=170, cell=_text(lambda one: one.task)),
    Column(name="WAITS FOR / WHY", width=LEAST, room=0, cell=_why),
)


def fit(width: int) -> Sequence[Fitted]:
    """Return the columns that fit, the last one with all the room that is left.

    Args:
        width: Of the terminal, in characters.
    """
    shown = [one for one in COLUMNS if one.room <= width]
    taken = sum(one.width + GAP for one in shown[:-1])
    rest = max(LEAST, width - taken - GAP)
    return [
        *(Fitted(column=one, width=one.width) for one in shown[:-1]),
        Fitted(column=shown[-1], width=rest),
    ]
