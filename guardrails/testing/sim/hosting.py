"""The background thread that hosts the three servers, and the one that ticks the cluster."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = 10.0
"""Seconds to wait for the server thread to start or stop something; it takes milliseconds."""


async def _wind_up() -> None:
    """Let connections that were accepted last see that it is over; cancel what goes on anyway."""
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    # Aborted transports close their sockets in the loop's next turn.
    await asyncio.sleep(0)


class ServerThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sim-cluster-http", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(_wind_up())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def close(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)


class Ticker:
    """Calls `step` every so often, in a daemon thread, until closed."""

    def __init__(self, step: Callable[[], object], *, seconds: float) -> None:
        self._step = step
        self._seconds = seconds
        self._ended = threading.Event()
        self.error: BaseException | None = None
        """What a step raised; the ticker stops then, and `SimCluster` raises it again."""
        self._thread = threading.Thread(target=self._run, name="sim-cluster-tick", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._step()
            except Exception as error:  # noqa: BLE001  # handed to the owner's thread
                self.error = error
                return

    def close(self) -> None:
        """Stop ticking; returns when the last step is done."""
        self._ended.set()
        self._thread.join(_PATIENCE)
