"""SIGTERM outside a run, apart from `signals`, which loads asyncio: `--help` must be quick."""

import contextlib
import signal
import threading
from types import FrameType

_heard = threading.Event()
"""A signal concerns the process, and typer hides what it raised."""


class Terminated(KeyboardInterrupt):
    """SIGTERM outside a run: unwinds as Ctrl-C does, so that temporary files go."""


def terminate_in_order() -> None:
    """Let SIGTERM unwind the program; Python's default is to drop everything at once."""
    # Not in a thread: there the default stays.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, _raise)


def was_terminated() -> bool:
    """Return whether SIGTERM came outside a run."""
    return _heard.is_set()


def _raise(number: int, frame: FrameType | None) -> None:
    del number, frame
    _heard.set()
    raise Terminated
