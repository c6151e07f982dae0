"""Shows a fence by what its info string says: a file by its name, a diagram as its source.

The words behind the language (`run`, `file=NAME`, `exit=N`) are for tests/test_docs.py, which runs
the pages. MyST leaves words out that it does not know; a file's name is worth showing.
"""

import re

from sphinx.application import Sphinx

FENCE = re.compile(r"^```(\w+) [^\n]*?\bfile=(\S+)[^\n]*\n", re.MULTILINE)
# Pygments has no lexer for it, and a renderer would have to be fetched.
DIAGRAM = re.compile(r"^```mermaid$", re.MULTILINE)


def shown(text: str) -> str:
    """Return a page with the fences as the site shows them."""
    text = FENCE.sub(r"```{code-block} \1\n:caption: \2\n\n", text)
    return DIAGRAM.sub("```text", text)


def _on_read(_app: Sphinx, _name: str, source: list[str]) -> None:
    source[0] = shown(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
