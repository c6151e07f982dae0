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
        if _is_descriptor_one():
            kept = os.dup(_STDOUT)
            os.dup2(_STDERR, _STDOUT)
            undo.callback(_put_back, kept)
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        waiting: list[str] = []
        yield waiting.append
    for text in waiting:
        real.write(text if text.endswith("\n") else f"{text}\n")
    real.flush()


def _put_back(kept: int) -> None:
    os.dup2(kept, _STDOUT)
    os.close(kept)


def _is_descriptor_one() -> bool:
    try:
        return sys.stdout.fileno() == _STDOUT
    except (OSError, ValueError):
        # A test's or a notebook's stand-in: it has no descriptor to redirect.
        return False
