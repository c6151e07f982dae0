"""What Kubernetes objects of kind Secret hold: every value of `data` and `stringData`.

The same base64 in a ConfigMap stays. An object is found from its `kind` outwards: in JSON by
counting braces, in YAML by indentation, so that half an object and a list of many are read as well.
"""

import re
from collections.abc import Generator, Iterator

from guardrails.hygiene.secrets.by_name import block_scalar
from guardrails.hygiene.secrets.keys import IN_OBJECT, is_secret
from guardrails.hygiene.secrets.screen import screen
from guardrails.hygiene.secrets.spans import Span

_FURTHEST = 2_000_000
"""Characters looked at around one `kind`: a Secret holds 1 MiB at most (Kubernetes, Secrets)."""

_CUT = -1
"""Stands for an object whose beginning is not in the text."""

SIGNS = (r"Secret(?:List)?(?:[\"'\\\s]|$)",)
may_show = screen(*SIGNS)
"""Tells whether the word stands in a text, on whatever layer of escapes."""

_JSON_SIGN = re.compile(r'[{}]|kind"\s{0,20}:\s{0,20}"Secret(?:List)?"')
_JSON_DATA = re.compile(r'"(?:data|stringData)"\s{0,20}:\s{0,20}\{')
_JSON_ENTRY = re.compile(r'\s*"(?:[^"\\]++|\\.)*+"\s*:\s*"((?:[^"\\]++|\\.)*+)"?\s*,?')
_YAML_KIND = re.compile(r"kind:[ ]{1,4}[\"']?Secret[\"']?[ \t\r]*$", re.MULTILINE)
_YAML_DATA = re.compile(r"(?:.*[\"'`])?(?:- )?(?:data|stringData):[ \t\r]*$")
_YAML_ENTRY = re.compile(r"( *)([^\s:#][^:\n]{0,253}):[ \t]+(?=\S)")
_YAML_VALUE = re.compile(r"\"((?:[^\"\\\n]++|\\.)*+)|'([^'\n]*+)|([^\n]++)")


def spans(text: str) -> Iterator[Span]:
    """Give the values that Secrets in a text hold, in time that grows with its length only."""
    if not may_show(text):
        return
    seen = 0
    for start, end in sorted(_json_objects(text)):
        # What lies within another object was read with it.
        if end > seen:
            yield from _in_json(text, max(start, seen), end)
            seen = end
    read: dict[int, int] = {}
    for found in _YAML_KIND.finditer(text):
        line = _line_of(text, found.start())
        column = found.start() - line
        # A second `kind` as deep, within what was read, is of the same object.
        if line >= read.get(column, 0) and not text[line : found.start()].strip(" -"):
            read[column] = yield from _in_yaml(text, line, column)


def _json_objects(text: str) -> Iterator[tuple[int, int]]:
    """Give the spans of the objects that hold a `kind`; to the edges where one was cut off."""
    open_: list[int] = []
    wanted: dict[int, int] = {}
    """By where an object opens, the place of its first `kind`."""
    for found in _JSON_SIGN.finditer(text):
        at = found.start()
        if found[0] == "{":
            open_.append(at)
        elif found[0] == "}":
            opened = open_.pop() if open_ else _CUT
            if opened in wanted:
                yield _near(opened, at, kind=wanted.pop(opened))
        else:
            wanted.setdefault(open_[-1] if open_ else _CUT, at)
    for opened, kind in wanted.items():
        yield _near(opened, len(text), kind=kind)


def _near(start: int, end: int, *, kind: int) -> tuple[int, int]:
    return max(start, kind - _FURTHEST, 0), min(end, kind + _FURTHEST)


def _in_json(text: str, start: int, end: int) -> Iterator[Span]:
    for data in _JSON_DATA.finditer(text, start, end):
        at = data.end()
        while entry := _JSON_ENTRY.match(text, at, end):
            yield from _judged(text, *entry.span(1))
            at = entry.end()


def _line_of(text: str, at: int) -> int:
    """Return where the line of a place begins, or what is quoted in it."""
    line = text.rfind("\n", 0, at) + 1
    return max(line, *(text.rfind(quote, line, at) + 1 for quote in "\"'`"))


def _in_yaml(text: str, line: int, column: int) -> Generator[Span, None, int]:
    """Walk the lines of the object, those before and those behind its `kind`; return its end."""
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
            return top
        if (
            text[top : top + column].strip(" -") == ""
            and text[top + column : top + column + 1] != " "
        ):
            in_data = _YAML_DATA.match(text, top + column, end) is not None
        elif in_data and (entry := _YAML_ENTRY.match(text, top, end)):
            yield from _yaml_value(text, entry.end(), end)
        top = end + 1
    return len(text)


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
