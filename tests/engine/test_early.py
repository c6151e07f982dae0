"""First errors: what is sent back before it runs, and what is taken back."""

from collections.abc import Callable

import pytest

from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import (
    ModelReplied,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.engine import Session
from guardrails.policy.models import Settings
from tests.settings import NO_MACHINE

Do = Callable[..., Decision]


@pytest.fixture
def do(begin) -> Callable[..., tuple[Session, Do]]:
    """A run without a machine, and a function that makes one call in it."""

    def make(mode: str = "enforce", **hygiene: object) -> tuple[Session, Do]:
        settings = Settings.model_validate(
            {"mode": mode, "fsm": NO_MACHINE.model_dump(), "hygiene": hygiene}
        )
        about = Incident(task="The cart is slow in shop.", namespaces=("shop",))
        _, session = begin(settings=settings, incident=about)

        def call(command: str, shows: str = "", *, id_: str = "", fault: str = "") -> Decision:
            call_id = CallId(id_ or command)
            arguments = f'{{"command": "{command}"}}'
            decision = session.observe(
                ToolRequested(call_id=call_id, tool="kubectl", arguments=arguments, fault=fault)
            )
            if not decision.blocked:
                status = ToolStatus.OK if shows else ToolStatus.ERROR
                back = ToolReturned(call_id=call_id, tool="kubectl", text=shows, status=status)
                session.observe(back)
            return decision

        return session, call

    return make


def test_a_name_that_nothing_showed_is_sent_back(do) -> None:
    """Before it runs, with what to do instead; after a look that shows it, it runs."""
    _, call = do()
    call("kubectl get pods -n shop", "web-7d4b9c-x2x5q 0/1 CrashLoopBackOff")
    wrong = call("kubectl scale deploy/wbe -n shop --replicas=2")
    assert (wrong.blocked, wrong.reason) == (True, Reason.INVENTED)
    assert wrong.to_model == (
        "Not run: nothing that you looked at has deployment/wbe. Look up the name first."
    )
    assert call("kubectl scale deploy/web -n shop --replicas=2", "scaled").reason is Reason.NONE


def test_a_name_that_a_person_gave_is_known(do) -> None:
    """But what it names was never looked at, and that is told too."""
    _, call = do()
    unread = call("kubectl delete pod cart -n shop")
    assert (unread.blocked, unread.reason) == (True, Reason.UNREAD)
    assert "pod/cart was never looked at" in unread.to_model
    call("kubectl get pods -n shop", "cart 1/1")
    assert not call("kubectl delete pod cart -n shop", "deleted", id_="again").blocked


def test_a_look_that_failed_shows_nothing(do) -> None:
    """An error is no evidence that there is such a thing."""
    _, call = do()
    call("kubectl get pod cart -n shop")
    assert call("kubectl delete pod cart -n shop").reason is Reason.UNREAD


def test_what_a_tool_would_not_take_is_not_tried(do) -> None:
    """The adapter knows the schema; its words reach the model."""
    _, call = do()
    wrong = call("x", fault="There is no tool kubctl; did you mean kubectl?")
    assert (wrong.reason, wrong.to_model) == (
        Reason.BAD_CALL,
        "Not run: there is no tool kubctl; did you mean kubectl?",
    )


def test_a_second_wrong_call_takes_both_back(do) -> None:
    """They are remembered with their reasons, for what is sent and for the trace."""
    session, call = do()
    call("kubectl delete pod a1 -n shop")
    assert session.state.early.taken_back == ()
    call("kubectl delete pod b2 -n shop")
    taken = session.state.early.taken_back
    assert [one.call_id for one in taken] == [
        "kubectl delete pod a1 -n shop",
        "kubectl delete pod b2 -n shop",
    ]
    assert session.state.early.rewinds == 1


def test_a_good_call_ends_the_chain(do) -> None:
    """One slip now and one later are no chain."""
    session, call = do()
    call("kubectl delete pod a1 -n shop")
    call("kubectl get pods -n shop", "web-1")
    call("kubectl delete pod b2 -n shop")
    assert session.state.early.taken_back == ()


def turn(session: Session, agent: str = "") -> None:
    """Let the model take a turn."""
    session.observe(ModelReplied(text="I see."), agent=agent)


def wrong(session: Session, id_: str, agent: str = "") -> Decision:
    """Make a call that its tool would not take."""
    call = ToolRequested(call_id=CallId(id_), tool="kubctl", fault="There is no tool kubctl.")
    return session.observe(call, agent=agent)


def good(session: Session, id_: str, agent: str = "") -> Decision:
    """Make a call that runs."""
    text = '{"command": "kubectl get pods -n shop"}'
    call = ToolRequested(call_id=CallId(id_), tool="kubectl", arguments=text)
    return session.observe(call, agent=agent)


def test_wrong_calls_of_one_turn_are_one_error(do) -> None:
    """They were written before any of them was answered, so nothing was repeated yet."""
    session, _ = do()
    turn(session)
    wrong(session, "1")
    wrong(session, "2")
    assert session.state.early.rewinds == 0
    turn(session)
    wrong(session, "3")
    wrong(session, "4")
    assert [one.call_id for one in session.state.early.taken_back] == ["1", "2", "3", "4"]
    assert session.state.early.rewinds == 1


@pytest.mark.parametrize("make", [(good, wrong), (wrong, good)])
def test_a_good_call_beside_a_wrong_one_does_not_mend_the_turn(do, make) -> None:
    """Calls of a turn run in parallel; which is seen first must not matter."""
    session, _ = do()
    for number in range(2):
        turn(session)
        for one in make:
            one(session, f"{one.__name__}{number}")
    assert [one.call_id for one in session.state.early.taken_back] == ["wrong0", "wrong1"]


def test_agents_err_each_for_itself(do) -> None:
    """Slips of two workers are no chain, and what one does well mends nothing of the other's."""
    session, _ = do()
    for agent, number in (("a", 1), ("b", 2)):
        turn(session, agent)
        wrong(session, f"{agent}{number}", agent)
    assert session.state.early.rewinds == 0
    turn(session, "b")
    good(session, "b3", "b")
    turn(session, "a")
    wrong(session, "a4", "a")
    assert [one.call_id for one in session.state.early.taken_back] == ["a1", "a4"]


def test_what_left_the_history_is_not_looked_for_any_more(do) -> None:
    """Some models number their calls anew, and a later call of the same id is another one."""
    session, _ = do()
    for id_ in ("1", "2"):
        turn(session)
        wrong(session, id_)
    ids = tuple(one.call_id for one in session.state.early.taken_back)
    session.observe(StepTakenBack(call_ids=ids, reason="there is no tool kubctl", steps=2))
    assert session.state.early.taken_back == ()
    assert session.state.early.rewinds == 1


def test_a_faulty_finish_call_claims_nothing(do) -> None:
    """It is sent back like any other; the gate is not asked."""
    session, _ = do()
    fault = "submit needs answer (text), and the call leaves it out."
    decision = session.observe(ToolRequested(call_id=CallId("1"), tool="submit", fault=fault))
    assert (decision.next, decision.reason) == (Next.CONTINUE, Reason.BAD_CALL)


def test_in_shadow_nothing_is_taken_back(do) -> None:
    """The calls ran, and their results are true."""
    session, call = do(mode="shadow")
    for number in range(9):
        decision = call(f"kubectl delete pod a{number} -n shop", "deleted")
        assert (decision.verdict, decision.blocked) == (Verdict.DENY, False)
    assert session.state.early.taken_back == ()
    assert session.state.stop is None


def test_who_errs_again_and_again_is_stopped(do) -> None:
    """A clean context did not help, so a person takes over."""
    _, call = do(rewinds=1)
    decisions = [call(f"kubectl delete pod a{n} -n shop") for n in range(4)]
    assert [d.next for d in decisions] == [Next.CONTINUE] * 3 + [Next.STOP]
    assert decisions[-1].action is EnforcedAction.BLOCK
    assert "pod/a3" in decisions[-1].to_person


def test_it_can_be_reported_only(do) -> None:
    """`warn` runs the call and says what is wrong with it."""
    _, call = do(early="warn")
    wrong = call("kubectl delete pod a1 -n shop", "deleted")
    assert (wrong.blocked, wrong.verdict, wrong.reason) == (False, Verdict.WARN, Reason.INVENTED)
