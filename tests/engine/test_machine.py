"""A run under its machine: what runs in which phase, which ends are judged, and who is stopped."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision, Next, Reason
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal, Incident
from guardrails.core.mast import FailureMode
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, Session
from guardrails.policy.models import Settings
from guardrails.testing.clock import ManualClock

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="It is mended.")
GAVE_UP = Claim(kind=ClaimKind.GAVE_UP, text="I give up.")
ASKS = Claim(kind=ClaimKind.NEEDS_HUMAN, text="A person must do this.")
READS = ("get deployments -n shop", "logs deploy/web -n shop", "get events -n shop", "top pods")
SCALE = "scale deployment/web -n shop --replicas=3"
PASS, FAIL = GateVerdict.PASS, GateVerdict.FAIL
SHOWN = "web payment cart checkout"
"""What every look shows: the names that changes are made to."""


class Agent:
    """Writes the events of an agent that uses one kubectl tool."""

    def __init__(self, session: Session, clock: ManualClock) -> None:
        self.session, self._clock, self._calls = session, clock, 0

    def turn(self, command: str = "", text: str = "") -> Decision:
        """Take a turn that makes one call, and return what was decided of the call."""
        self._calls += 1
        call_id = CallId(f"c{self._calls}")
        arguments = f'{{"command": "{command}"}}'
        call = ToolCall(call_id=call_id, tool="kubectl", arguments=arguments)
        self._clock.advance(1)
        self.session.observe(ModelReplied(text=text, tool_calls=(call,)))
        asked = ToolRequested(call_id=call_id, tool="kubectl", arguments=arguments)
        decision = self.session.observe(asked)
        if not decision.blocked:
            back = ToolReturned(call_id=call_id, tool="kubectl", text=SHOWN, digest=command)
            self.session.observe(back)
        return decision

    def look_around(self, looks: int = len(READS)) -> None:
        """Read different things, and say what is believed."""
        for command in READS[:looks]:
            self.turn(command, "I suspect that deployment `web` was scaled to zero.")

    def end(self, claim: Claim = MITIGATED) -> EndRequested:
        """Say the last words, and return the end that is asked for."""
        self.session.observe(ModelReplied(text=claim.text))
        return EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim)

    @property
    def phase(self) -> str:
        """The state of the machine."""
        found = self.session.state.phase
        assert found is not None
        return found.position.state


@pytest.fixture
def agent(begin, clock) -> Callable[..., tuple[Guard, Agent]]:
    """An agent whose ends the gate judges as played."""

    def make(*played: GateVerdict, **settings: object) -> tuple[Guard, Agent]:
        about = Incident(task="deployment web is down", namespaces=("shop",))
        guard, session = begin(*played, settings=Settings.model_validate(settings), incident=about)
        return guard, Agent(session, clock)

    return make


def test_nothing_is_changed_before_a_hypothesis_with_evidence(agent) -> None:
    """A change is refused with what is missing, and runs once that is there."""
    _, it = agent(PASS)
    early = it.turn(SCALE)
    assert (early.reason, early.phase) == (Reason.PHASE_DENIED, "triage")
    it.turn(READS[0])
    refused = it.turn(SCALE)
    assert refused.to_model == (
        "Not run: `kubectl scale`: it changes something, and nothing is changed yet. Before "
        "anything is changed, say what you believe is at fault: name the object, and what you saw "
        "that shows it. Missing: say what you believe is at fault: name the object, and what you "
        "saw that shows it; look at more of the system (1 more)."
    )
    it.turn(READS[1], "I suspect that deployment `web` was scaled to zero.")
    assert not it.turn(SCALE).blocked
    assert it.phase == "remediate"


def test_reading_is_never_refused_while_the_agent_works(agent) -> None:
    """Looking harms nobody."""
    _, it = agent(PASS)
    assert not any(it.turn(command).blocked for command in READS)


async def test_an_end_before_any_look_is_sent_back(agent) -> None:
    """It is FM-3.1, and the gate is not even asked."""
    guard, it = agent(PASS)
    decision = await guard.settle(it.session, it.end())
    assert (decision.next, decision.reason) == (Next.CONTINUE, Reason.EVIDENCE_MISSING)
    assert decision.to_model.startswith("Not accepted. Nothing was looked at yet")
    assert it.session.state.vector == {FailureMode.PREMATURE_TERMINATION: 1}
    assert guard.gate.requests == []


async def test_an_end_after_one_kind_of_evidence_is_told_what_is_missing(agent) -> None:
    """The missing evidence is named exactly."""
    guard, it = agent(PASS)
    it.turn(READS[0])
    decision = await guard.settle(it.session, it.end())
    assert decision.to_model.endswith(
        "Missing: look at 1 more kinds of evidence (alerts, metrics, logs, events, objects)."
    )


async def test_an_end_with_evidence_goes_to_the_gate(agent) -> None:
    """Nothing needs to be changed for it: the incident may be over."""
    guard, it = agent(PASS)
    it.look_around(2)
    assert (await guard.settle(it.session, it.end())).outcome is Outcome.RESOLVED
    assert it.phase == "done"


async def test_a_change_must_be_looked_at_before_the_end(agent, clock) -> None:
    """And only once it had time to take effect; the object and the time are named."""
    guard, it = agent(PASS)
    it.look_around()
    it.turn(SCALE)
    clock.advance(5)
    early = await guard.settle(it.session, it.end())
    assert early.reason is Reason.EVIDENCE_MISSING
    assert early.to_model == (
        "Not accepted. A change was made that nobody looked at since. Missing: look at "
        "deployment/web in shop in 10s, when the change had time to take effect."
    )
    it.turn("get pods -n shop")
    assert (await guard.settle(it.session, it.end())).reason is Reason.EVIDENCE_MISSING
    clock.advance(15)
    it.turn("get pods -n shop -o wide")
    assert (await guard.settle(it.session, it.end())).outcome is Outcome.RESOLVED


async def test_a_failed_gate_sends_back_to_work(agent) -> None:
    """The run is open again, in the phase where things are changed."""
    guard, it = agent(FAIL, PASS)
    it.look_around()
    decision = await guard.settle(it.session, it.end())
    assert (decision.reason, it.phase) == (Reason.GATE_FAILED, "remediate")
    assert not it.turn(SCALE).blocked


async def test_giving_up_needs_an_honest_search(agent) -> None:
    """The first try is sent back with what is missing; after a search it is accepted."""
    guard, it = agent(PASS)
    it.turn(READS[0])
    early = await guard.settle(it.session, it.end(GAVE_UP))
    assert (early.outcome, early.reason) == (None, Reason.EVIDENCE_MISSING)
    it.look_around()
    it.turn("get services -n shop")
    late = await guard.settle(it.session, it.end(GAVE_UP))
    assert (late.outcome, late.reason) == (Outcome.UNRESOLVED, Reason.GAVE_UP)


async def test_asking_for_a_person_is_always_right(agent) -> None:
    """Whatever was looked at."""
    guard, it = agent(PASS)
    decision = await guard.settle(it.session, it.end(ASKS))
    assert (decision.outcome, decision.reason) == (Outcome.ESCALATED, Reason.ASKED_FOR_HUMAN)


async def test_an_agent_that_goes_on_after_all_is_well_is_stopped(agent, clock) -> None:
    """The gate looks of itself; once it passes, nothing more runs and the end is accepted."""
    guard, it = agent(PASS)
    it.look_around()
    it.turn(SCALE)
    clock.advance(30)
    for number in range(8):
        it.turn(f"get pods -n shop -l n={number}")
    assert it.session.look_due
    await guard.look(it.session)
    assert it.phase == "report"
    assert it.session.state.vector == {FailureMode.UNAWARE_OF_TERMINATION: 1}
    refused = it.turn("get pods -n shop")
    assert (refused.reason, it.session.outcome) == (Reason.PHASE_DENIED, None)
    assert "show that it is mended" in refused.to_model
    decision = await guard.settle(it.session, it.end())
    assert (decision.outcome, it.phase) == (Outcome.RESOLVED, "done")
    assert len(guard.gate.requests) == 1


async def test_a_look_that_fails_changes_nothing_for_the_agent(agent, clock) -> None:
    """It did not ask, so nothing is refused and nothing is counted."""
    guard, it = agent(FAIL, PASS)
    it.look_around()
    it.turn(SCALE)
    clock.advance(30)
    for number in range(8):
        it.turn(f"get pods -n shop -l n={number}")
    await guard.look(it.session)
    assert (it.phase, it.session.state.refusals) == ("remediate", 0)
    assert not it.session.look_due
    assert not it.turn("get pods -n shop").blocked


async def test_an_agent_that_never_does_anything_new_is_stopped(agent) -> None:
    """It is asked to conclude, and when it does not, a person takes over."""
    guard, it = agent(FAIL)
    it.look_around()
    for _ in range(9):
        it.turn(READS[0])
    assert it.phase == "conclude"
    for _ in range(3):
        decision = it.turn(READS[0])
    assert (decision.next, decision.reason) == (Next.STOP, Reason.STALLED)
    end = EndRequested(exit=ExitKind.BUDGET)
    assert (await guard.settle(it.session, end)).outcome is Outcome.UNRESOLVED


async def test_a_diagnosis_changes_nothing(begin, clock) -> None:
    """Its machine has no phase in which a change would run."""
    incident = Incident(task="why?", goal=Goal.DIAGNOSIS, namespaces=("shop",))
    _, session = begin(PASS, settings=Settings(), incident=incident)
    it = Agent(session, clock)
    it.look_around()
    assert it.turn(SCALE).reason is Reason.PHASE_DENIED


async def test_shadow_holds_nothing_back(agent) -> None:
    """What would have been refused runs, and the gate still tells the outcome."""
    guard, it = agent(PASS, mode="shadow")
    decision = it.turn(SCALE)
    assert (decision.blocked, decision.reason) == (False, Reason.PHASE_DENIED)
    assert (await guard.settle(it.session, it.end())).outcome is Outcome.RESOLVED


def test_a_run_can_do_without(agent) -> None:
    """Then ends go to the gate as they come."""
    _, it = agent(PASS, fsm={"machine": "none", "alignment": "none"}, hygiene={"early": "none"})
    assert it.session.state.phase is None
    assert not it.turn(SCALE).blocked


def test_the_trace_holds_the_machine(agent, recorder) -> None:
    """A replay years later decides by the machine of the run, not by the one shipped then."""
    agent(PASS)
    started = recorder.events[0].fact
    assert '"machine":"mitigation"' in started.machine


def test_time_alone_moves_nothing(agent, clock) -> None:
    """Only events do."""
    _, it = agent(PASS)
    clock.advance(timedelta(hours=1).total_seconds())
    assert it.phase == "triage"


SAYS_ONE = "I'll restart deployment `checkout` now."


def test_a_call_that_is_not_what_was_said_is_asked_back(agent) -> None:
    """The reasoning and the call are put side by side, once, before anything runs."""
    _, it = agent(PASS, fsm={"alignment": "reconcile"})
    it.look_around()
    decision = it.turn("delete deployment payment -n shop", SAYS_ONE)
    assert (decision.blocked, decision.reason) == (True, Reason.MISMATCH)
    assert decision.to_model == (
        "Not run: what was said is \u201cI'll restart deployment `checkout` now\u201d, and the "
        "call is `kubectl delete deployment/payment`. Say which of the two you mean, and why, and "
        "call exactly that."
    )
    assert it.session.state.vector[FailureMode.REASONING_ACTION_MISMATCH] == 1
    assert not it.turn("rollout restart deployment/checkout -n shop", SAYS_ONE).blocked


@pytest.mark.parametrize("early", ["none", "reconcile"])
@pytest.mark.parametrize(("then", "stops"), [("escalate", True), ("warn", False)])
def test_a_change_that_differs_again_is_for_the_policy(agent, then, early, *, stops) -> None:
    """A person is called, or it runs and is reported; steps are taken back before, if they are."""
    hygiene = {"early": early, "rewinds": 1}
    _, it = agent(PASS, fsm={"alignment": "reconcile", "unreconciled": then}, hygiene=hygiene)
    it.look_around()
    asked_back = {"none": 1, "reconcile": 2}[early]
    said = [it.turn("delete deployment payment -n shop", SAYS_ONE) for _ in range(asked_back + 1)]
    assert [d.reason for d in said] == [Reason.MISMATCH] * len(said)
    assert all(d.blocked and d.next is Next.CONTINUE for d in said[:-1])
    assert (said[-1].next is Next.STOP) is stops
    assert said[-1].blocked is stops


@pytest.mark.parametrize(("early", "asked_back"), [("warn", 1), ("reconcile", 2)])
def test_a_read_that_differs_again_runs(agent, early, asked_back) -> None:
    """It harms nobody."""
    _, it = agent(PASS, fsm={"alignment": "reconcile"}, hygiene={"early": early, "rewinds": 1})
    for number in range(4):
        decision = it.turn("get pods -n prod", "Let me check the pods in namespace shop.")
        assert decision.blocked is (number < asked_back)


def test_a_mismatch_that_was_asked_back_is_taken_back(agent) -> None:
    """Both steps go, as with every early error: what was said wrongly would be built upon."""
    _, it = agent(PASS, fsm={"alignment": "reconcile"})
    it.look_around()
    for _ in range(2):
        it.turn("delete deployment payment -n shop", SAYS_ONE)
    early = it.session.state.early
    assert (early.rewinds, len(early.taken_back)) == (1, 2)
    assert "delete deployment/payment" in early.taken_back[0].reason


def test_words_without_a_plan_are_not_compared(agent) -> None:
    """Most turns say nothing that could be compared."""
    _, it = agent(PASS, fsm={"alignment": "reconcile"})
    it.look_around()
    assert it.turn(SCALE, "The replicas are at zero. That must be it.").reason is Reason.NONE
