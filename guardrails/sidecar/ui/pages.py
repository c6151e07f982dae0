"""What pages are made with that reports have too: their look, their words, the report itself.

Reports stand above the service, so whoever starts the service hands these in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from guardrails.core.evidence import Evidence
from guardrails.core.hooks import Record
from guardrails.core.outcome import Outcome
from guardrails.core.trace import StoredRun


class TimeLine(Protocol):
    """One line of what happened, as a report has it."""

    @property
    def seconds(self) -> float:
        """Since the run began."""
        ...

    @property
    def kind(self) -> str:
        """What it is about, as the style names it."""
        ...

    @property
    def label(self) -> str:
        """One word for it."""
        ...

    @property
    def text(self) -> str:
        """What happened."""
        ...

    @property
    def agent(self) -> str:
        """Which agent, where there are several."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What a page needs of reports."""

    look: str
    """The style sheet of both."""
    policy: str
    """The content security policy of a report: only its own style and script run in it."""
    report: Callable[[StoredRun], str]
    """Writes the report of a run as a page."""
    lines: Callable[[tuple[Record, ...]], Sequence[TimeLine]]
    """Tells what happened, a line for each thing."""
    fact: Callable[[Evidence], str]
    """Says a piece of evidence in one line."""
    meaning: Callable[[Outcome], str]
    """Says what an outcome means."""
    clock: Callable[[float], str]
    """Writes a time since the run began."""
