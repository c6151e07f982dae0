"""First errors: what is sent back before it runs, and what is taken back."""

from collections.abc import Callable

import pytest

from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import ToolRequested, ToolReturned, ToolStatus
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.engine import Session
from guardrails.policy.models import Settings
from tests.settings import NO_MACHINE

Do = Callable[..., Decision]


@pytest.fixture
def do(begin) -> Callable[..., tuple[Session, Do]]:
    """A run without a machine, and a function that makes one call in it."""

    def make(**hygiene: object) -> tuple[Session, Do]:
        settings = Settings.model_validate({"fsm": NO_MACHINE.model_dump(), "hygiene": hygiene})
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


def test_who_errs_again_and_again_is_stopped(do) -> None:
    """A clean context did not help, so a person takes over."""
    _, call = do(rewinds=1)
    decisions = [call(f"kubectl delete pod a{n} -n shop") for n in range(4)]
    assert [d.next for d in decisions] == [Next.CONTINUE] * 3 + [Next.STOP]
    assert decisions[-1].action is EnforcedAction.BLOCK


def test_it_can_be_reported_only(do) -> None:
    """`warn` runs the call and says what is wrong with it."""
    _, call = do(early="warn")
    wrong = call("kubectl delete pod a1 -n shop", "deleted")
    assert (wrong.blocked, wrong.verdict, wrong.reason) == (False, Verdict.WARN, Reason.INVENTED)
