"""What there is to say about a run: notes, and the status that is drawn over again."""

from dataclasses import dataclass
from enum import StrEnum

from guardrails.core.evidence import GateProgress


class Tone(StrEnum):
    """What a note is, which decides how it looks."""

    START = "start"
    MODEL = "model"
    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"
    RESULT = "result"
    BLOCKED = "blocked"
    CLAIM = "claim"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    FACT = "fact"
    GATE = "gate"
    FINDING = "finding"
    WARNING = "warning"
    ERROR = "error"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line of the story."""

    seconds: float
    """Since the start of the run."""
    tone: Tone
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where the run stands, for a line that is drawn over again."""

    step: int = 0
    calls: int = 0
    refusals: int = 0
    findings: int = 0
    waiting: GateProgress | None = None
    """Set while the gate waits."""
    judging: bool = False
    """True from a claim until its verdict."""
    ended: bool = False
