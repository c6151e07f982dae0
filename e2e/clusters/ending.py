"""Taking a cluster down when the process that holds it is asked to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType


def down_on_sigterm(down: Callable[[], None]) -> None:
    """Call `down` on SIGTERM, then end as asked.

    Without a handler Python ends at once on SIGTERM and no cleanup runs, `atexit` included.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may set handlers
    before = signal.getsignal(signal.SIGTERM)

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        down()
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
