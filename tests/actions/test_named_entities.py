"""Which objects claims name, which they blame, and what could not be read."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardrails.actions.claimfile import read_diagnosis
from guardrails.actions.claims import read_claim, read_structured_claim
from guardrails.actions.kinds import kind_of
from guardrails.actions.resourceids import read_resource_id
from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.incident import Goal
from guardrails.errors import ClaimError


def blamed(claim: Claim) -> dict[str, bool]:
    """Every name, and whether it is called the cause."""
    return {e.name: e.root_cause for e in claim.entities}


def of_text(text: str) -> Claim:
    """Read words as a diagnosis."""
    return read_claim(text, goal=Goal.DIAGNOSIS)


def of_report(report: Any) -> Claim:
    """Read a report as a diagnosis."""
    return read_structured_claim(report, goal=Goal.DIAGNOSIS)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("deploy/web", NamedEntity(kind="deployment", name="web")),
        ("Deployment.apps/Web", NamedEntity(kind="deployment", name="web")),
        ("shop/svc/web", NamedEntity(kind="service", name="web", namespace="shop")),
        ("svc/shop/web", NamedEntity(kind="service", name="web", namespace="shop")),
        (
            "apps/v1/Deployment/shop/web",
            NamedEntity(kind="deployment", name="web", namespace="shop"),
        ),
        ("v1/Service/shop/web", NamedEntity(kind="service", name="web", namespace="shop")),
        ("`cj/nightly`", NamedEntity(kind="cronjob", name="nightly")),
        ("no/worker-1", NamedEntity(kind="node", name="worker-1")),
        (
            "service/service/service",
            NamedEntity(kind="service", name="service", namespace="service"),
        ),
        ("shop/Gadget/web", NamedEntity(kind="gadget", name="web", namespace="shop")),
        ("web", None),
        ("shop/web", None),
        ("svc/", None),
        ("svc/not a name", None),
        ("a/b/c/d/e/svc/web", None),
    ],
)
def test_names_as_one_word(text: str, entity: NamedEntity | None) -> None:
    """The part that is a kind decides what the others are."""
    assert read_resource_id(text) == entity


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Root cause: `payment`", {"payment": True}),
        (
            "The root cause is deployment/ad, which affects svc/frontend and svc/cart.",
            {"ad": True, "frontend": False, "cart": False},
        ),
        (
            "svc/frontend is not the root cause. deployment/ad is the root cause.",
            {"frontend": False, "ad": True},
        ),
        (
            "## Root cause\n- Deployment payment has 0 replicas\n## Affected\n- svc/frontend",
            {"payment": True, "frontend": False},
        ),
        (
            "**Root cause:** Service `shop/cart` selects nothing, causing errors in svc/frontend",
            {"cart": True, "frontend": False},
        ),
        ("svc/frontend errors are caused by cm/flags", {"frontend": False, "flags": True}),
        ("deployment/ad and svc/cart are broken", {"ad": False, "cart": False}),
        ("see https://example.com/pod/web and app/Config/values", {}),
        ("the root cause is unknown", {}),
    ],
)
def test_causes_and_victims_in_words(text: str, found: dict[str, bool]) -> None:
    """Only what is stated: no statement leaves every name unmarked."""
    assert blamed(of_text(text)) == found


def itbench(**more: Any) -> dict[str, Any]:
    """An answer in ITBench's form."""
    return {
        "entities": [
            {
                "name": "demo/ConfigMap/flags",
                "contributing_factor": True,
                "reasoning": "pod/decoy-1 of svc/decoy was seen to fail",
                "evidence": "deployment/decoy",
            },
            {"name": "demo/Deployment/ad", "contributing_factor": True},
            {"name": "demo/Service/frontend", "contributing_factor": False},
        ],
        "propagations": [
            {"source": "demo/ConfigMap/flags", "target": "demo/Deployment/ad", "effect": "pod/x-1"},
            {"source": "demo/Deployment/ad", "target": "demo/Service/frontend"},
        ],
        "alerts_explained": [
            {"alert": "HighErrors", "explanation": "svc/other fails", "explained": True}
        ],
        **more,
    }


