"""How worker processes are started: without Ctrl-C, and by the command with its modules loaded.

A spawned worker loads everything for itself, which costs as much as tagging some thousand events.
Where the platform can, the command has one process load it and makes the workers of that one. A
library must not: that process would stay, with the environment of its start.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import Final

PRELOADED: Final = "guardrails.batch.work"
"""What a worker works with."""


def spawning() -> BaseContext:
    """Return how to start workers that load everything for themselves.

    Never forks of this process, which may have threads: a test runner, a notebook.
    """
    _track()
    return get_context("spawn")


def preloading() -> BaseContext:
    """Begin to load what workers need, and return how to start them; for the command alone.

    The sooner it is called, the more is loaded while this process does something else.
    """
    if "forkserver" not in get_all_start_methods():
        return spawning()
    from multiprocessing import forkserver  # noqa: PLC0415  # Windows has none

    context = get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    _track()
    with interrupts_held():
        forkserver.ensure_running()
    return context


def _track() -> None:
    """Start what Python keeps beside its processes: doing so lets a Ctrl-C through that is held."""
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker  # noqa: PLC0415  # Windows has no use for it

        resource_tracker.ensure_running()


def leave_interrupts() -> None:
    """Leave Ctrl-C to the parent, which cancels what has not begun."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def interrupts_held() -> Generator[None]:
    """Start processes with Ctrl-C held back: one that is still loading would print a traceback.

    They inherit it, and this process takes its own again afterwards. Windows has no such mask.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
