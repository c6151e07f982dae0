"""What tagging is asked, and what it says of a run or a file: a line, or why there is none.

Only values, so that whoever hands out the work need not load what tags.
"""

from dataclasses import dataclass

from guardrails.core.mast import FailureMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file, or a run of one, of which there is no line."""

    source: str
    said: str
    """One line for a person; it names the file."""
    bug: bool = False
    """True when it is our fault."""


Item = bytes | Unread
"""A line of `guardrails.batch.lines`, without its end, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of each run."""

    modes: frozenset[FailureMode] = frozenset()
    """Those of interest; empty: all."""
    judge: str = ""
    """A language model that adds what it finds; empty for none."""


def unread(source: str, said: str) -> Unread:
    """Return why a file was not read, in one line.

    >>> unread("a.jsonl", "a.jsonl: not  JSON").said
    'a.jsonl: not JSON'
    """
    return Unread(source=source, said=_line(said))


def our_bug(source: str, where: str, error: Exception) -> Unread:
    """Return that an error nobody foresaw cost a line."""
    said = (
        f"{where}: unexpected {type(error).__name__}: {error}. This is a bug in guarded-agent: "
        "please open an issue"
    )
    return Unread(source=source, said=_line(said), bug=True)


def _line(text: str) -> str:
    return " ".join(text.split())
