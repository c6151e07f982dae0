"""Two sets of runs, side by side: before and after a prompt, a model or a policy.

Each group of the first set is held against the group of that name in the second. Where there is one
group in each, those two are compared, whatever their names: a change of the model changes the name.
"""

from collections.abc import Mapping, Sequence

import msgspec

from guardrails.batch.intervals import Difference, Share, difference, share
from guardrails.batch.vectors import By, Vector
from guardrails.core.mast import Weight


class ModeChange(msgspec.Struct, frozen=True, kw_only=True):
    """One mode in both sets, of all their runs: a change may make runs succeed that failed."""

    mode: str
    name: str
    weight: Weight
    before: Share
    after: Share
    change: Difference
    """Of the share, from before to after: below 0 it is rarer now."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One group before and after."""

    by: By
    name: str
    before: str
    """The group's name in the other set."""
    runs: int
    runs_before: int
    success: Share | None
    """Of the runs whose outcome is known; None where there is none. Likewise before."""
    success_before: Share | None
    success_change: Difference | None
    modes: tuple[ModeChange, ...]
    """That are shown in one of the sets, in the taxonomy's order."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """All groups."""

    groups: tuple[Comparison, ...]
    only_after: tuple[str, ...]
    """Groups that the other set has not."""
    only_before: tuple[str, ...]


def compared(after: Sequence[Vector], before: Sequence[Vector]) -> Compared:
    """Compare two sets of runs, group by group.

    Args:
        after: Vectors of the runs that are looked at.
        before: Vectors of those that they are held against, grouped by the same.
    """
    known: Mapping[str, Vector] = {one.name: one for one in before}
    if len(after) == len(before) == 1:
        known = {after[0].name: before[0]}
    pairs = [(one, known[one.name]) for one in after if one.name in known]
    met = {other.name for _, other in pairs}
    return Compared(
        groups=tuple([_comparison(one, other) for one, other in pairs]),
        only_after=tuple([one.name for one in after if one.name not in known]),
        only_before=tuple([one.name for one in before if one.name not in met]),
    )


def _comparison(after: Vector, before: Vector) -> Comparison:
    success, success_before = _success(after), _success(before)
    change = None
    if success is not None and success_before is not None:
        change = difference(success, success_before)
    return Comparison(
        by=after.by,
        name=after.name,
        before=before.name,
        runs=after.runs,
        runs_before=before.runs,
        success=success,
        success_before=success_before,
        success_change=change,
        modes=tuple(_changes(after, before)),
    )


def _success(vector: Vector) -> Share | None:
    return share(vector.successful, vector.failed + vector.successful)


def _changes(after: Vector, before: Vector) -> list[ModeChange]:
    found: list[ModeChange] = []
    for one, other in zip(after.modes, before.modes, strict=True):
        now, then = share(one.shown, after.runs), share(other.shown, before.runs)
        if now is None or then is None or not one.shown + other.shown:
            continue
        found.append(
            ModeChange(
                mode=one.mode,
                name=one.name,
                weight=one.weight,
                before=then,
                after=now,
                change=difference(now, then),
            )
        )
    return found
