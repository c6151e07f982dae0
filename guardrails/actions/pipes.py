"""What a command is known to print, so that the next one in a pipeline can be judged by it.

Only the plain cases: `cat` handing on what it was given, and `echo` or `printf` of fixed text.
`echo 'kubectl delete pod x' | sh` is judged by the text; `curl … | sh` stays unknown.
"""

from collections.abc import Sequence

from tree_sitter import Node

from guardrails.actions.meaning import OPEN
from guardrails.actions.words import Constants, words_of


def printed_by(node: Node, *, stdin: str | None, constants: Constants) -> str | None:
    """Give the text that a command prints, or `None` if the line does not say."""
    if node.type != "command":
        return None
    words: list[str] = []
    for child in node.children:
        if child.type in {"file_redirect", "herestring_redirect", "variable_assignment"}:
            return None
        inner = child.children[0] if child.type == "command_name" and child.children else child
        words += words_of(inner, constants=constants)
    return printed_by_words(words, stdin=stdin)


def printed_by_words(words: Sequence[str], *, stdin: str | None) -> str | None:
    """Give the text that a command of these words prints, or `None` if that is not known."""
    match words:
        case ["cat"] | ["cat", "-"]:
            return stdin
        case ["echo", *rest] if not any(word.startswith("-") for word in rest[:1]):
            return _fixed(" ".join(rest) + "\n")
        case ["printf", "%s" | "%s\\n", text]:
            return _fixed(text + "\n")
        case ["printf", text] if "%" not in text and "\\" not in text:
            return _fixed(text)
        case _:
            return None


def _fixed(text: str) -> str | None:
    return None if OPEN in text or "\\" in text else text
