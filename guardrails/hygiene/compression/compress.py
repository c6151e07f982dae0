"""Tool output made smaller: padding, repetition and what is well go, evidence stays.

Which form a text has is read off the text itself, since the same tool prints tables, objects and
logs. A form that fits keeps every fact; errors come before the limit, and nothing ever grows.
"""

from typing import Final

import msgspec

from guardrails.hygiene.compression.jsontext import parse
from guardrails.hygiene.compression.loglines import is_log, shorter_log
from guardrails.hygiene.compression.outlines import shorter_outline
from guardrails.hygiene.compression.pieces import LEAST, MARK, NOTE_ROOM, Compressed, noted, shares
from guardrails.hygiene.compression.prose import shorter_prose
from guardrails.hygiene.compression.segments import Form, Segment, segments
from guardrails.hygiene.compression.structures import shorter_object
from guardrails.hygiene.compression.tables import shorter_table

__all__ = ["Compressed", "compressed"]

NARROWEST: Final = 120
"""Characters that a part of an output needs; outputs of more parts are read as lines."""
MOST_SAID: Final = 2
"""Notes of parts that are told one by one."""


def compressed(text: str, *, limit: int) -> Compressed:
    r"""Make a tool's output smaller without losing what a diagnosis needs.

    Args:
        text: The output as the tool gave it.
        limit: Characters aimed at; what speaks of failures may take up to twice as many. Less
            than 200 counts as 200.

    Returns:
        The shorter text, which ends with a note of what it lacks (JSON has it as `left_out`).
        Never longer than what came; compressed once more at the same limit, it stays as it is.

    >>> rows = [f"web-{n}   1/1     Running   0          3d" for n in range(40)]
    >>> table = "\n".join(["NAME    READY   STATUS    RESTARTS   AGE", *rows])
    >>> compressed(table, limit=400).left_out
    '40 of 40 rows'
    """
    limit = max(limit, LEAST)
    if len(text) <= limit or (len(text) <= 2 * limit and MARK in text):
        return Compressed(text=text)
    shorter = _as_json(text, limit=limit) or _by_parts(text, limit=limit)
    if len(shorter.text) > 2 * limit:
        shorter = _noted(shorter_prose(text, limit=limit))
    if len(shorter.text) >= len(text):
        return Compressed(text=text)
    if not shorter.left_out and len(shorter.text) > limit:
        # Only padding went. Nothing in it says that it was compressed, so it must be final.
        return compressed(shorter.text, limit=limit)
    return shorter


def _as_json(text: str, *, limit: int) -> Compressed | None:
    start = text.lstrip()[:1]
    if start not in {"{", "["}:
        return None
    try:
        return shorter_object(text, parse(text), limit=limit, shorten=_shorten)
    except (msgspec.DecodeError, RecursionError):
        return None  # no JSON, or nested deeper than anything that describes a cluster


def _shorten(text: str, limit: int) -> str:
    return compressed(text, limit=limit).text if limit >= LEAST else text[:limit]


def _by_parts(text: str, *, limit: int) -> Compressed:
    parts = segments(text)
    if len(parts) == 1:
        return _noted(_part(parts[0], limit=limit))
    if limit // len(parts) < NARROWEST:
        return _noted(_lines(text, limit=limit))
    given = shares([len(part.text) + 1 for part in parts], limit=limit - NOTE_ROOM)
    shorter = [_within(part, room) for part, room in zip(parts, given, strict=True)]
    spare = limit - NOTE_ROOM - sum(len(each.text) + 1 for each in shorter)
    lacking = [at for at, each in enumerate(shorter) if each.left_out]
    if lacking and spare > len(lacking) * NARROWEST // 2:
        for at in lacking:
            shorter[at] = _within(parts[at], given[at] + spare // len(lacking))
    left_out = [each.left_out for each in shorter if each.left_out]
    more = ["…"] if len(left_out) > MOST_SAID else []
    return _noted(
        Compressed(
            text="\n".join(each.text for each in shorter if each.text),
            left_out="; ".join(left_out[:MOST_SAID] + more),
        )
    )


def _within(part: Segment, room: int) -> Compressed:
    """Make a part fit its room; its note goes to the end of the whole."""
    if len(part.text) <= room:
        return Compressed(text=part.text)
    return _part(part, limit=room)


def _part(part: Segment, *, limit: int) -> Compressed:
    match part.form:
        case Form.TABLE:
            return shorter_table(part.text, limit=limit)
        case Form.OUTLINE:
            return shorter_outline(part.text, limit=limit)
        case Form.JSON:
            return _as_json(part.text, limit=limit) or _lines(part.text, limit=limit)
        case Form.LINES:
            return _lines(part.text, limit=limit)


def _lines(text: str, *, limit: int) -> Compressed:
    if is_log(text.split("\n")):
        return shorter_log(text, limit=limit)
    return shorter_prose(text, limit=limit)


def _noted(shorter: Compressed) -> Compressed:
    return Compressed(text=noted(shorter), left_out=shorter.left_out)
