"""`find`: it looks, unless told to delete, to write a listing, or to run a program per match."""

from guardrails.actions.invocation import Invocation, any_may_be_flag
from guardrails.actions.meaning import OPEN, file_targets, join, one, unclear
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, ToolAction

_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})
_TESTS = tokens(
    "-name -iname -path -ipath -wholename -regex -iregex -type -xtype -size -empty -newer -anewer"
    " -cnewer -mtime -mmin -atime -amin -ctime -cmin -user -uid -group -gid -perm -links -inum"
    " -samefile -lname -ilname -fstype -readable -writable -executable -true -false -nouser"
    " -nogroup -newermt -maxdepth -mindepth -depth -d -xdev -mount -daystart -follow -regextype"
    " -noleaf -warn -nowarn -print -print0 -printf -ls -prune -quit -not -a -and -o -or -L -P -H"
    " -O1 -O2 -O3 -used -context -ignore_readdir_race -noignore_readdir_race"
)


def find(invocation: Invocation) -> ToolAction:
    """Tell what a `find` command does."""
    words = list(invocation.words)
    parts: list[ToolAction] = []
    if any_may_be_flag(words):
        parts.append(unclear("find", why="a word that may turn out to be an action"))
    roots: list[str] = []
    while words and words[0][:1] not in {"-", "(", "!"}:
        roots.append(words.pop(0))
    while words:
        word = words.pop(0)
        if word == "-delete":
            parts.append(
                one("find", verb="-delete", effect=Effect.DESTRUCTIVE, targets=file_targets(roots))
            )
        elif word in _RUNS:
            parts.append(_command(words, invocation=invocation))
        elif word in _WRITES:
            parts.append(one("find", verb=word, effect=Effect.WRITE, why="writes a listing"))
        elif word.startswith("-") and word not in _TESTS and not word[1:].isdigit():
            parts.append(unclear("find", why="an action that is not known"))
    return join([one("find", verb="", effect=Effect.READ, targets=file_targets(roots)), *parts])


def _command(words: list[str], *, invocation: Invocation) -> ToolAction:
    """Take the words up to `;` or `+` off the list and judge them as a command."""
    command: list[str] = []
    while words:
        word = words.pop(0)
        if word == ";" or (word == "+" and command[-1:] == ["{}"]):
            break
        command.append(word)
    return invocation.run_words(tuple(w.replace("{}", OPEN) for w in command), None)
