"""Keeps standard output clean for `-o json`.

The agent under guard is somebody else's code: it prints, its tools print, their child processes
print. While a run goes on, all of that is sent to standard error, at the level of the file
descriptor, and only our object reaches standard output.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Generator

_STDOUT = 1
_STDERR = 2

Write = Callable[[str], None]


@contextlib.contextmanager
def reserved() -> Generator[Write]:
    """Send everything printed inside to standard error; give a writer to the real output."""
    real = sys.stdout
    real.flush()
    with contextlib.ExitStack() as undo:
        # A process without descriptor 1 has no standard output that could be spoiled.
        with contextlib.suppress(OSError):
            kept = os.dup(_STDOUT)
            undo.callback(_put_back, kept)
            os.dup2(_STDERR, _STDOUT)
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        waiting: list[str] = []
        yield waiting.append
    for text in waiting:
        real.write(text if text.endswith("\n") else f"{text}\n")
    real.flush()


def _put_back(kept: int) -> None:
    os.dup2(kept, _STDOUT)
    os.close(kept)
