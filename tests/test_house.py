"""Rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails import errors

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "guardrails").rglob("*.py"))
TESTS = sorted(p for d in ("tests", "e2e") for p in (ROOT / d).rglob("test_*.py"))
LONGEST_FILE = 400


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_says_in_a_sentence_what_it_shows(path: Path) -> None:
    """A test without a docstring is a riddle for whoever breaks it."""
    mute = [
        f.name
        for f in _functions(path)
        if f.name.startswith("test_") and not (ast.get_docstring(f) or "").rstrip().endswith(".")
    ]
    assert mute == []


def test_no_file_is_too_long_to_live_in() -> None:
    """A file does one thing."""
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := _lines(p)) > LONGEST_FILE}
    assert long == {}


def test_no_exception_is_swallowed_in_silence() -> None:
    """`except …: pass` hides what went wrong."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(s, ast.Pass) for s in node.body)
    ]
    assert silent == []


def test_every_error_is_drawn_under_its_parent() -> None:
    """Whoever catches errors looks at one tree; errors of drivers and of control flow are none."""
    parents: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                parents.setdefault(node.name, set()).update(bases)
    ours, found = {"GuardrailsError"}, {("GuardrailsError", "")}
    while True:
        more = {(n, b) for n, bases in parents.items() for b in bases if b in ours} - found
        if not more:
            break
        found |= more
        ours |= {name for name, _ in more}
    assert _drawn(errors.__doc__ or "") == found - {("GuardrailsError", "")}


def _drawn(tree: str) -> set[tuple[str, str]]:
    """Return each name of a drawing with that of its parent."""
    found: set[tuple[str, str]] = set()
    above: list[str] = []
    for line in tree.splitlines():
        drawn = re.match(r"    ((?:[│ ] {3})*)(?:[├└]── )(\w+)", line)
        if drawn:
            depth = len(drawn[1]) // 4 + 1
            above = [*above[:depth], drawn[2]]
            found.add((drawn[2], above[depth - 1]))
        elif re.fullmatch(r"    \w+", line):
            above = [line.strip()]
    return found


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())
