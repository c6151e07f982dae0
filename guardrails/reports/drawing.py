"""Geometry of the pictures in a report: where what stands. The template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.reports.values import Attempt, Kind, Line, RunReport, Stay

WIDTH: Final = 1_000
"""Of the picture, in its own units."""
MARKS: Final = 1_500
"""Marks that are drawn at most; of more, those that stand on one pixel are one."""
LANES: Final = {
    Kind.SAID: 0,
    Kind.READ: 1,
    Kind.WRITE: 2,
    Kind.DESTRUCTIVE: 2,
    Kind.BLOCKED: 2,
    Kind.FAILED: 1,
    Kind.FINDING: 3,
    Kind.ERROR: 3,
    Kind.GUARD: 3,
    Kind.PERSON: 3,
}
"""Which of the lanes a kind stands in; others are not drawn, or are the gate's."""
LANE_NAMES: Final = ("model", "reads", "changes", "findings")
_TICKS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing that happened."""

    x: float
    lane: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Something that took a while."""

    x: float
    width: float
    kind: str
    label: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A time on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The run on a line."""

    phases: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    attempts: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    lanes: tuple[str, ...] = LANE_NAMES
    width: int = WIDTH


def overview(report: RunReport) -> Overview:
    """Return the picture of a run."""
    ends = [line.seconds for line in report.timeline] + [one.ended for one in report.attempts]
    whole = max([report.costs.seconds, *ends, 0.001])
    scale = WIDTH / whole
    return Overview(
        phases=tuple(_phase(one, scale) for one in report.phases),
        marks=_marks(report.timeline, scale),
        attempts=tuple(_attempt(one, scale) for one in report.attempts),
        ticks=tuple(
            Tick(x=WIDTH * at / _TICKS, label=clock(whole * at / _TICKS))
            for at in range(_TICKS + 1)
        ),
    )


def clock(seconds: float) -> str:
    """Write a time since the run began.

    >>> clock(0.25), clock(3.25), clock(75), clock(7384)
    ('250ms', '3.2s', '1m15s', '2h03m')
    """
    if 0 < seconds < 1:
        return f"{seconds * 1_000:.0f}ms"
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _phase(stay: Stay, scale: float) -> Bar:
    title = (
        f"{stay.phase}: {clock(stay.ended - stay.began)}, {stay.turns} turns, {stay.calls} calls"
    )
    return _bar(stay.began, stay.ended, scale, kind="phase", label=stay.phase, title=title)


def _attempt(one: Attempt, scale: float) -> Bar:
    verdict = "accepted" if one.accepted else one.verdict or "not asked"
    title = f"attempt {one.number}: {verdict} after {clock(one.ended - one.began)}"
    kind = "accepted" if one.accepted else "refused"
    return _bar(one.began, one.ended, scale, kind=kind, label=str(one.number), title=title)


def _bar(began: float, ended: float, scale: float, *, kind: str, label: str, title: str) -> Bar:
    width = max(2.0, (ended - began) * scale)
    x = min(began * scale, WIDTH - width)
    return Bar(x=round(x, 1), width=round(width, 1), kind=kind, label=label, title=title)


def _marks(lines: Sequence[Line], scale: float) -> tuple[Mark, ...]:
    drawn: dict[tuple[int, str, int], Mark] = {}
    step = 1 if len(lines) <= MARKS else WIDTH / MARKS * 4
    for line in lines:
        lane = LANES.get(line.kind)
        if lane is None:
            continue
        x = min(line.seconds * scale, WIDTH - 1.0)
        title = f"{clock(line.seconds)} {line.label}: {line.text[:120]}"
        mark = Mark(x=round(x, 1), lane=lane, kind=line.kind, title=title)
        drawn.setdefault((lane, line.kind, int(x / step * 2)), mark)
    return tuple(drawn.values())
