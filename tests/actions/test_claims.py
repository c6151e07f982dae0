"""What an agent's last words claim, and what they name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.claims import LONGEST_CLAIM, read_claim, read_structured_claim
from guardrails.core.claims import ClaimKind, NamedEntity
from guardrails.core.incident import Goal

_FIX, _FIND = Goal.MITIGATION, Goal.DIAGNOSIS


@pytest.mark.parametrize(
    "text",
    [
        "I was unable to resolve the incident.",
        "I could not fix the problem within the limits.",
        "We couldn't determine the root cause.",
        "The root cause could not be determined.",
        "The incident remains unresolved.",
        "The issue is not resolved yet.",
        "I give up.",
        "I failed to restore the service.",
    ],
)
def test_plain_words_of_giving_up(text: str) -> None:
    """An agent that says so gave up."""
    assert read_claim(text, goal=_FIX).kind is ClaimKind.GAVE_UP


@pytest.mark.parametrize(
    "text",
    [
        "Please escalate to the on-call engineer.",
        "I could not find the cause. Escalating to a human.",
        "This needs human approval.",
        "Manual intervention is required to replace the disk.",
        "Handing this over to the SRE team.",
    ],
)
def test_plain_words_that_ask_for_a_person(text: str) -> None:
    """An agent that asks for a person is heard, also when it gives up beside it."""
    assert read_claim(text, goal=_FIX).kind is ClaimKind.NEEDS_HUMAN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "All done.",
        "The deployment is healthy again.",
        "I was initially unable to fix it, but then restarted it and it is resolved.",
        "No human intervention is needed. Fixed.",
        "I cannot find any errors any more.",
        "It failed to start at first; the probe is fixed now and all pods are running.",
        "The pods could not reach the database.",
    ],
)
def test_doubt_is_the_claim_that_the_gate_judges(text: str) -> None:
    """Only plain statements change the claim that the goal asks for."""
    assert read_claim(text, goal=_FIX).kind is ClaimKind.MITIGATED
    assert read_claim(text, goal=_FIND).kind is ClaimKind.DIAGNOSED


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("deployment/checkout was at 0", NamedEntity(kind="deployment", name="checkout")),
        ("svc/cart in namespace shop", NamedEntity(kind="service", name="cart", namespace="shop")),
        (
            "Service `cart` in the shop namespace selects nothing",
            NamedEntity(kind="service", name="cart", namespace="shop"),
        ),
        ("ConfigMap flagd-config is wrong", NamedEntity(kind="configmap", name="flagd-config")),
        ("the `checkout` deployment suffers", NamedEntity(kind="deployment", name="checkout")),
        ("Deployment checkout fails", NamedEntity(kind="deployment", name="checkout")),
        (
            "otel-demo/Deployment/ad is down",
            NamedEntity(kind="deployment", name="ad", namespace="otel-demo"),
        ),
    ],
)
def test_objects_named_in_words(text: str, entity: NamedEntity) -> None:
    """The ways in which agents name objects are understood."""
    assert read_claim(text, goal=_FIND).entities == (entity,)


@pytest.mark.parametrize(
    "text", ["the pod is crashing", "services are up", "service mesh ok", "a/b", "pods restarted"]
)
def test_sentences_without_names_name_nothing(text: str) -> None:
    """The word after a kind is not always a name."""
    assert read_claim(text, goal=_FIND).entities == ()


def test_the_root_cause_is_told_from_its_victims() -> None:
    """What a sentence calls the root cause is marked."""
    text = "frontend is slow: svc/frontend times out. The root cause is deployment/ad."
    found = {e.name: e.root_cause for e in read_claim(text, goal=_FIND).entities}
    assert found == {"frontend": False, "ad": True}


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        ({"outcome": "gave_up"}, ClaimKind.GAVE_UP),
        ({"status": "unresolved"}, ClaimKind.GAVE_UP),
        ({"result": "Failed"}, ClaimKind.GAVE_UP),
        ({"resolved": False}, ClaimKind.GAVE_UP),
        ({"outcome": "needs-human"}, ClaimKind.NEEDS_HUMAN),
        ({"status": "escalated"}, ClaimKind.NEEDS_HUMAN),
        ({"needs_human": True}, ClaimKind.NEEDS_HUMAN),
        ({"report": {"outcome": "escalated"}}, ClaimKind.NEEDS_HUMAN),
        ({"summary": "I was unable to resolve the incident."}, ClaimKind.GAVE_UP),
        ({"outcome": "resolved"}, ClaimKind.MITIGATED),
        ({"resolved": True}, ClaimKind.MITIGATED),
        ({"ans": "Yes"}, ClaimKind.MITIGATED),
        ({"pod": {"status": "failed"}}, ClaimKind.MITIGATED),
        ({}, ClaimKind.MITIGATED),
    ],
)
def test_outcome_fields_of_a_report(report: dict[str, Any], kind: ClaimKind) -> None:
    """Outcome words and yes-or-no fields are read; an object's own status is not."""
    assert read_structured_claim(report, goal=_FIX).kind is kind


