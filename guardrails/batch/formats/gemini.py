"""Sessions of Gemini CLI: a header, then messages, each written again whenever it grows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import Answered, Asked, message_of, usage_of
from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.transcript import Transcript
from guardrails.batch.formats.values import (
    NOTHING,
    Json,
    first,
    noted,
    obj,
    objects,
    text,
    when,
    word,
)
from guardrails.batch.recorded import RecordedRun

NAME = "gemini-cli"
ABOUT = "sessions of Gemini CLI (sessionId with projectHash, then messages of type gemini)"

_SETTINGS = "<session_context>"
"""Beginning of what Gemini CLI itself tells the model about its surroundings."""
_WRAPPING = re.compile(
    r"\A<untrusted_context>\n|\nProcess Group PGID: \d+(?=\n|\Z)|\n</untrusted_context>\Z"
)
"""What stands around every output of a command. A process has another id every time, and equal
outputs would not be known as equal."""
_EXIT = re.compile(r"^Exit Code: (?P<code>-?\d+)", re.MULTILINE)
_BAD = frozenset({"error", "cancelled", "canceled"})


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of a session, or a session in one object."""
    if "sessionId" in value and "projectHash" in value:
        return True
    return value.get("type") == "gemini" and "timestamp" in value


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read a session as one run."""
    header = next((p for p in parts if "sessionId" in p), NOTHING)
    log = EventLog(first(header, "sessionId") or name)
    transcript = Transcript(log)
    begun, said = _messages(parts)
    transcript.model = next((m for one in said if (m := word(one.get("model")))), "")
    for one in begun:
        message = message_of({**one, "role": "system"})
        if message is not None and not message.text.startswith(_SETTINGS):
            transcript.add(message)
    errors = 0
    for one in said:
        errors += one.get("type") == "error"
        _told(transcript, one)
    end = transcript.end()
    yield RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        model=transcript.model,
        timed=log.timed,
        notes=noted(
            end=end,
            kind=header.get("kind"),
            errors=errors or "",
            results_without_calls=transcript.unmatched or "",
        ),
    )


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


def _messages(parts: Sequence[Json]) -> tuple[Sequence[Json], Sequence[Json]]:
    """Return what the session began with, and its messages, each as it was written last."""
    begun: list[Json] = []
    latest: dict[str, Json] = {}
    for number, part in enumerate(parts):
        if "$set" in part:
            begun.extend(objects(obj(part["$set"]).get("messages")))
        elif "messages" in part:
            for at, one in enumerate(objects(part["messages"])):
                latest[word(one.get("id")) or f"{number}-{at}"] = one
        elif "type" in part:
            latest[word(part.get("id")) or str(number)] = part
    known = latest.keys()
    return [one for one in begun if word(one.get("id")) not in known], list(latest.values())


def _told(transcript: Transcript, one: Json) -> None:
    at = when(one.get("timestamp"))
    message = message_of({**one, "role": one.get("type")}, at=at)
    if message is None:
        return
    if message.role != "model":
        transcript.add(message)
        return
    listed = objects(one.get("toolCalls"))
    calls = tuple(
        Asked(call_id=word(call.get("id")), tool=first(call, "name"), arguments=call.get("args"))
        for call in listed
    )
    transcript.add(
        replace(
            message,
            thoughts=_thoughts(one),
            calls=calls,
            usage=usage_of(one.get("tokens")),
            name="",
        )
    )
    for call in listed:
        if call.get("result") is not None:
            transcript.result(_answered(call), at=when(call.get("timestamp")))


def _answered(call: Json) -> Answered:
    words = [
        first(response, "output", "error") or text(response)
        for part in objects(call.get("result"))
        if (response := obj(obj(part.get("functionResponse")).get("response")))
    ]
    said = "\n".join(words) or text(call.get("result"))
    code = _EXIT.search(said)
    return Answered(
        call_id=word(call.get("id")),
        tool=first(call, "name"),
        text=_WRAPPING.sub("", said),
        failed=word(call.get("status")) in _BAD or (code is not None and code["code"] != "0"),
    )


def _thoughts(one: Json) -> str:
    return "\n".join(
        ": ".join(part for part in (first(t, "subject"), first(t, "description")) if part)
        for t in objects(one.get("thoughts"))
    )
