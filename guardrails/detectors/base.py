"""What a detector is: a pure fold over a run's events, shown the scene besides.

A detector of your own has these members too; `guardrails.testing.conformance.detectors` holds it
to what is promised here.
"""

from typing import Protocol, TypeVar

from guardrails.core.events import Event
from guardrails.core.findings import (
    QUOTE_LIMIT,
    STEPS_LIMIT,
    Finding,
    FindingWithdrawn,
    Found,
)
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.scene import Scene

State = TypeVar("State")


class Detector(Protocol[State]):
    """Finds MAST modes in events."""

    @property
    def name(self) -> str:
        """What its findings are signed with: a noun of the failure."""
        ...

    @property
    def modes(self) -> frozenset[FailureMode]:
        """The modes that it may find."""
        ...

    def begin(self) -> State:
        """Return the state before the first event: JSON-codable by msgspec, and bounded."""
        ...

    def observe(
        self, state: State, event: Event, scene: Scene, /
    ) -> tuple[State, tuple[Found, ...]]:
        """Fold one event.

        Args:
            state: What it returned for the event before. It must not be changed.
            event: The event.
            scene: The run up to and with this event.

        Returns:
            The new state, and what the event shows. No I/O, no clock, no randomness; the time of
            one event must not grow with the length of the run.
        """
        ...


def finding(
    event: Event,
    mode: FailureMode,
    detector: str,
    *,
    why: str,
    about: str = "",
    agent: str | None = None,
    steps: tuple[int, ...] = (),
    evidence: tuple[str, ...] = (),
    confidence: float = 1.0,
    severity: Weight | None = None,
) -> Finding:
    """Return a finding at an event.

    Args:
        event: What completed the pattern.
        mode: Which failure it is.
        detector: Who says so.
        why: What is wrong, in one sentence.
        about: What it is about, so that the same thing found again is no second finding.
        agent: Whose failure it is; the event's agent when left out.
        steps: Where it shows; the event's step when left out.
        evidence: Quotes; each is cut to 300 characters.
        confidence: How often this pattern means the mode, in (0, 1].
        severity: Where the pattern tells less about a run's fate than the mode does.
    """
    return Finding(
        run=event.run,
        seq=event.seq,
        mode=mode,
        detector=detector,
        agent=event.agent if agent is None else agent,
        steps=tuple(dict.fromkeys(steps))[-STEPS_LIMIT:] or (event.step,),
        evidence=tuple(quoted(text) for text in evidence if text.strip()),
        confidence=confidence,
        why=why,
        about=about,
        severity=severity,
    )


def withdrawn(event: Event, found: Finding, *, why: str) -> FindingWithdrawn:
    """Return that an event speaks against a finding."""
    return FindingWithdrawn(
        run=event.run,
        seq=event.seq,
        mode=found.mode,
        detector=found.detector,
        agent=found.agent,
        about=found.about,
        why=why,
    )


def quoted(text: str) -> str:
    """Return a text as it is quoted: one line, cut to `QUOTE_LIMIT` characters."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE_LIMIT else line[: QUOTE_LIMIT - 1] + "…"
