"""Which modules are mutated: those that define a check."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import guardrails
from guardrails.gates.checks import Check

ROOT = Path(guardrails.__file__).resolve().parents[1]

PACKAGES = ("kubernetes", "losses", "alerts", "custom", "diagnosis")
"""Of `guardrails.gates`; their unit tests lie in folders of the same names."""


def modules(only: Sequence[str] = ()) -> list[str]:
    """Return the modules that define a check, as paths below the project's root.

    Args:
        only: Globs over the paths; all when empty.
    """
    return [
        path
        for package in PACKAGES
        for path in _sources(package)
        if defines_check(path) and (not only or any(fnmatchcase(path, glob) for glob in only))
    ]


def defines_check(path: str) -> bool:
    """Tell whether a module makes a check of its own, not one that it imports."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return any(isinstance(getattr(module, name, None), Check) for name in _assigned(tree))


def _sources(package: str) -> list[str]:
    folder = ROOT / "guardrails" / "gates" / package
    paths = (p for p in sorted(folder.glob("*.py")) if p.name != "__init__.py")
    return [path.relative_to(ROOT).as_posix() for path in paths]


def _assigned(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
