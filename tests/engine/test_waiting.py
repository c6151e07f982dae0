"""Waiting from synchronous code, inside and outside of an event loop."""

import asyncio
import signal
import threading

import pytest

from guardrails.engine.waiting import run_sync


async def seven() -> int:
    """Give a number after a turn of the loop."""
    await asyncio.sleep(0)
    return 7


def test_work_runs_where_there_is_no_loop() -> None:
    """On the thread that waits."""
    assert run_sync(seven()) == 7


async def test_work_runs_inside_a_loop() -> None:
    """On a thread of its own; its error is the caller's."""
    main = threading.current_thread()

    async def breaks() -> None:
        raise ValueError("mine" if threading.current_thread() is not main else "another's")

    assert run_sync(seven()) == 7
    with pytest.raises(ValueError, match="mine"):
        run_sync(breaks())


def test_an_interrupt_cancels_the_work_inside_a_loop() -> None:
    """Ctrl-C in a notebook must not leave a gate waiting for twenty minutes."""
    heard: list[str] = []

    async def work() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def main() -> None:
        run_sync(work())

    loop = asyncio.new_event_loop()
    # A shell that starts us in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(main())
    finally:
        signal.signal(signal.SIGINT, before)
        loop.close()
    assert heard == ["cancelled"]
