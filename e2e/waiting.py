"""Waiting for something to become true, with a bound and a message that says what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY_SECONDS = 0.1


def wait_until(
    holds: Callable[[], bool],
    *,
    what: str,
    timeout: float = 30.0,
    seen: Callable[[], object] | None = None,
) -> None:
    """Look until `holds()`.

    Args:
        holds: The condition.
        what: Its words, for the message.
        timeout: Seconds after which waiting is given up.
        seen: Called once on giving up, for the message.

    Raises:
        TimeoutError: It never held.
    """
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            last = "" if seen is None else f"; last seen: {seen()}"
            raise TimeoutError(f"{what}: not within {timeout:.0f} s{last}")
        time.sleep(LOOK_EVERY_SECONDS)
