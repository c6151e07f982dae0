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

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ODD_SPACE = re.compile(
    "[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ufeff]"
)
"""Spaces and invisible characters that bash does not split at, though a reader of the line does."""

_EVALUATES = frozenset(
    {"variable_assignment", "array", "subscript", "for_statement", "case_statement"}
    | {"binary_expression", "unary_expression", "test_command", "declaration_command"}
    | {"unset_command", "arithmetic_expansion"}
)
"""Where bash may evaluate a quoted text after all: `X='a[$(rm f)]'; echo $((X))` runs `rm`."""


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


def why_odd(line: str) -> str:
    """Say what is odd about the characters of a line, or nothing if they are plain."""
    if _CONTROL.search(line) or (not line.isascii() and _ODD_SPACE.search(line)):
        return "the line holds control or invisible characters"
    if not line.isascii() and any("\ud800" <= char <= "\udfff" for char in line):
        return "the line is not valid text"
    return ""


def source_of(line: str) -> bytes:
    """Encode a line as the grammar may see it."""
    return _BEYOND_ASCII.sub(b"_", line.encode("utf-8", "replace"))


def parse(source: bytes) -> Node:
    """Parse a line; the root holds errors where bash's grammar was not met."""
    return Parser(_LANGUAGE).parse(source).root_node


def kept_for_later(node: Node) -> bool:
    """Tell whether a quoted text goes into a variable or a test."""
    around = node.parent
    while around is not None and around.type in {"concatenation", "parenthesized_expression"}:
        around = around.parent
    return around is not None and around.type in _EVALUATES
