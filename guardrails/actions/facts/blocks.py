"""YAML as kubectl prints it, read into plain values in one pass.

kubectl writes one key a line, indented by two, without anchors or flow collections. A whole YAML
parser in Python takes a hundred times as long as the engine has for an event, and what this one
does not know it leaves out: nothing of it can be wrong in a way that matters for one fact.
"""

from collections.abc import Iterator
from typing import Final, cast

_SKIPPED: Final = frozenset(
    {
        *(
            "annotations",
            "managedFields",
            "env",
            "volumes",
            "volumeMounts",
            "tolerations",
            "labels",
        ),
        *("livenessProbe", "readinessProbe", "startupProbe", "securityContext", "affinity", "args"),
        *("data", "stringData", "binaryData", "command", "ownerReferences"),
    }
)
"""Parts without a fact, in which free text could look like keys."""
_WORDS: Final = {"true": True, "false": False, "null": None, "": None, "{}": None, "[]": None}

_Values = dict[str, object]


def yaml_documents(text: str) -> Iterator[_Values]:
    r"""Yield the documents of a text that kubectl printed with `-o yaml`.

    >>> list(yaml_documents("kind: Pod\nmetadata:\n  name: web-1"))
    [{'kind': 'Pod', 'metadata': {'name': 'web-1'}}]
    """
    for document in text.split("\n---\n"):
        found = _read(document)
        if found:
            yield found


class _Level:
    """A mapping that is being filled, and the column in which its keys stand."""

    __slots__ = ("column", "key", "values")

    def __init__(self, column: int, values: _Values) -> None:
        self.column = column
        self.values = values
        self.key = ""

    def listed(self) -> list[object]:
        """Return the list below the last key, made when its first item comes."""
        found = self.values.get(self.key)
        if isinstance(found, list):
            return cast("list[object]", found)
        fresh: list[object] = []
        self.values[self.key] = fresh
        return fresh


def _read(document: str) -> _Values:
    root: _Values = {}
    levels = [_Level(0, root)]
    skip = -1
    for line in document.split("\n"):
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        if skip >= 0:
            if indent > skip or (indent == skip and body[:2] == "- "):
                continue
            skip = -1
        key, colon, value = body.partition(":")
        if not colon or (value and value[0] != " "):
            continue
        bare = key.lstrip("- ")
        if not bare or " " in bare:
            continue
        column = indent + len(key) - len(bare)
        level = _level_of(levels, indent, column)
        if level is None:
            continue
        level.key = bare
        value = value.strip()
        if bare in _SKIPPED or value[:1] in {"|", ">"}:
            skip = column
        else:
            level.values[bare] = _scalar(value)
    return root


def _level_of(levels: list[_Level], indent: int, column: int) -> _Level | None:
    """Return the mapping that a key belongs to; None if no mapping begins in its column."""
    if column > indent:
        _begin_item(levels, indent, column)
    else:
        _find_level(levels, column)
    return levels[-1] if levels[-1].column == column else None


def _begin_item(levels: list[_Level], indent: int, column: int) -> None:
    while len(levels) > 1 and levels[-1].column > indent:
        levels.pop()
    item: _Values = {}
    levels[-1].listed().append(item)
    levels.append(_Level(column, item))


def _find_level(levels: list[_Level], column: int) -> None:
    """Close mappings that ended, or open the one below the last key."""
    while len(levels) > 1 and levels[-1].column > column:
        levels.pop()
    above = levels[-1]
    if above.column < column and above.values.get(above.key) is None and above.key:
        inner: _Values = {}
        above.values[above.key] = inner
        levels.append(_Level(column, inner))


def _scalar(value: str) -> object:
    if value in _WORDS:
        return _WORDS[value]
    if value[0] in "\"'" and value[-1] == value[0]:
        return value[1:-1]
    if value.isdecimal() and len(value) < 16 and value.isascii():  # noqa: PLR2004  # no number is longer
        return int(value)
    return value
