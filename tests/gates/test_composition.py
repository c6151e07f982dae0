"""The algebra of verdicts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    ReferenceInfo,
    ReferenceSource,
    Sample,
    SourceRef,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId
from guardrails.gates.composition import (
    all_of,
    any_of,
    good_since,
    judge,
    look_verdict,
    replays,
    sample,
)

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(state_seconds=60, full_seconds=300, derived_from="Rule: 4m range + 1m for")

verdicts = st.sampled_from(GateVerdict)
SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def fact(
    state: EvidenceState = SATISFIED,
    *,
    check: str = "pods-ready",
    settles: float | None = None,
    counts: bool = True,
    tier: Tier = Tier.STATE,
) -> Evidence:
    """One piece of evidence."""
    return Evidence(
        check=CheckId(check),
        state=state,
        subject=SourceRef(source="kubernetes"),
        observed="seen",
        at=NOW,
        tier=tier,
        settles_by=None if settles is None else NOW + timedelta(seconds=settles),
        settling="" if settles is None else "the rollout",
        counts=counts,
    )


def good(*ages: float, state_only: bool = False) -> list[Sample]:
    """Looks that passed, so many seconds ago."""
    verdict = GateVerdict.FAIL if state_only else GateVerdict.PASS
    return [
        Sample(at=NOW - timedelta(seconds=a), verdict=verdict, state_verdict=GateVerdict.PASS)
        for a in ages
    ]


def bad(age: float) -> Sample:
    """A look that did not pass, so many seconds ago."""
    at = NOW - timedelta(seconds=age)
    return Sample(at=at, verdict=GateVerdict.PENDING, state_verdict=GateVerdict.PENDING)


def verdict_of(
    evidence: list[Evidence],
    *,
    trail: list[Sample] | None = None,
    require: Tier = Tier.STATE,
    required: tuple[str, ...] = (),
) -> GateVerdict:
    """Judge and return the verdict alone."""
    return judge(
        evidence,
        trail=trail if trail is not None else good(120, 0),
        required=[CheckId(x) for x in required],
        window=WINDOW,
        require=require,
        now=NOW,
    ).verdict


ALERT = fact(check="alert-clear", tier=Tier.ALERTS)


@given(st.lists(verdicts))
def test_all_of_passes_only_when_every_part_does(parts: list[GateVerdict]) -> None:
    """A conjunction passes exactly when it is not empty and everything in it passes."""
    passed = bool(parts) and all(p is GateVerdict.PASS for p in parts)
    assert (all_of(parts) is GateVerdict.PASS) is passed


@given(st.lists(verdicts))
def test_any_of_passes_only_when_some_part_does(parts: list[GateVerdict]) -> None:
    """A disjunction passes exactly when something in it does, and never because of unknowns."""
    assert (any_of(parts) is GateVerdict.PASS) is (GateVerdict.PASS in parts)


@given(st.lists(verdicts), st.lists(verdicts))
def test_composition_is_associative_and_ignores_order(
    left: list[GateVerdict], right: list[GateVerdict]
) -> None:
    """Grouping and order change nothing, except that an empty group is unknown."""
    for compose in (all_of, any_of):
        assert compose([*left, *right]) is compose([*right, *left])
        if left and right:
            assert compose([compose(left), compose(right)]) is compose([*left, *right])


@given(st.lists(verdicts, min_size=1))
def test_composition_is_idempotent(parts: list[GateVerdict]) -> None:
    """Saying the same thing twice says nothing more."""
    for compose in (all_of, any_of):
        assert compose([*parts, *parts]) is compose(parts)


@given(st.lists(verdicts), verdicts)
def test_more_conditions_never_make_a_conjunction_better(
    parts: list[GateVerdict], extra: GateVerdict
) -> None:
    """Adding a condition can take a pass away and can never give one."""
    if parts and all_of(parts) is not GateVerdict.PASS:
        assert all_of([*parts, extra]) is not GateVerdict.PASS


def test_nothing_composes_to_unknown() -> None:
    """No condition at all proves nothing."""
    assert all_of([]) is any_of([]) is GateVerdict.UNKNOWN


def test_a_violation_fails_at_once_whatever_else_is_unknown() -> None:
    """A violation is not outvoted, nor hidden behind what could not be read."""
    assert verdict_of([fact(VIOLATED), fact(UNKNOWN), fact()]) is GateVerdict.FAIL


def test_no_evidence_is_unknown() -> None:
    """A gate that saw nothing says so."""
    assert verdict_of([]) is GateVerdict.UNKNOWN


def test_evidence_that_counts_for_nobody_proves_nothing() -> None:
    """Facts that are set aside neither fail nor pass a gate."""
    assert verdict_of([fact(VIOLATED, counts=False)]) is GateVerdict.UNKNOWN
    assert verdict_of([fact(VIOLATED, counts=False), fact()]) is GateVerdict.PASS


def test_a_required_check_without_evidence_is_unknown() -> None:
    """A check that must speak and does not keeps the gate shut."""
    assert verdict_of([fact()], required=("alert-clear",)) is GateVerdict.UNKNOWN


def test_a_settling_violation_is_pending_until_its_time_is_up() -> None:
    """What the cluster still works off is waited for, and then held against the run."""
    assert verdict_of([fact(VIOLATED, settles=30)]) is GateVerdict.PENDING
    assert verdict_of([fact(VIOLATED, settles=0)]) is GateVerdict.FAIL


def test_a_settling_violation_says_until_when() -> None:
    """The wait has a reason and an end."""
    found = judge(
        [fact(VIOLATED, settles=30)],
        trail=[bad(0)],
        required=(),
        window=WINDOW,
        require=Tier.STATE,
        now=NOW,
    )
    assert found.waiting_for == ("the rollout",)
    assert found.waiting_until == NOW + timedelta(seconds=30)


def test_one_good_look_is_not_stable() -> None:
    """A single sample says nothing about flapping."""
    assert verdict_of([fact()], trail=good(0)) is GateVerdict.PENDING


def test_stability_starts_again_after_a_bad_look() -> None:
    """Time before the last look that was not good does not count."""
    assert verdict_of([fact()], trail=[*good(300), bad(40), *good(30, 0)]) is GateVerdict.PENDING


def test_state_passes_when_good_for_the_whole_time() -> None:
    """Tier state needs its stability time and no more."""
    assert verdict_of([fact()], trail=good(60, 30, 0)) is GateVerdict.PASS


def test_a_tier_that_needs_alerts_is_unknown_without_any() -> None:
    """Good objects alone never prove that alerts are clear, however long one waits."""
    assert verdict_of([fact()], trail=good(900, 0), require=Tier.ALERTS) is GateVerdict.UNKNOWN


def test_alerts_pass_before_the_whole_window() -> None:
    """Tier alerts needs a stable state and alerts that are clear now."""
    assert verdict_of([fact(), ALERT], trail=good(60, 0), require=Tier.ALERTS) is GateVerdict.PASS


def test_full_waits_for_the_whole_window_and_says_why() -> None:
    """Tier full needs everything good over the derived window; the wait names the rule."""
    found = judge(
        [fact(), ALERT],
        trail=good(100, 0),
        required=(),
        window=WINDOW,
        require=Tier.FULL,
        now=NOW,
    )
    assert (found.verdict, found.tier) == (GateVerdict.PENDING, Tier.ALERTS)
    assert found.waiting_until == NOW + timedelta(seconds=200)
    assert "Rule: 4m range" in found.waiting_for[0]


def test_full_counts_only_looks_at_which_everything_was_good() -> None:
    """A stable state does not stand in for alerts that were still firing."""
    trail = [*good(400, 200, state_only=True), *good(100, 0)]
    assert verdict_of([fact(), ALERT], trail=trail, require=Tier.FULL) is GateVerdict.PENDING


def test_a_pass_states_the_tier_reached() -> None:
    """More proof than asked for is reported as such."""
    found = judge(
        [fact(), ALERT],
        trail=good(300, 0),
        required=(),
        window=WINDOW,
        require=Tier.STATE,
        now=NOW,
    )
    assert (found.verdict, found.tier) == (GateVerdict.PASS, Tier.FULL)


def test_a_sample_keeps_state_apart_from_alerts() -> None:
    """An alert that fires does not make the objects unwell."""
    firing = fact(VIOLATED, check="alert-clear", tier=Tier.ALERTS)
    seen = sample([fact(), firing], required=[CheckId("alert-clear")], now=NOW)
    assert (seen.verdict, seen.state_verdict) == (GateVerdict.FAIL, GateVerdict.PASS)


def test_a_missing_required_check_spoils_the_state_too() -> None:
    """A check that never spoke may have been about the state."""
    seen = sample([fact()], required=[CheckId("replicas-kept")], now=NOW)
    assert seen.state_verdict is GateVerdict.UNKNOWN


def test_good_since_counts_back_to_the_last_look_that_was_not() -> None:
    """The run of good looks ends at the first bad one."""
    trail = [*good(300), bad(200), *good(100, 50, 0)]
    assert good_since(trail, lambda s: s.verdict) == (NOW - timedelta(seconds=100), 3)


facts = st.builds(
    fact,
    st.sampled_from(EvidenceState),
    check=st.sampled_from(["pods-ready", "alert-clear", "no-new-alert"]),
    settles=st.one_of(st.none(), st.floats(-60, 60)),
    counts=st.booleans(),
    tier=st.sampled_from(Tier),
)
trails = st.lists(
    st.builds(
        lambda age, v, s: Sample(at=NOW - timedelta(seconds=age), verdict=v, state_verdict=s),
        st.integers(0, 900),
        verdicts,
        verdicts,
    ),
    max_size=8,
).map(lambda looks: sorted(looks, key=lambda s: s.at))


@given(st.lists(facts), trails, st.sampled_from(Tier), st.lists(st.sampled_from(["a", "b"])))
def test_unknown_evidence_never_passes(
    evidence: list[Evidence], trail: list[Sample], require: Tier, required: list[str]
) -> None:
    """Whatever else is seen, one counted unknown or a missing required check is no pass."""
    verdict = verdict_of(evidence, trail=trail, require=require, required=tuple(required))
    counted = [e for e in evidence if e.counts]
    if required or not counted or any(e.state is not SATISFIED for e in counted):
        assert verdict is not GateVerdict.PASS
    if not trail:
        assert verdict is not GateVerdict.PASS


@given(st.lists(facts), st.lists(facts))
def test_a_fail_stays_a_fail_when_more_is_known(
    evidence: list[Evidence], more: list[Evidence]
) -> None:
    """No further evidence takes a violation back."""
    if look_verdict(evidence, required=(), now=NOW) is GateVerdict.FAIL:
        assert look_verdict([*evidence, *more], required=(), now=NOW) is GateVerdict.FAIL


@given(st.lists(facts, max_size=5), trails, st.sampled_from(Tier))
def test_a_stored_report_replays_to_its_verdict(
    evidence: list[Evidence], trail: list[Sample], require: Tier
) -> None:
    """Encoded to JSON and read back, a report still gives the verdict it states."""
    trail = [*(s for s in trail if s.at < NOW), sample(evidence, required=(), now=NOW)]
    found = judge(evidence, trail=trail, required=(), window=WINDOW, require=require, now=NOW)
    report = GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=found.verdict,
        tier=found.tier,
        required_tier=require,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=WINDOW,
        started_at=NOW,
        ended_at=NOW,
        evidence=tuple(evidence),
        trail=tuple(trail),
    )
    assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))


@given(st.lists(facts, max_size=6), trails, st.sampled_from(Tier), st.data())
def test_the_order_of_evidence_does_not_matter(
    evidence: list[Evidence], trail: list[Sample], require: Tier, data: st.DataObject
) -> None:
    """Checks may run in any order."""
    shuffled = data.draw(st.permutations(evidence))
    first, second = (
        judge(e, trail=trail, required=(), window=WINDOW, require=require, now=NOW)
        for e in (evidence, shuffled)
    )
    assert (first.verdict, first.tier, first.waiting_until) == (
        second.verdict,
        second.tier,
        second.waiting_until,
    )
    assert sample(evidence, required=(), now=NOW) == sample(shuffled, required=(), now=NOW)


bad_facts = facts.filter(lambda e: e.counts and e.state is not SATISFIED)


@given(st.lists(facts, max_size=6), bad_facts, trails, st.sampled_from(Tier))
def test_more_bad_evidence_never_makes_a_pass(
    evidence: list[Evidence], bad: Evidence, trail: list[Sample], require: Tier
) -> None:
    """A violation or an unknown added to anything at all leaves no pass, and mends no fail."""
    before = verdict_of(evidence, trail=trail, require=require)
    after = verdict_of([*evidence, bad], trail=trail, require=require)
    assert after is not GateVerdict.PASS
    assert before is not GateVerdict.FAIL or after is GateVerdict.FAIL
    if bad.state is EvidenceState.UNKNOWN:
        assert after in {GateVerdict.UNKNOWN, GateVerdict.FAIL}


@given(st.lists(facts, min_size=1, max_size=6), trails, st.sampled_from(Tier), st.data())
def test_taking_required_evidence_away_never_makes_a_pass(
    evidence: list[Evidence], trail: list[Sample], require: Tier, data: st.DataObject
) -> None:
    """A check that must speak cannot be silenced into agreement."""
    gone = data.draw(st.sampled_from([e.check for e in evidence]))
    left = [e for e in evidence if e.check != gone]
    verdict = verdict_of(left, trail=trail, require=require, required=(gone,))
    assert verdict in {GateVerdict.UNKNOWN, GateVerdict.FAIL}


@given(st.lists(facts, max_size=5), trails, trails, st.sampled_from(Tier))
def test_a_worse_past_never_makes_a_pass(
    evidence: list[Evidence], trail: list[Sample], later: list[Sample], require: Tier
) -> None:
    """A look that was not good, put anywhere into the trail, gives no pass where there was none."""
    spoiled = [
        *trail,
        *(
            msgspec.structs.replace(
                look, verdict=GateVerdict.FAIL, state_verdict=GateVerdict.UNKNOWN
            )
            for look in later
        ),
    ]
    spoiled.sort(key=lambda look: look.at)
    if verdict_of(evidence, trail=trail, require=require) is not GateVerdict.PASS:
        assert verdict_of(evidence, trail=spoiled, require=require) is not GateVerdict.PASS


def passing() -> GateReport:
    """A report of a pass, whose parts agree."""
    evidence = (
        fact(SATISFIED, check="pods-ready", tier=Tier.STATE),
        fact(SATISFIED, check="no-new-alert", tier=Tier.ALERTS),
    )
    return GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=GateVerdict.PASS,
        tier=Tier.FULL,
        required_tier=Tier.FULL,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=WINDOW,
        started_at=NOW,
        ended_at=NOW,
        evidence=evidence,
        trail=tuple(good(900, 600, 300, 0)),
        required=(CheckId("no-new-alert"),),
    )


def touch(report: GateReport, **change: Any) -> GateReport:
    """Change a report by hand."""
    return msgspec.structs.replace(report, **change)


TOUCHES: dict[str, Callable[[GateReport], GateReport]] = {
    "verdict": lambda r: touch(r, verdict=GateVerdict.FAIL),
    "tier": lambda r: touch(r, tier=Tier.STATE),
    "a fact violated": lambda r: touch(r, evidence=(fact(VIOLATED), *r.evidence)),
    "a fact unknown": lambda r: touch(r, evidence=(fact(UNKNOWN), *r.evidence)),
    "a required fact gone": lambda r: touch(r, evidence=r.evidence[:1]),
    "all facts gone": lambda r: touch(r, evidence=()),
    "no trail": lambda r: touch(r, trail=()),
    "a short trail": lambda r: touch(r, trail=r.trail[-1:]),
    "a trail cut short": lambda r: touch(r, trail=r.trail[:-1]),
    "a bad look": lambda r: touch(r, trail=(*r.trail[:-2], bad(300), r.trail[-1])),
    "a trail out of order": lambda r: touch(r, trail=(r.trail[2], r.trail[0], *r.trail[1::2])),
    "a longer window": lambda r: touch(r, window=touch_window(r, 86400.0)),
    "later": lambda r: touch(r, ended_at=NOW + timedelta(hours=1)),
}


def touch_window(report: GateReport, seconds: float) -> Window:
    """The window of a report, with another length."""
    return msgspec.structs.replace(report.window, full_seconds=seconds)


@pytest.mark.parametrize("part", TOUCHES)
def test_a_report_that_was_touched_does_not_replay(part: str) -> None:
    """Whatever a pass rests on, changing it alone contradicts the rest."""
    assert replays(passing())
    assert not replays(TOUCHES[part](passing()))


def test_a_forged_verdict_does_not_replay() -> None:
    """A report whose verdict was changed by hand is found out."""
    report = GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=GateVerdict.PASS,
        tier=Tier.STATE,
        required_tier=Tier.STATE,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=WINDOW,
        started_at=NOW,
        ended_at=NOW,
        evidence=(fact(VIOLATED),),
        trail=tuple(good(120, 0)),
    )
    assert not replays(report)
