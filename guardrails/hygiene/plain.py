"""Colours and the like in a tool's output: signs for a terminal, which a model reads as letters."""

import re

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
"""CSI and OSC sequences, and control characters but tab, newline and return."""


def plain(text: str) -> str:
    r"""Return a text without what only a terminal understands; the same object if there is none.

    >>> plain("\x1b[32mINF\x1b[0m ready")
    'INF ready'
    """
    return text if text.isprintable() else _CONTROL.sub("", text)
