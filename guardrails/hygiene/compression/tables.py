"""Tables as kubectl prints them: rows that are not well stay whole, the others keep their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.actions.tables import tokens
from guardrails.hygiene.compression.masks import Masks
from guardrails.hygiene.compression.pieces import NOTE_ROOM, Compressed, cut

GAP: Final = "  "
"""Between columns; kubectl pads to the widest cell, which says nothing."""

_COLUMN = re.compile(r"[A-Z][A-Z0-9_%/.-]*(?:\([A-Za-z0-9%]+\))?(?: [A-Z][A-Z0-9]*)*")
_BETWEEN = re.compile(r"\s{2,}|\t")
_RATIO = re.compile(r"(\d+)/(\d+)")
_GOOD_STATUS = tokens(
    "Running Completed Active Bound Ready Succeeded Available Complete Healthy Synced deployed"
    " True Normal Established Approved,Issued Valid"
)
_STATUS_COLUMNS = frozenset({"STATUS", "PHASE", "TYPE", "HEALTH STATUS", "SYNC STATUS", "STATE"})
_COUNT_COLUMNS = ("CURRENT", "READY", "UP-TO-DATE", "AVAILABLE")
_TOLD = ("READY", "STATUS", "PORT(S)", "ENDPOINTS", "CPU(cores)", "MEMORY(bytes)", "HOSTS")
"""Columns worth more than the others, told beside the name where the room allows it."""
_SERVICE_TYPES = frozenset({"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"})


@dataclass(frozen=True, slots=True)
class _Table:
    columns: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> int | None:
        return self.columns.index(name) if name in self.columns else None


def is_header(line: str) -> bool:
    """Tell whether a line is the header of a table.

    >>> is_header("NAME    READY   STATUS    RESTARTS   AGE")
    True
    """
    if not line[:1].isupper() or line[:3].isspace():
        return False
    cells = _BETWEEN.split(line.strip())
    return len(cells) > 1 and all(_COLUMN.fullmatch(cell) for cell in cells)


def shorter_table(text: str, *, limit: int) -> Compressed:
    """Make one table smaller.

    Padding goes first, then columns that are empty. If that is not enough, rows that are well
    give all but their names (`well: a, b, c`), which a diagnosis may need; then rows that are not
    well fill up to twice the limit.
    """
    header, *lines = [line for line in text.split("\n") if line.strip()]
    table = _without_empty(_read(header, lines))
    written = [_written(row, limit=limit) for row in table.rows]
    head = _written(table.columns, limit=limit)
    if len(head) + sum(len(row) + 1 for row in written) <= limit:
        return Compressed(text="\n".join([head, *written]))
    masks = Masks()
    ill = [at for at, row in enumerate(table.rows) if _is_ill(table, row, masks)]
    room = 2 * limit - NOTE_ROOM - len(head)
    shown, rest = _fill(ill, written, room=room)
    well = sorted({*range(len(written))} - set(ill))
    room = limit - NOTE_ROOM - len(head) - sum(len(written[at]) + 1 for at in shown)
    line, full = _well_told(table, written, well, room=room)
    shown = sorted([*shown, *full])
    body = [head, *(written[at] for at in shown), *([line] if line else [])]
    gone = len(written) - len(shown)
    more = f", {len(rest)} of them not well" if rest else ""
    return Compressed(text="\n".join(body), left_out=f"{gone} of {len(written)} rows{more}")


def _read(header: str, lines: Sequence[str]) -> _Table:
    columns = _BETWEEN.split(header.strip())
    starts: list[int] = []
    at = 0
    for column in columns:
        at = header.index(column, at)
        starts.append(at)
        at += len(column)
    return _Table(columns, [_cells(line, starts) for line in lines])


def _cells(line: str, starts: Sequence[int]) -> list[str]:
    if any(start and start <= len(line) and line[start - 1] not in " \t" for start in starts):
        cells = _BETWEEN.split(line.strip())
        return [*cells, *([""] * (len(starts) - len(cells)))]
    return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]


def _without_empty(table: _Table) -> _Table:
    width = len(table.columns)
    kept = [
        at
        for at in range(width)
        if any(at < len(row) and row[at] not in {"", "<none>"} for row in table.rows)
    ]
    columns = [table.columns[at] for at in kept]
    rows = [[row[at] for at in kept if at < len(row)] + row[width:] for row in table.rows]
    return _Table(columns, rows)


def _written(cells: Sequence[str], *, limit: int) -> str:
    return cut(GAP.join(cell or "-" for cell in cells).rstrip(), limit=limit)


def _is_ill(table: _Table, row: Sequence[str], masks: Masks) -> bool:
    cells = dict(zip(table.columns, row, strict=False))
    if any(_bad_status(cells[name]) for name in _STATUS_COLUMNS & cells.keys()):
        return True
    if cells.get("RESTARTS", "0")[:1] not in {"0", "", "-"}:
        return True
    done = cells.get("STATUS", "") in {"Completed", "Succeeded"}
    if not done and any(_short_of(cells.get(name, "")) for name in ("READY", "COMPLETIONS")):
        return True
    desired = cells.get("DESIRED", "")
    if desired.isdigit() and any(
        cells[name].isdigit() and int(cells[name]) < int(desired)
        for name in _COUNT_COLUMNS
        if name in cells
    ):
        return True
    said = " ".join(cell for name, cell in cells.items() if name != "NAME")
    return "<unknown>" in said or "<pending>" in said or masks.weight(said) > 0


def _bad_status(cell: str) -> bool:
    return cell not in _GOOD_STATUS and cell not in _SERVICE_TYPES and bool(cell)


def _short_of(cell: str) -> bool:
    ratio = _RATIO.fullmatch(cell)
    return ratio is not None and (int(ratio[1]) < int(ratio[2]) or ratio[2] == "0")


def _fill(
    places: Sequence[int], written: Sequence[str], *, room: int
) -> tuple[list[int], list[int]]:
    shown: list[int] = []
    rest: list[int] = []
    for at in places:
        need = len(written[at]) + 1
        if need <= room:
            shown.append(at)
            room -= need
        else:
            rest.append(at)
    return shown, rest


def _well_told(
    table: _Table, written: Sequence[str], well: Sequence[int], *, room: int
) -> tuple[str, list[int]]:
    """Tell of rows that are well: names with the columns that matter, names alone, or a count.

    Returns:
        The line, and the rows that can be shown in full because there is room beside it.
    """
    if not well:
        return "", []
    names = [_name(table, table.rows[at]) for at in well]
    brief = [_brief(table, table.rows[at]) for at in well]
    prefix = _prefix(names)
    for told in (brief, names):
        line = _list(told, prefix, count=str(len(well)))
        if len(line) < room:
            spare = room - len(line) - 1
            full, _ = _fill(well, written, room=spare)
            if full:
                kept = [told[place] for place, at in enumerate(well) if at not in set(full)]
                line = _list(kept, prefix, count=f"{len(kept)} more") if kept else ""
            return line, full
    told: list[str] = []
    spent = len(_list([], prefix, count=str(len(well)))) + 3
    for name in names:
        spent += len(name) - len(prefix) + 2
        if spent > room:
            break
        told.append(name)
    return (_list(told, prefix, count=str(len(well))) + ", …" if told else f"{len(well)} well"), []


def _prefix(names: Sequence[str]) -> str:
    """Give the `pod/` or `namespace/` that all names share."""
    prefix = names[0].rpartition("/")[0] + "/"
    return prefix if len(names) > 1 and all(name.startswith(prefix) for name in names) else ""


def _list(told: Sequence[str], prefix: str, *, count: str) -> str:
    of = f" ({prefix}…)" if prefix else ""
    return f"{count} well{of}: " + ", ".join(name[len(prefix) :] for name in told)


def _name(table: _Table, row: Sequence[str]) -> str:
    at = table.column("NAME")
    if at is None:
        at = table.column("OBJECT")
    name = row[at or 0] if len(row) > (at or 0) else ""
    namespace = table.column("NAMESPACE")
    return f"{row[namespace]}/{name}" if namespace is not None and namespace < len(row) else name


def _brief(table: _Table, row: Sequence[str]) -> str:
    told = [
        row[at]
        for name in _TOLD
        if (at := table.column(name)) is not None and at < len(row) and row[at] != "Running"
    ]
    name = _name(table, row)
    return f"{name} ({' '.join(told)})" if told else name
