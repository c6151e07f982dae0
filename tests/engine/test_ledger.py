"""The session's ledger: filled by what tools return, doubted by what they change."""

import msgspec
import pytest

from guardrails.actions.facts.ledger import Ledger
from guardrails.core.decisions import Reason
from guardrails.core.events import ToolRequested, ToolReturned, ToolStatus
from guardrails.core.ids import CallId
from guardrails.engine import Session
from guardrails.engine.reading import RESULTS_LIMIT, read_up
from guardrails.engine.replay import replay
from guardrails.engine.session import StoredSession, decode_session
from guardrails.policy.models import Settings
from tests.settings import NO_MACHINE

PODS = "NAME    READY   STATUS   RESTARTS   AGE\nweb-1   0/1     Error    0          5m\n"


@pytest.fixture
def session(begin) -> Session:
    return begin()[1]


def run(session: Session, command: str, text: str, *, status: ToolStatus = ToolStatus.OK) -> None:
    call_id = CallId(command)
    arguments = msgspec.json.encode({"command": command}).decode()
    session.observe(ToolRequested(call_id=call_id, tool="bash", arguments=arguments))
    session.observe(ToolReturned(call_id=call_id, tool="bash", text=text, status=status))


def statuses(session: Session) -> dict[str, str]:
    return {fact.name: fact.value for fact in session.facts if fact.what == "status"}


def test_what_a_tool_returned_stands(session) -> None:
    """With the call, the turn and the time of it."""
    run(session, "kubectl get pods -n shop", PODS)
    assert statuses(session) == {"web-1": "Error"}
    (fact, *_) = session.facts
    assert (fact.call_id, fact.step) == ("kubectl get pods -n shop", session.state.step)
    assert fact.at == session.state.last_at


def test_a_change_puts_it_in_doubt_even_if_it_failed(session) -> None:
    """It may have been carried out in part."""
    run(session, "kubectl get pods -n shop", PODS)
    run(session, "kubectl delete pod web-1 -n shop", "timeout", status=ToolStatus.ERROR)
    assert session.facts == ()
    assert len(session.ledger) == 1


def test_an_error_of_kubectl_is_a_word_of_the_cluster(session) -> None:
    """Tools hand it on as a failure."""
    run(session, "kubectl get pods -n shop", PODS)
    gone = 'Error from server (NotFound): pods "web-1" not found'
    run(session, "kubectl get pod web-1 -n shop", gone, status=ToolStatus.ERROR)
    assert statuses(session) == {"web-1": "gone"}


def test_what_never_ran_says_nothing(session) -> None:
    """A blocked call returns the guard's own words; a result without a call is nobody's."""
    run(session, "kubectl get pods -n shop", PODS, status=ToolStatus.BLOCKED)
    session.observe(ToolReturned(call_id=CallId("unknown"), tool="bash", text=PODS))
    assert session.facts == ()


def test_logs_say_nothing_of_objects(session) -> None:
    """A program can print whatever it likes."""
    run(session, "kubectl logs web-1 -n shop", PODS)
    assert session.facts == ()
    assert not session.state.open_calls


def test_it_is_stored_with_the_session(session) -> None:
    """Between the call and its result too; a session of before has an empty one."""
    run(session, "kubectl get pods -n shop", PODS)
    arguments = '{"command": "kubectl get nodes"}'
    session.observe(ToolRequested(call_id=CallId("n"), tool="bash", arguments=arguments))
    assert decode_session(session.snapshot()).state == session.state
    stored = msgspec.json.decode(session.snapshot())
    del stored["state"]["ledger"]
    before = msgspec.json.decode(msgspec.json.encode(stored), type=StoredSession)
    assert len(before.state.ledger) == 0


def test_a_replay_comes_to_the_same_ledger(session, recorder) -> None:
    """It is a fold over the events, and asks no clock."""
    run(session, "kubectl get pods -n shop", PODS)
    run(session, "kubectl rollout restart deploy/web -n shop", "restarted")
    replayed = replay(recorder.events)
    assert replayed.state.ledger == session.ledger


def test_reading_later_comes_to_the_same(session) -> None:
    """Whether somebody asks after each result, at the end, or nobody until there are many."""
    texts = [PODS.replace("web-1", f"web-{number}") for number in range(RESULTS_LIMIT + 5)]
    asked: list[Ledger] = []
    for number, text in enumerate(texts):
        run(session, f"kubectl get pods -n shop --limit={number + 1}", text)
        asked.append(read_up(session.state).ledger)
    assert len(session.state.results) == 5
    assert asked[-1] == session.ledger
    assert session.state.results == ()
    assert {fact.name for fact in session.facts} >= {"web-0", f"web-{RESULTS_LIMIT + 4}"}


def test_names_are_known_before_a_change(begin) -> None:
    """A result that nobody asked about yet counts."""
    _, session = begin(settings=Settings(fsm=NO_MACHINE))
    run(session, "kubectl get pods -n shop", PODS)
    assert session.state.results
    command = '{"command": "kubectl delete pod web-1 -n shop"}'
    call = ToolRequested(call_id=CallId("d"), tool="bash", arguments=command)
    assert session.observe(call).reason is Reason.EFFECT_WARNED
    assert not session.state.results
