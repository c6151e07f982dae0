"""kubectl's tables: one row per object, its columns told as facts.

Rows that have as many words as the table has columns are split at spaces, which is quick; others
(`3 (86s ago)`, empty cells) are cut where the header's columns begin.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final

from guardrails.actions.facts.columns import (
    ALERT_NAMES,
    BETWEEN,
    FACTS,
    HEADERLESS,
    NAMES,
    NAMESPACES,
    UNMISTAKABLE,
    columns_of,
    kind_by_columns,
)
from guardrails.actions.facts.fact import ALERT, Shown, clipped
from guardrails.actions.kinds import kind_of

_ENDS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
"""What a name begins and ends with. A whole check of each name would take a fifth of the time, and
a line of prose has neither the number of words nor the gaps of a row."""
_LONG: Final = 240
"""Characters of a row from which on its cells are clipped at once; before, views clip what they
show."""
_RATIO: Final = "/"
_ALERT = re.compile(r"[A-Za-z_][\w:.-]*")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one table are read."""

    columns: tuple[str, ...]
    starts: tuple[int, ...]
    kind: str
    """Of rows that do not say it themselves (`pod/web-1`)."""
    namespace: str
    """Of rows without such a column."""
    name_at: int
    namespace_at: int
    what: tuple[str, ...]
    picks: tuple[int, ...]
    """Where the facts of `what` stand."""


@lru_cache(maxsize=256)
def layout_of(header: str, *, kind: str = "", namespace: str = "") -> Layout | None:
    """Read a header; None if it names no objects.

    Args:
        header: The line as printed.
        kind: The kind that the call asked for; without it the columns tell.
        namespace: The namespace that the call asked for.
    """
    columns = columns_of(header)
    if not columns:
        return None
    starts: list[int] = []
    at = 0
    for column in columns:
        at = header.index(column, at)
        starts.append(at)
        at += len(column)
    known = kind_by_columns(columns)
    kind = known if known in UNMISTAKABLE else kind or known
    return _laid_out(columns, tuple(starts), kind, namespace)


def headerless_layout(line: str, *, kind: str, namespace: str) -> Layout | None:
    """Guess the columns of a row without a header by its kind and their number."""
    cells = BETWEEN.split(line.strip())
    columns = HEADERLESS.get((kind, len(cells)))
    if columns is None or ("READY" in columns and _RATIO not in line):
        return None
    return _laid_out(columns, (), kind, namespace)


def _laid_out(
    columns: tuple[str, ...], starts: tuple[int, ...], kind: str, namespace: str
) -> Layout | None:
    named = ALERT_NAMES if kind == ALERT else NAMES
    names = [at for at, column in enumerate(columns) if column in named]
    if not names:
        return None
    spaces = [at for at, column in enumerate(columns) if column in NAMESPACES]
    said = {"STATE": "alert-state", "STATUS": "alert-state", "State": "alert-state"}
    words = said if kind == ALERT else FACTS
    facts = {words[column]: at for at, column in enumerate(columns) if column in words}
    return Layout(
        columns=columns,
        starts=starts,
        kind=kind,
        namespace=namespace,
        name_at=names[0],
        namespace_at=spaces[0] if spaces else -1,
        what=tuple(facts),
        picks=tuple(facts.values()),
    )


def read_rows(lines: Sequence[str], layout: Layout) -> tuple[list[Shown], int]:
    """Read rows until one is none.

    Returns:
        What they say, and how many lines were rows.
    """
    found: list[Shown] = []
    width, name_at, space_at = len(layout.columns), layout.name_at, layout.namespace_at
    pick = _picker(layout.picks)
    what = layout.what
    prefix = f"{layout.kind}/{layout.namespace}/"
    at = 0
    for at, line in enumerate(lines):  # noqa: B007  # how far it came is told
        cells: Sequence[str] = line.split()
        if len(cells) != width:
            cells = _cut(line, layout)
            if not cells:
                break
        name = cells[name_at]
        plain = name[:1] in _ENDS and name[-1:] in _ENDS
        if not plain and (layout.kind != ALERT or _ALERT.fullmatch(name) is None):
            break
        value: tuple[str, ...] = pick(cells)
        if len(line) > _LONG:
            value = tuple(map(clipped, value))
        if "/" in name:
            prefix = _prefix(name, cells[space_at] if space_at >= 0 else layout.namespace)
            name = name.rpartition("/")[2]
        elif space_at >= 0:
            prefix = f"{layout.kind}/{cells[space_at]}/"
        found.append((prefix + name, what, value))
    else:
        at = len(lines)
    return found, at


def _picker(picks: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what takes the cells of facts out of a row, in C where there are several."""
    if len(picks) > 1:
        return itemgetter(*picks)

    def pick(cells: Sequence[str]) -> tuple[str, ...]:
        return tuple([cells[at] for at in picks])

    return pick


def _cut(line: str, layout: Layout) -> Sequence[str]:
    """Part a row at its gaps, or where the columns begin if cells are empty."""
    line = line.rstrip()
    cells = BETWEEN.split(line)
    if len(cells) == len(layout.columns):
        return cells
    starts = layout.starts
    if len(cells) < 2 <= len(starts) or not starts:  # noqa: PLR2004  # a lone word is no row
        return ()
    if any(start and start <= len(line) and line[start - 1] not in " \t" for start in starts):
        return ()
    ends = (*starts[1:], None)
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _prefix(name: str, namespace: str) -> str:
    """Read a row of `kubectl get all`: `deployment.apps/web`."""
    return f"{kind_of(name.partition('/')[0])}/{namespace}/"
