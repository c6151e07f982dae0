"""A run that somebody else recorded, as events of ours."""

from dataclasses import dataclass, field
from enum import StrEnum

from guardrails.core.events import Event
from guardrails.core.ids import RunId


class Verdict(StrEnum):
    """How a run came out, where its file says."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One run of a file."""

    run_id: RunId
    format: str
    """Name of the format it was read from."""
    events: tuple[Event, ...]
    model: str = ""
    fault: str = ""
    """What was wrong with the system, where the file says."""
    outcome: Verdict = Verdict.UNKNOWN
    timed: bool = False
    """Whether the events' times are real; else they only give the order."""
    notes: dict[str, str] = field(default_factory=dict[str, str])
    """What else the file says of the run, for grouping: configuration, task, benchmark."""
