"""Command lines that need no parser: plain words, whole words in single quotes, and pipes.

Most lines that agents write are of this form (`kubectl get pods -n shop | grep web`). Bash parts
them at spaces and nowhere else, so reading them costs a hundredth of building their syntax tree.
Whatever might mean more to bash (a dollar, a redirection, a word of its own) is left to the parser.
"""

import re
from typing import Final

from guardrails.actions.tables import tokens

_LONGEST: Final = 1_000
"""Characters. Below it no line is refused for its length or its repetitions, and a line has fewer
commands than the bound on them."""
_WORD: Final = r"(?:[\w./:@%,-][\w./:@%,+=-]*|'[ -&(-~]*')"
"""An equals sign does not begin a word: `==` is an operator of the grammar."""
_COMMAND: Final = rf"{_WORD}(?: +{_WORD})*"
_LINE = re.compile(rf" *{_COMMAND}(?: *\| *{_COMMAND})* *", re.ASCII)
_PIECE = re.compile(rf"{_WORD}|\|", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_OF_BASH = tokens(
    "if then elif else fi for while until do done case esac select function in time coproc"
    " declare typeset export readonly local unset unsetenv test"
)
"""Words that begin more than a command, or end one."""


def plain_commands(line: str) -> tuple[tuple[str, ...], ...] | None:
    """Return the words of each command of a pipeline; None for a line that a parser must read.

    >>> plain_commands("kubectl get pods -o 'wide' | head -5")
    (('kubectl', 'get', 'pods', '-o', 'wide'), ('head', '-5'))
    >>> plain_commands("kubectl delete pod $POD") is None
    True
    """
    if len(line) >= _LONGEST or _LINE.fullmatch(line) is None:
        return None
    commands: list[tuple[str, ...]] = []
    words: list[str] = []
    for piece in (*_PIECE.findall(line), "|"):
        if piece != "|":
            words.append(piece[1:-1] if piece[0] == "'" else piece)
            continue
        if _NAME.fullmatch(words[0]) is None or words[0] in _OF_BASH:
            return None
        commands.append(tuple(words))
        words.clear()
    return tuple(commands)
