"""Questions in a run: nothing is changed until a person has answered, and an answer narrows."""

from collections.abc import Callable

import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    ModelReplied,
    QuestionAsked,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident, Workload
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.engine import Guard, Session
from guardrails.errors import UsageError
from guardrails.policy.models import Settings
from guardrails.testing.gates import ScriptedGate
from tests.settings import NO_MACHINE

WEB = Workload(name="web", namespace="shop")
WHICH = Question(
    id="which-workload:web",
    kind=QuestionKind.WHICH_WORKLOAD,
    text="Which web?",
    why="there are two",
    about=Workload(name="web"),
    candidates=(
        Candidate(id="shop/web", label="web in shop", namespace="shop", workload=WEB),
        Candidate(id="test/web", label="web in test", namespace="test"),
    ),
)
APPROVAL = Question(
    id="approval",
    kind=QuestionKind.APPROVAL,
    text="May changes be made?",
    why="it says so",
    candidates=(
        Candidate(id="approved", label="Approved"),
        Candidate(id="read-only", label="Look only"),
    ),
)
TWO = Incident(task="web is down", namespaces=("shop", "test"), workloads=(Workload(name="web"),))
PASS = GateVerdict.PASS
SCALE = '{"command": "scale deployment/web -n shop --replicas=3"}'
READS = ("get pods -n shop", "logs deploy/web -n shop", "get events -n shop")


class AskingGate(ScriptedGate):
    """A gate whose runs ask."""

    questions: tuple[Question, ...] = (WHICH,)


def call(session: Session, arguments: str, *, text: str = "", number: int = 1) -> Decision:
    """Take a turn with one call, and return what was decided of it."""
    session.observe(ModelReplied(text=text))
    call_id = CallId(f"c{number}")
    decision = session.observe(ToolRequested(call_id=call_id, tool="kubectl", arguments=arguments))
    if not decision.blocked:
        session.observe(ToolReturned(call_id=call_id, tool="kubectl", digest=arguments))
    return decision


def look_around(session: Session) -> None:
    """Read three things, and say what is believed."""
    for number, command in enumerate(READS, start=10):
        text = "I suspect that deployment `web` was scaled to zero."
        call(session, f'{{"command": "{command}"}}', text=text, number=number)


@pytest.fixture
def asking(begin) -> Callable[..., tuple[Guard, Session]]:
    """A run, with and without a machine, in which something is asked."""

    def make(*questions: Question, machine: str = "auto") -> tuple[Guard, Session]:
        settings = Settings.model_validate({"fsm": {"machine": machine}})
        guard, session = begin(PASS, settings=settings, incident=TWO)
        for question in questions:
            session.observe(QuestionAsked(question=question))
        return guard, session

    return make


@pytest.mark.parametrize("machine", ["auto", "none"])
def test_nothing_is_changed_before_an_answer(asking, machine: str) -> None:
    """With a machine or without; reading is fine."""
    guard, session = asking(WHICH, machine=machine)
    look_around(session)
    refused = call(session, SCALE)
    assert (refused.blocked, refused.reason) == (True, Reason.AMBIGUOUS)
    assert "there are two" in refused.to_model
    guard.answer(session, question=WHICH.id, text="1", by="oncall")
    assert not call(session, SCALE, number=2).blocked


def test_an_answer_narrows_the_incident(asking) -> None:
    """To the namespace and the workload of the candidate; who said it is kept."""
    guard, session = asking(WHICH)
    answer = guard.answer(session, question=WHICH.id, text="web in shop", by="oncall")
    assert (answer.choice, answer.by) == ("shop/web", "oncall")
    incident = session.state.incident
    assert incident is not None
    assert (incident.namespaces, incident.workloads) == (("shop",), (WEB,))
    assert session.state.answered == (answer,)


async def test_a_narrower_incident_opens_the_gate_anew(begin) -> None:
    """The gate is to judge what is meant; the same question is not put again."""
    guard, session = begin(PASS, settings=Settings(fsm=NO_MACHINE), incident=TWO)
    guard.gate = AskingGate(PASS)
    await guard.prepare(session)
    assert [q.id for q in session.state.questions] == [WHICH.id]
    guard.answer(session, question=WHICH.id, text="1")
    await guard.prepare(session)
    assert [incident.namespaces for incident in guard.gate.opened] == [("shop", "test"), ("shop",)]
    assert session.state.questions == ()


async def test_without_an_answer_the_run_reads_on_and_is_handed_over(asking) -> None:
    """It ends escalated, whatever the agent claims; the gate is not needed for that."""
    guard, session = asking(WHICH)
    guard.give_up_asking(session, detail="nobody can be asked")
    look_around(session)
    assert call(session, SCALE).reason is Reason.AMBIGUOUS
    claim = Claim(kind=ClaimKind.MITIGATED)
    session.observe(ModelReplied(text="done"))
    decision = await guard.settle(session, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))
    assert (decision.outcome, decision.reason) == (Outcome.ESCALATED, Reason.PHASE_ENDED)


def test_a_late_answer_is_an_answer(asking) -> None:
    """The run goes on as if it had come in time."""
    guard, session = asking(WHICH)
    guard.give_up_asking(session)
    look_around(session)
    guard.answer(session, question=WHICH.id, text="1")
    call(session, '{"command": "get svc -n shop"}', number=3)
    assert not call(session, SCALE, number=4).blocked


def test_who_does_not_approve_keeps_the_run_from_changing_anything(asking) -> None:
    """Approval lets it go on."""
    for text, blocked in (("read-only", True), ("approved", False)):
        guard, session = asking(APPROVAL)
        look_around(session)
        guard.answer(session, question="approval", text=text)
        call(session, '{"command": "get svc -n shop"}', number=3)
        assert call(session, SCALE).blocked is blocked


def test_an_answer_needs_an_open_question(asking) -> None:
    """The error names what is open."""
    guard, session = asking(WHICH)
    with pytest.raises(UsageError, match="no question 'other' is open; open: which-workload:web"):
        guard.answer(session, question="other", text="1")
    with pytest.raises(UsageError, match="is empty"):
        guard.answer(session, question=WHICH.id, text=" ")
