"""Reads `langgraph.json`, the project file of LangGraph's own tools, for the graphs it names.

Only what is needed to import a graph is read: `graphs`, `dependencies` (folders to import from)
and `env` (a mapping, or a file of `NAME=value` lines; variables that are set already win).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import msgspec

from guardrails.errors import TargetError

FILE_NAME = "langgraph.json"


class _Graph(msgspec.Struct, frozen=True):
    path: str


class _Project(msgspec.Struct, frozen=True):
    graphs: dict[str, str | _Graph] = {}
    dependencies: list[str] = []
    env: str | dict[str, str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEntry:
    """One graph of a project."""

    target: str
    """`file.py:attribute` with an absolute path, or `module:attribute`."""
    import_paths: tuple[Path, ...]


def find_graph(name: str, start: Path) -> GraphEntry:
    """Find a graph by its name in the nearest `langgraph.json`, and set the project's variables.

    Args:
        name: Key in `graphs`.
        start: Folder to start from; its parents are looked in too.

    Raises:
        TargetError: No project file, a broken one, or no graph of that name in it.
    """
    folders = (start, *start.parents)
    file = next((f / FILE_NAME for f in folders if (f / FILE_NAME).is_file()), None)
    if file is None:
        raise TargetError(
            f"{name!r} is neither module:attribute nor file.py:attribute, and there is no "
            f"{FILE_NAME} in {start} or above that could name it"
        )
    project = _read(file)
    graph = project.graphs.get(name)
    if graph is None:
        raise TargetError(f"{file} names no graph {name!r}; {_known(name, project.graphs)}")
    _set_variables(project.env, file)
    target = graph if isinstance(graph, str) else graph.path
    place, separator, attribute = target.rpartition(":")
    if not separator:
        raise TargetError(f"{file}: graphs.{name}: {target!r} is not file.py:attribute")
    if place.endswith(".py") or "/" in place:
        target = f"{(file.parent / place).resolve()}:{attribute}"
    folders_to_import = (file.parent / d for d in project.dependencies if d.startswith("."))
    return GraphEntry(
        target=target,
        import_paths=(file.parent, *(f.resolve() for f in folders_to_import)),
    )


def _read(file: Path) -> _Project:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Project)
    except OSError as error:
        raise TargetError(f"{file}: cannot read it: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: {error}") from error


def _known(name: str, graphs: Mapping[str, object]) -> str:
    if not graphs:
        return "it names none"
    close = get_close_matches(name, graphs, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(graphs))}"


def _set_variables(env: str | dict[str, str], file: Path) -> None:
    if isinstance(env, dict):
        variables = env
    elif env:
        variables = _read_env_file(file.parent / env, file)
    else:
        return
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def _read_env_file(path: Path, project: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{project}: env: cannot read {path}: {error}") from error
    pairs = (
        line.strip().removeprefix("export ").partition("=")
        for line in lines
        if not line.lstrip().startswith("#")
    )
    return {
        name.strip(): value.strip().strip("'\"") for name, separator, value in pairs if separator
    }
