"""What is asked about an incident, and what is not: a table of clear and unclear ones."""

from typing import Any

import pytest

from guardrails.core.incident import AlertMatcher, Incident, Workload
from guardrails.core.questions import QuestionKind, narrowed
from guardrails.gates.ambiguity import Land, questions_of

NAMESPACES = frozenset({"shop", "shop-staging", "billing", "kube-system", "default"})
LAND = Land(
    namespaces=NAMESPACES,
    workloads=(
        Workload(name="web", namespace="shop"),
        Workload(name="cart", namespace="shop"),
        Workload(name="db", kind="StatefulSet", namespace="shop"),
        Workload(name="db", namespace="shop"),
        Workload(name="web", namespace="shop-staging"),
        Workload(name="invoices", namespace="billing"),
        Workload(name="agent", kind="DaemonSet", namespace="kube-system"),
    ),
    past=(Workload(name="payment", namespace="shop"),),
)
UNREAD = Land(namespaces=None, workloads=None)
NAMESPACE, WORKLOAD = QuestionKind.WHICH_NAMESPACE, QuestionKind.WHICH_WORKLOAD
ALERT, TARGET = QuestionKind.WHICH_ALERT, QuestionKind.WHICH_TARGET
CONTRADICTION, APPROVAL = QuestionKind.CONTRADICTION, QuestionKind.APPROVAL


def incident(task: str = "Errors on the shop.", *namespaces: str, **more: Any) -> Incident:
    """An incident; `workloads` are names or `Kind/name`, `alerts` are labels."""
    named = [text.rpartition("/") for text in more.pop("workloads", ())]
    home = more.pop("home", "")
    return Incident(
        task=task,
        namespaces=namespaces,
        workloads=tuple(
            Workload(name=name, kind=kind or "Deployment", namespace=home)
            for kind, _, name in named
        ),
        alerts=tuple(AlertMatcher(labels=labels) for labels in more.pop("alerts", ())),
    )


