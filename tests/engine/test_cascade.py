"""The breaker of cascades: what counts, when it trips, and what applies from then on."""

from collections.abc import Callable

import pytest

from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    ToolCall,
    ToolRequested,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.mast import FailureMode
from guardrails.core.outcome import Outcome
from guardrails.core.signatures import SIGNATURES
from guardrails.engine import Guard, Session
from guardrails.engine.cascade import SIGNS, Cascade, Tripped, noted
from guardrails.engine.replay import replay
from guardrails.engine.session import decode_session
from guardrails.policy.models import CascadeSettings, Settings
from guardrails.policy.shipped import shipped_profiles
from tests.settings import NO_MACHINE

QUIET = Decision(run=RunId("r"), seq=1)
WRONG = Decision(run=RunId("r"), seq=1, reason=Reason.INVENTED)


def found(*modes: str) -> tuple[Finding, ...]:
    """Findings of these modes, at once."""
    return tuple(
        Finding(run=RunId("r"), seq=1, mode=FailureMode(mode), detector="test") for mode in modes
    )


def count(
    cascade: Cascade, *modes: str, step: int = 1, decision: Decision = QUIET, **settings: object
) -> tuple[Cascade, Tripped | None]:
    """Count findings under some settings."""
    by = CascadeSettings.model_validate(settings)
    return noted(cascade, step=step, decision=decision, found=found(*modes), settings=by)


def test_distinct_modes_trip_it() -> None:
    """Four that count; the same one again is no new one."""
    cascade, tripped = count(Cascade(), "FM-2.6", "FM-2.6", "FM-3.1", "FM-3.3")
    assert tripped is None
    assert cascade.modes == ("FM-2.6", "FM-3.1", "FM-3.3")
    again, tripped = count(cascade, "FM-1.5", step=4)
    assert tripped == Tripped(
        "tightened",
        "cascade: 4 failure modes in one run (FM-2.6, FM-3.1, FM-3.3, FM-1.5); stricter rules from"
        " here on",
    )
    assert again == Cascade(tightened_at=4)


def test_repetition_says_nothing() -> None:
    """Successful runs repeat steps as often as failed ones do, in all three classes."""
    for name in SIGNATURES:
        cascade, tripped = count(Cascade(), *["FM-1.3"] * 20, signature=name, modes=1, signs=1)
        assert (cascade, tripped) == (Cascade(), None)


def test_what_counts_depends_on_the_class() -> None:
    """A derailed run is a failed one for an open model; frontier models derail and succeed."""
    assert count(Cascade(), "FM-2.3", signature="open")[0].modes == ("FM-2.3",)
    assert count(Cascade(), "FM-2.3", signature="frontier")[0].modes == ()


def test_signs_trip_it_only_when_they_come_thick() -> None:
    """Three wrong calls in five turns, but not three in six."""
    slow = Cascade()
    for step in (1, 3, 6, 9, 12):
        slow, tripped = count(slow, step=step, decision=WRONG, signs=3, within=5)
        assert tripped is None
    _, tripped = count(slow, step=13, decision=WRONG, signs=3, within=5)
    assert tripped is not None
    assert tripped.said.startswith("cascade: 3 signs of failure within 5 turns")


def test_either_count_can_be_left_out() -> None:
    """None switches it off."""
    many = ("FM-1.1", "FM-1.5", "FM-2.6", "FM-3.1", "FM-3.3")
    assert count(Cascade(), *many, modes=None, signs=None)[1] is None
    assert count(Cascade(), *many, modes=None, signs=5)[1] is not None


def test_what_is_remembered_is_bounded() -> None:
    """However long a run fails."""
    cascade = Cascade()
    for step in range(1, 500):
        cascade, _ = count(cascade, step=step, decision=WRONG, signs=None)
    assert len(cascade.signs) == SIGNS


def test_a_cascade_that_is_only_reported_is_reported_once() -> None:
    """Nothing else comes of it."""
    many = ("FM-1.1", "FM-1.5", "FM-2.6", "FM-3.1")
    cascade, tripped = count(Cascade(), *many, then="warn")
    assert tripped is not None
    assert tripped.act == "reported"
    assert count(cascade, "FM-3.3", then="warn")[1] is None


def test_the_signatures_give_the_published_means() -> None:
    """2.6, 4.7 and 5.3 modes in a failed run."""
    means = {
        name: round(sum(shown.failed for shown in one.shown.values()) / one.failed, 1)
        for name, one in SIGNATURES.items()
    }
    assert means == {"frontier": 2.6, "mid-tier": 4.7, "open": 5.3}


