"""Sessions of Claude Code: the files of its projects folder, and its stream-json.

The parts of one model turn are lines of their own with one message id. Agents that a `Task` call
started stand in the same file: marked by `isSidechain`, or by the id of that call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Message, message_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import NOTHING, Json, first, noted, obj, when, word
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import ExitKind

NAME = "claude-code"
ABOUT = "sessions of Claude Code (type with sessionId), or its stream-json (type with session_id)"

SUB = "sub-agent"
"""What an agent is called whose kind the file does not say."""
_SPAWNS = frozenset({"task", "agent"})


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of a session."""
    if not isinstance(value.get("type"), str) or "payload" in value:
        return False
    if "sessionId" in value:
        return "parentUuid" in value or "message" in value or "operation" in value
    return "session_id" in value and ("message" in value or "subtype" in value)


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read a session as one run."""
    run_id = next((id_ for p in parts if (id_ := first(p, "sessionId", "session_id"))), name)
    init = next((p for p in parts if p.get("subtype") == "init"), NOTHING)
    log = EventLog(run_id)
    fold = _Fold(Transcript(log, model=first(init, "model") or _model(parts)))
    for part in parts:
        fold.add(part)
    fold.flush()
    result = next((p for p in reversed(parts) if p.get("type") == "result"), NOTHING)
    end = _end(fold.transcript, result)
    yield RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        model=fold.transcript.model,
        timed=log.timed,
        notes=noted(
            end=end,
            version=next((v for p in parts if (v := word(p.get("version")))), ""),
            compacted=fold.compacted or "",
            task="" if fold.tasked else "the log does not hold what was asked",
            results_without_calls=fold.transcript.unmatched or "",
        ),
    )


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


class _Fold:
    """Gathers the lines of a turn, and keeps agents apart."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.compacted = 0
        self.tasked = False
        self._turn: tuple[str, Message] | None = None
        self._agents: dict[str, str] = {}
        """Which agent a line, or the id of a call that started one, belongs to."""
        self._tasks: dict[str, str] = {}
        """What calls asked of agents that have not begun, and of which kind of agent."""

    def add(self, part: Json) -> None:
        kind = word(part.get("type"))
        if part.get("isCompactSummary") is True or part.get("subtype") == "compact_boundary":
            self.compacted += 1
            return
        if kind not in {"user", "assistant"} or part.get("isMeta") is True:
            return
        message = message_of(part.get("message"), at=when(part.get("timestamp")))
        if message is None:
            return
        agent = self._agent(part, message)
        if kind == "assistant":
            self._part(agent, message)
            return
        self.flush()
        if message.role == "person":
            if agent:
                return  # its task, which the call that started it holds
            self.tasked = self.tasked or bool(message.text)
        self.transcript.add(message, agent=agent)

    def _part(self, agent: str, message: Message) -> None:
        if self._turn is not None:
            before_agent, before = self._turn
            if before_agent == agent and before.message_id == message.message_id:
                self._turn = (agent, _joined(before, message))
                return
            self.flush()
        self._turn = (agent, message)

    def flush(self) -> None:
        """Append the turn that is gathered."""
        if self._turn is None:
            return
        agent, message = self._turn
        self._turn = None
        self.transcript.add(message, agent=agent)
        for call in message.calls:
            if call.tool.lower() in _SPAWNS:
                given = obj(call.arguments)
                who = first(given, "subagent_type", "name") or SUB
                self._agents[call.call_id] = who
                self._tasks[first(given, "prompt", "description")] = who

    def _agent(self, part: Json, message: Message) -> str:
        """Return the agent of a line; empty for the one that the person talks to."""
        started_by = word(part.get("parent_tool_use_id"))
        if not started_by and part.get("isSidechain") is not True:
            return ""
        if started_by or part.get("type") == "user":
            self.flush()  # the turn that started it
        agent = (
            self._agents.get(started_by)
            or self._agents.get(word(part.get("agentId")))
            or self._agents.get(word(part.get("parentUuid")))
            or self._tasks.get(message.text)
            or first(part, "agentName", "attributionAgent", "agentId")
            or SUB
        )
        for key in ("agentId", "uuid"):
            if line := word(part.get(key)):
                self._agents[line] = agent
        return agent


def _joined(before: Message, after: Message) -> Message:
    return replace(
        before,
        text="\n".join(one for one in (before.text, after.text) if one),
        thoughts="\n".join(one for one in (before.thoughts, after.thoughts) if one),
        calls=before.calls + after.calls,
        usage=after.usage or before.usage,
    )


def _model(parts: Sequence[Json]) -> str:
    models = (word(obj(p.get("message")).get("model")) for p in parts)
    return next((model for model in models if model and not model.startswith("<")), "")


def _end(transcript: Transcript, result: Json) -> str:
    """End the run; stream-json says by which door it ended."""
    if result.get("subtype") == "error_max_turns":
        transcript.start()
        transcript.log.ended("", exit_=ExitKind.RECURSION)
        return "turn limit"
    if result.get("is_error") is True:
        return first(result, "result", "subtype")[:200] or "error"
    return transcript.end()