def test_entities_of_an_itbench_answer() -> None:
    """`agent_output.json` marks causes by `contributing_factor`."""
    report = {
        "entities": [
            {"name": "otel-demo/Deployment/ad", "contributing_factor": True, "reasoning": "image"},
            {
                "name": "frontend",
                "kind": "Service",
                "namespace": "otel-demo",
                "contributing_factor": False,
            },
        ],
    }
    assert read_structured_claim(report, goal=_FIND).entities == (
        NamedEntity(kind="deployment", name="ad", namespace="otel-demo", root_cause=True),
        NamedEntity(kind="service", name="frontend", namespace="otel-demo"),
    )


def test_entities_of_a_final_report() -> None:
    """Root cause, affected resources and localization are all read."""
    report = {
        "final_report": {
            "root_cause": "deployment/ad has a wrong image",
            "affected_resources": ["svc/frontend"],
            "localization": ["user-service"],
        }
    }
    found = {e.name: e.root_cause for e in read_structured_claim(report, goal=_FIND).entities}
    assert found == {"ad": True, "frontend": False, "user-service": True}


def test_a_bare_list_answers_where_the_fault_is() -> None:
    """Localization answers are lists of names."""
    assert read_structured_claim(["user-service"], goal=_FIND).entities == (
        NamedEntity(name="user-service", root_cause=True),
    )


def test_json_in_the_final_words_is_read_as_a_report() -> None:
    """Alone or in a fenced block."""
    fenced = 'Report:\n```json\n{"status": "escalated"}\n```'
    assert read_claim(fenced, goal=_FIX).kind is ClaimKind.NEEDS_HUMAN
    assert read_claim('{"status": "escalated"}', goal=_FIX).kind is ClaimKind.NEEDS_HUMAN


def test_the_words_are_kept_for_people_and_clipped() -> None:
    """A claim holds a screenful."""
    assert read_claim("  It is fixed. ", goal=_FIX).text == "It is fixed."
    long = read_claim("x" * 5000, goal=_FIX).text
    assert len(long) == LONGEST_CLAIM
    assert long.endswith("…")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.text(max_size=200))
def test_any_text_gives_a_bounded_claim(text: str) -> None:
    """No words raise."""
    claim = read_claim(text, goal=_FIX)
    assert len(claim.text) <= LONGEST_CLAIM
    assert read_claim(text, goal=_FIX) == claim


@given(st.dictionaries(st.text(max_size=12), _VALUES, max_size=5))
def test_any_report_gives_a_bounded_claim(report: dict[str, object]) -> None:
    """No report raises."""
    assert len(read_structured_claim(report, goal=_FIND).text) <= LONGEST_CLAIM
