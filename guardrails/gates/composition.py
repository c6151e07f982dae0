"""The algebra of verdicts: from evidence and the trail of looks to one verdict. Pure.

Unknown never becomes a pass, a violation is never outvoted, and nothing is stable that was seen
once. A stored report holds all inputs, so it can be judged again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    Sample,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId

LOOKS_AT_LEAST = 2
"""One good sample proves nothing about flapping; two are the least that can."""

WAITING_NAMED = 6
"""How many things a pending verdict names; a person reads this list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: GateVerdict
    tier: Tier | None = None
    """The tier reached."""
    waiting_for: tuple[str, ...] = ()
    waiting_until: datetime | None = None


def all_of(verdicts: Iterable[GateVerdict]) -> GateVerdict:
    """Combine verdicts that must all pass: the worst one stands, and nothing is unknown.

    >>> all_of([GateVerdict.PASS, GateVerdict.UNKNOWN]).value
    'unknown'
    """
    worst_first = (GateVerdict.FAIL, GateVerdict.UNKNOWN, GateVerdict.PENDING, GateVerdict.PASS)
    given = set(verdicts)
    return next((v for v in worst_first if v in given), GateVerdict.UNKNOWN)


def any_of(verdicts: Iterable[GateVerdict]) -> GateVerdict:
    """Combine verdicts of which one must pass: the best stands, a fail only if all fail.

    >>> any_of([GateVerdict.FAIL, GateVerdict.UNKNOWN]).value
    'unknown'
    """
    best_first = (GateVerdict.PASS, GateVerdict.PENDING, GateVerdict.UNKNOWN, GateVerdict.FAIL)
    given = set(verdicts)
    return next((v for v in best_first if v in given), GateVerdict.UNKNOWN)


def look_verdict(
    evidence: Sequence[Evidence], *, required: Sequence[CheckId], now: datetime
) -> GateVerdict:
    """Judge one look on its own: whether everything that counts is satisfied at this moment."""
    counted = [e for e in evidence if e.counts]
    if any(_is_hard(e, now) for e in counted):
        return GateVerdict.FAIL
    present = {e.check for e in counted}
    if (
        not counted
        or any(check not in present for check in required)
        or any(e.state is EvidenceState.UNKNOWN for e in counted)
    ):
        return GateVerdict.UNKNOWN
    if any(e.state is EvidenceState.VIOLATED for e in counted):
        return GateVerdict.PENDING
    return GateVerdict.PASS


def sample(evidence: Sequence[Evidence], *, required: Sequence[CheckId], now: datetime) -> Sample:
    """Summarize one look for the trail."""
    state = [e for e in evidence if e.tier is Tier.STATE]
    # A required check without any evidence may be of either tier; it spoils both verdicts.
    elsewhere = {e.check for e in evidence if e.tier is not Tier.STATE}
    return Sample(
        at=now,
        verdict=look_verdict(evidence, required=required, now=now),
        state_verdict=look_verdict(
            state, required=[c for c in required if c not in elsewhere], now=now
        ),
    )


def judge(  # exactly what a report stores
    evidence: Sequence[Evidence],
    *,
    trail: Sequence[Sample],
    required: Sequence[CheckId],
    window: Window,
    require: Tier,
    now: datetime,
) -> Judgement:
    """Turn the last look and the trail of all looks into a verdict.

    Args:
        evidence: Of the last look, whole.
        trail: Every look, oldest first, the last one included.
        required: Checks that must have counted evidence.
        window: How long things must stay good.
        require: The tier that a pass must reach.
        now: The time of the last look.

    Returns:
        `fail` for a violation that is not settling; else `unknown` for anything unread, missing
        or empty; else `pending` for what settles or is not yet stable; else `pass`.
    """
    match look_verdict(evidence, required=required, now=now):
        case GateVerdict.FAIL:
            return Judgement(verdict=GateVerdict.FAIL)
        case GateVerdict.UNKNOWN:
            return _unknown(evidence, required)
        case GateVerdict.PENDING:
            return _settling(evidence, trail, window, now)
        case GateVerdict.PASS:
            return _stability(evidence, trail, window, require, now)


def replay(report: GateReport) -> Judgement:
    """Judge a stored report again, from nothing but what it stores."""
    return judge(
        report.evidence,
        trail=report.trail,
        required=report.required,
        window=report.window,
        require=report.required_tier,
        now=report.ended_at,
    )


def replays(report: GateReport) -> bool:
    """Tell whether a report's verdict and tier follow from what it stores."""
    return not discrepancies(report)


