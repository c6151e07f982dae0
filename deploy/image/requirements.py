"""Writes the image's requirements: the part of `requirements.lock` that the service needs.

`python deploy/image/requirements.py` renews `requirements.txt`; a test compares them. The lock says
for each package who asks for it (`# via`), so what a set of extras needs follows without an index,
with the same versions and hashes that everything was tested with.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("requirements.txt")
EXTRAS = ("redis", "postgres", "otel")
"""Stores and traces."""

ADAPTERS = frozenset({"langchain", "langgraph"})
"""They run in the agent's image, not in this one: the service decides and loads no agent."""

HEAD = "# Written by deploy/image/requirements.py from requirements.lock: change pyproject.toml.\n"

_ENTRY = re.compile(r"^(?P<name>[a-z0-9._-]+)(?:\[[^\]]*\])?==", re.MULTILINE)


def text() -> str:
    """Return the requirements with their hashes."""
    entries = _entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    needed = _asked_for()
    while more := {n for n, entry in entries.items() if n not in needed and _via(entry) & needed}:
        needed |= more
    return HEAD + "".join(entries[name] for name in sorted(needed) if name in entries)


def _asked_for() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    return {re.split(r"[\[<>=;~! ]", line, maxsplit=1)[0].lower() for line in lines} - ADAPTERS


def _entries(lock: str) -> dict[str, str]:
    """Return each package's lines, by its name."""
    starts = list(_ENTRY.finditer(lock))
    ends = [match.start() for match in starts[1:]] + [len(lock)]
    return {m["name"]: lock[m.start() : end] for m, end in zip(starts, ends, strict=True)}


def _via(entry: str) -> set[str]:
    """Return who asks for a package."""
    comments = [line.strip(" #") for line in entry.splitlines() if line.lstrip().startswith("#")]
    words = " ".join(comments).removeprefix("via").split()
    return {word.partition("[")[0] for word in words if not word.startswith("(")}


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
