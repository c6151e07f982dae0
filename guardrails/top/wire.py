"""Answers of the decision API, as far as they are shown.

Fields that a later service adds are skipped, and its new words are shown as they are, so an older
`top` goes on working with it.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from guardrails.core.findings import Finding


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate at work last said."""

    at: datetime
    verdict: str
    waiting_for: tuple[str, ...] = ()
    waiting_until: datetime | None = None
    looks: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands, in short."""

    seq: int = 0
    mode: str = ""
    model: str = ""
    task: str = ""
    phase: str = ""
    step: int = 0
    steps: int | None = None
    findings: Mapping[str, int] = {}
    refusals: int = 0
    questions: int = 0
    ending: str | None = None
    progress: Progress | None = None
    outcome: str | None = None
    reason: str = ""
    detail: str = ""


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the list."""

    run: str
    key: str = ""
    created: datetime
    changed: datetime
    seq: int
    ended: bool
    standing: Standing | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The runs, and what the token is."""

    sessions: tuple[RunLine, ...]
    role: str | None = None
    """None where the service asks nobody who they are."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that there may be."""

    id: str
    label: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An open question."""

    id: str
    text: str
    why: str = ""
    candidates: tuple[Candidate, ...] = ()


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A budget: what is gone of it."""

    spent: float
    limit: float | None = None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent says that it did."""

    kind: str
    text: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The last report of the gate, in short."""

    gate: str = ""
    verdict: str
    tier: str | None = None
    summary: str = ""
    violated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """Where one run stands."""

    run: str
    key: str = ""
    created: datetime | None = None
    changed: datetime | None = None
    seq: int
    mode: str = ""
    profile: str = ""
    goal: str = ""
    task: str = ""
    phase: str = ""
    step: int = 0
    refusals: int = 0
    budgets: Mapping[str, Spent] = {}
    ending: str | None = None
    claim: Claimed | None = None
    outcome: str | None = None
    reason: str = ""
    detail: str = ""
    questions: tuple[Asked, ...] = ()
    unanswered: bool = False
    findings: Mapping[str, int] = {}
    report: Summary | None = None
    progress: Progress | None = None

    @property
    def ended(self) -> bool:
        """True when the run has its outcome."""
        return self.outcome is not None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The findings that hold."""

    findings: tuple[Finding, ...] = ()


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer; who they are, the service knows by the token."""

    question: str
    text: str
