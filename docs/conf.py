"""How `make docs` builds the site: Sphinx, MyST and Furo, offline, a warning being an error.

The pages are the Markdown that a code host shows; the site adds the tree of pages, search, and
the documentation of the Python names. What is written from code is committed (docs/generate.py
renews it), but for the Python names, which Sphinx reads from their docstrings.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The checkout that is documented goes before any installed one.
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from guardrails.version import VERSION  # noqa: E402  # after the path is set

project = "guarded-agent"
author = "the authors of guarded-agent"
version = release = VERSION
language = "en"
# Typographic quotes and dashes would turn `--demo` in running text into something to mistype.
smartquotes = False
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext", "_static", "written", "images/*.py", "**/__pycache__"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "fences",
    "folders",
    "public_names",
]

myst_enable_extensions = ["strikethrough"]
# Links such as `policy.md#settings` are those that a code host makes of headings.
myst_heading_anchors = 4

nitpicky = True
# Python names are linked where this site has them. What belongs to others has no inventory here,
# because a build asks nobody for anything.
nitpick_ignore_regex = [(r"py:.*", r".*")]
suppress_warnings = ["epub.unknown_project_files"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"guarded-agent {VERSION}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
# A date would make two builds of one commit differ.
html_last_updated_fmt = None
html_show_copyright = False
pygments_style = "tango"
pygments_dark_style = "monokai"
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
