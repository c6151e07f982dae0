"""From the syntax tree of a shell word to the text that a program would receive.

Quotes and escapes are removed as bash removes them. A piece that only the running shell knows
becomes `meaning.OPEN`, so that nobody further up mistakes half a word for a whole one.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from guardrails.actions.meaning import OPEN

_BRACES = re.compile(r"\{[^{}\s]*,[^{}\s]*\}|\{-?\w+\.\.-?\w+(?:\.\.-?\d+)?\}")
"""Brace expansion: `{a,b}` and `{1..3}`, but not the `{.items}` or `{..image}` of JSONPath."""
_ESCAPED = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r"\\(\n|[$`\"\\])")
_PLAIN_ANSI = re.compile(
    r"(?:[^\\]|\\(?:[abfnrtv'\"\\]|x[0-9A-Fa-f]{2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}))*"
)
"""The part of `$'…'` that Python's `unicode_escape` reads as bash does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A variable whose value the line itself fixes."""

    value: str
    known_from: int
    """Byte offset after which the value holds."""


Constants = Mapping[str, Constant]


def words_of(node: Node, *, constants: Constants) -> list[str]:
    """Give the words that one syntax node expands to; an unquoted constant may be several."""
    kind = node.type
    if kind in _LEAVES:
        return [_plain(_text(node))]
    if kind in _EXPANSIONS:
        value = _constant(node, constants=constants)
        return [OPEN] if value is None else value.split()
    return [word_of(node, constants=constants)]


def word_of(node: Node, *, constants: Constants) -> str:
    """Give the one word that a syntax node expands to."""
    kind = node.type
    if kind in _LEAVES:
        return _plain(_text(node))
    match kind:
        case "command_name":
            return "".join(word_of(child, constants=constants) for child in node.children)
        case "raw_string":
            return _text(node)[1:-1]
        case "string":
            return _string(node, constants=constants)
        case "ansi_c_string":
            return _ansi_c(_text(node)[2:-1])
        case "concatenation":
            return _concatenation(node, constants=constants)
        case "simple_expansion" | "expansion":
            value = _constant(node, constants=constants)
            return OPEN if value is None or value.split() != [value] else value
        case "process_substitution":
            return "/dev/fd/63"
        case _:
            return OPEN


_LEAVES = frozenset({"word", "number", "variable_name", "$", "regex", "file_descriptor"})
_EXPANSIONS = frozenset({"simple_expansion", "expansion"})


def _text(node: Node) -> str:
    raw = node.text
    return "" if raw is None else raw.decode("utf-8", "replace")


def _plain(text: str) -> str:
    if "{" in text and _BRACES.search(text):
        return OPEN
    return _ESCAPED.sub(_keep_escaped, text) if "\\" in text else text


def _keep_escaped(found: re.Match[str]) -> str:
    return "" if found[1] == "\n" else found[1]


def _string(node: Node, *, constants: Constants) -> str:
    """Join a double-quoted string; text that the grammar skips between its nodes counts too."""
    source = node.text or b""
    at, end = 1, len(source) - 1
    pieces: list[str] = []
    for child in node.children:
        start, stop = child.start_byte - node.start_byte, child.end_byte - node.start_byte
        if child.type in {'"', "string_content"}:
            continue
        pieces.append(_quoted(source[at:start]))
        if child.type in _EXPANSIONS:
            value = _constant(child, constants=constants)
            pieces.append(OPEN if value is None else value)
        else:
            pieces.append(OPEN)
        at = stop
    pieces.append(_quoted(source[at:end]))
    return "".join(pieces)


def _quoted(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return _ESCAPED_IN_QUOTES.sub(_keep_escaped, text) if "\\" in text else text


def _ansi_c(text: str) -> str:
    if "\\" not in text:
        return text
    if not text.isascii() or _PLAIN_ANSI.fullmatch(text) is None:
        return OPEN
    decoded = codecs.decode(text, "unicode_escape")
    return OPEN if "\0" in decoded else decoded


def _concatenation(node: Node, *, constants: Constants) -> str:
    unquoted = "".join(_text(child) if child.type in _LEAVES else "q" for child in node.children)
    if "{" in unquoted and _BRACES.search(unquoted):
        return OPEN
    return "".join(word_of(child, constants=constants) for child in node.children)


def _constant(node: Node, *, constants: Constants) -> str | None:
    """Give the value of `$name` or `${name}` if the line fixes it before this place."""
    if not constants:
        return None
    children = [child for child in node.children if child.is_named]
    if len(children) != 1 or children[0].type != "variable_name":
        return None
    if len(node.children) != (2 if node.type == "simple_expansion" else 3):
        return None
    constant = constants.get(_text(children[0]))
    if constant is None or node.start_byte < constant.known_from:
        return None
    return constant.value
