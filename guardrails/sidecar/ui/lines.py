"""A run as one line of the list: everything that tells whether somebody should look at it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from guardrails.core.events import RunStarted
from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.ids import RunId
from guardrails.core.mast import Weight
from guardrails.engine.state import SessionState
from guardrails.policy.models import Settings
from guardrails.sidecar.stores.base import RunRow

TASK: Final = 200
"""Characters of a task that a line shows."""
_REASON: Final = 160
"""Characters of a reason that a line shows; the run's own page has all of it."""


class Stage(StrEnum):
    """Where a run is, for whoever looks for those that need them."""

    ASKS = "asks"
    """It waits for a person."""
    OPEN = "open"
    ENDED = "ended"


class GateWord(StrEnum):
    """Where the gate is with a run."""

    NONE = ""
    AT_WORK = "at work"
    WATCHING = "watching"
    REFUSED = "refused"
    PASSED = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """What the gate does, and why it is not done."""

    word: GateWord = GateWord.NONE
    why: str = ""
    refusals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run."""

    run: RunId
    key: str
    created: datetime
    changed: datetime
    seq: int
    ended: bool
    version: int = 0
    """Grows with each change, over all lines."""
    read: bool = False
    """False while only its row is known; the rest is read when somebody is to see it."""
    task: str = ""
    model: str = ""
    profile: str = ""
    shadow: bool = False
    phase: str = ""
    steps: int = 0
    step_limit: int | None = None
    decisive: int = 0
    structural: int = 0
    other: int = 0
    questions: int = 0
    gate: GateLine = field(default_factory=GateLine)
    outcome: str = ""
    reason: str = ""
    words: str = ""
    """What a search looks through, in small letters."""

    @property
    def stage(self) -> Stage:
        """Where it is."""
        if self.ended:
            return Stage.ENDED
        return Stage.ASKS if self.questions else Stage.OPEN


def line_of_row(row: RunRow) -> RunLine:
    """Return what a row alone tells."""
    return RunLine(
        run=row.run,
        key=row.key,
        created=row.created,
        changed=row.changed,
        seq=row.seq,
        ended=row.ended,
        words=f"{row.run} {row.key}".lower(),
    )


def line_of_state(
    state: SessionState,
    started: RunStarted,
    settings: Settings,
    *,
    key: str,
    created: datetime,
    progress: GateProgress | None = None,
) -> RunLine:
    """Return the line of a run whose state is known.

    Args:
        state: Where it stands.
        started: Its first fact, which alone names the model.
        settings: It is decided by.
        key: Its caller's.
        created: When it began.
        progress: What a gate at work in this process said last.
    """
    incident = state.incident
    task = "" if incident is None else " ".join(incident.task.split())
    phase = state.phase.position.state if state.phase is not None else ""
    outcome = "" if state.outcome is None else str(state.outcome)
    weights = Counter(one.weight for one in state.findings)
    scope = "" if incident is None else " ".join(incident.namespaces)
    searched = (state.run, key, task, started.model, state.profile, phase, outcome, scope)
    return RunLine(
        run=state.run,
        key=key,
        created=created,
        changed=state.last_at or created,
        seq=state.seq,
        ended=state.ended,
        read=True,
        task=clipped(task, TASK),
        model=started.model,
        profile=state.profile,
        shadow=state.shadow,
        phase=phase,
        steps=state.step,
        step_limit=settings.budgets.steps,
        decisive=weights[Weight.DECISIVE],
        structural=weights[Weight.STRUCTURAL],
        other=weights[Weight.UNSEEN],
        questions=len(state.questions),
        gate=gate_of(state, progress),
        outcome=outcome,
        reason=clipped(state.detail or state.reason.value, _REASON),
        words=" ".join(searched).lower(),
    )


def gate_of(state: SessionState, progress: GateProgress | None) -> GateLine:
    """Return where the gate is, and the reason why it waits or refused."""
    report, refusals = state.report, state.refusals
    if state.ending is not None or (state.watched_since is not None and not state.ended):
        word = GateWord.AT_WORK if state.ending is not None else GateWord.WATCHING
        waits = () if progress is None else progress.waiting_for
        return GateLine(word=word, why=reason_of(waits), refusals=refusals)
    if report is None:
        return GateLine(refusals=refusals)
    if report.verdict is GateVerdict.PASS:
        return GateLine(word=GateWord.PASSED, why="", refusals=refusals)
    why = reason_of(report.waiting_for) or clipped(report.summary, _REASON)
    return GateLine(word=GateWord.REFUSED, why=why, refusals=refusals)


def reason_of(waits: tuple[str, ...]) -> str:
    """Say what a gate waits for; the first two, and how many more.

    >>> reason_of(("the rollout of web", "alert High", "alert Low"))
    'the rollout of web; alert High; 1 more'
    """
    shown = [clipped(one, _REASON) for one in waits[:2]]
    more = len(waits) - len(shown)
    return "; ".join([*shown, *([f"{more} more"] if more else [])])


def by_weight(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings, those that decide runs first, then the newest first."""
    rank = {Weight.DECISIVE: 0, Weight.STRUCTURAL: 1, Weight.UNSEEN: 2}
    return tuple(sorted(findings, key=lambda one: (rank[one.weight], -one.seq)))


def clipped(text: str, limit: int) -> str:
    """Return the beginning of a text in one line.

    >>> clipped("the shop is down", 9)
    'the shop…'
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
