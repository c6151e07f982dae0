"""TARGET: finds the graph that a command line names, or says in one line why there is none.

A target is `module:attribute`, `file.py:attribute`, or a name in `langgraph.json`. Whatever goes
wrong inside the user's own code is told with the user's file and line.
"""

import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from guardrails.cli.langgraphjson import find_graph
from guardrails.errors import TargetError

SHAPES = "module:attribute, file.py:attribute or a name in langgraph.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a target names, before it is known to be a graph."""

    name: str
    """As the user wrote it."""
    value: object
    home: Path | None = None
    """The user's file, if it is known; errors are placed in it."""


def load_object(target: str) -> Loaded:
    """Import what a target names.

    Args:
        target: `module:attribute`, `file.py:attribute` or a name in the nearest `langgraph.json`.

    Raises:
        TargetError: There is no such thing, or importing it failed.
    """
    place, separator, attribute = target.rpartition(":")
    if not separator:
        return _from_langgraph_json(target)
    if not place or not attribute:
        raise TargetError(f"{target!r} is no target; write {SHAPES}")
    if place.endswith(".py") or "/" in place or "\\" in place:
        path = Path(place)
        module = _import_file(path)
        return Loaded(name=target, value=_attribute(module, attribute, place), home=path.resolve())
    module = _import_module(place)
    home = Path(module.__file__) if module.__file__ else None
    return Loaded(name=target, value=_attribute(module, attribute, place), home=home)


def blame(error: BaseException, home: Path | None) -> str:
    """Say what went wrong in the user's code, with file and line.

    Args:
        error: What their code raised.
        home: Their file. The deepest frame in it, or else in its folder, is named; else the
            deepest frame of all.
    """
    said = next(iter(str(error).splitlines()), "")
    kind = type(error).__name__
    what = f"{kind}: {said}" if said else kind
    if isinstance(error, SyntaxError) and error.filename:
        return f"{kind}: {error.msg} ({_short(Path(error.filename))}:{error.lineno})"
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith("<") and not _is_ours(f.filename)
    ]
    if not frames:
        return what
    own = [f for f in frames if home is not None and Path(f.filename).resolve() == home.resolve()]
    near = [f for f in frames if home is not None and home.resolve().parent in _parents(f.filename)]
    frame = (own or near or frames)[-1]
    return f"{what} ({_short(Path(frame.filename))}:{frame.lineno})"


def near(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, as the end of a sentence.

    >>> near("grahp", ["graph", "tools"])
    "; did you mean 'graph'?"
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _from_langgraph_json(name: str) -> Loaded:
    if name.endswith(".py"):
        raise TargetError(f"{name!r} names no attribute; write {name}:graph")
    entry = find_graph(name, Path.cwd())
    for folder in entry.import_paths:
        _look_in(folder)
    loaded = load_object(entry.target)
    return Loaded(name=name, value=loaded.value, home=loaded.home)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        kind = "a folder, not a file" if path.is_dir() else "no such file"
        siblings = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise TargetError(f"{path}: {kind}{near(path.name, siblings)}")
    resolved = path.resolve()
    _look_in(resolved.parent)
    loaded = sys.modules.get(resolved.stem)
    if loaded is not None and loaded.__file__ and Path(loaded.__file__).resolve() == resolved:
        return loaded
    # A file named like a module that is loaded (`random.py`, `agent.py` of a library) gets a name
    # of its own, so that it replaces nothing.
    taken = loaded is not None or resolved.stem in sys.stdlib_module_names
    name = f"_guarded_target_{resolved.stem}" if taken else resolved.stem
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise TargetError(f"{path}: importing it failed: {blame(error, resolved)}") from error
    return module


def _import_module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            found = [p.stem for p in Path.cwd().glob("*.py")]
            raise TargetError(
                f"no module named {error.name!r} in {Path.cwd()} or the environment"
                f"{near(name, found)}"
            ) from error
        raise TargetError(f"importing {name} failed: {blame(error, None)}") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"importing {name} failed: {blame(error, None)}") from error


def _attribute(module: ModuleType, attribute: str, place: str) -> object:
    value: object = module
    for part in attribute.split("."):
        missing = object()
        found = getattr(value, part, missing)
        if found is missing:
            known = [n for n in dir(value) if not n.startswith("_")]
            raise TargetError(f"{place} has no attribute {part!r}{near(part, known)}")
        value = found
    return value


def _look_in(folder: Path) -> None:
    where = str(folder)
    if where not in sys.path:
        sys.path.insert(0, where)


def _is_ours(filename: str) -> bool:
    return Path(filename).resolve().is_relative_to(Path(__file__).resolve().parent)


def _parents(filename: str) -> Iterable[Path]:
    return Path(filename).resolve().parents


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
