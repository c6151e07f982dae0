"""Stack traces: the lines that belong to the error above them, and the few worth keeping."""

import re
from collections.abc import Sequence
from typing import Final

FIRST: Final = 3
LAST: Final = 2
"""Frames kept from both ends: where it broke, and who called."""

_FRAME = re.compile(
    r"\s+at \S|\s+File \"|Caused by:|\s*\.\.\. \d+ (?:more|common)|Suppressed:"
    r"|goroutine \d+ \[|\S+\([^)]*\)$|\t\S+\.go:\d+|created by \S"
)
_CAUSE = re.compile(r"\s*(?:Caused by:|Suppressed:)|[\w.]+(?:Error|Exception|Exit|Interrupt)\b")
_ENDS_PYTHON = re.compile(r"[\w.]+(?::|$)")


def belongs(line: str, *, to: str) -> bool:
    """Tell whether a line goes on with the error that began with the line `to`."""
    if line.startswith((" ", "\t")):
        return True
    if to.startswith("Traceback"):
        return _ENDS_PYTHON.match(line) is not None
    return _FRAME.match(line) is not None


def kept(frames: Sequence[str]) -> list[str]:
    """Leave out the middle of a stack trace; causes stay.

    >>> kept([f"  at f{n}()" for n in range(9)])[3]
    '  … 4 frames'
    """
    if len(frames) <= FIRST + LAST + 1:
        return list(frames)
    lines: list[str] = []
    gone = 0
    for place, frame in enumerate(frames):
        end = place < FIRST or place >= len(frames) - LAST
        if not end and _CAUSE.match(frame) is None:
            gone += 1
            continue
        if gone:
            lines.append(f"  … {gone} frames")
            gone = 0
        lines.append(frame)
    return lines
