"""`sed`: it reads unless told `-i`, but its scripts can write files (`w`) and run commands (`e`).

A small scanner walks the script command by command; whatever it does not know is not understood.
"""

import re

from guardrails.actions.invocation import FlagTable, Invocation, any_may_be_flag, sort_flags
from guardrails.actions.meaning import OPEN, file_targets, one, unclear
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, ToolAction

_TABLE = FlagTable(
    valued=frozenset({"-e", "--expression", "-f", "--file", "-l", "--line-length"}),
    switches=tokens(
        "-n --quiet --silent -E -r --regexp-extended -s --separate -u --unbuffered -z --null-data"
        " --posix --debug --sandbox --help --version"
    ),
)
_IN_PLACE = re.compile(r"-[nErsuz]*i|--in-place(?:=|$)")

_ADDRESS = r"(?:\d+(?:~\d+)?|\$|/(?:\\.|\[[^\]\n]*\]|[^/\\\n\[])*+/[IM]*|[+~]\d+)"
_COMMAND = re.compile(
    rf"""[\s;]*+
    (?:{_ADDRESS}\s*+(?:,\s*+{_ADDRESS}\s*+)?)? !*+\s*+
    (?:
        [{{}}=dDgGhHnNpPxzF]
      | [lqQ]\ *\d*
      | (?P<delimiter>[sy])(?P<mark>[^\w\s\\])
            (?P<pattern>(?:\\.|(?!(?P=mark))[^\\])*) (?P=mark)
            (?:\\.|(?!(?P=mark))[^\\])* (?P=mark) (?P<flags>\w*)
      | [btT:]\ *[\w.-]*
      | [aic][\s\\][^\n]*
      | [rR]\ [^\n]*
    )
    [^\S\n]*+(?:[;\n]|(?=\}})|$|(?<=\{{))""",
    re.VERBOSE | re.DOTALL,
)
_BRACKETS = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|[^\]])*+\]", re.DOTALL)
"""Escapes and complete bracket expressions."""
_LONGEST_SCRIPT = 10_000
"""Characters. Scripts of a command line have a hundredth of it."""
_SAFE_SUBSTITUTION = re.compile(r"[gpiIMm0-9]*")


def sed(invocation: Invocation) -> ToolAction:
    """Tell what a `sed` command does."""
    words = invocation.words
    in_place = any(_IN_PLACE.match(word) for word in words)
    flags = sort_flags(tuple(word for word in words if not _IN_PLACE.match(word)), table=_TABLE)
    scripts = flags.all("-e", "--expression")
    operands = [*flags.operands, *(flags.rest or ())]
    if not scripts and operands:
        scripts = [operands.pop(0)]
    if in_place:
        return one(
            "sed",
            verb="-i",
            effect=Effect.WRITE,
            targets=file_targets(operands),
            why="edits files in place",
        )
    if flags.unknown or flags.given("-f", "--file") or any_may_be_flag(operands):
        return unclear("sed", why="a script file or a flag that is not known")
    if not all(_only_prints(script) for script in scripts):
        return unclear("sed", why="a script that may write a file or run a command")
    return one("sed", verb="", effect=Effect.READ, targets=file_targets(operands))


def _only_prints(script: str) -> bool:
    """Tell whether every command of the script is known and leaves the world alone."""
    if OPEN in script or len(script) > _LONGEST_SCRIPT:
        return False
    at = 0
    script = script.rstrip(" ;\n\t")
    while at < len(script):
        found = _COMMAND.match(script, at)
        if found is None or found.end() == at:
            return False
        if "[" in _BRACKETS.sub("", found["pattern"] or ""):
            return False  # the mark within brackets: sed reads on where this scanner stops
        flags = found["flags"]
        if flags and not _SAFE_SUBSTITUTION.fullmatch(flags):
            return False
        at = found.end()
    return True
