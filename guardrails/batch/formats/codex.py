"""Rollouts of Codex: what its sessions folder holds, one response item or event per line.

A model turn is written as several items (reasoning, words, calls), followed by what the calls
returned. Events that only repeat items for the screen are left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Answered, Message, message_of, usage_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import (
    NOTHING,
    Json,
    first,
    is_object,
    noted,
    obj,
    parsed,
    text,
    when,
    whole,
    word,
)
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import Usage

NAME = "codex"
ABOUT = "rollouts of Codex (lines of type session_meta, response_item, event_msg, turn_context)"

_TYPES = frozenset(
    {
        *("session_meta", "response_item", "event_msg", "turn_context", "compacted"),
        "token_usage_record",
    }
)
_SETTINGS = ("<environment_context>", "<permissions", "<skills_instructions>", "<collaboration")
"""Beginnings of what Codex itself tells the model about its surroundings."""
_STANDING = ("# AGENTS.md", "<user_instructions>", "<INSTRUCTIONS>")
"""Beginnings of what people told it for every session."""
_EXIT = re.compile(r"(?:^|\n)(?:Exit code: |Process exited with code )(?P<code>-?\d+)")
_HEADER = re.compile(
    r"(?:(?:Chunk ID|Exit code|Wall time|Original token count|Process exited with code)\b.*\n)+"
    r"Output:\n?"
)
"""What Codex prints above the output of a command that is over. Its times and ids are new every
time, and equal outputs would not be known as equal."""
_HEAD = 400
"""Characters of a result in which Codex states the exit code."""


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of a rollout."""
    return word(value.get("type")) in _TYPES and is_object(value.get("payload"))


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read a rollout as one run."""
    session = next((obj(p["payload"]) for p in parts if p.get("type") == "session_meta"), NOTHING)
    context = next((obj(p["payload"]) for p in parts if p.get("type") == "turn_context"), NOTHING)
    log = EventLog(first(session, "id", "session_id") or name)
    fold = _Fold(Transcript(log, model=first(context, "model")))
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
        notes=noted(
            end=fold.stopped or end,
            provider=session.get("model_provider"),
            version=session.get("cli_version"),
            compacted=fold.compacted or "",
            results_without_calls=fold.transcript.unmatched or "",
        ),
    )


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


class _Fold:
    """Gathers the items of a turn."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.compacted = 0
        self.stopped = ""
        self._turn: Message | None = None

    def add(self, part: Json) -> None:
        payload = obj(part.get("payload"))
        match part.get("type"), payload.get("type"):
            case "response_item", _:
                self._item(payload, part)
            case "event_msg", "token_count":
                usage = usage_of(obj(payload.get("info")).get("last_token_usage"))
                self.flush(usage)
            case "token_usage_record", _:  # since 0.170, before what the calls returned
                self.flush(usage_of(payload.get("usage")))
            case "event_msg", "turn_aborted":
                self.stopped = "aborted: " + (word(payload.get("reason")) or "no reason")
            case "event_msg", "error" | "stream_error":
                self.stopped = word(payload.get("message"))[:200]
            case "compacted", _:
                self.compacted += 1
            case _:
                pass

    def _item(self, payload: Json, part: Json) -> None:
        message = message_of(payload, at=when(part.get("timestamp")))
        if message is None:
            return
        if message.role == "model":
            self._turn = message if self._turn is None else _joined(self._turn, message)
            self.stopped = ""
            return
        self.flush()
        if message.role == "person" and message.text.startswith(_SETTINGS):
            return
        if message.role == "person" and message.text.startswith(_STANDING):
            message = replace(message, role="system")
        elif message.role == "system":
            return  # Codex's own instructions
        results = tuple(_plain(result) for result in message.results)
        self.transcript.add(replace(message, results=results))

    def flush(self, usage: Usage | None = None) -> None:
        if self._turn is not None:
            self.transcript.add(replace(self._turn, usage=usage))
            self._turn = None


def _joined(before: Message, after: Message) -> Message:
    return replace(
        before,
        text="\n".join(one for one in (before.text, after.text) if one),
        thoughts="\n".join(one for one in (before.thoughts, after.thoughts) if one),
        calls=before.calls + after.calls,
        message_id=before.message_id or after.message_id,
    )


def _plain(result: Answered) -> Answered:
    """Take a result out of Codex's wrapping, and read whether the command failed."""
    found = obj(parsed(result.text))
    if "output" in found and is_object(found.get("metadata")):
        code = whole(obj(found["metadata"]).get("exit_code"))
        return replace(result, text=text(found["output"]), failed=code not in {0, None})
    if "content" in found and isinstance(found.get("success"), bool):
        return replace(result, text=text(found["content"]), failed=not found["success"])
    code = _EXIT.search(result.text[:_HEAD])
    header = _HEADER.match(result.text)
    return replace(
        result,
        text=result.text if header is None else result.text[header.end() :],
        failed=code is not None and code["code"] != "0",
    )
