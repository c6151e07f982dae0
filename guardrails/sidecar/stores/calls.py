"""Calls of a store from an event loop."""

import asyncio
import contextvars
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
    context = contextvars.copy_context()
    done = asyncio.get_running_loop().run_in_executor(None, context.run, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait({done})
        if (error := done.exception()) is not None:
            _log.warning("guarded_agent.store.broken_off", error=str(error))
        raise
