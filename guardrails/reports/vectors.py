"""The report over many runs as a page: what failed runs show, what changed, what to set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.batch.advise import Advice
from guardrails.batch.compare import Compared, Comparison
from guardrails.batch.intervals import Difference, Share, share
from guardrails.batch.printed import setting
from guardrails.batch.ratios import Ratio
from guardrails.batch.vectors import ModeShares, Vector
from guardrails.reports.page import environment, shared

WIDTH: Final = 160
"""Of a bar that is 100 %, in the picture's own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A share with its interval, where they stand."""

    share: Share
    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One mode of a group."""

    mode: str
    name: str
    kind: str
    """`fatal`, `structural`, `unclear`, or empty for a mode that never shows."""
    shown: int
    failed: Bar | None
    successful: Bar | None
    ratio: Ratio | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of runs."""

    vector: Vector
    advice: Advice
    rows: Sequence[Row]
    success: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a comparison."""

    name: str
    before: Bar
    after: Bar
    change: Difference


def vectors_html(
    vectors: Sequence[Vector], advice: Sequence[Advice], change: Compared | None
) -> str:
    """Return the page of some groups of runs.

    Args:
        vectors: Of the groups.
        advice: On each of them, in the same order.
        change: Against another set of runs; None where there is none.
    """
    groups = [_group(one, on) for one, on in zip(vectors, advice, strict=True)]
    changes = [] if change is None else [(one, _changes(one)) for one in change.groups]
    return (
        environment()
        .get_template("vectors.html.j2")
        .render(
            groups=groups,
            change=change,
            changes=changes,
            runs=sum(one.runs for one in vectors),
            width=WIDTH,
            setting=setting,
            **shared(),
        )
    )


def _group(vector: Vector, advice: Advice) -> Group:
    kinds = {
        **dict.fromkeys(advice.unclear, "unclear"),
        **dict.fromkeys(advice.structural, "structural"),
        **dict.fromkeys(advice.fatal, "fatal"),
    }
    return Group(
        vector=vector,
        advice=advice,
        rows=[_row(one, vector, kinds) for one in vector.modes],
        success=_bar(vector.successful, vector.failed + vector.successful),
    )


def _row(one: ModeShares, vector: Vector, kinds: Mapping[str, str]) -> Row:
    return Row(
        mode=one.mode,
        name=one.name,
        kind=kinds.get(one.mode, ""),
        shown=one.shown,
        failed=_bar(one.failed, vector.failed),
        successful=_bar(one.successful, vector.successful),
        ratio=one.ratio,
    )


def _bar(runs: int, of: int) -> Bar | None:
    found = share(runs, of)
    return None if found is None else _drawn(found)


def _drawn(found: Share) -> Bar:
    x, low, high = (round(part * WIDTH, 1) for part in (found.value, found.low, found.high))
    return Bar(share=found, x=x, low=low, high=high)


def _changes(one: Comparison) -> list[Change]:
    found: list[Change] = []
    if one.success is not None and one.success_before is not None and one.success_change:
        found.append(
            Change(
                name="successful runs",
                before=_drawn(one.success_before),
                after=_drawn(one.success),
                change=one.success_change,
            )
        )
    return found + [
        Change(
            name=f"{mode.mode} {mode.name}",
            before=_drawn(mode.before),
            after=_drawn(mode.after),
            change=mode.change,
        )
        for mode in one.modes
    ]
