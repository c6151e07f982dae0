"""What people declared: YAML and JSON manifests, as `kubectl apply -f` would take them.

Kinds that no check reads are skipped, Secrets among them. Charts and overlays are rendered by
whoever has their values: this reads what is plain.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from guardrails.errors import BaselineError
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.reduction import slim
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.policy.document import KeyPath, Place
from guardrails.policy.yamlfile import read_bytes
from guardrails.policy.yamlnodes import Builder

SUFFIXES = (".yaml", ".yml", ".json")

MAX_BYTES = 16 * 1024 * 1024
"""Longest file read: a rendered chart of custom resource definitions is 5 MB."""

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML has it: 5 MB take a second instead of ten."""

RENDER = "render it first, by `helm template` or `kubectl kustomize`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One object of a manifest, and where it stands."""

    item: KubeObject
    place: str
    """`FILE:LINE`."""


def read_manifests(paths: Iterable[Path]) -> list[Declared]:
    """Read files, and folders with all below them.

    Raises:
        BaselineError: A path does not exist, a folder holds no manifest, or a manifest is wrong;
            the message names file and line.
    """
    return [declared for path in paths for file in _files(path) for declared in _read(file)]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise BaselineError(f"--reference {path}: no such file or folder")
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if not found:
        raise BaselineError(f"--reference {path}: no .yaml, .yml or .json file in it")
    return found


def _read(path: Path) -> Iterator[Declared]:
    data = read_bytes(path, what="manifest", error=BaselineError, limit=MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BaselineError(f"{path}:{line}: not UTF-8 text") from error
    if path.suffix == ".json":
        _check_json(text, path)
        text = text.replace("\t", " ")  # JSON allows tabs between tokens, and YAML none.
    hint = f"; if this is a template, {RENDER}" if "{{" in text else ""
    try:
        for node in cast("Iterator[yaml.Node | None]", yaml.compose_all(text, Loader=_LOADER)):
            if node is not None:
                yield from _objects(node, path)
    except yaml.YAMLError as error:
        raise BaselineError(f"{_trouble(error, path, text)}{hint}") from error
    except BaselineError as error:
        raise BaselineError(f"{error}{hint}") from error
    except RecursionError:
        raise BaselineError(f"{path}: nested too deeply") from None


def _check_json(text: str, path: Path) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BaselineError(f"{path}{line}: not JSON: {error}") from error


def _trouble(error: yaml.YAMLError, path: Path, text: str) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"{path}: not YAML: {' '.join(str(error).split())}"
    lines = text.splitlines()
    line = min(error.problem_mark.line + 1, len(lines) or 1)
    said = error.problem or "syntax error"
    return f"{path}:{line}: not YAML: {said}"


def _objects(node: yaml.Node, path: Path) -> Iterator[Declared]:
    if _is_empty(node):
        return
    if not isinstance(node, yaml.MappingNode):
        raise BaselineError(f"{_at(path, node)}: a manifest is a mapping with a kind")
    kind = _scalar(node, "kind")
    if kind is None:
        raise BaselineError(f"{_at(path, node)}: no kind; this is no manifest")
    if kind.endswith("List") and (items := _value(node, "items")) is not None:
        if not isinstance(items, yaml.SequenceNode):
            raise BaselineError(f"{_at(path, items)}: the items of a {kind} are a list")
        for item in items.value:
            yield from _objects(item, path)
        return
    found = _object(node, kind, path)
    if found is not None:
        yield found


def _object(node: yaml.MappingNode, kind: str, path: Path) -> Declared | None:
    resource = RESOURCES.get(kind)
    group = (_scalar(node, "apiVersion") or "").rpartition("/")[0]
    if resource is None or group != resource.group:
        # Such as a Service of Knative: another kind of the same name.
        return None
    builder = Builder(str(path), BaselineError)
    value = builder.build(node, ())
    try:
        item = msgspec.convert(value, type=resource.type)
    except msgspec.ValidationError as error:
        said, where = _where(str(error))
        line = _line(builder.places, where)
        raise BaselineError(f"{path}:{line}: {kind}: {said}") from error
    if not item.metadata.name:
        raise BaselineError(f"{_at(path, node)}: {kind} without metadata.name")
    return Declared(item=slim(item), place=_at(path, node))


def _where(said: str) -> tuple[str, KeyPath]:
    """Split what msgspec says: ``Expected `int`, got `str` - at `$.spec.ports[0].port` ``."""
    words, _, place = said.partition(" - at `$")
    keys: list[str | int] = []
    for part in place.rstrip("`").replace("[", ".[").split("."):
        if part.startswith("["):
            number = part.strip("[]")
            keys.append(int(number) if number.isdecimal() else number)
        elif part:
            keys.append(part)
    field = place.rstrip("`").removeprefix(".")
    return (f"{field}: {words}" if field else words), tuple(keys)


def _line(places: dict[KeyPath, Place], path: KeyPath) -> int:
    while path and path not in places:
        path = path[:-1]
    found = places.get(path)
    return found.line if found is not None else 1


def _value(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def _scalar(node: yaml.MappingNode, key: str) -> str | None:
    found = _value(node, key)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else None


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "null", "~"}


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
