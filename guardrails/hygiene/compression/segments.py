"""Parts of a tool output: one call may print a note, three tables and a log after another."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from guardrails.hygiene.compression.tables import is_header

MOST: Final = 24
"""Parts told apart; what has more is read as one run of lines."""

_OUTLINE = re.compile(r"(?:apiVersion|kind): \S|Name:\s{2,}\S")


class Form(StrEnum):
    """How a part is written."""

    LINES = "lines"
    TABLE = "table"
    OUTLINE = "outline"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Lines of one form."""

    form: Form
    text: str


def segments(text: str) -> list[Segment]:
    r"""Split a text where its form changes.

    >>> [part.form.value for part in segments("Output:\nNAME  READY\nweb   1/1")]
    ['lines', 'table']
    """
    lines = text.split("\n")
    found = list(_runs(lines))
    if len(found) > MOST:
        return [Segment(form=Form.LINES, text=text)]
    return [Segment(form=form, text="\n".join(lines[start:end])) for form, start, end in found]


def _runs(lines: Sequence[str]) -> Iterator[tuple[Form, int, int]]:
    start = at = 0
    while at < len(lines):
        form = _begins(lines, at)
        if form is Form.LINES:
            at += 1
            continue
        if at > start:
            yield Form.LINES, start, at
        end = _end(lines, at, form)
        yield form, at, end
        start = at = end
    if start < len(lines):
        yield Form.LINES, start, len(lines)


def _begins(lines: Sequence[str], at: int) -> Form:
    line = lines[at]
    if line in {"{", "[", "[{"}:
        return Form.JSON
    first = line[:1]
    if first in {"a", "k", "N"} and _OUTLINE.match(line):
        return Form.OUTLINE
    if first.isupper() and at + 1 < len(lines) and lines[at + 1].strip() and is_header(line):
        return Form.TABLE
    return Form.LINES


def _end(lines: Sequence[str], start: int, form: Form) -> int:
    match form:
        case Form.JSON:
            return next(
                (at + 1 for at in range(start, len(lines)) if lines[at][:1] in {"}", "]"}),
                len(lines),
            )
        case Form.TABLE:
            return next(
                (at for at in range(start + 1, len(lines)) if not lines[at].strip()), len(lines)
            )
        case _:
            return next(
                (
                    at
                    for at in range(start + 1, len(lines))
                    if (lines[at - 1].strip() == "" or lines[at][:3] == "---")
                    and (
                        _OUTLINE.match(lines[at])
                        or lines[at][:3] == "---"
                        or lines[at] in {"{", "["}
                    )
                    and not (form is Form.OUTLINE and lines[at].startswith("kind: "))
                ),
                len(lines),
            )
