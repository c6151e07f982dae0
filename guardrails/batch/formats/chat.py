"""Chat logs: the messages of one conversation, in any dialect, alone or under `messages`.

OpenAI's logs, HolmesGPT's conversation histories, state dumps of LangGraph. A model turn with a
name was taken by the agent of that name, as supervisors and swarms of LangGraph write it.
"""

from collections.abc import Iterator, Sequence

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.messages import is_message, message_of
from guardrails.batch.formats.reader import RecordReader, StreamReader
from guardrails.batch.formats.transcript import Transcript, retold
from guardrails.batch.formats.values import Json, first, is_list, items, noted, obj, word
from guardrails.batch.recorded import RecordedRun, Verdict

NAME = "chat"
_STATE = "messages"
_PLACES = ("messages", "history", "conversation", "conversation_history", "trajectory", "traj")


def is_state(value: object) -> bool:
    """Tell whether a JSON value holds a conversation: a list of messages, or a state with one."""
    return bool(_messages_in(value))


def read_state(value: object, name: str) -> RecordedRun:
    """Read a conversation, or a state that holds one, also one level down (`values`, `outputs`)."""
    found = obj(value)
    run_id = first(found, "run_id", "thread_id", "session_id", "conversation_id", "id", "_id")
    return run_of(
        _messages_in(value),
        run_id=run_id or name,
        format_=_STATE,
        model=first(found, "model", "model_name"),
        outcome=_outcome(found),
    )


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read a file whose values are the messages of one conversation."""
    yield run_of(parts, run_id=name, format_=NAME)


def run_of(  # the parts of a run
    values: Sequence[object],
    *,
    run_id: str,
    format_: str,
    model: str = "",
    fault: str = "",
    outcome: Verdict = Verdict.UNKNOWN,
    notes: dict[str, str] | None = None,
) -> RecordedRun:
    """Turn messages into a run."""
    log = EventLog(run_id)
    transcript = Transcript(log, model=model, turns_pass=True)
    found = [one for value in values if (one := message_of(value)) is not None]
    transcript.model = model or next((one.model for one in found if one.model), "")
    retold(found, transcript)
    end = transcript.end()
    return RecordedRun(
        run_id=log.run,
        format=format_,
        events=log.events,
        model=transcript.model,
        fault=fault,
        outcome=outcome,
        timed=log.timed,
        notes={
            **(notes or {}),
            **noted(end=end, results_without_calls=transcript.unmatched or ""),
        },
    )


READER = StreamReader(
    name=NAME,
    about="messages of a chat (role and content, or LangChain's types), one per line or in a list",
    is_part=is_message,
    read=read,
    general=True,
)
STATE_READER = RecordReader(
    name=_STATE,
    about="an object with a list of messages, or a list of messages per line",
    is_run=is_state,
    read=read_state,
    general=True,
)


def _messages_in(value: object) -> Sequence[object]:
    """Return the messages of a state; empty where there are none."""
    if is_list(value):
        listed = value
        return listed if listed and is_message(listed[0]) else ()
    found = obj(value)
    for key in _PLACES:
        listed = items(found.get(key))
        if listed and is_message(listed[0]):
            return listed
    for key in ("values", "state", "outputs", "output", "channel_values"):
        inner = obj(found.get(key))
        if inner and (listed := items(inner.get("messages"))) and is_message(listed[0]):
            return listed
    return ()


def _outcome(found: Json) -> Verdict:
    """Read a plain yes or no, where the state holds one."""
    for key in ("success", "resolved", "correct", "passed"):
        if isinstance(found.get(key), bool):
            return Verdict.RIGHT if found[key] else Verdict.WRONG
    return Verdict.WRONG if word(found.get("outcome")).lower() == "failed" else Verdict.UNKNOWN
