"""What tagging says of one run: a JSON object on one line, the same whatever the trace's format.

Every key is always there, so that a table can be made of the lines without looking ahead. What the
trace does not tell is null, never zero.
"""

from typing import Final

import msgspec

from guardrails.batch.recorded import Verdict
from guardrails.core.findings import Finding
from guardrails.core.mast import MODES, FailureMode, Weight
from guardrails.hygiene.redact import redacted

LINE_SCHEMA: Final = 1
"""Version of the lines; raised when a reader must change."""

PREFIX: Final = "FM-"
"""Stands before a mode's number in the taxonomy; lines and command lines leave it out."""


class TaggedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding that stood when the run was over."""

    mode: str
    """`3.1`, without `FM-`."""
    name: str
    """The mode's name in the taxonomy."""
    agent: str
    """Empty in a run of one agent without a name."""
    steps: tuple[int, ...]
    evidence: tuple[str, ...]
    confidence: float
    detector: str
    why: str
    about: str
    severity: Weight
    """How much it says about the run's fate: the mode's own weight, or what the detector says."""
    judged: bool
    """True when a language model said it, and no rule."""


class AfterDecisive(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent after the first finding that decides the run had been made."""

    steps: int
    tokens: int | None
    """None where the trace counts no tokens."""
    seconds: float | None
    """None where the trace holds no times."""


class TaggedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its failures."""

    source: str
    """The path that was given, or found below the folder that was."""
    run_id: str
    format: str
    model: str
    """Empty where the trace does not say; likewise `fault`."""
    fault: str
    outcome: Verdict
    agents: tuple[str, ...]
    """In the order in which they came in."""
    steps: int
    """Model turns."""
    events: int
    tool_calls: int
    tokens: int | None
    """Input and output together; None where the trace counts none."""
    seconds: float | None
    """From the first event to the last; None where the trace holds no times."""
    modes: tuple[str, ...]
    """Of all findings, sorted: `1.3`, `3.1`."""
    decisive: tuple[str, ...]
    """Those with a finding that decides the run, sorted."""
    after_decisive: AfterDecisive | None
    """None without such a finding."""
    findings: tuple[TaggedFinding, ...]
    notes: dict[str, str]
    """What else the file says of the run."""
    schema: int = LINE_SCHEMA


def short_id(mode: FailureMode | str) -> str:
    """Return a mode's number.

    >>> short_id("FM-3.1")
    '3.1'
    """
    return str(mode).removeprefix(PREFIX)


def mode_of(text: str) -> FailureMode | None:
    """Return the mode that somebody wrote with or without its prefix; None if there is none such.

    >>> mode_of("3.1") is mode_of("fm-3.1") is FailureMode.PREMATURE_TERMINATION
    True
    """
    try:
        return FailureMode(PREFIX + text.strip().upper().removeprefix(PREFIX))
    except ValueError:
        return None


def tagged(found: Finding) -> TaggedFinding:
    """Return a finding as it stands in a line: without secrets, which a stored trace may hold."""
    return TaggedFinding(
        mode=short_id(found.mode),
        name=MODES[found.mode].name,
        agent=found.agent,
        steps=found.steps,
        evidence=tuple([redacted(quote) for quote in found.evidence]),
        confidence=found.confidence,
        detector=found.detector,
        why=redacted(found.why),
        about=redacted(found.about),
        severity=found.weight,
        judged=found.judged,
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(TaggedRun)


def encode(run: TaggedRun) -> bytes:
    """Return a run as one line, without its end."""
    return _encoder.encode(run)


def decode(line: bytes | str) -> TaggedRun:
    """Return the run of a line.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _decoder.decode(line)
