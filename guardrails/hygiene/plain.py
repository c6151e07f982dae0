"""Colours and the like in a tool's output: signs for a terminal, which a model reads as letters."""

import re

from guardrails.hygiene.secrets.screen import screen

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
"""CSI and OSC sequences, and control characters but tab, newline and return."""
_may_hold_any = screen(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Each of those begins with a control character. Most outputs have lines and none of them: looking
for one takes 3 µs for 4 kB, and replacing none takes 40."""


def plain(text: str) -> str:
    r"""Return a text without what only a terminal understands; the same object if there is none.

    >>> plain("\x1b[32mINF\x1b[0m ready")
    'INF ready'
    """
    if text.isprintable() or not _may_hold_any(text):
        return text
    return _CONTROL.sub("", text)
