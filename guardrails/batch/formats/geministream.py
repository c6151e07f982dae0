"""What `gemini --output-format stream-json` prints: words in pieces, calls and their results."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Answered, Asked, Message, usage_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import NOTHING, Json, first, noted, obj, text, when, word
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import Usage

NAME = "gemini-stream"
ABOUT = "output of gemini -o stream-json (lines of type init, message, tool_use, tool_result)"


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of such an output."""
    if "timestamp" not in value:
        return False
    match value.get("type"):
        case "init":
            return "session_id" in value
        case "tool_use" | "tool_result":
            return "tool_id" in value
        case "message":
            return value.get("role") in {"user", "assistant"} and "content" in value
        case "result":
            return "stats" in value
        case _:
            return False


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read an output as one run."""
    begun = next((part for part in parts if part.get("type") == "init"), NOTHING)
    log = EventLog(first(begun, "session_id") or name)
    fold = _Fold(Transcript(log, model=first(begun, "model")))
    for part in parts:
        fold.add(part)
    fold.flush()
    end = fold.transcript.end()
    yield RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        model=fold.transcript.model,
        timed=log.timed,
        notes=noted(end=fold.stopped or end),
    )


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


class _Fold:
    """Gathers a turn from pieces of words and the calls after them."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.stopped = ""
        self._turn: Message | None = None

    def add(self, part: Json) -> None:
        at = when(part.get("timestamp"))
        match part.get("type"), part.get("role"):
            case "message", "assistant":
                before = self._turn or Message(role="model", at=at)
                if before.calls:
                    self.flush()
                    before = Message(role="model", at=at)
                self._turn = replace(before, text=before.text + text(part.get("content")))
            case "message", _:
                self.flush()
                self.transcript.add(Message(role="person", text=text(part.get("content")), at=at))
            case "tool_use", _:
                before = self._turn or Message(role="model", at=at)
                self._turn = replace(before, calls=(*before.calls, _asked(part)))
            case "tool_result", _:
                self.flush()
                self.transcript.result(_answered(part), at=at)
            case "result", _:
                self.flush(usage_of(part.get("stats")))
                if word(part.get("status")) == "error":
                    said = first(obj(part.get("error")), "message") or "error"
                    self.stopped = said[:200]
            case _:
                pass

    def flush(self, usage: Usage | None = None) -> None:
        """Append the turn so far; the session's count stands with its last one."""
        if self._turn is not None:
            self.transcript.add(replace(self._turn, usage=usage))
            self._turn = None


def _asked(part: Json) -> Asked:
    return Asked(
        call_id=word(part.get("tool_id")),
        tool=first(part, "tool_name"),
        arguments=part.get("parameters") or {},
    )


def _answered(part: Json) -> Answered:
    error = first(obj(part.get("error")), "message")
    return Answered(
        call_id=word(part.get("tool_id")),
        text=text(part.get("output") or error),
        failed=word(part.get("status")) == "error",
    )
