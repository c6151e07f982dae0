"""A copy of the project that mutmut may work in; the checkout stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutation.modules import PACKAGES, ROOT
from benchmarks.mutation.outcomes import Mutant

COPIED = ("guardrails", "tests", "benchmarks", "docs", "e2e", "guarded_agent_entry.py")
"""With `pyproject.toml`: what the tests of the checks need."""

TYPES = "pyright-mutants.json"

PYTEST = ("-p", "no:randomly", "-p", "no:cacheprovider", "-x", "-q")

WORDING = (r"^\s*(observed|expected|settling|detail)=", r'^\s*f?"')
"""Lines that hold words and no logic. What checks say is held word by word by `tests/gates/said`
already; three mutants of each sentence would only count that again."""


_SHOW = """
import json, sys
from mutmut.mutation.diff_apply import get_diff_for_mutant
asked = json.load(sys.stdin)
json.dump({name: get_diff_for_mutant(name, path=path) for name, path in asked}, sys.stdout)
"""
"""mutmut finds its workspace by the current directory; `mutmut show` would load it per mutant."""


class MutmutError(Exception):
    """mutmut could not do its work."""


def prepare(folder: Path, targets: Sequence[str]) -> None:
    """Copy the project into an empty folder and configure mutmut there."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy2(source, folder / name)
    settings = {
        "source_paths": ["guardrails"],
        "only_mutate": list(targets),
        "also_copy": [*(name for name in COPIED if name != "guardrails"), TYPES],
        "pytest_add_cli_args": list(PYTEST),
        "pytest_add_cli_args_test_selection": [f"tests/gates/{name}" for name in PACKAGES],
        "type_check_command": ["pyright", "--outputjson", "-p", TYPES],
        "do_not_mutate_patterns": list(WORDING),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = "\n".join([project, "[tool.mutmut]", *lines, ""])
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    # Strictness about unknown types would fault what mutmut wraps around each function.
    types = {
        "include": sorted({str(Path(target).parent) for target in targets}),
        "typeCheckingMode": "standard",
        "pythonVersion": "3.11",
        "venvPath": str(Path(sys.prefix).parent),
        "venv": Path(sys.prefix).name,
    }
    (folder / TYPES).write_text(json.dumps(types), encoding="utf-8")


def made_of(folder: Path) -> list[str]:
    """Return the modules that a workspace was prepared for."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["tool"]["mutmut"]["only_mutate"])


def run_mutmut(folder: Path, *, log: Path, children: int) -> None:
    """Make the mutants and try them; takes minutes per module.

    Raises:
        MutmutError: It stopped before the end.
    """
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children)]
    with log.open("wb") as file:
        ended = subprocess.run(
            command, cwd=folder, env=_environment(), stdout=file, stderr=file, check=False
        )
    if ended.returncode:
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise MutmutError(f"mutmut ended with {ended.returncode}; see {log}: " + " / ".join(last))


def diffs_of(folder: Path, mutants: Sequence[Mutant]) -> dict[str, str]:
    """Return the changed lines of each mutant by its name: a diff without its head."""
    if not mutants:
        return {}
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW],
        cwd=folder,
        env=_environment(),
        input=json.dumps([(mutant.name, mutant.module) for mutant in mutants]),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: _changed(diff) for name, diff in json.loads(shown.stdout).items()}


def _changed(diff: str) -> str:
    lines = diff.splitlines()
    return "\n".join(x for x in lines if x[:1] in "+-" and x[:3] not in {"+++", "---"})


def _environment() -> dict[str, str]:
    programs = str(Path(sys.prefix) / "bin")
    return {**os.environ, "PATH": os.pathsep.join((programs, os.environ.get("PATH", "")))}
