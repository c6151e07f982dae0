"""Findings: a detector's statement that a MAST mode occurred, with its evidence.

Findings of one run that share mode, agent and subject are one finding that grew. A finding that
later evidence speaks against is withdrawn; both statements stay in the trace.
"""

from collections.abc import Iterable

import msgspec

from guardrails.core.ids import RunId
from guardrails.core.mast import MODES, FailureMode, Weight

QUOTE_LIMIT = 300
"""Characters of one quote."""
QUOTES_LIMIT = 6
"""Quotes kept of a finding that grew."""
STEPS_LIMIT = 64
"""Steps kept of a finding that grew: the first of them, and the last."""

Key = tuple[FailureMode, str, str]
"""Mode, agent and subject."""


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
    """Quotes of the run and facts, each short."""
    confidence: float = 1.0
    """In (0, 1]. Deterministic detectors say how often their pattern means the mode."""
    why: str = ""
    """What is wrong, in one sentence."""
    about: str = ""
    """What it is about: an object, a call, a claim. Tells findings of one mode apart."""
    severity: Weight | None = None
    """Where the pattern says less or more about a run than its mode does; None: as much."""
    judged: bool = False
    """True when a language model said it, and no rule."""

    @property
    def weight(self) -> Weight:
        """Whether it decides runs or merely accompanies them."""
        return MODES[self.mode].weight if self.severity is None else self.severity

    @property
    def key(self) -> Key:
        """What it shares with the findings that are the same."""
        return self.mode, self.agent, self.about


class FindingWithdrawn(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="finding_withdrawn"
):
    """Later evidence spoke against a finding."""

    run: RunId
    seq: int
    """The event that did."""
    mode: FailureMode
    detector: str
    agent: str = ""
    about: str = ""
    why: str = ""
    """What shows that it does not hold."""

    @property
    def key(self) -> Key:
        """Which finding it was."""
        return self.mode, self.agent, self.about


Found = Finding | FindingWithdrawn
"""What a detector has to say of an event."""


def merged(first: Finding, again: Finding) -> Finding:
    """Return what two findings of the same key come to: the later one, with what both rest on."""
    steps = tuple(dict.fromkeys((*first.steps, *again.steps)))
    if len(steps) > STEPS_LIMIT:
        steps = (*steps[: STEPS_LIMIT // 2], *steps[-STEPS_LIMIT // 2 :])
    evidence = tuple(dict.fromkeys((*again.evidence, *first.evidence)))[:QUOTES_LIMIT]
    return msgspec.structs.replace(
        again,
        steps=steps,
        evidence=evidence,
        confidence=max(first.confidence, again.confidence),
    )


def standing(found: Iterable[Found], *, before: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """Return the findings that hold after all of these: merged, and without those withdrawn.

    Args:
        found: What detectors said, in order.
        before: The findings that held before.
    """
    held = {one.key: one for one in before}
    for one in found:
        if isinstance(one, FindingWithdrawn):
            held.pop(one.key, None)
        else:
            first = held.get(one.key)
            held[one.key] = one if first is None else merged(first, one)
    return tuple(held.values())


def vector_of(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings each mode has, by MAST id; modes without one are absent."""
    counted: dict[str, int] = {}
    for one in findings:
        counted[one.mode] = counted.get(one.mode, 0) + 1
    return counted
