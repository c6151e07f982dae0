"""A hook that keeps every record, so that a test can ask what a run showed to its sinks."""

from typing import TypeVar

from guardrails.core.decisions import Decision
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId

R = TypeVar("R", bound=Record)


class Recorder:
    """Keeps every record, in order."""

    name = "recorder"

    def __init__(self) -> None:
        self.records: list[Record] = []

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Keep one record."""
        del run
        self.records.append(record)

    def of(self, kind: type[R]) -> list[R]:
        """Return the records of one type."""
        return [r for r in self.records if isinstance(r, kind)]

    @property
    def events(self) -> list[Event]:
        """The events."""
        return self.of(Event)

    @property
    def decisions(self) -> list[Decision]:
        """The decisions."""
        return self.of(Decision)

    @property
    def findings(self) -> list[Finding]:
        """The findings."""
        return self.of(Finding)

    @property
    def ended(self) -> list[RunEnded]:
        """The closing records; one per run that ended."""
        return self.of(RunEnded)
