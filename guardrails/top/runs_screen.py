"""The list of runs, asked for again and again; the last picture stays while nobody answers."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from guardrails.errors import ServiceError
from guardrails.reports.wording import printable
from guardrails.top.asking import Asker, Scope, attempts
from guardrails.top.columns import GAP, Fitted, fit
from guardrails.top.run_screen import RunScreen
from guardrails.top.selecting import Choice, chosen, tallied
from guardrails.top.wire import Listing, RunLine

SCROLLBAR = 2
"""Columns that the table's own scrollbar takes."""

Cell = tuple[str, str]
"""Words and style: what tells whether a cell has to be drawn again."""


class RunsTable(DataTable[Text]):
    """A table of which each line is one thing: its keys go from line to line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    def action_scroll_home(self) -> None:
        """Go to the first line, and not to the first column."""
        self.action_scroll_top()

    def action_scroll_end(self) -> None:
        """Go to the last line, likewise."""
        self.action_scroll_bottom()


class RunsScreen(Screen[None]):
    """The list.

    Args:
        asker: Asks the service.
        scope: Which runs.
        limit: How many at most.
        interval: Seconds between two looks.
        first: The first picture.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("a", "scope", "Which"),
        Binding("escape", "unfilter", "No filter", show=False),
    ]
    CSS = """
    RunsScreen #title { height: 1; background: $primary; color: $text; }
    RunsScreen #told { height: auto; max-height: 3; }
    RunsScreen DataTable { height: 1fr; }
    RunsScreen Input { display: none; height: 1; border: none; }
    RunsScreen Input.open { display: block; }
    """

    def __init__(
        self, asker: Asker, *, scope: Scope, limit: int, interval: float, first: Listing
    ) -> None:
        super().__init__()
        self._asker = asker
        self._scope = scope
        self._limit = limit
        self._interval = interval
        self._listing = first
        self._seen_at = datetime.now(UTC)
        self._lost: str = ""
        self._choice = Choice()
        self._columns: Sequence[Fitted] = ()
        self._drawn: dict[str, tuple[Cell, ...]] = {}
        self._wake = asyncio.Event()
        # Held, since a worker may still write when the screen is on its way out.
        self._title, self._told = Static(id="title"), Static(id="told")
        self._table = RunsTable(cursor_type="row", cell_padding=0)
        self._filter = Input(placeholder="filter: words of a run", compact=True)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._title
        yield self._told
        yield self._table
        yield self._filter
        yield Footer()

    def on_mount(self) -> None:
        """Begin to ask."""
        self._table.focus()
        self.run_worker(self._poll(), exclusive=True, group="poll")

    # Asking

    async def _poll(self) -> None:
        waits = attempts(self._interval)
        while True:
            pause = self._interval
            if self.is_current:
                scope = self._scope
                try:
                    listing = await self._asker.runs(scope, limit=self._limit)
                except ServiceError as error:
                    pause = next(waits)
                    self._lost = f"{error}; tried again in {pause:g} s"
                    self._show_told()
                else:
                    waits = attempts(self._interval)
                    if scope is self._scope:
                        self._take(listing)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            self._wake.clear()

    def _take(self, listing: Listing) -> None:
        self._listing, self._seen_at, self._lost = listing, datetime.now(UTC), ""
        self._show()

    @on(ScreenResume)
    def _resumed(self) -> None:
        self._wake.set()

    # Showing

    @on(Resize)
    def _resized(self, event: Resize) -> None:
        self._columns = fit(event.size.width - SCROLLBAR)
        self._table.clear(columns=True)
        for one in self._columns:
            self._table.add_column(
                Text(one.column.name), width=one.width + GAP, key=one.column.name
            )
        self._drawn = {}
        self._show()

    def _show(self) -> None:
        if not self._columns:
            return  # before the screen has a size
        lines = chosen(self._listing.sessions, self._choice)
        if [line.run for line in lines] == list(self._drawn):
            self._renew(lines)
        else:
            self._redraw(lines)
        self._show_told(len(lines))

    def _renew(self, lines: Sequence[RunLine]) -> None:
        """Write the cells that say something else, a page around those that are seen.

        The others are written when they come near: a thousand ages change every second.
        """
        now, page = datetime.now(UTC), max(1, self._table.size.height)
        first = max(0, int(self._table.scroll_y) - page)
        for line in lines[first : first + 3 * page]:
            texts, known = self._cells(line, now), self._drawn[line.run]
            for column, text, was in zip(self._columns, texts, known, strict=True):
                if _said(text) != was:
                    self._table.update_cell(line.run, column.column.name, text)
            self._drawn[line.run] = tuple(map(_said, texts))

    def _redraw(self, lines: Sequence[RunLine]) -> None:
        """Write all lines, and leave the cursor on its run, else in its place."""
        now = datetime.now(UTC)
        row, run, top = self._table.cursor_row, self._under_cursor(), self._table.scroll_y
        self._table.clear()
        self._drawn = {}
        for line in lines:
            texts = self._cells(line, now)
            self._table.add_row(*texts, key=line.run)
            self._drawn[line.run] = tuple(map(_said, texts))
        if lines:
            known = run in self._drawn
            row = self._table.get_row_index(run) if known else min(row, len(lines) - 1)
            self._table.move_cursor(row=row, scroll=False)
            self._table.scroll_to(y=top, animate=False)

    def _cells(self, line: RunLine, now: datetime) -> list[Text]:
        return [one.cell(line, now) for one in self._columns]

    def _under_cursor(self) -> str:
        runs, row = list(self._drawn), self._table.cursor_row
        return runs[row] if 0 <= row < len(runs) else ""

    def _show_told(self, shown: int | None = None) -> None:
        role = self._listing.role
        who = f"role {role}" if role else "no token asked for"
        title = f"guarded-agent top  {self._asker.endpoint.url}  {who}"
        self._title.update(Text(printable(title, width=200), no_wrap=True))
        if self._lost:
            said = f"NOT CONNECTED: {self._lost}. The picture is of {_clock(self._seen_at)}."
            self._told.update(Text(printable(said, width=500), style="bold"))
        elif shown is not None:
            said = printable(self._tally(shown), width=200)
            self._told.update(Text(said))

    def _tally(self, shown: int) -> str:
        lines = self._listing.sessions
        told = [tallied(lines), f"{self._scope.value}, by {self._choice.order.value}"]
        if self._choice.backwards:
            told[-1] += " backwards"
        if self._choice.words:
            told.append(f"{shown} with {self._choice.words!r}")
        if len(lines) >= self._limit:
            told.append(f"only the {self._limit} changed last")
        if not lines:
            told.append("a shows others")
        told.append(_clock(self._seen_at))
        return "; ".join(told)

    # Keys

    @on(DataTable.RowSelected)
    def _selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        run = self._under_cursor()
        line: RunLine | None = next((one for one in self._listing.sessions if one.run == run), None)
        if line is not None:
            self.app.push_screen(  # pyright: ignore[reportUnknownMemberType]  # no type of its own
                RunScreen(self._asker, line=line, role=self._listing.role, interval=self._interval)
            )

    def action_filter(self) -> None:
        """Ask for the words of a filter."""
        self._filter.add_class("open")
        self._filter.value = self._choice.words
        self._filter.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._choice = replace(self._choice, words=event.value)
        self._show()

    @on(Input.Submitted)
    def _kept(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def action_unfilter(self) -> None:
        """Take the filter away."""
        self._choice = replace(self._choice, words="")
        self._close_filter()
        self._show()

    def _close_filter(self) -> None:
        self._filter.remove_class("open")
        self._table.focus()

    def action_sort(self) -> None:
        """Sort by the next thing."""
        self._choice = replace(self._choice, order=self._choice.order.next)
        self._show()

    def action_reverse(self) -> None:
        """Turn the order around."""
        self._choice = replace(self._choice, backwards=not self._choice.backwards)
        self._show()

    def action_scope(self) -> None:
        """Show other runs: open, ended, all."""
        known = list(Scope)
        self._scope = known[(known.index(self._scope) + 1) % len(known)]
        self._wake.set()


def _said(text: Text) -> Cell:
    return text.plain, str(text.style)


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"