def discrepancies(report: GateReport) -> tuple[str, ...]:
    """Return where a stored report contradicts itself, in words; nothing for an untouched one."""
    found: list[str] = []
    again = replay(report)
    if (again.verdict, again.tier) != (report.verdict, report.tier):
        found.append(
            f"the report says {report.verdict} ({report.tier or 'no tier'}), its evidence says "
            f"{again.verdict} ({again.tier or 'no tier'})"
        )
    last = sample(report.evidence, required=report.required, now=report.ended_at)
    if report.trail and report.trail[-1] != last:
        found.append("the last look in its trail is not the look that its evidence shows")
    times = [look.at for look in report.trail]
    if times != sorted(times):
        found.append("the looks in its trail are not in the order of time")
    return tuple(found)


def good_since(
    trail: Sequence[Sample], verdict_of: Callable[[Sample], GateVerdict]
) -> tuple[datetime | None, int]:
    """Return since when every look passed, and how many looks those were."""
    first: datetime | None = None
    looks = 0
    for look in reversed(trail):
        if verdict_of(look) is not GateVerdict.PASS:
            break
        first, looks = look.at, looks + 1
    return first, looks


def _is_hard(evidence: Evidence, now: datetime) -> bool:
    if evidence.state is not EvidenceState.VIOLATED:
        return False
    return evidence.settles_by is None or evidence.settles_by <= now


def _unknown(evidence: Sequence[Evidence], required: Sequence[CheckId]) -> Judgement:
    counted = [e for e in evidence if e.counts]
    present = {e.check for e in counted}
    missing = [f"evidence of {check}" for check in required if check not in present]
    unread = [f"{e.check}: {e.observed}" for e in counted if e.state is EvidenceState.UNKNOWN]
    named = tuple(dict.fromkeys([*missing, *unread]))[:WAITING_NAMED]
    return Judgement(verdict=GateVerdict.UNKNOWN, waiting_for=named or ("any evidence at all",))


def _settling(
    evidence: Sequence[Evidence], trail: Sequence[Sample], window: Window, now: datetime
) -> Judgement:
    settling = [e for e in evidence if e.counts and e.state is EvidenceState.VIOLATED]
    untils = [e.settles_by for e in settling if e.settles_by is not None]
    words = dict.fromkeys(e.settling or f"{e.check}: {e.observed}" for e in settling)
    state_stable = _left(trail, _state_of, window.state_seconds, now) == 0
    return Judgement(
        verdict=GateVerdict.PENDING,
        tier=Tier.STATE if state_stable else None,
        waiting_for=tuple(words)[:WAITING_NAMED],
        waiting_until=max(untils, default=None),
    )


def _stability(
    evidence: Sequence[Evidence],
    trail: Sequence[Sample],
    window: Window,
    require: Tier,
    now: datetime,
) -> Judgement:
    state_left = _left(trail, _state_of, window.state_seconds, now)
    full_left = _left(trail, _all_of, window.full_seconds, now)
    has_alerts = any(e.counts and e.tier is not Tier.STATE for e in evidence)
    why = f" ({window.derived_from})" if window.derived_from else ""
    full = f"everything to stay good for {window.full_seconds:g} s{why}: {full_left:.0f} s left"
    if state_left > 0:
        state = f"objects to stay healthy for {window.state_seconds:g} s: {state_left:.0f} s left"
        if require is Tier.FULL and full_left > state_left:
            return _wait((state, full), full_left, now, tier=None)
        return _wait((state,), state_left, now, tier=None)
    reached = Tier.STATE
    if has_alerts:
        reached = Tier.FULL if full_left == 0 else Tier.ALERTS
    if reached.rank >= require.rank:
        return Judgement(verdict=GateVerdict.PASS, tier=reached)
    if not has_alerts:
        return Judgement(
            verdict=GateVerdict.UNKNOWN,
            tier=reached,
            waiting_for=(f"alert evidence, which tier {require} needs",),
        )
    return _wait((full,), full_left, now, tier=reached)


def _wait(what: tuple[str, ...], left: float, now: datetime, *, tier: Tier | None) -> Judgement:
    return Judgement(
        verdict=GateVerdict.PENDING,
        tier=tier,
        waiting_for=what,
        waiting_until=now + timedelta(seconds=left),
    )


def _left(
    trail: Sequence[Sample],
    verdict_of: Callable[[Sample], GateVerdict],
    seconds: float,
    now: datetime,
) -> float:
    """Return the seconds missing to stability; 0 when stable, never 0 after a single look."""
    since, looks = good_since(trail, verdict_of)
    if since is None:
        return max(seconds, _ONE_MORE_LOOK)
    if seconds > 0 and looks < LOOKS_AT_LEAST:
        return max(seconds, _ONE_MORE_LOOK)
    return max(0.0, seconds - (now - since).total_seconds())


_ONE_MORE_LOOK = 0.001
"""Stands for "not yet" where no time is missing but a look is."""


def _state_of(look: Sample) -> GateVerdict:
    return look.state_verdict


def _all_of(look: Sample) -> GateVerdict:
    return look.verdict
