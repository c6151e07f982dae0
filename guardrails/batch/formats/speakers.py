"""A conversation of several agents, turn by turn, as events.

Each turn of a speaker is a model turn and words to the others. Where an agent wrote code and the
next speaker only answers with what it printed, that is a tool call and its result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guardrails.batch.eventlog import EventLog, call_of
from guardrails.core.events import ToolCall, ToolStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one agent said."""

    speaker: str
    text: str
    to: str = ""
    """Whom it spoke to; empty for everyone."""
    at: datetime | None = None
    opens: bool = False
    """True for the turn that gives the task, which no model wrote."""


_CODE = re.compile(
    r"```(?P<lang>python|py|sh|bash|shell|console)[ \t]*\r?\n(?P<code>.*?)(?:\n[ \t]*```|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_PRINTED = re.compile(r"\s*(?:exitcode|exit code)\s*:\s*(?P<code>-?\d+)", re.IGNORECASE)
"""How AutoGen's executors begin: `exitcode: 0 (execution succeeded)`."""
_RUNNER = re.compile(r"prox(?:y|ies)|execut|terminal|interpreter|sandbox", re.IGNORECASE)
"""Names of agents that run what others wrote: user_proxy, code_executor, ComputerTerminal."""
_FAILED = re.compile(r"\s*(?:Error\b|Traceback \(most recent call last\))|No output found")
_PROMPT = re.compile(r"\s*(?:continue|please|terminate|let's)\b", re.IGNORECASE)
"""Beginnings of what such an agent says when there was nothing to run."""


def tell(log: EventLog, turns: Sequence[Turn]) -> None:
    """Append a conversation to a run that has started, and its end."""
    last: Turn | None = None
    skip = False
    for at, turn in enumerate(turns):
        if skip:
            skip = False
            continue
        if turn.opens:
            log.passed(turn.text, to=turn.to, kind="task", agent=turn.speaker, at=turn.at)
            continue
        answer = turns[at + 1] if at + 1 < len(turns) else None
        call = _run(turn, answer, number=at)
        log.replied(turn.text, calls=[call] if call else (), agent=turn.speaker, at=turn.at)
        log.passed(turn.text, to=turn.to, agent=turn.speaker, at=turn.at)
        if call is not None and answer is not None:
            _returned(log, turn, call, answer)
            skip = True
        if turn.text.strip():
            last = turn
    if last is not None:
        log.ended(last.text, agent=last.speaker)


def _run(turn: Turn, answer: Turn | None, *, number: int) -> ToolCall | None:
    """Return the call by which an agent's code ran, if the answer is what it printed."""
    if answer is None or answer.speaker == turn.speaker or answer.opens:
        return None
    blocks = list(_CODE.finditer(turn.text))
    if not blocks or not _is_output(answer):
        return None
    shell = all(block["lang"].lower() in {"sh", "bash", "shell", "console"} for block in blocks)
    code = "\n\n".join(block["code"] for block in blocks)
    key, tool = ("command", "bash") if shell else ("code", "python")
    return call_of(f"code-{number}", tool, {key: code})


def _is_output(answer: Turn) -> bool:
    if _PRINTED.match(answer.text):
        return True
    runs = _RUNNER.search(answer.speaker) is not None
    return runs and "```" not in answer.text and not _PROMPT.match(answer.text)


def _returned(log: EventLog, turn: Turn, call: ToolCall, answer: Turn) -> None:
    printed = _PRINTED.match(answer.text)
    failed = printed["code"] != "0" if printed else _FAILED.match(answer.text) is not None
    status = ToolStatus.ERROR if failed else ToolStatus.OK
    log.requested(call, agent=turn.speaker, at=turn.at)
    log.returned(call, answer.text, status=status, agent=turn.speaker, at=answer.at)
