"""From PyYAML's nodes to plain values, keeping what PyYAML's own constructor throws away.

Only the nodes know their lines and their repeated keys; and values are counted while they are
built, because aliases multiply.
"""

from typing import NoReturn

import yaml

from guardrails.errors import UsageError
from guardrails.policy.document import KeyPath, Place, dotted

MAX_VALUES = 20_000
"""Most values in one file after aliases are followed; nine nested aliases can make a billion."""

_PLAIN = "tag:yaml.org,2002:"
_SCALARS = {f"{_PLAIN}{name}" for name in ("str", "int", "float", "bool", "null")}


def compose(text: str) -> yaml.Node | None:
    """Parse YAML into its node tree; None when there is no document.

    Raises:
        yaml.YAMLError: Not YAML, or more than one document.
    """
    return yaml.compose(text, Loader=yaml.SafeLoader)


class Builder:
    """Turns nodes into values, noting each one's place."""

    def __init__(self, source: str, error: type[UsageError]) -> None:
        self._source, self._error = source, error
        self._scalars = yaml.constructor.SafeConstructor()
        self._inside: set[int] = set()
        self._values = 0
        self.places: dict[KeyPath, Place] = {}

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        """Build the value of a node, which stands at a path."""
        self._values += 1
        if self._values > MAX_VALUES:
            self._fail(node, f"more than {MAX_VALUES} values, aliases followed")
        self.places.setdefault(path, Place(line=_line(node)))
        match node:
            case yaml.ScalarNode():
                return self._scalar(node, path)
            case yaml.SequenceNode() | yaml.MappingNode():
                return self._collection(node, path)
            case _:
                raise TypeError(type(node).__name__)  # PyYAML has three kinds of node

    def _collection(self, node: yaml.SequenceNode | yaml.MappingNode, path: KeyPath) -> object:
        if id(node) in self._inside:
            self._fail(node, "an alias that contains itself")
        self._inside.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._expect(node, "map")
            value: object = self._mapping(node, path)
        else:
            self._expect(node, "seq")
            value = [self.build(item, (*path, at)) for at, item in enumerate(node.value)]
        self._inside.discard(id(node))
        return value

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = self._key(key_node), _line(key_node)
            if key in found:
                self._fail(
                    key_node, f"{dotted((*path, key))}: stands twice, first on line {lines[key]}"
                )
            lines[key] = line
            self.places[(*path, key)] = Place(line=line)
            found[key] = self.build(value_node, (*path, key))
        return found

    def _key(self, node: yaml.Node) -> str:
        if node.tag == f"{_PLAIN}merge":
            self._fail(node, "merge keys (<<) are not read here; write the values out")
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, "a key must be text")
        if node.tag != f"{_PLAIN}str":
            self._fail(node, f"the key {node.value} is not text; put it in quotes")
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        text = str(node.value)
        self.places[path] = Place(line=self.places[path].line, text=text)
        if node.tag == f"{_PLAIN}timestamp":
            return text  # times are read by the field that wants one, from JSON as well
        if node.tag not in _SCALARS:
            self._fail(node, f"the tag {node.tag.replace(_PLAIN, '!!')} is not read here")
        try:
            value: object = self._scalars.construct_object(node)  # pyright: ignore[reportUnknownMemberType]  # the stub leaves `node` untyped
        except (ValueError, KeyError, OverflowError):
            self._fail(node, f"{text[:40]!r} is not a value of its type")
        return value

    def _expect(self, node: yaml.Node, kind: str) -> None:
        if node.tag != _PLAIN + kind:
            self._fail(node, f"the tag {node.tag.replace(_PLAIN, '!!')} is not read here")

    def _fail(self, node: yaml.Node, trouble: str) -> NoReturn:
        raise self._error(f"{self._source}:{_line(node)}: {trouble}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
