"""Here-documents: the text that a line hands to a command.

The grammar is more generous than bash about where a here-document ends, and hangs the rest of the
line (`| kubectl apply -f -`, `> file`, `&& next`) below the redirection. Both are set right here.
"""

from dataclasses import dataclass, field

from tree_sitter import Node

from guardrails.actions.meaning import OPEN
from guardrails.actions.words import Constants, word_of, words_of


@dataclass(slots=True, kw_only=True)
class Heredoc:
    """One here-document and what the grammar hangs below it."""

    text: str | None = None
    """The text as the command will read it; open pieces are marked."""
    arguments: list[str] = field(default_factory=list[str])
    redirects: list[Node] = field(default_factory=list[Node])
    inside: list[Node] = field(default_factory=list[Node])
    """Substitutions within the text: they run."""
    after: list[Node] = field(default_factory=list[Node])
    """The rest of the line: the pipeline or the list that goes on behind `<<EOF`."""
    doubt: str = ""


_MARKS = frozenset({"<<", "<<-", "heredoc_start", "heredoc_body", "heredoc_end", "&&", "||"})


def heredoc_of(node: Node, *, source: bytes, constants: Constants) -> Heredoc:
    """Read a `heredoc_redirect` node."""
    found = Heredoc()
    parts = {child.type: child for child in node.children}
    for place, child in enumerate(node.children):
        if child.type == "file_redirect":
            found.redirects.append(child)
        elif node.field_name_for_child(place) == "argument":
            found.arguments += words_of(child, constants=constants)
            found.inside.append(child)
        elif child.type not in _MARKS:
            found.after.append(child)
    start, body, end = (parts.get(f"heredoc_{part}") for part in ("start", "body", "end"))
    if start is None or body is None or end is None:
        found.doubt = "a here-document that is not complete"
        return found
    mark = (start.text or b"").decode("utf-8", "replace")
    quoted = any(char in mark for char in "'\"\\")
    label = mark.translate(str.maketrans("", "", "'\"\\"))
    dash = "<<-" in parts
    found.text = _text_of(body, quoted=quoted, dash=dash, constants=constants)
    if not quoted:
        found.inside.append(body)
    found.doubt = _misread(body, end=end, source=source, label=label, dash=dash)
    return found


def _text_of(body: Node, *, quoted: bool, dash: bool, constants: Constants) -> str:
    raw = body.text or b""
    if quoted:
        text = raw.decode("utf-8", "replace")
    else:
        pieces: list[str] = []
        at = 0
        for child in body.children:
            if child.type == "heredoc_content":
                continue
            start = child.start_byte - body.start_byte
            pieces.append(raw[at:start].decode("utf-8", "replace"))
            pieces.append(word_of(child, constants=constants) or OPEN)
            at = child.end_byte - body.start_byte
        pieces.append(raw[at:].decode("utf-8", "replace"))
        text = "".join(pieces)
    if dash:
        text = "".join(line.lstrip("\t") for line in text.splitlines(keepends=True))
    return text


def _misread(body: Node, *, end: Node, source: bytes, label: str, dash: bool) -> str:
    """Say where bash would end the document elsewhere than the grammar did, if so."""
    margin = "\t" if dash else ""
    start_of_line = source.rfind(b"\n", 0, end.start_byte) + 1
    stop = source.find(b"\n", end.start_byte)
    closing = source[start_of_line : stop if stop >= 0 else len(source)].decode("utf-8", "replace")
    if (closing.lstrip(margin) if margin else closing) != label:
        return "a here-document that bash would end elsewhere"
    lines = source[body.start_byte : start_of_line].decode("utf-8", "replace").split("\n")
    if any((line.lstrip(margin) if margin else line) == label for line in lines):
        return "a here-document that bash would end earlier"
    return ""
