"""Markdown cells and anchors, as a code host and the site both take them."""

import re

NOTICE = "<!-- Written from the code by `make reference`; a test compares them. -->\n\n"


def cell(text: str) -> str:
    """Return text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code in a cell."""
    return f"`{cell(text)}`" if text else ""


def anchor(heading: str) -> str:
    """Return the anchor that a code host makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def header(*names: str) -> str:
    """Return the head of a table."""
    return f"{row(*names)}\n|{'---|' * len(names)}"
