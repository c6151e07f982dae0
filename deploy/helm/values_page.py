"""Writes docs/reference/helm-values.md from the comments of the chart's values.

`python deploy/helm/values_page.py` renews the page; a test compares them. A comment that begins
with `# --` belongs to the key below it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

ROOT = Path(__file__).parents[2]
VALUES = Path(__file__).parent / "guarded-agent" / "values.yaml"
PAGE = ROOT / "docs" / "reference" / "helm-values.md"

HEAD = """\
# Values of the Helm chart

Written from `deploy/helm/guarded-agent/values.yaml`. The chart's schema refuses anything else.
[Guard a Deployment](../tutorial/guard-a-deployment.md) shows the two modes.

| value | default | meaning |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    text = VALUES.read_text(encoding="utf-8")
    notes = _notes(text)
    rows = (
        f"| `{key}` | {_default(value)} | {notes.get(key, '')} |"
        for key, value in _leaves(yaml.safe_load(text), "", frozenset(notes))
    )
    return HEAD + "\n".join(rows) + "\n"


def _notes(text: str) -> dict[str, str]:
    """Return the comment of each key that has one."""
    notes: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# --"):
            said = [bare.removeprefix("# --").strip()]
        elif bare.startswith("#") and said:
            said.append(bare.lstrip("# "))
        elif ":" in bare and not bare.startswith(("#", "-")):
            depth = len(line) - len(line.lstrip())
            path = [*(one for one in path if one[0] < depth), (depth, bare.partition(":")[0])]
            if said:
                notes[".".join(name for _, name in path)] = " ".join(said).replace("|", "\\|")
            said = []
        else:
            said = []
    return notes


def _default(value: object) -> str:
    return "" if value is ... else f"`{json.dumps(value)}`"


def _leaves(value: object, at: str, noted: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Return every value; a group that has a note comes before its members, without a default."""
    if isinstance(value, dict) and value:
        if at in noted:
            yield at, ...
        for key, inner in cast("dict[str, object]", value).items():
            yield from _leaves(inner, f"{at}.{key}" if at else key, noted)
    else:
        yield at, value


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
