"""`awk`: a reader of text that can also run commands, pipe into them and write files.

The program text is stripped of strings and regular expressions; what is left must hold no pipe, no
output redirection, no `system` and no `getline`. In doubt it is not understood.
"""

import re

from guardrails.actions.invocation import FlagTable, Invocation, sort_flags
from guardrails.actions.meaning import OPEN, file_targets, one, unclear
from guardrails.core.toolaction import Effect, ToolAction

_TABLE = FlagTable(
    valued=frozenset({"-F", "--field-separator", "-v", "--assign", "-f", "--file", "-e", "-i"}),
    switches=frozenset(
        {"--posix", "-P", "--version", "--help", "-S", "--sandbox", "--re-interval"}
    ),
    stop_at_operand=True,
)
_RUNS_CODE = re.compile(r"\bsystem\s*\(|\bgetline\b|@\s*\w")
_PIECE = re.compile(
    r'(?P<string>"(?:\\.|[^"\\\n])*")|(?P<comment>#[^\n]*)|(?P<slash>/)'
    r"|(?P<space>[ \t]+)|(?P<other>.)",
    re.DOTALL,
)
_REGEX = re.compile(r"/(?:\\.|\[[^\]\n]*\]|[^/\\\n\[])*+/")
_BEFORE_A_REGEX = frozenset("(,{};!~&|\n")
_PRINTS = re.compile(r"\bprintf?\b")
_END_OF_STATEMENT = re.compile(r"[;}]|(?<![,{&|\\])\n")
"""Where a `print` surely ends: a newline after a comma or an operator does not end it."""
_LONGEST_PROGRAM = 10_000
"""Characters. Programs of a command line have a hundredth of it."""
_LONE_PIPE = re.compile(r"(?<!\|)\|(?!\|)")


def awk(invocation: Invocation) -> ToolAction:
    """Tell what an `awk` command does."""
    flags = sort_flags(invocation.words, table=_TABLE)
    operands = [*flags.operands, *(flags.rest or ())]
    if flags.unknown or flags.given("-f", "--file", "-e", "-i") or not operands:
        return unclear("awk", why="a program file or a flag that is not known")
    program, files = operands[0], operands[1:]
    if OPEN in program or len(program) > _LONGEST_PROGRAM:
        return unclear("awk", why="part of the program is only known when it runs")
    left = _without_literals(program)
    sure = left is not None
    left = program if left is None else left  # then every mark counts, also within strings
    if _RUNS_CODE.search(program) or _LONE_PIPE.search(left):
        return unclear("awk", why="a program that may run commands")
    if _prints_into_a_file(left, sure=sure):
        return one("awk", verb=">", effect=Effect.WRITE, why="prints into a file")
    return one("awk", verb="", effect=Effect.READ, targets=file_targets(files))


def _prints_into_a_file(left: str, *, sure: bool) -> bool:
    """Tell whether a `>` follows a print within its statement, or at all where strings remain."""
    printed = _PRINTS.search(left)
    if printed is None or ">" not in left[printed.end() :]:
        return False
    if not sure:
        return True
    pieces = _PRINTS.split(left)[1:]
    return any(">" in _END_OF_STATEMENT.split(piece, maxsplit=1)[0] for piece in pieces)


def _without_literals(program: str) -> str | None:
    """Strip strings, comments and regular expressions; `None` where a slash is ambiguous."""
    left: list[str] = []
    before = "\n"
    at = 0
    while at < len(program):
        if program[at] == "/" and before in _BEFORE_A_REGEX:
            regex = _REGEX.match(program, at)
            if regex is None:
                return None
            at, before = regex.end(), "/"
            continue
        piece = _PIECE.match(program, at)
        if piece is None or (piece["slash"] and '"' in program):
            return None
        at = piece.end()
        if piece["string"]:
            before = '"'
            left.append('""')
        elif piece["space"]:
            left.append(" ")
        elif not piece["comment"]:
            before = piece[0]
            left.append(piece[0])
    return "".join(left)
