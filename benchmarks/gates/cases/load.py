"""Reads case files strictly: an error names the file, the line and what was wrong there.

A folder of cases holds faults (files with `inject`) and fake fixes (files with `steps`), in any
arrangement of subfolders; those named `app` hold manifests that faults refer to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml

from benchmarks.gates.cases.model import Fake, Fault

DATA = Path(__file__).resolve().parents[1] / "data"
CATALOGUE = Path(__file__).resolve().parents[3] / "e2e" / "faults" / "catalogue"
"""The faults of the end-to-end suite are cases too."""

APP_FOLDER = "app"

T = TypeVar("T", Fault, Fake)

_NAME = re.compile(r"\{(\w+)\}")
_MARKED = re.compile(r"\u27e6(\w+)\u27e7")
_PATH = re.compile(r"- at `\$(?P<path>[^`]*)`")
_STEP = re.compile(r"\.(?P<key>[\w-]+)|\[(?P<index>\d+)\]|\[(?P<any>\.\.\.)\]")

KNOWN_NAMES = frozenset(
    {
        *("namespace", "workload", "service", "alertname", "guard"),
        *("other", "now", "past", "later"),
    }
)
"""What text may name in braces; other braces (JSON, jsonpath) are left alone."""


class CaseError(Exception):
    """A case file that cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """All faults and fake fixes of the folders that were read."""

    faults: Mapping[str, Fault] = field(default_factory=dict[str, Fault])
    fakes: Mapping[str, Fake] = field(default_factory=dict[str, Fake])
    manifests: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """More of the app, by file name without `.yaml`."""


def shipped() -> Library:
    """Read the faults and fake fixes of this repository."""
    return read_folders([CATALOGUE, DATA / "faults", DATA / "fakes", DATA / APP_FOLDER])


def read_folders(folders: list[Path]) -> Library:
    """Read case files.

    Raises:
        CaseError: A file is no case, or two have one name.
    """
    faults: dict[str, Fault] = {}
    fakes: dict[str, Fake] = {}
    manifests: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise CaseError(f"{folder}: no such folder of cases")
        for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
            if APP_FOLDER in {path.parent.name, folder.name}:
                manifests[path.stem] = path
                continue
            one = read_file(path)
            known = faults if isinstance(one, Fault) else fakes
            if one.name in known:
                raise CaseError(f"{path}: there is a {type(one).__name__} {one.name!r} already")
            if isinstance(one, Fault):
                faults[one.name] = one
            else:
                fakes[one.name] = one
    return Library(faults=faults, fakes=fakes, manifests=manifests)


def read_file(path: Path) -> Fault | Fake:
    """Read one file.

    Raises:
        CaseError: It is no YAML, or neither a fault nor a fake fix.
    """
    text = _NAME.sub(_mark, path.read_text(encoding="utf-8"))
    try:
        document: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CaseError(f"{path}:{line}: not YAML: {error.problem}") from error
    if not isinstance(document, dict):
        raise CaseError(
            f"{path}:1: a case is a mapping with `inject` (a fault) or `steps` (a fake)"
        )
    fields = cast("dict[object, object]", document)
    if "inject" in fields:
        return _convert(path, text, fields, Fault)
    return _convert(path, text, fields, Fake)


def _convert(path: Path, text: str, document: object, type_: type[T]) -> T:
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as error:
        message = str(error)
        found = _PATH.search(message)
        where = found["path"] if found else ""
        said = _PATH.sub("", message).strip()
        at = f" (at {where.lstrip('.')})" if where else ""
        line = _line_of(yaml.compose(text), where)
        raise CaseError(f"{path}:{line}: {said}{at}") from error


def fill(value: Any, names: Mapping[str, str]) -> Any:
    """Return a struct or a part of one with names in its text replaced.

    Raises:
        CaseError: A name has no value here.
    """
    if isinstance(value, msgspec.Struct):
        filled = fill(msgspec.to_builtins(value), names)
        return msgspec.convert(filled, type(value))
    if isinstance(value, str):
        return _MARKED.sub(lambda found: _value(found[1], names), value)
    if isinstance(value, Mapping):
        whole = cast("Mapping[str, Any]", value)
        return {fill(key, names): fill(one, names) for key, one in whole.items()}
    if isinstance(value, list | tuple):
        return [fill(one, names) for one in cast("list[Any]", value)]
    return value


def names_in(value: Any) -> set[str]:
    """Return the names that the text of a struct uses."""
    if isinstance(value, msgspec.Struct):
        return names_in(msgspec.to_builtins(value))
    if isinstance(value, str):
        return set(_MARKED.findall(value))
    if isinstance(value, Mapping):
        whole = cast("Mapping[str, Any]", value)
        return set[str]().union(*(names_in(k) | names_in(v) for k, v in whole.items()))
    if isinstance(value, list | tuple):
        return set[str]().union(*(names_in(one) for one in cast("list[Any]", value)))
    return set()


def _mark(found: re.Match[str]) -> str:
    # In braces a name would be a YAML mapping of its own.
    return f"\u27e6{found[1]}\u27e7" if found[1] in KNOWN_NAMES else found[0]


def _value(name: str, names: Mapping[str, str]) -> str:
    if name not in names:
        raise CaseError(f"{{{name}}} has no value here; there are {', '.join(sorted(names))}")
    return names[name]


def _line_of(node: yaml.Node | None, where: str) -> int:
    line = 1
    for step in _steps(where):
        if node is None:
            break
        line = node.start_mark.line + 1
        node = _child(node, step)
    return node.start_mark.line + 1 if node is not None else line


def _steps(where: str) -> Iterator[str | int]:
    for found in _STEP.finditer(where):
        if found["key"] is not None:
            yield found["key"]
        elif found["index"] is not None:
            yield int(found["index"])


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        pairs = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", node.value)
        return next((value for key, value in pairs if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        items = cast("list[yaml.Node]", node.value)
        return items[step] if step < len(items) else None
    return None
