"""Ten thousand agents of every temper, under adapters that obey: no run breaks what was proved.

Hypothesis plays the agent, the tools and the gate. After each event the bound, the phase rule and
the rule of accepted ends are checked; that every event has an answer shows by nothing being raised.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision, Next
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ExitKind,
    GateReported,
    ModelReplied,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.incident import Goal, Incident
from guardrails.core.questions import Answer, Question, QuestionKind
from guardrails.core.toolaction import Effect
from guardrails.engine import Guard, Session, SessionKey
from guardrails.fsm.load import machine_for
from guardrails.fsm.proof import bound_of
from guardrails.policy.models import Settings
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import scripted_report

STREAMS, BATCHES = 10_000, 10
STEPS, CALLS = 14, 24
"""Budgets that a stream can spend."""
SETTINGS = Settings.model_validate(
    {
        "budgets": {"steps": STEPS, "tool_calls": CALLS, "refusals": 5, "unknown_refusals": 3},
        "fsm": {"alignment": "reconcile"},
    }
)
COMMANDS = (
    *("get pods -n shop", "logs deploy/web -n shop", "get events -n shop", "top pods -n shop"),
    *("get pods -n shop", "describe deployment/web -n shop"),
    *("scale deployment/web -n shop --replicas=3", "rollout restart deployment/web -n shop"),
    *("delete deployment/cart -n shop", "patch svc web -p '{}' -n shop", "frobnicate"),
)
TEXTS = (
    *("", "", "I suspect that deployment `web` was scaled to zero.", "Let me check the logs."),
    *("I'll restart deployment `cart`.", "The root cause is service `web`."),
)
QUESTION = Question(id="q", kind=QuestionKind.WHICH_WORKLOAD, text="Which?", why="two")

calls = st.builds(
    lambda command, status, ago, size: (command, status, ago, size),
    st.sampled_from(COMMANDS),
    st.sampled_from([*[ToolStatus.OK] * 4, ToolStatus.ERROR]),
    st.sampled_from([0, 1, 20]),
    st.integers(0, 2),
)
turns = st.tuples(st.just("turn"), st.sampled_from(TEXTS), st.lists(calls, min_size=1, max_size=3))
ends = st.tuples(
    st.just("end"),
    st.sampled_from([None, *ClaimKind, *[ClaimKind.MITIGATED] * 3]),
    st.sampled_from(
        [*[ExitKind.FINAL_ANSWER] * 4, ExitKind.EMPTY, ExitKind.MALFORMED, ExitKind.MIDDLEWARE_END]
    ),
)
others = st.tuples(st.sampled_from(["ask", "answer", "expire", "error", "bare end"]))
agents = st.lists(st.one_of(turns, turns, turns, ends, others), min_size=1, max_size=40)
verdicts = st.lists(st.sampled_from(GateVerdict), min_size=4, max_size=4)


class Obedient:
    """An adapter that does what decisions say, and checks every one of them."""

    def __init__(self, goal: Goal, verdicts: list[GateVerdict]) -> None:
        self.clock, self.verdicts = ManualClock(), iter(verdicts)
        self.machine = machine_for(goal)
        self.bound = bound_of(self.machine, turns=STEPS, calls=CALLS)
        incident = Incident(task="web is down", goal=goal, namespaces=("shop",))
        self.session: Session = Guard(settings=SETTINGS, clock=self.clock).begin(
            SessionKey("k"), adapter="test", incident=incident
        )
        self.turns, self.ran, self.number = 0, 0, 0

    @property
    def over(self) -> bool:
        """True when the agent is asked nothing more."""
        return self.session.outcome is not None or self.session.state.stop is not None

    @property
    def phase(self) -> str:
        """The state of the machine."""
        found = self.session.state.phase
        assert found is not None
        return found.position.state

    def observe(self, fact: object) -> Decision:
        """Observe one fact, and check what holds after any."""
        decision = self.session.observe(fact)  # type: ignore[arg-type]
        outcome, report = self.session.outcome, self.session.state.report
        if outcome is not None and outcome.accepted:
            assert report is not None
            assert report.verdict is GateVerdict.PASS
        assert decision.phase in self.machine.states
        return decision

    def turn(self, text: str, made: list[tuple[str, ToolStatus, int, int]]) -> None:
        """Take a turn with calls, each let through or not."""
        self.turns += 1
        asked = [self._call(command) for command, *_ in made]
        said = tuple(ToolCall(call_id=r.call_id, tool=r.tool) for r in asked)
        self.observe(ModelReplied(text=text, tool_calls=said))
        for request, (_, status, seconds, size) in zip(asked, made, strict=True):
            if self.session.look_due:
                self.settle(EndRequested(exit=ExitKind.LOOK))
            before = self.machine.states[self.phase]
            decision = self.observe(request)
            if decision.blocked:
                continue
            self.ran += 1
            self._check_phase(decision, before.name)
            self.clock.advance(seconds)
            back = ToolReturned(
                call_id=request.call_id, tool="kubectl", status=status, digest=str(size)
            )
            self.observe(back)

    def _call(self, command: str) -> ToolRequested:
        self.number += 1
        call_id = CallId(f"c{self.number}")
        return ToolRequested(
            call_id=call_id, tool="kubectl", arguments=f'{{"command": "{command}"}}'
        )

    def _check_phase(self, decision: Decision, before: str) -> None:
        """A change runs in a state that allows it, and while nothing is open to a person."""
        action = decision.tool_action
        assert action is not None
        if action.effect in {Effect.WRITE, Effect.DESTRUCTIVE}:
            allowing = {before, decision.phase}
            assert any(action.effect in self.machine.states[name].allows for name in allowing)
            assert not self.session.state.questions

    def settle(self, end: EndRequested) -> None:
        """Bring an end through the door."""
        if self.observe(end).next is Next.VERIFY:
            self.observe(GateReported(report=scripted_report(next(self.verdicts))))

    def other(self, what: str) -> None:
        """Let something else happen."""
        match what:
            case "ask":
                self.observe(QuestionAsked(question=QUESTION))
            case "answer":
                self.observe(QuestionAnswered(answer=Answer(question="q", text="web")))
            case "expire":
                self.observe(QuestionsExpired())
            case "error":
                self.observe(ErrorRaised(error="ValueError", fatal=False))
            case _:
                self.settle(EndRequested(exit=ExitKind.MIDDLEWARE_END))


def play(agent: list[tuple[object, ...]], verdicts: list[GateVerdict], goal: Goal) -> Obedient:
    """Play an agent to its end."""
    adapter = Obedient(goal, verdicts)
    while not adapter.over and agent:
        for episode in agent:
            if adapter.over:
                break
            match episode:
                case ("turn", str(text), list(made)):
                    adapter.turn(text, made)
                case ("end", kind, ExitKind() as door):
                    adapter.turns += 1
                    adapter.observe(ModelReplied(text="done"))
                    claim = Claim(kind=kind) if isinstance(kind, ClaimKind) else None
                    adapter.settle(EndRequested(exit=door, claim=claim))
                case (str(what),):
                    adapter.other(what)
        if adapter.turns == 0:
            break  # an agent that never takes a turn is not one
    if adapter.session.outcome is None:
        adapter.settle(EndRequested(exit=ExitKind.BUDGET))
    return adapter


@pytest.mark.parametrize("batch", range(BATCHES))
@given(agent=agents, verdicts=verdicts, goal=st.sampled_from(Goal))
@settings(max_examples=STREAMS // BATCHES)
def test_no_agent_breaks_the_bound_or_a_rule(
    batch: int, agent: list[tuple[object, ...]], verdicts: list[GateVerdict], goal: Goal
) -> None:
    """It is repeated until it ends, and it ends, typed, within what the proof printed."""
    del batch
    ended = play(agent, verdicts * 40, goal)
    assert ended.session.outcome is not None
    assert ended.turns <= ended.bound.turns
    assert ended.ran <= ended.bound.calls
