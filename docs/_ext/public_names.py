"""Loads the public names before autodoc looks at them.

autodoc imports with `typing.TYPE_CHECKING` set, so that it sees names which only annotations use.
LangChain's models cannot be made in that state. What is loaded already, it takes as it is.
"""

from importlib import import_module

from sphinx.application import Sphinx

MODULES = ("guardrails", "guardrails.testing")


def _load(_app: Sphinx) -> None:
    for name in MODULES:
        module = import_module(name)
        for public in module.__all__:
            getattr(module, public)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
