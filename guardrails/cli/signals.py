"""Ctrl-C and SIGTERM: the first one ends the run in order, the second one at once.

In order means that the run is cancelled, gets its outcome (`aborted`), and its trace and its
result are written. A tool that runs in a thread cannot be cancelled and may hold this up.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHELL_BASE = 128
"""Shells report a death by signal N as 128 + N; the codes of an interrupted run follow them."""


@dataclass(slots=True)
class Interruption:
    """Whether a signal came, and which."""

    by: signal.Signals | None = None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the signal, or None when none came."""
        return None if self.by is None else _SHELL_BASE + self.by


def run_interruptible(
    work: Callable[[], Coroutine[Any, Any, T]], *, say: Callable[[str], None]
) -> tuple[T | None, Interruption]:
    """Run a coroutine until it is done or a signal cancels it.

    Args:
        work: Makes the coroutine.
        say: Tells the person that the signal was heard.

    Returns:
        What the coroutine returned, or None when it was cancelled before it could; and whether a
        signal came.
    """
    interruption = Interruption()

    async def main() -> T | None:
        task = asyncio.ensure_future(work())
        with _listening(task, interruption, say):
            try:
                return await task
            except asyncio.CancelledError:
                if interruption.by is None:
                    raise
                return None

    return asyncio.run(main()), interruption


@contextlib.contextmanager
def _listening(
    task: "asyncio.Task[Any]", interruption: Interruption, say: Callable[[str], None]
) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def heard(number: signal.Signals) -> None:
        if interruption.by is not None:
            sys.stderr.flush()
            # Threads of tools may never end; whoever asks twice wants out now.
            os._exit(_SHELL_BASE + number)
        interruption.by = number
        say(f"{number.name}: ending the run; once more to leave at once")
        task.cancel()

    installed: dict[signal.Signals, Any] = {}
    for number in _SIGNALS:
        before = signal.getsignal(number)
        # Not in a thread, and not on Windows: there the defaults stay.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, heard, number)
            installed[number] = before
    try:
        yield
    finally:
        for number, before in installed.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)
