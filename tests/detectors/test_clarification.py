"""FM-2.2: what is unclear is taken for a fact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_runs import Run

from guardrails.core.claims import ClaimKind
from guardrails.core.events import MessagePassed, QuestionAsked
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode, Weight
from guardrails.core.questions import Question, QuestionKind
from guardrails.detectors.doubts import DOUBTS

MODE = FailureMode.NO_CLARIFICATION
UNKNOWN = '{"error": "The service web-entry does not exist"}'
GONE = "Root cause: the Service web-entry is missing, somebody deleted it."


def _unknown() -> Run:
    return Run().call("get_traces", '{"service": "web-entry"}', UNKNOWN)


def test_a_name_that_only_the_question_knows_is_no_missing_object() -> None:
    """A tool does not know the name, nothing else does, and the conclusion says deleted."""
    (found,) = _unknown().ends(GONE).of(MODE)
    assert found.about == "web-entry"
    assert UNKNOWN in found.evidence
    assert found.weight is Weight.DECISIVE


@pytest.mark.parametrize(
    "result",
    [
        'Error from server (NotFound): services "web-entry" not found',
        "Error: Resource service/web-entry not found",
        "The service 'web-entry' doesn't exist in the cluster.",
        "no such service: web-entry",
    ],
)
def test_the_usual_wordings_of_not_found_are_read(result: str) -> None:
    """kubectl, function tools and tracing say it in their own ways."""
    run = Run().kubectl("get service web-entry -n shop", result, failed=True)
    assert [one.about for one in run.ends(GONE).of(MODE)] == ["web-entry"]


def test_a_listing_that_does_not_show_the_name_does_not_prove_that_it_was_there() -> None:
    """All services are listed, none is called so, and still the conclusion says deleted."""
    listed = _unknown().kubectl("get services -n shop", "NAME  TYPE\ncart  ClusterIP\n")
    assert listed.ends(GONE).of(MODE)


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("get deployment cart -n shop -o yaml", "env:\n- name: UPSTREAM\n  value: web-entry:80\n"),
        ("logs deploy/cart -n shop", "dial tcp: lookup web-entry on 10.0.0.2: no such host\n"),
        ("get pods -n shop", "NAME  READY\nweb-entry-7d4b9c-x2x4f  1/1\n"),
    ],
    ids=["a client asks for it", "a log names it", "its pods run"],
)
def test_a_name_that_the_system_itself_uses_may_well_be_deleted(line: str, result: str) -> None:
    """Somebody depends on the object, so that its absence is an observation."""
    assert not _unknown().kubectl(line, result).ends(GONE).of(MODE)


@pytest.mark.parametrize(
    "result",
    [
        "Containers:\n  web-entry:\n    Image: shop/web\n",
        "Created container web-entry\n",
        "cp -r /src/web-entry/pages /pages\n",
        "NAME  TYPE\nweb-entry-cache  ClusterIP\n",
    ],
    ids=["heading of a container", "event of a container", "folder", "longer name"],
)
def test_what_only_looks_like_the_name_vouches_for_nothing(result: str) -> None:
    """Containers and folders have names that nothing outside a pod uses."""
    run = _unknown().kubectl("describe pod cart-0 -n shop", result)
    assert run.ends(GONE).of(MODE)


def test_the_incident_itself_may_name_what_is_missing() -> None:
    """People said that this workload is the matter: it is not the agent's guess."""
    run = Run(workloads=["web-entry"]).call("get_traces", '{"service": "web-entry"}', UNKNOWN)
    assert not run.ends(GONE).of(MODE)


def test_a_conclusion_about_something_else_takes_nothing_for_granted() -> None:
    """A guess at a name that failed is harmless when nothing rests on it."""
    assert not _unknown().ends("Root cause: cart has no memory left.").of(MODE)


@pytest.mark.parametrize("kind", [ClaimKind.GAVE_UP, ClaimKind.NEEDS_HUMAN])
def test_who_gives_up_or_hands_over_assumes_nothing(kind: ClaimKind) -> None:
    """Both say that it is not known."""
    assert not _unknown().ends(GONE, kind=kind).of(MODE)


def test_a_question_to_a_person_ends_all_doubts() -> None:
    """That is what the mode asks for, through the guard or in words."""
    question = Question(id="q", kind=QuestionKind.WHICH_WORKLOAD, text="Which one?")
    assert not _unknown().fact(QuestionAsked(question=question)).ends(GONE).of(MODE)
    told = MessagePassed(text="It was called so, yes.", by_person=True)
    assert not _unknown().fact(told).ends(GONE).of(MODE)


def test_a_finding_is_taken_back_when_the_name_turns_up() -> None:
    """After a refused end the agent finds who uses the name."""
    run = _unknown().ends(GONE)
    run.kubectl("logs deploy/cart -n shop", "lookup web-entry: no such host\n")
    assert not run.of(MODE)


