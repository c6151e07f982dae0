"""What every form of compression gives back, and how room is shared and lines are cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MARK: Final = "[left out: "
"""Begins the note of a text from which something was left out. A text that bears it and fits twice
the limit is taken to be compressed already."""

NOTE_ROOM: Final = 90
"""Characters kept free for the note; the longest that our forms write is about 80."""

LEAST: Final = 200
"""Smallest limit; notes alone would fill less."""

CUT: Final = " … "
"""Stands where a line that is longer than the limit was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A text made smaller.

    >>> Compressed(text="web 1/1", left_out="3 of 4 rows").left_out
    '3 of 4 rows'
    """

    text: str
    left_out: str = ""
    """What is missing, for a person and the model; empty if nothing is."""


def noted(shorter: Compressed) -> str:
    """Give the text with its note as the last line, if anything was left out."""
    if not shorter.left_out:
        return shorter.text
    end = "" if shorter.text.endswith("\n") or not shorter.text else "\n"
    return f"{shorter.text}{end}{MARK}{shorter.left_out}]"


def cut(line: str, *, limit: int) -> str:
    """Cut the middle out of a line that is longer than the limit; two thirds of it are the head.

    >>> cut("abcdefghijklmnop", limit=12)
    'abcdef … nop'
    """
    if len(line) <= limit:
        return line
    keep = max(limit - len(CUT), 0)
    tail = keep // 3
    return line[: keep - tail] + CUT.strip(" " if keep == 0 else "") + line[len(line) - tail :]


def cut_long(line: str, *, limit: int) -> str:
    """Cut a line that alone is longer than the limit to half of it, so that others fit too."""
    return line if len(line) <= limit else cut(line, limit=limit // 2)


def shares(sizes: Sequence[int], *, limit: int) -> list[int]:
    """Share a limit: what is small gets all that it needs, the others the same part of the rest.

    >>> shares([10, 500, 900], limit=310)
    [10, 150, 150]
    """
    given = [0] * len(sizes)
    rest, left = limit, len(sizes)
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place]):
        given[place] = min(sizes[place], rest // left)
        rest -= given[place]
        left -= 1
    return given
