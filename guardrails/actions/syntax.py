"""From a command line to a syntax tree, and the texts that are not worth one.

tree-sitter takes quadratic time and memory on some texts that repeat a few operators (100 kB of
`>` took 84 seconds), which is what a model that is caught in a loop writes. They are told first.
"""

import re
import zlib

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

_LANGUAGE = Language(tree_sitter_bash.language())

LONGEST_LINE = 16_384
"""Characters. The recovery of tree-sitter-bash 0.25.1 from errors takes time that grows with the
square of the line: `a)a)a)…` takes a second at this length and a minute at 100 kB. Scripts that
models write are below 6 kB, and no longer manifest is read for its targets."""

_REPEATS_FROM = 1_000
"""Characters. The worst repetition of this length parses in a tenth of a second."""
_REPEATS = 20
"""A longer text that shrinks to a twentieth says one thing over and over. Hand-written scripts and
manifests of that length shrink to a third, at most to a tenth."""

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
"""Bytes that the grammar must not see: tree-sitter-bash 0.25.1 asks C's `isdigit` about whole code
points, which reads beyond its table and ends the process (`{` before an emoji did). To bash they
are letters like any other, so a letter stands in for each; offsets stay the same."""


def why_not_parsed(line: str) -> str:
    """Say why a line is not given to the parser, or nothing if it is."""
    if len(line) > LONGEST_LINE:
        return f"longer than {LONGEST_LINE} characters"
    if len(line) >= _REPEATS_FROM and _repeats_itself(line):
        return "one piece repeated over and over"
    return ""


def _repeats_itself(line: str) -> bool:
    text = line.encode("utf-8", "replace")
    return len(zlib.compress(text, 1)) * _REPEATS < len(text)


def source_of(line: str) -> bytes:
    """Encode a line as the grammar may see it."""
    return _BEYOND_ASCII.sub(b"_", line.encode("utf-8", "replace"))


def parse(source: bytes) -> Node:
    """Parse a line; the root holds errors where bash's grammar was not met."""
    return Parser(_LANGUAGE).parse(source).root_node