ELSEWHERE = "The pod cart-7d4b9c-x2x4f does not exist in the staging namespace."
CART = "Root cause: cart crashes because its database settings are missing."


def _elsewhere() -> Run:
    run = Run().kubectl("get pods -n shop", "NAME  READY\ncart-7d4b9c-x2x4f  0/1\n")
    return run.call("get_logs", '{"pod": "cart-7d4b9c-x2x4f"}', ELSEWHERE)


def test_an_answer_for_another_namespace_is_no_answer() -> None:
    """The logs were asked for in the wrong place, and the cause is concluded without them."""
    (found,) = _elsewhere().ends(CART).of(MODE)
    assert found.about == "namespace staging"


def test_getting_the_same_from_the_right_place_settles_it() -> None:
    """It checked another way."""
    run = _elsewhere().kubectl("logs cart-7d4b9c-x2x4f -n shop", "panic: no settings\n" * 20)
    assert not run.ends(CART).of(MODE)


def test_an_answer_for_the_namespace_that_was_meant_is_one() -> None:
    """The incident's own namespace is never elsewhere."""
    here = "The pod cart-7d4b9c-x2x4f does not exist in the shop namespace."
    run = Run().kubectl("get pods -n shop", "NAME  READY\ncart-7d4b9c-x2x4f  0/1\n")
    run.call("get_logs", '{"pod": "cart-7d4b9c-x2x4f"}', here)
    assert not run.ends(CART).of(MODE)


def test_a_contradiction_between_tools_that_is_never_settled_is_one_to_ask_about() -> None:
    """Tracing denies a service three times that the cluster shows."""
    run = Run().kubectl("get services -n shop", "NAME  TYPE\ncart  ClusterIP\n")
    for name in ("cart", "cart.shop", "cart.shop.svc"):
        run.call("get_traces", f'{{"service": "{name}"}}', f"The service {name} does not exist")
    assert run.ends(CART).of(MODE)
    run = Run().kubectl("get services -n shop", "NAME  TYPE\ncart  ClusterIP\n")
    run.call("get_traces", '{"service": "cart"}', "The service cart does not exist")
    assert not run.ends(CART).of(MODE)


def test_another_doubt_that_ends_leaves_a_contradiction_as_it_is() -> None:
    """After a refused end the agent finds another name; tracing has still not said yes."""
    run = Run().kubectl("get services -n shop", "NAME  TYPE\ncart  ClusterIP\n")
    for name in ("cart", "cart.shop", "cart.shop.svc"):
        run.call("get_traces", f'{{"service": "{name}"}}', f"The service {name} does not exist")
    run.call("get_traces", '{"service": "web-entry"}', UNKNOWN)
    before = run.ends(CART).of(MODE)
    assert before
    run.kubectl("logs deploy/cart -n shop", "lookup web-entry: no such host\n")
    assert run.of(MODE) == before


SEVERAL = "error: multiple deployments match the name: cart in eu, cart in us"


def test_a_change_of_one_of_several_is_a_guess() -> None:
    """A tool has two of that name, and the write says neither place."""
    run = Run().kubectl("get deployment cart", SEVERAL)
    assert run.kubectl("rollout restart deployment cart", "restarted").of(MODE)


def test_a_change_that_says_which_one_is_none() -> None:
    """The namespace makes it clear."""
    run = Run().kubectl("get deployment cart", SEVERAL)
    assert not run.kubectl("rollout restart deployment cart -n eu", "restarted").of(MODE)


def test_the_conclusion_of_a_lead_rests_on_what_its_helpers_were_told() -> None:
    """The doubt is one agent's, the assumption another's: the finding is the latter's."""
    run = Run().task("scout", "Look at traces.")
    run.call("get_traces", '{"service": "web-entry"}', UNKNOWN, agent="scout")
    run.report("scout", "The service web-entry does not exist.")
    (found,) = run.ends(GONE, agent="lead").of(MODE)
    assert found.agent == "lead"


@given(st.lists(st.integers(0, 30), max_size=40))
def test_doubts_are_bounded_and_their_findings_well_formed(numbers: list[int]) -> None:
    """Whatever names a run guesses at, few are kept and each is told once."""
    run = Run()
    for number in numbers:
        name = f"guess-{number}"
        run.call("get_traces", f'{{"service": "{name}"}}', f"The service {name} does not exist")
    run.ends(" ".join(f"guess-{number} is missing." for number in numbers))
    assert len(run.states.scene.doubts.items) <= DOUBTS
    found: list[Finding] = run.of(MODE)
    assert len({one.about for one in found}) == len(found) <= DOUBTS
