"""Secrets out of what is sent to a model: each value becomes `[redacted:KIND]`, the rest stays.

Four ways of knowing one: its shape, its name, its place, and the Secret that holds it. Tool output
is JSON in strings of JSON, so each is tried on every layer of escapes. Valid JSON stays valid.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.hygiene.secrets import by_name, by_object, by_place, by_shape
from guardrails.hygiene.secrets.layers import (
    on_whole_escapes,
    outwards,
    unescaped,
    within_strings,
)
from guardrails.hygiene.secrets.screen import ESCAPED, screen
from guardrails.hygiene.secrets.spans import MARK, Span

_DEEPEST = 4
"""Layers of escapes: JSON in a message, in a log line, in an annotation. Each costs a scan."""
_MOST_PASSES = 4
"""A replacement may bare what stood beside it; two passes were enough for all text seen so far."""

_SHORT = 1_000
"""Characters up to which one pass for all signs at once costs less than the passes of each sort:
0.5 µs for a sentence, against 6."""
_SORTS = (by_name, by_shape, by_place, by_object)
_may_show_any = screen("|".join((*(sign for sort in _SORTS for sign in sort.SIGNS), ESCAPED)))

_LETTERS = re.compile(r"\\(?:/|u00[2-7])")
"""Escapes of the letters that secrets are made of; all other shapes show on the first layer."""
_HIDDEN = tuple(
    re.compile(pattern)
    for pattern in (r"Secret(?:List)?[\"'\\\s]", r"://[^\s/@]{1,200}@", r"\\u00[4-7]")
)
"""Secrets, passwords in URLs, and names that are themselves escaped; one literal at each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret stands in a text. It does not say what the secret is."""

    kind: str
    start: int
    """Index of its first character."""
    end: int
    """Index after its last one."""


def may_hold_secrets(text: str) -> bool:
    """Tell whether a text shows any sign of a secret. Without one, it holds none.

    What holds for a text holds for its parts, and for JSON of the text.
    """
    if len(text) <= _SHORT:
        return _may_show_any(text)
    return any(sort.may_show(text) for sort in _SORTS)


def clipped(text: str, limit: int) -> str:
    """Return the beginning of a text; secrets go first, because half of one has no shape.

    Args:
        text: As for `redacted`. A text that fits comes back as it is.
        limit: Characters.

    >>> clipped("postgres://shop:hunter2@db/orders", 22)
    'postgres://shop:[redac'
    """
    return text[:limit] if len(text) <= limit else redacted(text)[:limit]


def redacted(text: str) -> str:
    """Replace the value of every secret by `[redacted:KIND]`.

    Idempotent. JSON stays valid and keeps its keys, arrays and numbers; only parts of string
    values change. The same object comes back when nothing was found.

    Args:
        text: What a tool printed or a person wrote: logs, JSON, YAML, command lines, prose.

    Returns:
        The text without secrets.

    >>> redacted("postgres://shop:hunter2@db/orders")
    'postgres://shop:[redacted:url-password]@db/orders'
    """
    for _ in range(_MOST_PASSES):
        spans = _spans(text)
        if not spans:
            break
        text = _replaced(text, spans)
    return text


def found_in(text: str) -> tuple[Secret, ...]:
    """Tell which secrets a text holds and where, for counts and reports.

    Args:
        text: As for `redacted`.

    Returns:
        The secrets in order; they do not overlap.

    >>> found_in("password=hunter2")
    (Secret(kind='password', start=9, end=16),)
    """
    return tuple(Secret(kind=kind, start=start, end=end) for start, end, kind in _spans(text))


def _replaced(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, kind in spans:
        parts += (text[at:start], MARK, kind, "]")
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _spans(text: str) -> list[Span]:
    if not may_hold_secrets(text):
        return []
    names = list(by_name.telling_names(text))
    found = [
        *by_shape.spans(text),
        *by_name.spans(text, names),
        *by_object.spans(text),
        *by_place.spans(text),
    ]
    if "\\" in text:
        if names or _may_hide(text):
            found += _below(text, depth=1)
        found = [on_whole_escapes(span, text=text) for span in found]
    if not found:
        return []
    spans = _merged(found)
    return within_strings(spans, text=text) if _is_json(text) else spans


def _may_hide(text: str) -> bool:
    """Tell whether a deeper layer may hold more: its letters show in this one."""
    return any(pattern.search(text) for pattern in _HIDDEN) or by_place.runs_client(text)


def _below(text: str, *, depth: int) -> list[Span]:
    inner = unescaped(text)
    if inner == text:
        return []
    found = [
        *by_name.spans(inner, by_name.telling_names(inner)),
        *by_object.spans(inner),
        *by_place.spans(inner),
    ]
    if _LETTERS.search(text):
        found += by_shape.spans(inner)
    if depth < _DEEPEST:
        found += _below(inner, depth=depth + 1)
    return outwards(found, text=text)


def _merged(spans: list[Span]) -> list[Span]:
    """Join spans that overlap; the widest gives the kind, of equal ones the first found."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= span.end:
            continue
        if merged and span.start < merged[-1].end:
            start, end, kind = merged[-1]
            merged[-1] = Span(start, max(end, span.end), kind)
        else:
            merged.append(span)
    return merged


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
