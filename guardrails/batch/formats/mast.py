"""Records of the MAST studies: runs of multi-agent frameworks that people and models labelled.

Two layouts: the annotators' files (`problem_statement` and `trajectory`, or MetaGPT's `prompt` and
`content`), and the released records, which wrap a trace with the names of system and benchmark.
A trace is a list of turns or a log in plain text.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from guardrails.batch.eventlog import EventLog
from guardrails.batch.formats.reader import RecordReader
from guardrails.batch.formats.scripts import turns_in
from guardrails.batch.formats.speakers import Turn, tell
from guardrails.batch.formats.values import (
    Json,
    first,
    lines,
    noted,
    obj,
    objects,
    parsed,
    whole,
    word,
)
from guardrails.batch.recorded import RecordedRun, Verdict

NAME = "mast"
ABOUT = "MAST records: problem_statement + trajectory, prompt + content log, or mas_name + trace"

_OPENING = 120
"""Characters of the task that show that the first turn states it: a line of prose."""
_ASKS = re.compile(r"prox|human|user", re.IGNORECASE)
"""Names of whoever opens a conversation for a person, where the record does not say the task."""
_SURE = 30
"""Characters below which a task may stand in a turn by chance: `count them`."""


def is_run(value: object) -> bool:
    """Tell whether a JSON value is such a record."""
    found = obj(value)
    if "mas_name" in found:
        return "trace" in found or "trajectory" in found
    if "trajectory" in found:
        return "problem_statement" in found or "mast_annotation" in found
    return isinstance(found.get("content"), str) and {"run_id", "prompt"} <= found.keys()


def read(value: object, name: str) -> RecordedRun:
    """Turn one record into a run.

    Args:
        value: The JSON object.
        name: What to call the run if it has no id.
    """
    record = obj(value)
    trace = parsed(record.get("trace", record))
    inner = obj(trace)
    story = parsed(inner.get("trajectory", inner.get("content", trace)))
    task = lines(inner.get("problem_statement") or inner.get("prompt") or "")
    turns = _turns(story, task)
    log = EventLog(_id(record, inner, name))
    opening = next((turn.text for turn in turns if turn.opens), "")
    log.started(task or opening, model=word(record.get("llm_name")))
    tell(log, turns or _one_turn(story))
    return RecordedRun(
        run_id=log.run,
        format=NAME,
        events=log.events,
        model=word(record.get("llm_name")),
        outcome=_outcome(obj(inner.get("other_data"))),
        timed=log.timed,
        notes=noted(
            system=record.get("mas_name"),
            benchmark=record.get("benchmark_name"),
            round=record.get("round"),
            labels=_labels(obj(record.get("mast_annotation"))),
            segments="" if turns else "speakers cannot be told: the whole log is one turn",
        ),
    )


READER = RecordReader(name=NAME, about=ABOUT, is_run=is_run, read=read)


def _id(record: Json, inner: Json, name: str) -> str:
    if found := first(record, "trace_id", "instance_id") or first(inner, "instance_id"):
        return found
    number = whole(record.get("run_id"))
    return f"run_{number}" if number is not None else word(record.get("run_id")) or name


def _turns(story: object, task: str) -> Sequence[Turn]:
    if isinstance(story, str):
        found = turns_in(story)
        begins = bool(found) and not task and _ASKS.search(found[0].speaker) is not None
        return [replace(found[0], opens=True), *found[1:]] if begins else found
    said = objects(story)
    turns = [
        Turn(speaker=first(one, "name", "agent", "role"), text=lines(one.get("content")))
        for one in said
    ]
    return [_opening(turns[0], task), *turns[1:]] if turns else []


def _opening(turn: Turn, task: str) -> Turn:
    """Mark the first turn where it only hands out the task: nobody's model wrote that."""
    start = " ".join(task.split())[:_OPENING]
    said = " ".join(turn.text.split())
    gives = said == start or (len(start) >= _SURE and start in said)
    return replace(turn, opens=True) if gives else turn


def _one_turn(story: object) -> Sequence[Turn]:
    said = lines(story)
    return [Turn(speaker="", text=said)] if said.strip() else []


def _outcome(other: Json) -> Verdict:
    match other.get("correct"):
        case True:
            return Verdict.RIGHT
        case False:
            return Verdict.WRONG
        case _:
            return Verdict.UNKNOWN


def _labels(annotation: Json) -> str:
    """Return the modes that the record says yes to: as labels, they are nobody's evidence."""
    return ",".join(mode for mode, said in annotation.items() if said in (1, True, "yes", "1"))
