"""Messages of one or several agents, in order, as events of a run.

Calls and results are matched by id; where ids are missing or used twice, by order. What cannot be
matched is not lost: a result without its call is read as a call that nobody saw being made.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from guardrails.batch.eventlog import EventLog, call_of
from guardrails.batch.formats.messages import Answered, Asked, Message
from guardrails.core.events import ExitKind, ToolCall, ToolRequested, ToolStatus
from guardrails.core.incident import Goal
from guardrails.detectors.exchange import Delegation, delegation_of

PERSON = "user"
"""Who speaks for the people in a run."""
SHORT_TASK = 200
"""Characters up to which a first message may only say `begin`; the task then stands in the
instructions, as in ITBench's runs of Codex."""
_TASK_READ = 8_000
"""Characters of a task in which its goal is looked for."""
_MEND = re.compile(
    r"\b(?:mitigat|remediat|repair|restor)\w*|\bfix(?:es|ing|ed)?\b|\bresolv(?:e|ing)\b",
    re.IGNORECASE,
)
_FINISH = re.compile(
    r"(?:\w+_)?(?:submit|finish|final_answer|complete_task|done|attempt_completion)(?:_\w+)?",
    re.IGNORECASE,
)
"""Tools that end a run by being called."""
_TO_PERSON = re.compile(
    r"(?:transfer|hand_?off|hand_?over|escalate)\w*?_(?:human|person|operator|on_?call)\w*",
    re.IGNORECASE,
)
"""Tools that give a run to a person: tau-bench's `transfer_to_human_agents`."""


def goal_of(task: str) -> Goal:
    """Return what a task asks for: to mend something, or only to find out."""
    return Goal.MITIGATION if _MEND.search(task[:_TASK_READ]) else Goal.DIAGNOSIS


