"""Findings: a detector's statement that a MAST mode occurred, with its evidence."""

import msgspec

from guardrails.core.ids import RunId
from guardrails.core.mast import MODES, FailureMode, Weight


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="finding"):
    """A failure mode seen in a run."""

    run: RunId
    seq: int
    """The event that completed the pattern."""
    mode: FailureMode
    detector: str
    steps: tuple[int, ...] = ()
    agent: str = ""
    evidence: tuple[str, ...] = ()
    """Quotes and facts, each short."""
    confidence: float = 1.0
    """In (0, 1]. Deterministic detectors say how often their pattern means the mode."""

    @property
    def weight(self) -> Weight:
        """Whether the mode decides runs or merely accompanies them."""
        return MODES[self.mode].weight
