"""Logs of multi-agent frameworks that are plain text: who spoke, read off the lines between turns.

Each framework prints a line of its own before a turn. The first kind that a text holds twice is
taken for the whole of it; a text with none is one turn of one speaker, and says so in the notes.
"""

import re
from collections.abc import Iterator

from guardrails.batch.formats.speakers import Turn
from guardrails.batch.formats.values import when

_METAGPT = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]?\d*)\s*\|\s*\w+\s*\|[^\n]*? - "
    r"(?P<who>[^():\n]+\((?P<role>\w+)\)): (?P<said>to do [^\n]*)$",
    re.MULTILINE,
)
"""MetaGPT: `2026-… | INFO | metagpt.roles.role:_act:391 - Ann(Coder): to do WriteCode(…)`."""
_AUTOGEN = re.compile(r"^(?P<who>[\w .-]{1,60}) \(to (?P<to>[\w .-]{1,60})\):[ \t]*$", re.MULTILINE)
"""AutoGen and AG2 on a console: `planner (to chat_manager):`."""
_MAGENTIC = re.compile(r"^-{5,} (?:\w+ \()?(?P<who>[\w .-]{1,60}?)\)? -{5,}[ \t]*$", re.MULTILINE)
"""Magentic-One on a console: `---------- TextMessage (Coder) ----------`."""
_CHATDEV = re.compile(
    r"^\[(?P<at>[\d-]+ [\d:]+) \w+\] (?P<who>[A-Z][\w ]{1,60}): \*\*(?P<said>[^\n]*)$",
    re.MULTILINE,
)
"""ChatDev: `[2026-31-03 19:13:30 INFO] Programmer: **Programmer<->…, turn 0**`."""
_HYPERAGENT = re.compile(
    r"^(?:[^\n]{0,60}? - \w+ - )?(?P<who>[\w -]{1,60}?)(?:'s Response|->[\w -]{1,60}): ?"
    r"(?P<said>[^\n]*)$",
    re.MULTILINE,
)
"""HyperAgent: `HyperAgent_… - INFO - Planner's Response: …`."""
_APPWORLD = re.compile(
    r"^(?:Response from (?P<who>\w[\w ]{0,40}? Agent)|Reply from (?P<reply>\w[\w ]{0,40}?)"
    r"|Code Execution (?P<executor>Output))[ \t]*$",
    re.MULTILINE,
)
"""AppWorld: `Response from Supervisor Agent`, and what its code printed."""
_METAGPT_MESSAGES = re.compile(
    r"^(?:\[[^\]\n]{1,40}\] )?FROM: (?P<who>\w[\w .-]{0,60}) TO: (?P<to>[^\n]{1,80})$"
    r"|^NEW MESSAGES:\s*\n(?P<reply>\w[\w .-]{0,60}):(?P<said>[^\n]*)$",
    re.MULTILINE,
)
"""MetaGPT's messages, as MAD stores them: `FROM: Human TO: {…}`, then `NEW MESSAGES:` of each."""
_OPENMANUS = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]?\d*)[^\n]*? - \S+ "
    r"(?P<who>\w+)'s thoughts:(?P<said>[^\n]*)$",
    re.MULTILINE,
)
"""OpenManus: `2026-… | INFO | app.agent.toolcall:think:81 - ✨ Manus's thoughts: …`."""
_KINDS = (
    *(_METAGPT, _METAGPT_MESSAGES, _OPENMANUS, _MAGENTIC, _APPWORLD),
    *(_AUTOGEN, _CHATDEV, _HYPERAGENT),
)
_NAMED_AFTER = re.compile(
    r"^[ \t-]*content:(?P<said>.*?)^[ \t]*role:[^\n]*\n[ \t]*name:[ \t]*(?P<who>[^\n]+)$",
    re.MULTILINE | re.DOTALL,
)
"""AG2's conversations as MAD prints them: the name stands behind the words."""
_PEOPLE = frozenset({"human", "user", "user_proxy", "userproxy"})
_RULE = re.compile(r"\n[-=*]{20,}\s*\Z")
"""The line that closes a turn on a console."""


def turns_in(log: str) -> tuple[Turn, ...]:
    """Return the turns of a log; empty where its speakers cannot be told."""
    for kind in _KINDS:
        marks = list(kind.finditer(log))
        if len(marks) > 1:
            return tuple(_turns(log, marks))
    named = list(_NAMED_AFTER.finditer(log))
    if len(named) > 1:
        return tuple(Turn(speaker=one["who"].strip(), text=one["said"].strip()) for one in named)
    return ()


def _turns(log: str, marks: list[re.Match[str]]) -> Iterator[Turn]:
    before = log[: marks[0].start()].strip()
    if before:
        yield Turn(speaker="", text=before, opens=True)
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        found = mark.groupdict()
        end = following.start() if following is not None else len(log)
        body = _RULE.sub("", log[mark.end() : end].rstrip()).strip()
        said = (found.get("said") or "").strip()
        who = (found.get("who") or found.get("reply") or "").strip()
        who = who or ("executor" if found.get("executor") else "")
        yield Turn(
            speaker=who,
            text="\n".join(part for part in (said, body) if part),
            to=(found.get("to") or "").strip(" {}'\""),
            at=when(found.get("at")),
            opens=mark is marks[0] and not before and who.lower() in _PEOPLE,
        )
