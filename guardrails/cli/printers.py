"""Shows a run while it goes on: plain lines, or a live view where there is a terminal.

Both are hooks: they get the records that every sink gets, and a printer that breaks is counted
and breaks nothing.
"""

import contextlib
import textwrap
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TextIO

from guardrails.cli.narration import Narrator
from guardrails.cli.notes import Note, Status, Tone
from guardrails.cli.stdout import mute
from guardrails.core.hooks import Hook, Record
from guardrails.core.ids import RunId
from guardrails.hygiene.redact import redacted
from guardrails.reports.wording import count, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.text import Text

LABEL_WIDTH = 11
"""Columns of the label; `destructive` is the longest."""

PLAIN_WIDTH = 200
"""Longest text of a plain line: logs are not folded at 80 columns."""

_MARGIN = LABEL_WIDTH + 13
"""Columns of a live line before its text: time, mark, label, and one to spare."""

RESULT_WIDTH = 110
"""Longest part of a tool's result that is shown; the trace has the rest."""


class Printer(Hook, Protocol):
    """A hook that shows a run, and can say a line of its own."""

    def say(self, text: str) -> None:
        """Show one line that is not part of the run."""
        ...

    def showing(self) -> contextlib.AbstractContextManager[None]:
        """Return a block around the run, during which the view may be drawn over again."""
        ...

    def pausing(self) -> contextlib.AbstractContextManager[None]:
        """Return a block in which nothing is drawn over: somebody types."""
        ...


