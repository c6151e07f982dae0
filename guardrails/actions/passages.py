"""A turn of an agent, line by line: what is prose, what is code, and under whose name it stands.

Agents that talk to each other write Markdown. A heading or a bold line that begins with the name of
a role is where somebody is spoken to (`**Coder, please …**`) or spoken for (`### Coder's code`).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

ROLES: Final = frozenset(
    {
        *("coder", "programmer", "developer", "engineer", "implementer", "architect", "designer"),
        *("tester", "reviewer", "critic", "verifier", "validator", "evaluator", "auditor"),
        *("planner", "manager", "coordinator", "orchestrator", "supervisor", "investigator"),
        *("analyst", "researcher", "executor", "writer", "editor", "operator", "debugger"),
    }
)
"""What agents of public multi-agent frameworks are called: the examples of AutoGen, ChatDev,
MetaGPT, CrewAI, LangGraph and Magentic-One. An agent may be named before it ever speaks, so the
agents of a run alone are not enough to know a name by."""

_LONGEST_LABEL = 120
"""Characters of a line that may be a heading."""
LAST_HEADING: Final = 6
"""Deepest level of headings; bold lines, and names alone on a line, stand below."""
_FENCE = re.compile(r"(?:>\s*)?(?:`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
_HEADING = re.compile(
    r"(?:>\s*)?(?:(?P<hashes>#{1,6})\s(?P<title>.*)"
    r"|(?:\*\*|__)(?P<bold>[^*\n]+?)(?P<colon>:?)(?:\*\*|__)(?P<after>.*))"
)
_ALONE = re.compile(r"\[?(?P<title>[A-Za-z]{3,20}:|[A-Za-z]{3,20}(?=\])).?\s*$")
"""`Coder:` or `[Coder]` alone on a line."""
_NUMBERED = re.compile(
    r"[\W_]*(?:(?:step|phase|part|turn|round|stage|message)\b\s*)?(?:\d{1,2}\b)?[\W_]*",
    re.IGNORECASE,
)
"""What may stand before a name: `Step 2:`, `3.`, a sign."""
_NAME = re.compile(
    r"(?:(?:as|from|by)\s+(?:the\s+)?)?(?P<name>[A-Za-z]\w*)(?P<rest>.*)", re.IGNORECASE
)
_BY = re.compile(
    r"(?:\b(?:as|by|from)\s+(?:the\s+)?|\()(?P<name>[A-Za-z]\w*)(?:['\u2019]s\s+\w+)?\)?[\W_]*$"
)
"""`## Implementation (Coder)`, `**Code by Coder:**`: whose words follow, at the end."""
_ADDRESSED = re.compile(
    r"\s*,|.*\b(?:please|you|your|once|when|after|before|now|will|should|must|to)\b"
    r"|\W*(?:implement|write|verify|test|create|fix|run|check|review|add|build|provide|design)\b",
    re.IGNORECASE,
)
"""Said to somebody, in what follows the name: a comma, a request, an imperative."""


class Line(NamedTuple):
    """One line of a turn."""

    text: str
    language: str | None = None
    """Of the block of code that it is in, empty where none is given; None outside of blocks."""


class Label(NamedTuple):
    """A line that says whose words follow."""

    name: str
    """In lower case, without what makes it a possessive."""
    level: int
    """Depth: 1 to 6 for headings, 7 for a bold line."""
    addressed: bool
    """True where the one named is spoken to, and not for."""


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a turn; the marks of code blocks themselves are left out.

    >>> turn = chr(10).join(["Done:", "```python", "x = 1", "```", "bye"])
    >>> [line.language for line in lines_of(turn)]
    [None, 'python', None]
    """
    language: str | None = None
    for line in text.split("\n"):
        fence = _FENCE.match(line.lstrip())
        if fence is not None:
            language = fence["language"].lower() if language is None else None
        else:
            yield Line(line, language)


def label_of(line: str) -> Label | None:
    """Return what a line of prose labels, if it is a heading or begins in bold.

    >>> label_of("### Coder's output")
    Label(name='coder', level=3, addressed=False)
    >>> label_of("**Coder, please write it now:**")
    Label(name='coder', level=7, addressed=True)
    """
    if len(line) > _LONGEST_LABEL:
        return None
    line = line.strip()
    title, level = _title_of(line)
    named = _NAME.match(title, _end_of_number(title))
    if named is None:
        return None
    name, rest = named["name"].lower(), named["rest"]
    if name not in ROLES and (by := _BY.search(rest)) is not None and by["name"].lower() in ROLES:
        name, rest = by["name"].lower(), ""
    return Label(
        name=name,
        level=level,
        addressed=_ADDRESSED.match(rest) is not None,
    )


def _title_of(line: str) -> tuple[str, int]:
    """Return what a line is titled, and how deep; nothing for a line that only begins in bold."""
    if (alone := _ALONE.match(line)) is not None:
        return alone["title"], LAST_HEADING + 1
    found = _HEADING.match(line)
    if found is None:
        return "", 0
    if found["hashes"]:
        return found["title"], len(found["hashes"])
    after = found["after"].strip()
    if found["colon"] or not after or after.startswith((":", "—", "-")):
        return f"{found['bold']}: {after}" if after else found["bold"], LAST_HEADING + 1
    return "", 0


def _end_of_number(title: str) -> int:
    number = _NUMBERED.match(title)
    return number.end() if number is not None else 0
