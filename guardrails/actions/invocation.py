"""One command as a program would receive it, and how its flags are told from its operands.

The shell reader builds `Invocation`s; each program's file reads one. Flag tables keep in one
place how `-n shop`, `-nshop`, `--namespace=shop` and `-it` are told apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from guardrails.actions.meaning import OPEN
from guardrails.core.toolaction import ToolAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A program with its words after expansion and quote removal."""

    program: str
    """The base name: `kubectl` for `/usr/bin/kubectl`."""
    words: tuple[str, ...] = ()
    """The arguments. `meaning.OPEN` stands for pieces that only the running shell knows."""
    stdin: str | None = None
    """What the program reads, if the line itself says it (a here-document, `echo … |`)."""
    run_line: Callable[[str], ToolAction]
    """Analyse a nested command line (`bash -c …`)."""
    run_words: Callable[[tuple[str, ...], str | None], ToolAction]
    """Analyse a nested command given as words (`xargs kubectl …`) and its standard input."""


Program = Callable[[Invocation], ToolAction]
"""What each program's file provides: the meaning of one invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """Which flags of a program take a value, and which do not."""

    valued: frozenset[str]
    """Flags followed by a value, with their dashes: `-n`, `--namespace`."""
    switches: frozenset[str] = frozenset()
    """Flags without a value. A flag in neither table is reported as unknown."""
    long_with_one_dash: bool = False
    """The program reads `-name` as one flag, never as a cluster of letters."""
    stop_at_operand: bool = False
    """Flags end at the first operand, as in `xargs -r kubectl delete -f x`."""


@dataclass(slots=True)
class Flags:
    """A command line sorted into flags and operands."""

    operands: list[str] = field(default_factory=list[str])
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Flag, with its dashes, to each of its values; a switch has the value `""`."""
    rest: tuple[str, ...] | None = None
    """What stands after `--`; `None` if there is no `--`."""
    unknown: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Flags in no table, each with the number of operands before it."""

    def last(self, *names: str) -> str:
        """Give the last value of the first of these flags that is set, else nothing."""
        for name in names:
            if name in self.values:
                return self.values[name][-1]
        return ""

    def given(self, *names: str) -> bool:
        """Tell whether one of these flags stands there, whatever its value."""
        return any(name in self.values for name in names)

    def has(self, *names: str) -> bool:
        """Tell whether one of these switches is set (`--flag=false` is not)."""
        return any(
            name in self.values and self.values[name][-1].lower() not in {"false", "f", "0"}
            for name in names
        )

    def all(self, *names: str) -> list[str]:
        """Give every value of these flags."""
        return [value for name in names for value in self.values.get(name, ())]

    def unsure_before(self, operands: int) -> bool:
        """Tell whether an unknown flag may have swallowed one of the first operands."""
        return any(seen < operands for _, seen in self.unknown)


def sort_flags(words: tuple[str, ...], *, table: FlagTable) -> Flags:
    """Sort words into flags and operands, in the way of GNU getopt and Go's pflag."""
    found = Flags()
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            found.rest = words[index:]
            break
        if word == "-" or not word.startswith("-"):  # a lone dash is an operand
            found.operands.append(word)
            if table.stop_at_operand:
                found.operands.extend(words[index:])
                break
            continue
        if word.startswith("--") or table.long_with_one_dash:
            index = _long_flag(found, word=word, words=words, index=index, table=table)
        else:
            index = _short_flags(found, word=word, words=words, index=index, table=table)
    return found


def _long_flag(
    found: Flags, *, word: str, words: tuple[str, ...], index: int, table: FlagTable
) -> int:
    name, equals, value = word.partition("=")
    if equals:
        if name not in table.valued and name not in table.switches:
            found.unknown.append((name, len(found.operands)))
        found.values.setdefault(name, []).append(value)
        return index
    if name in table.valued:
        if index < len(words):
            value = words[index]
            index += 1
    elif name not in table.switches:
        found.unknown.append((name, len(found.operands)))
    found.values.setdefault(name, []).append(value)
    return index


def _short_flags(
    found: Flags, *, word: str, words: tuple[str, ...], index: int, table: FlagTable
) -> int:
    for place in range(1, len(word)):
        name = "-" + word[place]
        if name in table.valued:
            value = word[place + 1 :]
            if not value and index < len(words):
                value = words[index]
                index += 1
            found.values.setdefault(name, []).append(value.removeprefix("="))
            return index
        if word[place] == "=":
            return index
        if name not in table.switches:
            found.unknown.append((name, len(found.operands)))
        found.values.setdefault(name, []).append("")
    return index


def misplaced_flag(words: tuple[str, ...], *, root: FlagTable) -> bool:
    """Tell whether a flag that is not global stands before the verb.

    Programs built with cobra look for the verb before they know the verb's flags, and take the word
    after such a flag for its value: `kubectl -i wait run …` runs.
    """
    if not words or not words[0].startswith("-"):
        return False
    return bool(sort_flags(words, table=root).unknown)


def may_be_flag(word: str) -> bool:
    """Tell whether a word that is not fully known could turn out to be a flag."""
    return word.startswith(OPEN) or (word.startswith("-") and OPEN in word)


def any_may_be_flag(words: tuple[str, ...] | list[str]) -> bool:
    """Tell whether one of the words could turn out to be a flag."""
    return any(may_be_flag(word) for word in words)
