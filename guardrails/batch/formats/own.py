"""Our own traces: what a guarded run wrote, line by line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from guardrails.batch.formats.reader import StreamReader
from guardrails.batch.formats.values import Json, noted, obj, word
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.core.events import EVENT_SCHEMA, Event, RunStarted
from guardrails.core.outcome import Outcome
from guardrails.core.versions import update_needed
from guardrails.errors import TraceError

NAME = "guarded-agent"
ABOUT = "traces of guarded-agent (lines of type trace, event, decision, finding, run_ended)"

_OTHERS = frozenset({"decision", "finding", "finding_withdrawn", "progress", "run_ended"})


def is_part(value: Json) -> bool:
    """Tell whether a JSON value is a line of such a trace."""
    match value.get("type"):
        case "trace":
            return "run" in value
        case "event":
            return "fact" in value and "run" in value
        case kind:
            return word(kind) in _OTHERS and "run" in value


def read(parts: Sequence[Json], name: str) -> Iterator[RecordedRun]:
    """Read the runs of a trace, in the order in which they began.

    Raises:
        TraceError: A line is of a newer schema, or no event.
    """
    events: dict[str, list[Event]] = {}
    outcomes: dict[str, str] = {}
    for part in parts:
        run = word(part.get("run")) or name
        match part.get("type"):
            case "trace":
                _check(part)
                events.setdefault(run, [])
            case "event":
                events.setdefault(run, []).append(_event(part))
            case "run_ended":
                outcomes[run] = word(part.get("outcome")) or word(
                    obj(part.get("outcome")).get("kind")
                )
            case _:
                pass  # decisions and findings of the live run: a replay makes its own
    for found in events.values():
        if found:
            yield _run(found, outcome=outcomes.get(found[0].run, ""))


READER = StreamReader(name=NAME, about=ABOUT, is_part=is_part, read=read)


def _check(header: Json) -> None:
    schema = header.get("schema")
    if isinstance(schema, int) and schema > EVENT_SCHEMA:
        raise TraceError(update_needed("trace", found=schema, known=EVENT_SCHEMA))


def _event(part: Json) -> Event:
    try:
        return msgspec.convert(part, Event)
    except msgspec.ValidationError as error:
        raise TraceError(f"event {part.get('seq')} is not one: {error}") from error


_OUTCOMES: Final[Mapping[str, Verdict]] = {
    Outcome.RESOLVED: Verdict.RIGHT,
    Outcome.DIAGNOSED: Verdict.RIGHT,
    Outcome.UNRESOLVED: Verdict.WRONG,
}
"""What the gate proved. A run that went to a person, or could not be judged, was neither."""


def _run(events: Sequence[Event], *, outcome: str) -> RecordedRun:
    start = next((e.fact for e in events if isinstance(e.fact, RunStarted)), None)
    return RecordedRun(
        run_id=events[0].run,
        format=NAME,
        events=tuple(events),
        model=start.model if start is not None else "",
        outcome=_OUTCOMES.get(outcome, Verdict.UNKNOWN),
        timed=True,
        notes=noted(adapter=start.adapter if start is not None else "", gate=outcome),
    )