CLEAR = {
    "a namespace that is there": incident("Errors on the shop.", "shop"),
    "two namespaces that are there": incident("Errors.", "shop", "billing"),
    "a workload that is there": incident("Mend it.", "shop", workloads=["web"]),
    "a workload that was deleted": incident("Mend it.", "shop", workloads=["payment"]),
    "a workload of another kind than the default": incident(
        "Mend it.", "kube-system", workloads=["agent"]
    ),
    "one of two of a name, by its kind": incident("Mend it.", "shop", workloads=["StatefulSet/db"]),
    "one of two of a name, by its namespace": incident(
        "Mend it.", "shop", "shop-staging", workloads=["web"], home="shop"
    ),
    "no namespace, and an alert that has one": incident(
        "Mend it.", alerts=[{"alertname": "A", "namespace": "shop"}]
    ),
    "no namespace, and words that name one": incident("Mend the shop namespace."),
    "no namespace, and a workload that is in one only": incident(
        "Mend it.", workloads=["invoices"]
    ),
    "an alert of the scope": incident(
        "Mend it.", "shop", alerts=[{"namespace": "shop", "deployment": "web"}]
    ),
    "an alert of a deleted object": incident(
        "Mend it.", "shop", alerts=[{"namespace": "shop", "deployment": "payment"}]
    ),
    "an alert whose service label is only a word": incident(
        "Mend it.", "shop", alerts=[{"namespace": "shop", "service": "front"}]
    ),
    "an alert without labels of objects": incident("Mend it.", "shop", alerts=[{"alertname": "A"}]),
    "words that name the scope": incident("Errors in namespace shop.", "shop"),
    "words that name the scope and another": incident(
        "Errors in namespace shop since namespace billing was updated.", "shop"
    ),
    "something to delete, by name": incident("Delete deployment cart, it is not used.", "shop"),
    "something to delete, by a known name": incident("Please delete cart.", "shop"),
    "something to delete, and a workload named": incident(
        "Delete the stuck one.", "shop", workloads=["web"]
    ),
    "a deletion that happened": incident("Somebody deleted all pods. Find out why.", "shop"),
    "an approval that was given": incident("The change is approved, with approval of ops.", "shop"),
    "nothing could be read": incident("Mend it.", "nowhere", workloads=["nothing"]),
}
UNCLEAR = {
    "a namespace that is not there": (incident("Mend it.", "shopp"), {NAMESPACE}),
    "one of two is not there": (incident("Mend it.", "shop", "shopp"), {NAMESPACE}),
    "no namespace at all": (incident("Mend it."), {NAMESPACE}),
    "no namespace, and a workload in two": (incident("Mend it.", workloads=["web"]), {NAMESPACE}),
    "no namespace, and alerts of two": (
        incident("Mend it.", alerts=[{"namespace": "shop"}, {"namespace": "billing"}]),
        {NAMESPACE},
    ),
    "a workload that is not there": (incident("Mend it.", "shop", workloads=["wbe"]), {WORKLOAD}),
    "a workload of another namespace": (
        incident("Mend it.", "shop", workloads=["invoices"]),
        {WORKLOAD},
    ),
    "a workload that is there twice": (
        incident("Mend it.", "shop", "shop-staging", workloads=["web"]),
        {WORKLOAD},
    ),
    "a kind that is not there, and two others of the name": (
        incident("Mend it.", "shop", workloads=["DaemonSet/db"]),
        {WORKLOAD},
    ),
    "an alert of an object that is not there": (
        incident("Mend it.", "shop", alerts=[{"namespace": "shop", "deployment": "checkout"}]),
        {ALERT},
    ),
    "an alert of a StatefulSet that is a Deployment": (
        incident("Mend it.", "shop", alerts=[{"namespace": "shop", "statefulset": "web"}]),
        {ALERT},
    ),
    "alerts of another namespace": (
        incident("Mend it.", "shop", alerts=[{"namespace": "billing"}]),
        {CONTRADICTION},
    ),
    "words of another namespace": (
        incident("Errors in namespace billing.", "shop"),
        {CONTRADICTION},
    ),
    "something to delete": (incident("Delete the stuck pods.", "shop"), {TARGET}),
    "everything to remove": (incident("Errors. Please remove all old ones.", "shop"), {TARGET}),
    "a node to drain": (incident("Just drain it.", "shop"), {TARGET}),
    "changes after approval": (
        incident("Mend it, but change things only after approval.", "shop"),
        {APPROVAL},
    ),
    "changes after being asked": (
        incident("Ask me before you change anything.", "shop"),
        {APPROVAL},
    ),
    "no changes without permission": (
        incident("Mend it. Nothing may be restarted without our permission.", "shop"),
        {APPROVAL},
    ),
    "two things at once": (
        incident("Ask first. Mend it.", "shop", workloads=["wbe"]),
        {WORKLOAD, APPROVAL},
    ),
}


@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_incident_asks_nothing(name: str) -> None:
    """A question that needs none teaches people to click it away."""
    land = UNREAD if name == "nothing could be read" else LAND
    assert questions_of(CLEAR[name], land) == ()


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_incident_asks_what_is_not_clear(name: str) -> None:
    """The right question, with at least one answer to choose, the same every time."""
    about, kinds = UNCLEAR[name]
    found = questions_of(about, LAND)
    assert {question.kind for question in found} == kinds
    assert found == questions_of(about, LAND)
    assert all(q.text and q.why and len(q.candidates) >= 1 for q in found)


@pytest.mark.parametrize(
    "name",
    [n for n, (_, kinds) in UNCLEAR.items() if kinds <= {NAMESPACE, WORKLOAD}],
)
def test_every_answer_makes_it_clear(name: str) -> None:
    """Whatever candidate is chosen, nothing of the kind is asked again about the narrower one."""
    about, _ = UNCLEAR[name]
    (question,) = questions_of(about, LAND)
    for candidate in question.candidates:
        left = questions_of(narrowed(about, question, candidate.id), LAND)
        assert question.id not in {q.id for q in left}


def test_candidates_are_chosen_by_number_id_or_label() -> None:
    """People answer in any of these ways."""
    (question,) = questions_of(UNCLEAR["a workload that is there twice"][0], LAND)
    by = [question.candidate(text) for text in ("2", "shop-staging/Deployment/web", "SHOP")]
    assert by[0] == by[1] == question.candidates[1]
    assert by[2] is None


def test_the_nearest_namespace_is_offered_first() -> None:
    """A slip of the finger is a click to mend."""
    (question,) = questions_of(UNCLEAR["a namespace that is not there"][0], LAND)
    assert question.candidates[0].namespace == "shop"
