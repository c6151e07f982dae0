"""The page about testing runs as written."""

import re
from pathlib import Path

from guardrails import testing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "testing.md"


def test_every_block_of_the_page_runs() -> None:
    """From top to bottom, as a reader would paste them."""
    page = PAGE.read_text()
    blocks = list(re.finditer(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    assert len(blocks) == 7
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        # Blank lines in front, so that a traceback points into the page.
        code = "\n" * page.count("\n", 0, block.start(1)) + block[1]
        exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  # our own page


def test_the_page_names_every_public_name() -> None:
    """And every public name can be loaded."""
    page = PAGE.read_text()
    assert [name for name in testing.__all__ if f"`{name}`" not in page] == []
    assert all(getattr(testing, name) is not None for name in testing.__all__)