def test_an_itbench_answer_names_its_entities_and_no_others() -> None:
    """Who passed the trouble on is no root cause, and prose names nothing."""
    claim = of_report(itbench())
    assert blamed(claim) == {"flags": True, "ad": False, "frontend": False}
    assert {e.namespace for e in claim.entities} == {"demo"}
    assert claim.unread == ()


def test_itbench_entities_in_other_forms() -> None:
    """By id, in parts, or bare; what is no name is kept as unread."""
    entities = [
        {"id": "demo/Pod/ad-1", "contributing_factor": True, "extra": 1},
        {"name": "ad", "kind": "Deployment", "namespace": "demo", "contributing_factor": True},
        {"name": "cart", "contributing_factor": False},
        {"name": "the flag service?", "contributing_factor": True},
        {"contributing_factor": True},
        "demo/Node/n-1",
        7,
    ]
    claim = of_report({"entities": entities})
    assert claim.entities == (
        NamedEntity(kind="pod", name="ad-1", namespace="demo", root_cause=True),
        NamedEntity(kind="deployment", name="ad", namespace="demo", root_cause=True),
        NamedEntity(name="cart"),
        NamedEntity(kind="node", name="n-1", namespace="demo"),
    )
    assert len(claim.unread) == 3


def test_a_circle_of_blame_keeps_its_causes() -> None:
    """When everything passed the trouble to everything, all of it is blamed."""
    answer = itbench(
        propagations=[
            {"source": "demo/ConfigMap/flags", "target": "demo/Deployment/ad"},
            {"source": "demo/Deployment/ad", "target": "demo/ConfigMap/flags"},
        ]
    )
    assert blamed(of_report(answer)) == {"flags": True, "ad": True, "frontend": False}


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ({"root_cause": {"name": "ad", "reason": "svc/x"}}, {("", "ad", "", True)}),
        (
            {"root_cause": {"kind": "Deployment", "name": "ad", "namespace": "demo"}},
            {("deployment", "ad", "demo", True)},
        ),
        (
            {"root_cause": {"deployment": "ad", "namespace": "demo"}},
            {("deployment", "ad", "demo", True)},
        ),
        ({"faulty_service": "ad"}, {("service", "ad", "", True)}),
        ({"root_cause_entity": "demo/Pod/ad-1"}, {("pod", "ad-1", "demo", True)}),
        (
            {"root_causes": ["deploy/ad"], "affected_services": ["cart"]},
            {("deployment", "ad", "", True), ("service", "cart", "", False)},
        ),
        (
            {"entities": [{"name": "deploy/ad", "is_root_cause": True}]},
            {("deployment", "ad", "", True)},
        ),
        ({"status": "done", "confidence": 0.9}, set[Any]()),
    ],
)
def test_reports_of_submit_tools(report: Any, found: set[Any]) -> None:
    """The obvious fields, with kinds in keys or values; extra fields do no harm."""
    entities = of_report({**report, "extra": {"deep": [1, None]}}).entities
    assert {(e.kind, e.name, e.namespace, e.root_cause) for e in entities} == found


def test_what_stands_for_an_object_and_is_none_is_kept() -> None:
    """Nothing is lost in silence."""
    claim = of_report({"affected_resources": ["svc/cart"], "objects": ["that thing over there"]})
    assert blamed(claim) == {"cart": False}
    assert claim.unread == ("that thing over there",)


def test_more_names_than_anybody_reads_are_counted() -> None:
    """They are cut off, and the claim says how many."""
    claim = of_report(
        {"entities": [{"name": f"svc/a-{n}", "root_cause": True} for n in range(150)]}
    )
    assert len(claim.entities) == 100
    assert claim.unread == ("50 more names",)


def test_a_long_report_is_read_whole() -> None:
    """An answer with much reasoning is JSON all the same."""
    answer = itbench(notes="x" * 50_000)
    assert blamed(of_text(json.dumps(answer)))["flags"]


