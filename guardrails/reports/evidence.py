"""Evidence and attempts as a report shows them: what is wrong stands first."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from guardrails.core.decisions import Decision, EnforcedAction
from guardrails.core.events import EndRequested
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateProgress,
    GateReport,
    GateVerdict,
    ObjectChange,
    ReferenceInfo,
    ReferenceSource,
    Window,
)
from guardrails.gates.losses.registry import LOSS_CHECKS
from guardrails.reports.values import Attempt, Difference, FieldSeen, ObjectSeen, Seen, Wait
from guardrails.reports.wording import describe_object, describe_subject, without_numbers

_SOURCES = {
    ReferenceSource.SNAPSHOT: "a snapshot from before the incident",
    ReferenceSource.HISTORY: "the revision history of the objects",
    ReferenceSource.MANIFESTS: "declared manifests",
    ReferenceSource.RUN_START: "the start of the run, which holds the fault already",
    ReferenceSource.NONE: "nothing",
}
_LOSSES = frozenset(str(check.id) for check in LOSS_CHECKS)


def seen(fact: Evidence) -> Seen:
    """Return a piece of evidence as it is shown."""
    return Seen(
        check=fact.check,
        state=fact.state,
        counts=fact.counts,
        subject=describe_subject(fact),
        field=fact.field,
        observed=fact.observed,
        expected=fact.expected,
        query=fact.query,
        at=fact.at,
        settling=fact.settling if fact.settles_by is not None else "",
        allowed_by=fact.allowed_by,
    )


def ordered(evidence: Iterable[Evidence]) -> tuple[Seen, ...]:
    """Return evidence with what is violated first, and what is held against nobody last."""
    return tuple(seen(fact) for fact in sorted(evidence, key=_rank))


def losses(report: GateReport | None) -> tuple[Seen, ...]:
    """Return what the reference had and the cluster has not, whoever allowed it."""
    if report is None:
        return ()
    wanted = (
        fact
        for fact in report.evidence
        if fact.check in _LOSSES and (fact.allowed_by or fact.state is EvidenceState.VIOLATED)
    )
    return ordered(wanted)


def difference(report: GateReport | None) -> Difference | None:
    """Return how the cluster differs from what it was; None where no gate compared."""
    if report is None or report.changes is None:
        return None
    found = report.changes
    return Difference(
        since=found.since,
        against=_SOURCES[found.against],
        objects=tuple(_object(one) for one in found.objects),
        more_objects=found.more_objects,
    )


def _object(change: ObjectChange) -> ObjectSeen:
    return ObjectSeen(
        subject=describe_object(change.subject),
        what=change.kind,
        fields=tuple(
            FieldSeen(field=one.field, before=one.before, after=one.after) for one in change.fields
        ),
        more_fields=change.more_fields,
    )


def attempt(
    *,
    number: int,
    end: EndRequested,
    step: int,
    began: float,
    ended: float,
    decision: Decision | None,
    report: GateReport | None,
    waits: Sequence[Wait],
) -> Attempt:
    """Return one time that somebody asked whether all is well.

    Args:
        number: Counted from 1.
        end: What was asked.
        step: Model turns so far.
        began: Seconds since the run began.
        ended: When it was decided.
        decision: The last one on it; None where the trace ends before.
        report: What the gate said; None where it was not asked.
        waits: What it waited for.
    """
    claim = end.claim
    accepted = decision is not None and decision.outcome is not None and decision.outcome.accepted
    return Attempt(
        number=number,
        began=began,
        ended=ended,
        step=step,
        exit=end.exit,
        claim="" if claim is None else claim.kind,
        said=end.detail if claim is None else claim.text,
        verdict=None if report is None else report.verdict,
        tier=None if report is None else report.tier,
        required_tier=None if report is None else report.required_tier,
        reason="" if decision is None else decision.reason,
        told="" if decision is None else _told(decision),
        accepted=accepted or _goes_on_well(decision, report),
        waits=tuple(waits),
        looks=0 if report is None else len(report.trail),
        reference="" if report is None else _reference(report.reference),
        window="" if report is None else _window(report.window),
        evidence=() if report is None else ordered(report.evidence),
    )


def waited(progress: Iterable[tuple[float, GateProgress]]) -> tuple[Wait, ...]:
    """Return what a gate waited for, each once: a countdown is no new reason."""
    found: list[Wait] = []
    before: tuple[str, ...] = ()
    for seconds, one in progress:
        reasons = tuple(without_numbers(reason) for reason in one.waiting_for)
        if one.waiting_for and reasons != before:
            found.append(Wait(seconds=seconds, reasons=one.waiting_for))
        before = reasons
    return tuple(found)


def since(began: datetime | None, at: datetime) -> float:
    """Return seconds since a run began; never less than none."""
    return 0.0 if began is None else max(0.0, (at - began).total_seconds())


def _rank(fact: Evidence) -> tuple[int, str, str]:
    if not fact.counts:
        place = 4
    elif fact.allowed_by:
        place = 2
    else:
        place = {EvidenceState.VIOLATED: 0, EvidenceState.UNKNOWN: 1}.get(fact.state, 3)
    return place, fact.check, describe_subject(fact)


def _told(decision: Decision) -> str:
    return decision.to_model if decision.action is EnforcedAction.BLOCK else decision.to_person


def _goes_on_well(decision: Decision | None, report: GateReport | None) -> bool:
    """Tell whether a gate passed and only the guard's own look was asked for."""
    passed = report is not None and report.verdict is GateVerdict.PASS
    return passed and decision is not None and decision.action is EnforcedAction.ALLOW


def _reference(info: ReferenceInfo) -> str:
    taken = f", taken {info.taken_at:%Y-%m-%d %H:%M:%S} UTC" if info.taken_at else ""
    detail = f" ({info.detail})" if info.detail else ""
    return f"{_SOURCES[info.source]}{taken}{detail}"


def _window(window: Window) -> str:
    derived = f": {window.derived_from}" if window.derived_from else ""
    return f"{window.state_seconds:g} s, and {window.full_seconds:g} s for alerts{derived}"
