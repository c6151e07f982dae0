"""Questions to the person at the terminal, put before anything is changed."""

import asyncio
import select
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TextIO

from guardrails.cli.printers import Printer
from guardrails.core.questions import Question, described
from guardrails.reports.wording import printable

LISTEN_SECONDS = 0.2
"""How long a read waits before it looks whether the time is over; a blocked read hears nothing."""

WIDTH = 400
"""Most characters of a line: an incident may quote anything."""


def terminal_asker(
    printer: Printer, *, seconds: float, stream: TextIO | None = None, elsewhere: str = ""
) -> Callable[[Question], Awaitable[str | None]]:
    """Return the function that puts questions to the person at the terminal.

    Args:
        printer: What shows the run; its live view stands still while somebody types.
        seconds: How long an answer is waited for.
        stream: Where answers come from; standard input when left out.
        elsewhere: URL of a service at which others can answer. Without a terminal they are waited
            for, until whoever asks does not wait any more.

    Returns:
        A function that returns what was typed, or None: when nobody can type (no terminal), when
        the line is empty or ends, or when the time is over.
    """
    source = sys.stdin if stream is None else stream

    async def ask(question: Question) -> str | None:
        with printer.pausing():
            # Whoever wrote the incident wrote this too, so it is foreign text.
            for line in described(question).splitlines():
                printer.say(printable(line, width=WIDTH))
            if elsewhere:
                printer.say(
                    f"An operator can answer at {elsewhere}: POST /v1/sessions/RUN/answers, with "
                    f"question {printable(question.id, width=WIDTH)!r}."
                )
                if not source.isatty():
                    await asyncio.Event().wait()
            if not source.isatty():
                printer.say("nobody can answer here; the run goes on without changes")
                return None
            printer.say("Answer by number or in words; an empty line means that you cannot say.")
            over = threading.Event()
            try:
                return await asyncio.to_thread(_line, source, seconds, over)
            finally:
                over.set()

    return ask


def _line(source: TextIO, seconds: float, over: threading.Event) -> str | None:
    """Read a line, for as long as there is time and somebody wants it."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not over.is_set():
        ready, _, _ = select.select([source], [], [], min(LISTEN_SECONDS, left))
        if ready:
            return source.readline().strip() or None
    return None
