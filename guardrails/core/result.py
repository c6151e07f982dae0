"""The result of a run: what every adapter hands back and `-o json` prints."""

import msgspec

from guardrails.core.claims import Claim
from guardrails.core.evidence import GateReport, GateVerdict, Tier
from guardrails.core.findings import Finding
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome


class PhaseVisit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One visit of a phase of the run's machine."""

    phase: str
    turns: int = 0
    calls: int = 0
    left_by: str = ""
    """What ended it: `next`, `end`, `quit`, `ask`, a verdict, `spent`, `unanswered`; empty for the
    last."""


class WorkDone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done in a run, whoever takes over from it."""

    phases: tuple[PhaseVisit, ...] = ()
    """The way through the machine, oldest first."""
    reads: dict[str, int] = {}
    """Distinct reads by kind of evidence; kinds that nobody looked at are absent."""
    hypotheses: tuple[str, ...] = ()
    """What the agent said to be at fault, as `kind/name`."""
    changes: tuple[str, ...] = ()
    """What it changed, newest last."""
    unchecked: tuple[str, ...] = ()
    """Of these, what nobody looked at since."""
    questions: tuple[str, ...] = ()
    """What only a person can answer, and nobody has."""


class RunResult(msgspec.Struct, frozen=True, kw_only=True, tag="run_result"):
    """How a run ended, and on what evidence."""

    run: RunId
    outcome: Outcome
    reason: str
    """Machine-readable: one of `guardrails.core.decisions.Reason`."""
    detail: str
    """One sentence for a person."""
    claim: Claim | None
    """What the agent said last when it asked to end."""
    verdict: GateVerdict | None
    """Verdict of the last gate report; None when no gate was asked."""
    tier: Tier | None
    """Tier that the last report reached."""
    refusals: int
    steps: int
    """Model turns."""
    tool_calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    """Wall time from start to end, pauses included."""
    profile: str
    shadow: bool
    findings: tuple[Finding, ...]
    failure_vector: dict[str, int]
    """Findings by MAST id; modes without a finding are absent."""
    report: GateReport | None
    work: WorkDone | None = None
    """What was done, phase by phase; None for a run without a machine."""
