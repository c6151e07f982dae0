"""Turns the Markdown of docstrings into what Sphinx reads: fences, and names between backticks."""

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

FENCE = re.compile(r"^(\s*)```(\w*)$")
# A name in backticks, and a letter that follows at once: `turn`s. Roles are left as they are.
NAME = re.compile(r"(?<![`:\\])`([^`\n]+)`(?!`)(?=(\w?))")


def restructured(lines: list[str]) -> list[str]:
    """Return the lines of a docstring in reStructuredText."""
    return list(_lines(lines))


def _lines(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        fence = FENCE.match(line)
        if fence is not None:
            inside = not inside
            yield ""
            if inside:
                yield f"{fence[1]}.. code-block:: {fence[2] or 'text'}"
                yield ""
        elif inside:
            yield f"    {line}"
        else:
            yield NAME.sub(_literal, line)


def _literal(found: re.Match[str]) -> str:
    return f"``{found[1]}``" + ("\\ " if found[2] else "")


def _on_docstring(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    lines[:] = restructured(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, before napoleon."""
    app.connect("autodoc-process-docstring", _on_docstring, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
