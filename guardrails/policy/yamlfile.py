"""Reading what people write: YAML or JSON, strictly, with the line of every key.

Whatever is wrong with a file as such (missing, too long, not text, not YAML) becomes one line that
names the file, the line in it, and the trouble.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from guardrails.errors import UsageError
from guardrails.policy.document import Document, KeyPath, Place, kind_of
from guardrails.policy.yamlnodes import Builder, compose

MAX_BYTES = 256 * 1024
"""Longest file read. A large policy is 10 kB; PyYAML needs about two seconds for this much."""
_SURROGATE = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
"""An escape of a surrogate: in JSON fine in pairs, in YAML never."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_bytes(path: Path, *, what: str, error: type[UsageError], limit: int = MAX_BYTES) -> bytes:
    """Read a whole file that a person named.

    Raises:
        UsageError: As `error`, when the file is missing, no file, unreadable or too long.
    """
    try:
        if path.is_dir():
            raise error(f"{path}: this is a directory; name the {what} itself")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise error(f"{path}: no such file; name an existing {what}") from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise error(f"{path}: cannot read the {what}: {reason}") from problem
    if len(data) > limit:
        raise error(f"{path}: longer than {limit // 1024} KiB; that is no {what}")
    return data


def read_document(path: Path, *, what: str, error: type[UsageError]) -> Document:
    """Read a YAML file, or a JSON file by its suffix.

    Args:
        path: The file.
        what: What it is to the user: `policy file`.
        error: What to raise.

    Raises:
        UsageError: As `error`, with one line that names file, line and trouble.
    """
    data = read_bytes(path, what=what, error=error)
    if path.suffix.lower() == ".json":
        return parse_json(data, source=str(path), what=what, error=error)
    return parse_yaml(data, source=str(path), what=what, error=error)


def parse_yaml(data: bytes, *, source: str, what: str, error: type[UsageError]) -> Document:
    """Read YAML text whose top is a mapping. Errors as in `read_document`."""
    text = _decode(data, source=source, error=error)
    try:
        node = compose(text)
        builder = Builder(source, error)
        value = None if node is None else builder.build(node, ())
    except yaml.YAMLError as problem:
        raise error(_yaml_trouble(problem, source, text)) from problem
    except RecursionError:
        raise error(f"{source}: nested too deeply") from None
    if value is None:
        raise error(f"{source}: empty; there is no {what} in it")
    _refuse_half_characters(value, text, source=source, error=error)
    return _document(value, builder.places, source=source, what=what, error=error)


def parse_json(data: bytes, *, source: str, what: str, error: type[UsageError]) -> Document:
    """Read JSON text whose top is an object. Errors as in `read_document`."""
    text = _decode(data, source=source, error=error)
    if not text.strip():
        raise error(f"{source}: empty; there is no {what} in it")
    value = load_json(text, source=source, error=error)
    builder = Builder(source, error)
    try:
        # JSON allows tabs between tokens and never inside them; YAML allows none. Only the lines
        # are taken from here, so where YAML reads JSON differently nothing is lost.
        node = compose(text.replace("\t", " "))
        if node is not None:
            builder.build(node, ())
    except (yaml.YAMLError, RecursionError):
        return _document(value, {(): Place(line=1)}, source=source, what=what, error=error)
    return _document(value, builder.places, source=source, what=what, error=error)


def load_json(text: str, *, source: str, error: type[UsageError]) -> object:
    """Decode JSON and refuse repeated keys.

    Raises:
        UsageError: As `error`, with line and column.
    """

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        if len(found) < len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise error(f"{source}: the key {twice!r} stands twice in one object")
        return found

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as problem:
        where = f"{source}:{problem.lineno}:{problem.colno}"
        raise error(f"{where}: not JSON: {problem.msg}") from problem
    except RecursionError:
        raise error(f"{source}: nested too deeply") from None
    except ValueError as problem:  # an integer of more digits than Python converts
        raise error(f"{source}: not JSON that can be used: {problem}") from problem
    _refuse_half_characters(value, text, source=source, error=error)
    return value


def _refuse_half_characters(
    value: object, text: str, *, source: str, error: type[UsageError]
) -> None:
    """Refuse surrogates without their pair: no file, log or request can be written with them."""
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise error(
                f"{source}: half a character (a \\u escape); write the character itself"
            ) from None


def _decode(data: bytes, *, source: str, error: type[UsageError]) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(f"{source}:{line}: not UTF-8 text; save the file as UTF-8") from problem
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise error(f"{source}:{line}: control character {found.group()!r}; this is no text file")
    return text


def _yaml_trouble(problem: yaml.YAMLError, source: str, text: str) -> str:
    if isinstance(problem, yaml.MarkedYAMLError) and problem.problem_mark is not None:
        line, said = problem.problem_mark.line + 1, problem.problem or "syntax error"
        # At the end of the text the mark stands behind the last line.
        line = min(line, len(text.splitlines()))
        if said.startswith("but ") and problem.context:
            said = f"{problem.context}, {said}"
        said = said.replace("expected <block end>, but found", "unexpected indentation or")
        hint = "; indent with spaces" if "\\t" in said else ""
        return f"{source}:{line}: not YAML: {said}{hint}"
    return f"{source}: not YAML: {' '.join(str(problem).split())}"


def _document(
    value: object,
    places: Mapping[KeyPath, Place],
    *,
    source: str,
    what: str,
    error: type[UsageError],
) -> Document:
    if not isinstance(value, dict):
        raise error(f"{source}:1: the {what} must be a mapping (key: value), not {kind_of(value)}")
    return Document(source=source, data=cast("dict[str, object]", value), places=places)