def test_the_last_block_of_a_text_is_the_answer() -> None:
    """Those before it quote what tools returned."""
    text = '```json\n{"pods": ["a-1"]}\n```\nSo:\n```json\n{"root_cause": "deploy/ad"}\n```'
    assert blamed(of_text(text)) == {"ad": True}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"entities": [', "begins like JSON"),
        (b"[" * 100_000, "names no object"),
        (b"{" + b'"a":{' * 10_000, "begins like JSON"),
        (b"All is well.", "names no object"),
        (b'{"entities": []}', "names no object"),
        (b"I could not determine the root cause.", "gave up"),
        (b"Please escalate to the on-call engineer.", "asks for a person"),
        (b"svc/web " * 150_000, "longer than"),
    ],
)
def test_a_file_without_a_diagnosis_is_an_error(data: bytes, said: str) -> None:
    """It says what is wrong, and where."""
    with pytest.raises(ClaimError, match=r"^answer\.json: ") as caught:
        read_diagnosis(data, name="answer.json")
    assert said in str(caught.value)


def test_a_file_of_each_form() -> None:
    """Words, JSON, and JSON among words; a byte order mark does no harm."""
    answer = json.dumps(itbench())
    for text in (answer, f"Done.\n```json\n{answer}\n```", "\ufeffRoot cause: cm/flags"):
        claim = read_diagnosis(text.encode(), name="x")
        assert claim.kind is ClaimKind.DIAGNOSED
        assert blamed(claim)["flags"]


_WORDS = st.sampled_from(
    [
        *("deploy/", "svc/", "Pod ", "`a-1`", "ad", "shop/", "root cause", " is ", "not ", "\n"),
        *(": ", "# ", "caused by ", "service ", "Deployment ", " in namespace ", "affects ", "K"),
        *("\u212a", "\u017f", "İ", "**", "```json\n", "{", "}", "[", '"name":', "/", "-", "."),
    ]
)


@given(st.lists(_WORDS | st.text(max_size=5), max_size=30).map("".join))
@example("pod \u212aube-1 and svc/\u017fhop")
@example("-service `a-1`")
@example("\u212adeploy/Pod ")
def test_no_name_is_invented(text: str) -> None:
    """Every name, namespace and kind that is read stands in the text."""
    lower = text.lower()
    for entity in of_text(text).entities:
        assert entity.name in lower
        assert entity.namespace in lower
        assert not entity.kind or any(kind_of(word) == entity.kind for word in _runs(text)), entity


def _runs(text: str) -> list[str]:
    # Small letters come last: the sign of the Kelvin has a small k, and is none.
    kept = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else " " for c in text).lower()
    words = [bare for word in kept.split() for bare in (word, word.strip(".-"))]
    return [part for word in words for part in (word, *word.split("."))]


@given(st.binary(max_size=300) | st.lists(_WORDS, max_size=30).map(lambda w: "".join(w).encode()))
def test_any_file_is_a_diagnosis_or_an_error_of_ours(data: bytes) -> None:
    """Nothing else is ever raised, and a diagnosis names something."""
    with contextlib.suppress(ClaimError):
        claim = read_diagnosis(data, name="x")
        assert claim.entities or claim.unread


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("name", "kind", "namespace", "id", "entities", "root_cause", "service"),
                    *("contributing_factor", "propagations", "source", "target", "reasoning"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_report_is_read_without_inventing(report: Any) -> None:
    """Whatever its shape, its names stand in it."""
    whole = json.dumps(report, ensure_ascii=False).lower()
    claim = of_report(report if isinstance(report, dict | list) else [report])
    for entity in claim.entities:
        assert entity.name in whole
        assert entity.namespace in whole


@pytest.mark.parametrize(("letters", "named"), [(240, True), (300, False)])
def test_a_group_longer_than_a_dns_name_is_none(letters: int, *, named: bool) -> None:
    """Without the bound, a text of kinds joined by dots took a minute to read."""
    claim = read_claim(f"deployments.{'a' * letters} cart-1 is down", goal=Goal.DIAGNOSIS)
    assert bool(claim.entities) is named
