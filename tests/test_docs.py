"""Every page runs as it is written: its commands, its Python, its files and its links.

A fence says in its info string what it is: `run` (with `exit=N`), `background`, or `file=NAME`.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import guardrails
from guardrails.gates.registry import DEFAULT_CHECKS

DOCS = Path(guardrails.__file__).parent.parent / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TOP = [DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
FENCE = re.compile(r"^```(\w+) *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fence of a page."""

    language: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        return next((w.removeprefix("file=") for w in self.words if w.startswith("file=")), "")

    @property
    def code(self) -> int:
        return next((int(w.removeprefix("exit=")) for w in self.words if "exit=" in w), 0)


def _blocks(page: Path) -> list[Block]:
    return [Block(m[1], tuple(m[2].split()), m[3]) for m in FENCE.finditer(page.read_text())]


RUN = [page for page in PAGES if any("run" in block.words for block in _blocks(page))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Hold the simulated shop in a process of its own, in an empty folder."""
    command = [sys.executable, "-u", "-m", "guardrails.testing.sim", "up"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as shop:
        try:
            assert shop.stdout is not None
            # It says so when it is up, and has written how it is reached by then.
            assert shop.stdout.readline().startswith("namespace shop is up")
            yield tmp_path
        finally:
            shop.terminate()
    assert not (tmp_path / "sim" / "env").exists()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_page_runs_as_it_is_written(page: Path, place: Path) -> None:
    """In the page's order, in one folder, with the exit codes that it states."""
    tutorial = _blocks(DOCS / "tutorial" / "first-guarded-run.md")
    (quick,) = [block for block in tutorial if block.file == "quick.yaml"]
    for block in (quick, *_blocks(page)):
        if block.file:
            (place / block.file).write_text(block.text)
        elif "run" in block.words:
            text = block.text if block.language == "sh" else f"python - <<'PY'\n{block.text}PY\n"
            done = subprocess.run(
                ["bash", "-c", f"set -e; . sim/env; {text}"],  # noqa: S607  # bash by name
                cwd=place,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            )
            assert done.returncode == block.code, block.text + done.stdout + done.stderr


@pytest.mark.parametrize("page", [*PAGES, *TOP], ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files that a page names exist."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def test_the_picture_fetches_nothing() -> None:
    """It shows both ends, and names no host that a browser would ask."""
    text = (DOCS / "images" / "demo.svg").read_text()
    drawn = "".join(ET.fromstring(text).itertext()).replace("\xa0", " ")  # noqa: S314  # our own file
    assert "refused" in drawn
    assert "accepted" in drawn
    assert re.findall(r"url\(['\"]?http|href=", text) == []


def test_the_library_page_names_the_whole_api() -> None:
    """No public name is missing, and no other is promised."""
    page = (DOCS / "reference" / "library.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    errors = page.partition("## Errors")[2].partition("##")[0]
    named = {n for text in [*rows, errors] for n in re.findall(r"`(\w+)`", text)}
    assert named == set(guardrails.__all__)


def test_the_page_on_the_gate_names_every_check() -> None:
    """A report names checks; a reader finds each of them explained."""
    page = (DOCS / "explanation" / "gate.md").read_text()
    assert [check.id for check in DEFAULT_CHECKS if f"`{check.id}`" not in page] == []
