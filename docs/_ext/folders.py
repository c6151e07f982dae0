"""Puts the pages of a folder below its index in the tree of pages.

An index lists its pages in a table, which is what a code host shows. The tree would be a second
list to keep.
"""

from sphinx.application import Sphinx

INDEXES = {"reference/modes/README": "fm-*", "decisions/README": "0*"}
"""Index pages, and which pages beside them are theirs."""

TREE = """

```{{toctree}}
:hidden:
:glob:

{pages}
```
"""


def _on_read(_app: Sphinx, name: str, source: list[str]) -> None:
    if name in INDEXES:
        source[0] += TREE.format(pages=INDEXES[name])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
