"""What a run looks like from outside, taken from the session's state."""

from collections import Counter

from guardrails.core.evidence import GateProgress
from guardrails.core.incident import Incident
from guardrails.engine.state import SessionState
from guardrails.policy.models import Settings
from guardrails.policy.stored import policy_digest
from guardrails.sidecar.api.answers import (
    Findings,
    Questions,
    ReportSummary,
    RunEntry,
    RunState,
    Spent,
    Standing,
)
from guardrails.sidecar.runs import LiveRun
from guardrails.sidecar.stores.base import RunRow

TASK_SHOWN = 200
"""Characters of a task in a list: a line of it, on any screen."""


def state_view(live: LiveRun, *, progress: GateProgress | None = None) -> RunState:
    """Return where a run stands."""
    state, settings = live.session.state, live.session.rules.settings
    incident = state.incident or Incident(task="")
    return RunState(
        run=state.run,
        key=live.key,
        created=state.started_at,
        changed=state.last_at,
        seq=state.seq,
        number=live.number,
        mode=settings.mode,
        profile=state.profile,
        policy_digest=policy_digest(live.guard.settings),
        goal=incident.goal,
        task=incident.task,
        phase=state.phase.position.state if state.phase is not None else "",
        step=state.step,
        refusals=state.refusals,
        budgets=_spent(state, settings),
        ending=state.ending.exit if state.ending is not None else None,
        claim=state.claim,
        outcome=state.outcome,
        reason=state.reason.value,
        detail=state.detail,
        questions=state.questions,
        unanswered=state.unanswered,
        allowances=state.allowances,
        findings=state.vector,
        report=_summary(state),
        progress=progress,
    )


def standing_view(live: LiveRun, *, model: str) -> Standing:
    """Return where a run stands, in short; what the gate says now is not in the run."""
    state, settings = live.session.state, live.session.rules.settings
    incident = state.incident or Incident(task="")
    return Standing(
        seq=state.seq,
        mode=settings.mode,
        model=model,
        task=incident.task[:TASK_SHOWN],
        phase=state.phase.position.state if state.phase is not None else "",
        step=state.step,
        steps=settings.budgets.steps,
        findings=dict(Counter(one.weight for one in state.findings)),
        refusals=state.refusals,
        questions=len(state.questions),
        ending=state.ending.exit if state.ending is not None else None,
        progress=None,
        outcome=state.outcome,
        reason=state.reason.value,
        detail=state.detail[:TASK_SHOWN],
    )


def _spent(state: SessionState, settings: Settings) -> dict[str, Spent]:
    """Return the budgets, up to the last event: what passed since then no fact has told."""
    limits = settings.budgets
    wall = 0.0 if state.last_at is None else state.elapsed_seconds(state.last_at)
    tokens = state.input_tokens + state.output_tokens
    return {
        "steps": Spent(spent=state.step, limit=limits.steps),
        "tool_calls": Spent(spent=state.tool_calls, limit=limits.tool_calls),
        "tokens": Spent(spent=tokens, limit=limits.tokens),
        "wall_time_seconds": Spent(spent=wall, limit=limits.wall_time),
        "refusals": Spent(spent=state.refusals, limit=limits.refusals),
    }


def _summary(state: SessionState) -> ReportSummary | None:
    report = state.report
    if report is None:
        return None
    return ReportSummary(
        gate=report.gate,
        verdict=report.verdict,
        tier=report.tier,
        summary=report.summary,
        violated=tuple(dict.fromkeys(one.check for one in report.violated)),
        unknown=tuple(dict.fromkeys(one.check for one in report.unknown)),
        ended_at=report.ended_at,
    )


def findings_view(state: SessionState) -> Findings:
    """Return the findings that hold."""
    return Findings(findings=state.findings, vector=state.vector)


def questions_view(state: SessionState) -> Questions:
    """Return what was asked, and what was answered."""
    return Questions(
        questions=state.questions,
        answered=state.answered,
        unanswered=state.unanswered,
        seq=state.seq,
    )


def entry_view(row: RunRow, standing: Standing | None = None) -> RunEntry:
    """Return a run as a line of a list."""
    return RunEntry(
        run=row.run,
        key=row.key,
        created=row.created,
        changed=row.changed,
        seq=row.seq,
        ended=row.ended,
        standing=standing,
    )
