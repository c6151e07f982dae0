"""The moment from which the service takes no new work: whoever waits is let go of then.

A stream of events and an end that waits for the gate may take minutes. Ended at once, their clients
come back to another replica, and the service need not be killed with them in the middle.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopping:
    """Whether the service shuts down, for those that wait in its event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        """True once it does."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Let go of everybody who waits."""
        self._begun.set()

    async def wait(self) -> None:
        """Return when it begins."""
        await self._begun.wait()

    async def cut(self, waiting: Coroutine[Any, Any, T]) -> T | None:
        """Wait for something, or break it off when the service begins to stop meanwhile.

        Args:
            waiting: Is cancelled then. What is begun after that moment is to be short of itself.
        """
        if self.begun:
            return await waiting
        task, stop = asyncio.create_task(waiting), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)
