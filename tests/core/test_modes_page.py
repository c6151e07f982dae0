"""The index of the failure modes says of each what the code says."""

import re
from pathlib import Path

import guardrails
from guardrails.core.mast import MODES

FOLDER = Path(guardrails.__file__).parent.parent / "docs" / "reference" / "modes"
ROW = re.compile(
    r"^\| \[(?P<mode>FM-\d\.\d)\]\((?P<page>[^)]+)\) \| (?P<name>[^|]+) \| (?P<weight>\w+) \|$",
    re.MULTILINE,
)


def test_every_mode_is_listed_with_its_name_and_weight() -> None:
    """In the order of the taxonomy, each with a page that begins with its name."""
    rows = [match.groupdict() for match in ROW.finditer((FOLDER / "README.md").read_text())]
    told = [(row["mode"], row["name"], row["weight"]) for row in rows]
    assert told == [(str(mode), facts.name, str(facts.weight)) for mode, facts in MODES.items()]
    for row in rows:
        begins = (FOLDER / row["page"]).read_text().partition("\n")[0]
        assert begins == f"# {row['mode']} {row['name']}"
