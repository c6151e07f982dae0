"""Where a secret stands in a text, and what every replacement starts with."""

from typing import NamedTuple

MARK = "[redacted:"
"""How every replacement starts; text that holds it has been here before."""


class Span(NamedTuple):
    """Where a secret's value stands in a text, and of which kind it is."""

    start: int
    end: int
    kind: str