class Transcript:
    """Turns messages into events of a log.

    Args:
        log: The log; it is started here, with the first words of a person.
        model: Who writes the turns, where the file says so once for all.
        turns_pass: Whether control goes from one agent to the next, as in a conversation; False
            where agents work side by side, or one for the other.
    """

    def __init__(self, log: EventLog, *, model: str = "", turns_pass: bool = False) -> None:
        self.log = log
        self.turns_pass = turns_pass
        self.model = model
        self.unmatched = 0
        """Results whose calls the file does not hold."""
        self._instructions: list[str] = []
        self._started = False
        self._open: list[tuple[str, ToolCall, str]] = []
        """Calls under way: id in the file, call, agent."""
        self._ids: set[str] = set()
        self._last: tuple[Message, str, tuple[ToolCall, ...]] | None = None
        self._left: set[str] = set()
        """Agents that control was just given to by a call."""

    def add(self, message: Message, *, agent: str = "") -> None:
        """Append one message, said by or to an agent."""
        match message.role:
            case "system":
                if message.text and not self._started:
                    self._instructions.append(message.text)
            case "person":
                self._person(message, agent)
            case "model":
                self._turn(message, agent)
            case "tool":
                pass
        for result in message.results:
            self.result(result, agent=agent, at=message.at)

    def start(self, task: str = "", *, at: datetime | None = None) -> None:
        """Start the run, if it has not started: with a task, or what the instructions say."""
        if self._started:
            return
        self._started = True
        if len(task) < SHORT_TASK and self._instructions:
            task = "\n\n".join([*self._instructions, task] if task else self._instructions)
        self.log.started(task, model=self.model, goal=goal_of(task), at=at)

    def end(self, *, at: datetime | None = None) -> str:
        """End the run if its last turn ends it.

        Returns:
            Why the log shows no end, or nothing if it does.
        """
        self.start()
        if self._last is None:
            return "no model turn"
        message, agent, calls = self._last
        if not calls:
            kind = ExitKind.FINAL_ANSWER if message.text.strip() else ExitKind.EMPTY
            self.log.ended(message.text, exit_=kind, agent=agent, at=at)
            return ""
        finish = next((call for call in calls if _FINISH.fullmatch(call.tool)), None)
        if finish is None and any(_TO_PERSON.fullmatch(call.tool) for call in calls):
            self.log.ended("", exit_=ExitKind.HANDOFF, agent=agent, at=at)
            return "given to a person"
        if finish is None:
            return "stops after a call"
        self.log.ended(finish.arguments, exit_=ExitKind.FINISH_TOOL, agent=agent, at=at)
        return ""

    def _person(self, message: Message, agent: str) -> None:
        if not message.text.strip():
            return
        if not self._started:
            self.start(message.text, at=message.at)
            return
        self.log.passed(message.text, to=agent, by_person=True, agent=PERSON, at=message.at)

    def _turn(self, message: Message, agent: str) -> None:
        self.start(at=message.at)
        self.model = self.model or message.model
        if self.turns_pass:
            self._hand_over(agent, at=message.at)
        calls = tuple(self._call(asked, agent) for asked in message.calls)
        self.log.replied(
            message.text,
            calls=calls,
            reasoning=message.thoughts,
            usage=message.usage,
            agent=agent,
            at=message.at,
        )
        for call in calls:
            self.log.requested(call, agent=agent, at=message.at)
            given = given_by(call)
            if given is not None and not given.returns:
                self._left.add(given.to)
        self._last = (message, agent, calls)

    def _hand_over(self, agent: str, *, at: datetime | None) -> None:
        """Say that control went over, where no call said so."""
        before = self._last[1] if self._last is not None else agent
        if agent != before and agent not in self._left:
            self.log.handed_off(agent, agent=before, at=at)
        self._left.discard(agent)

    def _call(self, asked: Asked, agent: str) -> ToolCall:
        stem = asked.call_id or f"call-{len(self._ids) + 1}"
        unique = stem
        while unique in self._ids:
            unique = f"{stem}#{len(self._ids) + 1}"
        self._ids.add(unique)
        call = call_of(unique, asked.tool or "unknown", asked.arguments)
        self._open.append((asked.call_id, call, agent))
        return call

    def knows(self, call_id: str) -> bool:
        """Tell whether a call of that id was made."""
        return call_id in self._ids

    def waits_for(self, call_id: str) -> bool:
        """Tell whether a call of that id has not returned yet."""
        return any(known == call_id for known, _, _ in self._open)

    def result(self, result: Answered, *, agent: str = "", at: datetime | None = None) -> None:
        """Append what a call came back with."""
        self.start(at=at)
        found = self._waiting(result)
        if found is None:
            if result.call_id and result.call_id in self._ids:
                return  # the same result once more, as histories repeat it
            self.unmatched += 1
            asked = Asked(call_id=result.call_id, tool=result.tool, arguments={})
            call = self._call(asked, agent)
            self._open.pop()
            self.log.requested(call, agent=agent, at=at)
        else:
            self._open.remove(found)
            _, call, agent = found
        status = ToolStatus.ERROR if result.failed else ToolStatus.OK
        self.log.returned(call, result.text, status=status, agent=agent, at=at)

    def ran(
        self, asked: Asked, result: Answered, *, agent: str = "", at: datetime | None = None
    ) -> None:
        """Append a call that ran, and what it came back with; no turn need have asked for it."""
        self.start(at=at)
        waited = result if self.waits_for(result.call_id) else replace(result, call_id="")
        if self._waiting(waited) is None:
            call = self._call(asked, agent)
            self.log.requested(call, agent=agent, at=at)
            waited = replace(result, call_id=asked.call_id)
        self.result(waited, agent=agent, at=at)

    def _waiting(self, result: Answered) -> tuple[str, ToolCall, str] | None:
        if result.call_id:
            same = [one for one in self._open if one[0] == result.call_id]
            if same:
                return same[-1]
            nameless = [one for one in self._open if not one[0]]
        else:
            nameless = [one for one in self._open if not one[0]] or self._open
        named = [one for one in nameless if one[1].tool == result.tool]
        return next(iter(named or (nameless if not result.tool else ())), None)


def given_by(call: ToolCall) -> Delegation | None:
    """Return the task that a call gives to another agent, if it gives one."""
    return delegation_of(
        ToolRequested(call_id=call.call_id, tool=call.tool, arguments=call.arguments)
    )


def retold(messages: Iterable[Message], transcript: Transcript) -> None:
    """Append the messages of one conversation; a model turn's name says which agent took it."""
    agent = ""
    for message in messages:
        if message.role == "model":
            agent = message.name
        transcript.add(message, agent=agent)