class PlainPrinter:
    """Writes one line per note, without colours: for pipes, logs and `-o json`.

    Args:
        stream: Where to write.
    """

    name = "plain-view"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._narrator = Narrator()
        self._lock = threading.Lock()

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Write what a record has to say."""
        del run
        with self._lock:
            self._write(_line(note) for note in self._narrator.tell(record))

    def say(self, text: str) -> None:
        """Write one line, without secrets."""
        with self._lock:
            self._write([redacted(text)])

    def _write(self, lines: Iterable[str]) -> None:
        try:
            self._stream.writelines(f"{line}\n" for line in lines)
            self._stream.flush()
        except BrokenPipeError:
            # The reader (`| head`) left; the run goes on, and its exit code says how it ended.
            mute()

    @contextlib.contextmanager
    def showing(self) -> Generator[None]:
        """Do nothing around the run: lines need no closing."""
        yield

    @contextlib.contextmanager
    def pausing(self) -> Generator[None]:
        """Do nothing: lines are never drawn over."""
        yield


def _line(note: Note) -> str:
    width = RESULT_WIDTH if note.tone is Tone.RESULT else PLAIN_WIDTH
    arrow = {Tone.RESULT: "| ", Tone.FACT: "- "}.get(note.tone, "")
    text = printable(note.text, width=width, keep_columns=note.tone is Tone.RESULT)
    return f"{note.seconds:6.1f}s  {note.label:<{LABEL_WIDTH}}  {arrow}{text}".rstrip()


_STYLES = {
    Tone.START: "dim",
    Tone.MODEL: "",
    Tone.READ: "cyan",
    Tone.WRITE: "yellow",
    Tone.DESTRUCTIVE: "bold red",
    Tone.RESULT: "dim",
    Tone.BLOCKED: "bold red",
    Tone.CLAIM: "bold",
    Tone.REFUSED: "bold red",
    Tone.ACCEPTED: "bold green",
    Tone.FACT: "red",
    Tone.GATE: "magenta",
    Tone.FINDING: "bold yellow",
    Tone.WARNING: "yellow",
    Tone.ERROR: "bold red",
    Tone.END: "bold",
}
_MARKS = {
    Tone.REFUSED: "✗",
    Tone.ACCEPTED: "✓",
    Tone.BLOCKED: "✗",
    Tone.GATE: "…",
    Tone.FINDING: "!",
    Tone.CLAIM: "▸",
    Tone.WARNING: "!",
    Tone.ERROR: "✗",
}


class LivePrinter:
    """Notes that scroll, above one line that always says where the run stands.

    Args:
        console: A rich console on a terminal.
    """

    name = "live-view"

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._narrator = Narrator()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._live: Live | None = None

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Print what a record has to say above the status line."""
        del run
        with self._lock:
            notes = self._narrator.tell(record)
        for note in notes:
            # In one go: the status line is drawn over again after each print.
            self._console.print(*self._render(note), sep="\n", soft_wrap=False)

    def say(self, text: str) -> None:
        """Print one line above the status line, without secrets."""
        self._console.print(redacted(text), markup=False, highlight=False)

    @contextlib.contextmanager
    def showing(self) -> Generator[None]:
        """Draw the status line for as long as the run goes on."""
        from rich.live import Live  # noqa: PLC0415  # only where there is a terminal

        self._began = time.monotonic()
        with Live(self, console=self._console, refresh_per_second=8, transient=True) as live:
            self._live = live
            yield
        self._live = None

    @contextlib.contextmanager
    def pausing(self) -> Generator[None]:
        """Take the status line away for as long as somebody types."""
        live = self._live
        if live is None:
            yield
            return
        live.stop()
        try:
            yield
        finally:
            live.start(refresh=True)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw the status line; rich calls this several times a second."""
        status = self._narrator.status
        if not status.ended:
            yield self._status_line(status, options.max_width)

    def _render(self, note: Note) -> "Iterator[Text]":
        from rich.text import Text  # noqa: PLC0415  # as above

        style = _STYLES[note.tone]
        width = max(20, self._console.width - _MARGIN)
        head = f"{_MARKS.get(note.tone, ' ')} {note.label:<{LABEL_WIDTH}} "
        when = f"{note.seconds:6.1f}s "
        for text in self._folded(note, width):
            yield Text.assemble(
                (when, "dim"),
                (head, style),
                (text, "" if note.tone in _QUIET else style),
                no_wrap=True,
                overflow="ellipsis",
            )
            when, head = " " * len(when), " " * len(head)

    def _folded(self, note: Note, width: int) -> list[str]:
        """Fold what a person must read whole; a tool's result is only clipped."""
        if note.tone is Tone.RESULT:
            return [f"│ {printable(note.text, width=width - 2, keep_columns=True)}"]
        return textwrap.wrap(
            printable(note.text, width=PLAIN_WIDTH),
            width,
            initial_indent="· " if note.tone is Tone.FACT else "",
            subsequent_indent="  " if note.tone is Tone.FACT else "",
            break_on_hyphens=False,
        ) or [""]

    def _status_line(self, status: Status, width: int) -> "Text":
        from rich.text import Text  # noqa: PLC0415  # as above

        spent = time.monotonic() - self._began
        frame = _FRAMES[int(spent * 8) % len(_FRAMES)]
        doing = waiting_line(status)
        if not (status.waiting or status.judging):
            doing = (
                f"step {status.step} · {count(status.calls, 'tool call')} · "
                f"{count(status.refusals, 'refused end')} · "
                f"{count(status.findings, 'finding')} · {doing}"
            )
        said = f"{spent:6.1f}s {frame} {doing}"
        style = "magenta" if status.waiting or status.judging else "dim"
        return Text(printable(said, width=width - 1, keep_columns=True), style=style, no_wrap=True)


_QUIET = frozenset({Tone.READ, Tone.WRITE, Tone.CLAIM, Tone.FINDING, Tone.BLOCKED})
"""Tones whose text is plain; only their label is coloured."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def waiting_line(status: Status, now: datetime | None = None) -> str:
    """Say what the run does at this moment, with the seconds that are left of a wait."""
    if status.waiting is None:
        return "the gate looks" if status.judging else "the agent works"
    reasons = "; ".join(status.waiting.waiting_for)
    end = status.waiting.waiting_until
    if end is None:
        return f"the gate waits: {reasons}"
    left = max(0.0, (end - (now or datetime.now(UTC))).total_seconds())
    return f"the gate waits {left:.0f}s more: {reasons}"
