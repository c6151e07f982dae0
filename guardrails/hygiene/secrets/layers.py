r"""Text within text: what `\"` and `\n` mean, and where each character came from.

A tool's answer is JSON, in a string of JSON, in a log line. Taking one layer of escapes away from
the whole text shows the next; it works on cut-off and mixed text, where a parser would give up.
"""

import re
from bisect import bisect_left
from itertools import accumulate

from guardrails.hygiene.secrets.spans import Span

_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/nrt])')
_CODE_POINT = re.compile(r"\\u([0-9a-fA-F]{4})")
_LITERAL = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*:)?', re.DOTALL)
_HELD = "\x00"
"""Stands for a backslash while the other escapes are taken away."""


def unescaped(text: str) -> str:
    r"""Take one layer of JSON's escapes away.

    >>> unescaped(r"a\nb")
    'a\nb'
    """
    if "\\" not in text or _HELD in text:
        return text
    held = text.replace("\\\\", _HELD)
    if "\\" in held:
        held = held.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
        held = held.replace("\\r", "\r").replace("\\/", "/")
        if "\\u" in held:
            held = _CODE_POINT.sub(lambda found: chr(int(found[1], 16)), held)
    return held.replace(_HELD, "\\")


def outwards(spans: list[Span], *, text: str) -> list[Span]:
    """Map spans of `unescaped(text)` to where they stand in the text."""
    if not spans:
        return []
    found = list(_ESCAPE.finditer(text))
    shrinks = list(accumulate(len(escape[0]) - 1 for escape in found))
    places = [escape.start() - before for escape, before in zip(found, (0, *shrinks), strict=False)]

    def _outside(at: int) -> int:
        before = bisect_left(places, at)
        return at + (shrinks[before - 1] if before else 0)

    return [Span(_outside(start), _outside(end), kind) for start, end, kind in spans]


def on_whole_escapes(span: Span, *, text: str) -> Span:
    """Move the edges of a span off the middle of an escape."""
    start, end, kind = span
    for escape in _ESCAPE.finditer(text, _run_start(text, start)):
        if escape.start() >= start:
            break
        start = max(start, escape.end())
    for escape in _ESCAPE.finditer(text, max(_run_start(text, end), start)):
        if escape.end() > end:
            end = min(end, escape.start())
            break
    if (end - start) and _odd_backslashes(text, start, end):
        end -= 1
    return Span(start, max(end, start), kind)


def _run_start(text: str, at: int) -> int:
    r"""Give where the escapes around a place begin: `\u00e9` is the longest."""
    near = text.rfind("\\", max(at - 6, 0), at)
    if near < 0:
        return at
    while near > 0 and text[near - 1] == "\\":
        near -= 1
    return near


def _odd_backslashes(text: str, start: int, end: int) -> bool:
    count = 0
    while end - count > start and text[end - count - 1] == "\\":
        count += 1
    return count % 2 == 1


def within_strings(spans: list[Span], *, text: str) -> list[Span]:
    """Cut spans to the strings of a JSON text, and leave its keys alone."""
    inside: list[Span] = []
    at = 0
    for literal in _LITERAL.finditer(text):
        start, end = literal.span(1)
        while at < len(spans) and spans[at].end <= start:
            at += 1
        if at == len(spans):
            break
        if literal[2] is not None:
            continue
        for span in spans[at:]:
            if span.start >= end:
                break
            cut = Span(max(span.start, start), min(span.end, end), span.kind)
            if cut.start < cut.end:
                inside.append(cut)
    return inside
