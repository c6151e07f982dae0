"""Waiting for asynchronous work from synchronous code, so that an interrupt reaches the work.

A synchronous graph may run on a thread that has an event loop (a notebook, a server), where
`asyncio.run` is refused; then the work gets a thread and a loop of its own.
"""

import _thread
import asyncio
import contextvars
from collections.abc import Coroutine
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


def run_sync(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end from synchronous code.

    Raises:
        BaseException: What the work raised; or the interrupt that ended the wait, after the work
            was cancelled by it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_as_coroutine(work))
    return _Elsewhere(work).run()


class _Elsewhere(Generic[T]):
    """Work on a thread of its own."""

    def __init__(self, work: Coroutine[object, object, T]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        # These queues and bare threads stand an interrupt at any moment. What `threading` builds
        # on them does not: a lock is left that nobody holds, a running thread taken for ended.
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._results: list[T] = []
        self._errors: list[BaseException] = []

    def run(self) -> T:
        try:
            _thread.start_new_thread(self._outer, ())
            _wait(self._ended)
        except BaseException:
            # Ctrl-C. A process does not end before its threads, so the work has to.
            _wait(self._begun)
            if self._loop is not None and self._task is not None and self._ended.empty():
                self._loop.call_soon_threadsafe(self._task.cancel)
            _wait(self._ended)
            raise
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _outer(self) -> None:
        try:
            self._results.append(self._context.run(asyncio.run, self._inner()))
        except BaseException as error:  # noqa: BLE001  # handed to the caller
            self._errors.append(error)
        finally:
            self._begun.put(None)
            self._ended.put(None)

    async def _inner(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(_as_coroutine(self._work))
        self._begun.put(None)
        return await self._task


LISTEN_SECONDS = 0.2
"""How long an interrupt may go unheard. One that comes just before a thread blocks does not wake
it, so nothing here blocks for longer."""


def _wait(queue: SimpleQueue[None]) -> None:
    while True:
        try:
            return queue.get(timeout=LISTEN_SECONDS)
        except Empty:
            continue


async def _as_coroutine(work: Coroutine[object, object, T]) -> T:
    return await work