def test_no_profile_trips_at_what_its_failed_runs_show_on_average() -> None:
    """More than that is a cascade; a successful run is far from it."""
    for name, shipped in shipped_profiles().items():
        cascade = shipped.profile.cascade
        assert cascade.signature == name
        assert cascade.modes is not None
        succeeded, failed = SIGNATURES[name].telling_modes()
        assert succeeded + 1 < failed < cascade.modes


Wrong = Callable[[int], Decision]


@pytest.fixture
def run(begin) -> Callable[..., tuple[Guard, Session, Wrong]]:
    """A guard, its run, and a function that makes a turn with a wrong call."""

    def make(**cascade: object) -> tuple[Guard, Session, Wrong]:
        settings = Settings.model_validate(
            {
                "fsm": NO_MACHINE.model_dump(),
                "hygiene": {"rewinds": 50},
                "cascade": {"signs": 3, "within": 4, **cascade},
            }
        )
        about = Incident(task="The cart is slow in shop.", namespaces=("shop",))
        guard, session = begin(GateVerdict.FAIL, settings=settings, incident=about)

        def wrong(number: int) -> Decision:
            call = ToolCall(call_id=CallId(f"w{number}"), tool="kubectl")
            session.observe(ModelReplied(text="I mend it.", tool_calls=(call,)))
            command = f"kubectl scale deploy/ghost-{number}x -n shop --replicas=2"
            return session.observe(
                ToolRequested(
                    call_id=call.call_id, tool="kubectl", arguments=f'{{"command": "{command}"}}'
                )
            )

        return guard, session, wrong

    return make


def destroy(session: Session) -> Decision:
    """Ask for a call that takes away."""
    call = ToolRequested(
        call_id=CallId("d"), tool="kubectl", arguments='{"command": "kubectl delete ns shop"}'
    )
    return session.observe(call)


def test_it_trips_to_stricter_rules_and_then_to_a_person(run) -> None:
    """Calls that take away run with a warning before, and not after; then no call runs."""
    _, session, wrong = run()
    before = session.rules.settings
    assert [wrong(n).cascade for n in (1, 2, 3)] == ["", "", "tightened"]
    assert before.effects.destructive == "warn"
    denied = destroy(session)
    assert (denied.blocked, denied.reason) == (True, Reason.EFFECT_DENIED)
    assert session.rules.settings.hygiene.tokens == 24_000
    last = [wrong(n) for n in (4, 5, 6)][-1]
    assert (last.cascade, last.reason) == ("stopped", Reason.INVENTED)
    assert last.to_person.endswith("cascade: 3 signs of failure within 4 turns; a person is called")
    stopped = wrong(7)
    assert (stopped.next, stopped.reason) == (Next.STOP, Reason.CASCADE)


def test_a_run_that_is_stopped_is_handed_over_with_its_report(run) -> None:
    """Escalated even where the gate says what is wrong: more of this agent's time is no cure."""
    guard, session, wrong = run(then="escalate")
    for number in (1, 2, 3):
        wrong(number)
    guard.settle_sync(session, EndRequested(exit=ExitKind.BUDGET))
    result = session.result()
    assert (result.outcome, result.reason) == (Outcome.ESCALATED, Reason.CASCADE)
    assert result.report is not None


def test_a_report_alone_holds_nothing_back(run) -> None:
    """The run goes on as it was."""
    _, session, wrong = run(then="warn")
    seen = [wrong(number).cascade for number in range(1, 6)]
    assert seen == ["", "", "reported", "", ""]
    assert destroy(session).reason is Reason.UNREAD
    assert session.rules.settings.effects.destructive == "warn"


def test_a_decision_that_said_nothing_says_it(run) -> None:
    """A call that runs is let through, with a warning."""
    _, session, wrong = run(signs=2)
    wrong(1)
    decision = wrong(2)
    assert (decision.action, decision.reason) == (EnforcedAction.BLOCK, Reason.INVENTED)
    assert session.state.cascade.tightened_at == 2


def test_a_restored_run_keeps_its_stricter_rules(run, recorder) -> None:
    """And a replay of its events comes to the same."""
    _, session, wrong = run()
    for number in (1, 2, 3):
        wrong(number)
    assert decode_session(session.snapshot()).state.cascade == session.state.cascade
    again = replay(recorder.events)
    assert again.state == session.read_up()
    assert list(again.decisions) == recorder.decisions
