"""Calls of a store from an event loop."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from guardrails.sidecar.stores.base import RunStore

T = TypeVar("T")

_log: Final = structlog.stdlib.get_logger("guardrails.sidecar")


async def blocking(store: RunStore, work: Callable[[], T]) -> T:
    """Do what may wait for a store in a thread; where the store is memory, at once.

    Whoever is cancelled meanwhile goes when the thread is through: it may hold a lock that lets
    nobody decide the same fact beside it.
    """
    if store.name == "memory":
        return work()
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if (error := task.exception()) is not None:
            _log.warning("guarded_agent.store.broken_off", error=str(error))
        raise
