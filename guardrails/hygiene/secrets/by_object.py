"""What Kubernetes objects of kind Secret hold: every value of `data` and `stringData`.

The same base64 in a ConfigMap stays. An object is found from its `kind` outwards: in JSON by
counting braces, in YAML by indentation, so that half an object and a list of many are read as well.
"""

import re
from collections.abc import Iterator

from guardrails.hygiene.secrets.by_name import block_scalar
from guardrails.hygiene.secrets.keys import IN_OBJECT, is_secret
from guardrails.hygiene.secrets.screen import screen
from guardrails.hygiene.secrets.spans import Span

_FURTHEST = 2_000_000
"""Characters looked at around one `kind`: a Secret holds 1 MiB at most (Kubernetes, Secrets)."""

SIGNS = (r"Secret(?:List)?(?:[\"'\\\s]|$)",)
may_show = screen(*SIGNS)
"""Tells whether the word stands in a text, on whatever layer of escapes."""

_JSON_KIND = re.compile(r'kind"\s{0,20}:\s{0,20}"Secret(?:List)?"')
_JSON_DATA = re.compile(r'"(?:data|stringData)"\s{0,20}:\s{0,20}\{')
_JSON_ENTRY = re.compile(r'\s*"(?:[^"\\]++|\\.)*+"\s*:\s*"((?:[^"\\]++|\\.)*+)"?\s*,?')
_BRACE = re.compile(r"[{}]")
_YAML_KIND = re.compile(r"kind:[ ]{1,4}[\"']?Secret[\"']?[ \t\r]*$", re.MULTILINE)
_YAML_DATA = re.compile(r"(?:.*[\"'`])?(?:- )?(?:data|stringData):[ \t\r]*$")
_YAML_ENTRY = re.compile(r"( *)([^\s:#][^:\n]{0,253}):[ \t]+(?=\S)")
_YAML_VALUE = re.compile(r"\"((?:[^\"\\\n]++|\\.)*+)|'([^'\n]*+)|([^\n]++)")


def spans(text: str) -> Iterator[Span]:
    """Give the values that Secrets in a text hold."""
    if not may_show(text):
        return
    before = -1
    for found in _JSON_KIND.finditer(text):
        start, end = _braces_around(text, found.start())
        if start != before:
            yield from _in_json(text, start, end)
        before = start
    for found in _YAML_KIND.finditer(text):
        yield from _in_yaml(text, found.start())


def _braces_around(text: str, at: int) -> tuple[int, int]:
    """Give the span of the object that holds the place; to the edges if it was cut off."""
    depth, start = 0, at
    least = max(at - _FURTHEST, 0)
    while depth <= 0:
        closing = text.rfind("}", least, start)
        opening = text.rfind("{", least, start)
        start = max(closing, opening)
        if start < 0:
            return least, _closing(text, at)
        depth += 1 if start == opening else -1
    return start, _closing(text, at)


def _closing(text: str, at: int) -> int:
    depth = 0
    for brace in _BRACE.finditer(text, at, at + _FURTHEST):
        depth += 1 if brace[0] == "{" else -1
        if depth < 0:
            return brace.start()
    return min(len(text), at + _FURTHEST)


def _in_json(text: str, start: int, end: int) -> Iterator[Span]:
    for data in _JSON_DATA.finditer(text, start, end):
        at = data.end()
        while entry := _JSON_ENTRY.match(text, at, end):
            yield from _judged(text, *entry.span(1))
            at = entry.end()


def _in_yaml(text: str, at: int) -> Iterator[Span]:
    """Walk the lines of the object, those before and those behind its `kind`."""
    line = text.rfind("\n", 0, at) + 1
    line = max(line, *(text.rfind(quote, line, at) + 1 for quote in "\"'`"))
    column = at - line
    if text[line:at].strip(" -"):
        return
    top = line
    while top > 0 and line - top < _FURTHEST and not text.startswith("- ", top + column - 2):
        previous = text.rfind("\n", 0, top - 1) + 1
        if not _belongs(text, previous, column=column) and not _starts_item(text, previous, column):
            break
        top = previous
    in_data = False
    while top < len(text):
        end = text.find("\n", top)
        end = len(text) if end < 0 else end
        if top > line and not _belongs(text, top, column=column):
            return
        if (
            text[top : top + column].strip(" -") == ""
            and text[top + column : top + column + 1] != " "
        ):
            in_data = _YAML_DATA.match(text, top + column, end) is not None
        elif in_data and (entry := _YAML_ENTRY.match(text, top, end)):
            yield from _yaml_value(text, entry.end(), end)
        top = end + 1


def _belongs(text: str, line: int, *, column: int) -> bool:
    """Tell whether a line is indented at least as deep as the object's keys."""
    return text.startswith(" " * column, line) and not text.startswith(("---", "- "), line + column)


def _starts_item(text: str, line: int, column: int) -> bool:
    return column >= len("- ") and text.startswith(" " * (column - 2) + "- ", line)


def _yaml_value(text: str, start: int, end: int) -> Iterator[Span]:
    if text[start] in "|>":
        block = block_scalar(text, end + 1, kind=IN_OBJECT)
        if block is not None:
            yield block
        return
    found = _YAML_VALUE.match(text, start, end)
    if found is not None and found.lastindex is not None:
        first, last = found.span(found.lastindex)
        yield from _judged(text, first, first + len(text[first:last].rstrip()))


def _judged(text: str, start: int, end: int) -> Iterator[Span]:
    if is_secret(text[start:end], kind=IN_OBJECT, quoted=True, sure=True):
        yield Span(start, end, IN_OBJECT)
