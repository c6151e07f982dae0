"""`top --once`: one picture of the list, for scripts and for terminals without textual."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TextIO

import msgspec
from rich.console import Console
from rich.table import Table

from guardrails.top.columns import GAP, fit
from guardrails.top.wire import Listing, RunLine

WIDE: Final = 200
"""Characters of a line where standard output is no terminal: nothing that matters is cut off."""


def print_table(stream: TextIO, lines: Sequence[RunLine], *, now: datetime) -> None:
    """Write runs as a table without rules, one run in a line."""
    terminal = stream.isatty()
    console = Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if terminal else WIDE,
    )
    width = console.width
    columns = fit(width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for one in columns:
        table.add_column(one.column.name, no_wrap=True, width=one.width, overflow="ellipsis")
    for line in lines:
        table.add_row(*(one.cell(line, now) for one in columns))
    console.print(table)


def as_json(listing: Listing, lines: Sequence[RunLine], *, url: str) -> str:
    """Write runs as one JSON object, in ASCII: no text in it can do anything to a terminal."""
    return json.dumps(
        {
            "service": url,
            "role": listing.role,
            "sessions": msgspec.to_builtins(tuple(lines)),
        },
        indent=2,
    )
