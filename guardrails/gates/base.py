"""What a gate is to the engine: something that turns a claim into a report.

The engine knows this protocol and nothing of Kubernetes or alerts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from guardrails.actions.facts.ledger import NOTHING_SEEN, Ledger
from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim
from guardrails.core.evidence import GateProgress, GateReport
from guardrails.core.incident import Incident
from guardrails.core.questions import Question

OnProgress = Callable[[GateProgress], None]
"""Told of every look while a gate waits. Must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """One end to be judged."""

    incident: Incident
    claim: Claim | None
    """None when the run is broken off without one; the report then only describes the world."""
    wait: bool = True
    """Whether to wait for things to settle and stay good, or to look once."""
    last_write_at: datetime | None = None
    """When a tool of the agent last changed something. An alert that fires although nothing was
    changed is violated at once; after a change it gets the time that its rule needs to clear."""
    observed: frozenset[str] = frozenset()
    """Names that the agent's own tools returned; a diagnosis must rest on what was looked at."""
    ledger: Ledger = NOTHING_SEEN
    """What they said of objects, so that a report can tell how a cause looked to the agent."""
    allowances: tuple[Allowance, ...] = ()
    """Losses that a person allowed for this run. Never filled from what an agent wrote."""
    wait_at_most_seconds: float | None = None
    """What is left of the run's wall time, if that is less than the gate's own limit."""


class GateRun(Protocol):
    """A gate that stands at the end of one run."""

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Judge one end.

        Returns:
            A report, always: what could not be read is unknown evidence in it, not an exception.
        """
        ...


@runtime_checkable
class AskingRun(Protocol):
    """A gate that saw, as the run began, that something about the incident is not clear."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """What only a person can answer; the same for the same incident and cluster."""
        ...


@runtime_checkable
class NotingRun(Protocol):
    """A gate of a run that can be opened again elsewhere, as it was when the run began."""

    def noted(self) -> bytes:
        """Return what it saw of the world then, for `ReopeningGate.reopen`."""
        ...


@runtime_checkable
class ReopeningGate(Protocol):
    """A gate whose runs outlive the process that opened them."""

    async def reopen(self, incident: Incident, noted: bytes) -> GateRun:
        """Return the gate of a run that began earlier, and judge by what was noted then.

        Raises:
            BaselineError: What was noted cannot be read.
        """
        ...


class Gate(Protocol):
    """Judges ends on evidence from the world. Shared by all runs; holds nothing of any run."""

    @property
    def name(self) -> str:
        """Name for reports and metrics."""
        ...

    async def open(self, incident: Incident) -> GateRun:
        """Note the world at the start of a run, and return the gate for that run.

        Sources that do not answer are not an error here; they are when an end is judged.
        """
        ...
