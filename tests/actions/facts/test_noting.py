"""The ledger: what supersedes, what is doubted, and what holds whatever comes."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.actions.classify import classify
from guardrails.actions.evidence import evidence_kinds
from guardrails.actions.facts.asked import followed
from guardrails.actions.facts.fact import VALUE_LIMIT
from guardrails.actions.facts.ledger import Ledger
from guardrails.actions.facts.noting import OBJECTS_LIMIT, noted, written
from guardrails.actions.facts.views import about, everything, standing, wrong
from tests.actions.facts.conftest import after

HEAD = "NAME    READY   STATUS    RESTARTS   AGE\n"
PODS = "kubectl get pods -n shop"


def row(name: str, status: str = "Running", ready: str = "1/1") -> str:
    return f"{name}   {ready}   {status}   0   5m\n"


def told(ledger: Ledger, name: str) -> dict[str, tuple[str, int]]:
    return {fact.what: (fact.value, fact.step) for fact in about(ledger, name)}


def test_a_later_read_supersedes(say) -> None:
    """Only what it says itself: the image from an earlier description stays."""
    described = (
        "Name: web-1\nNamespace: shop\nStatus: Pending\nContainers:\n  web:\n    Image: web:2\n"
    )
    ledger = say(
        ("kubectl describe pod web-1 -n shop", described),
        (PODS, HEAD + row("web-1")),
    )
    assert told(ledger, "web-1") == {
        "image": ("web:2", 1),
        "status": ("Running", 2),
        "ready": ("1/1", 2),
        "restarts": ("0", 2),
    }


def test_the_time_and_the_call_are_kept(say) -> None:
    """A diagnosis can say when something was seen, and in which result."""
    (fact, *_) = about(say((PODS, HEAD + row("web-1"))), "web-1")
    assert (fact.step, fact.call_id, fact.at is not None) == (1, "c1", True)


def test_a_whole_list_without_an_object_ends_it(say) -> None:
    """Its earlier facts are over; the object is gone."""
    ledger = say(
        (PODS, HEAD + row("a-1", "Error") + row("b-1")),
        (PODS, HEAD + row("b-1") + row("c-1", "Completed")),
    )
    assert told(ledger, "a-1") == {"status": ("gone", 2)}
    assert wrong(ledger) == ()


def test_an_empty_list_ends_all(say) -> None:
    """The command says that there is nothing, and in which namespace it looked."""
    ledger = say((PODS, HEAD + row("a-1")), (PODS, "No resources found in shop namespace.\n"))
    assert told(ledger, "a-1") == {"status": ("gone", 2)}


@pytest.mark.parametrize(
    "command",
    [
        "kubectl get pods -n shop -l app=b",
        "kubectl get pods -n shop -l app=$APP",
        "kubectl get pods -n shop --field-selector status.phase=Running",
        "kubectl get pods -n shop --watch-only",
        "kubectl get pods -n shop | head -2",
        "kubectl get pods -n shop | grep -v a",
        "kubectl get pod b-1 -n shop",
        "kubectl get pods -n other",
        "kubectl get pods -n $NS",
        "kubectl get deploy -n shop",
        "kubectl get pods -n shop && kubectl get pods -n other",
    ],
)
def test_a_list_that_may_leave_something_out_ends_nothing(say, command: str) -> None:
    """Selectors, names, pipes and other places say nothing of what they do not show."""
    ledger = say((PODS, HEAD + row("a-1", "Error")), (command, HEAD + row("b-1")))
    assert told(ledger, "a-1")["status"] == ("Error", 1)


@pytest.mark.parametrize(
    "line",
    [
        "Error from server (Timeout): the request timed out",
        "... 12 more lines left out",
        "[left out: 40 of 52 rows]",
    ],
)
def test_a_list_with_a_foreign_line_ends_nothing(say, line: str) -> None:
    """It broke off, or a tool left rows out of it."""
    ledger = say((PODS, HEAD + row("a-1", "Error")), (PODS, HEAD + row("b-1") + line))
    assert told(ledger, "a-1")["status"] == ("Error", 1)


@pytest.mark.parametrize(
    ("command", "doubted"),
    [
        ("kubectl scale deploy web -n shop --replicas=2", {"web", "web-7d4b9-x2x"}),
        ("kubectl delete pod web-7d4b9-x2x -n shop", {"web", "web-7d4b9-x2x"}),
        ("kubectl rollout restart deploy/cart -n shop", {"cart-0"}),
        ("kubectl patch deploy web -n other -p '{}'", {"web-o"}),
        ("kubectl delete pods --all -n shop", {"web", "web-7d4b9-x2x", "cart-0"}),
        ("kubectl drain n1", {"web", "web-7d4b9-x2x", "cart-0", "web-o"}),
        ("helm upgrade shop ./chart -n shop", {"web", "web-7d4b9-x2x", "cart-0"}),
        ("./fix-everything.sh", {"web", "web-7d4b9-x2x", "cart-0", "web-o"}),
        ("kubectl apply -f fix.yaml", {"web", "web-7d4b9-x2x", "cart-0", "web-o"}),
        ("kubectl scale deploy web -n shop --replicas=2 --dry-run=client", set()),
        ("kubectl get pods -n shop", set()),
        ("mkdir -p /tmp/notes", set()),
        ("echo done > /tmp/notes", set()),
        ("curl -X POST http://conductor:8000/submit -d x=1", set()),
        (
            "curl -X DELETE http://k8s/api/v1/namespaces/shop/pods/cart-0",
            {"web", "web-7d4b9-x2x", "cart-0", "web-o"},
        ),
    ],
)
def test_a_change_puts_in_doubt_what_it_may_have_touched(say, command: str, doubted: set) -> None:
    """What it names, what that owns, who owns it; everything where nobody knows."""
    deployments = (
        "NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    1/1     1            1           5m"
    )
    ledger = say(
        ("kubectl get deploy -n shop", deployments),
        (PODS, HEAD + row("web-7d4b9-x2x") + row("cart-0")),
        ("kubectl get pods -n other", HEAD + row("web-o")),
    )
    before = {fact.name for fact in standing(ledger)}
    changed = after(ledger, command, step=4)
    assert before - {fact.name for fact in standing(changed)} == doubted
    assert {f.changed_since for f in everything(changed) if not f.certain} <= {4}


def test_a_read_after_a_change_is_certain_again(say) -> None:
    """In the same command line too, where it stands behind the change."""
    ledger = say(
        (PODS, HEAD + row("web-1", "Error")),
        ("kubectl delete pod web-1 -n shop; " + PODS, HEAD + row("web-1", "Pending")),
    )
    assert {f.value for f in standing(ledger) if f.what == "status"} == {"Pending"}


def test_a_read_before_a_change_in_one_line_is_not_believed(say) -> None:
    """What it printed is old by the time that the call returns."""
    ledger = say((PODS + "; kubectl delete pod web-1 -n shop", HEAD + row("web-1", "Error")))
    assert len(ledger) == 0


def test_what_is_wrong_outlives_what_is_well(say) -> None:
    """A list of a large cluster does not push out the one pod that fails."""
    ledger = say((PODS, HEAD + row("bad-1", "Error")))
    for batch in range(8):
        rows = "".join(row(f"ok-{batch}-{n}") for n in range(120))
        ledger = after(ledger, f"kubectl get pods -n n{batch}", HEAD + rows, step=batch + 2)
    assert len(ledger) == OBJECTS_LIMIT
    assert told(ledger, "bad-1")["status"] == ("Error", 1)


def test_a_call_of_many_parts_is_kept_in_short(say) -> None:
    """As a change to anything, or as a read whose output alone says of what."""
    many = "; ".join(f"kubectl get pods -n n{n}" for n in range(20))
    assert told(say((many, HEAD + row("web-1"))), "web-1")["ready"] == ("1/1", 1)
    changes = "; ".join(f"kubectl delete pod p{n} -n other" for n in range(20))
    ledger = say((PODS, HEAD + row("web-1")), (changes, ""))
    assert standing(ledger) == ()


WORDS = st.sampled_from(
    [
        *(
            "NAME",
            "READY",
            "STATUS",
            "   ",
            "  ",
            " ",
            "\n",
            "\t",
            "web-1",
            "1/1",
            "Running",
            "{",
            "}",
        ),
        *('"kind":"Pod"', '"metadata":{"name":"x"}', "[", "]", ",", "apiVersion: v1", "kind: Pod"),
        *("metadata:", "name: web", "- ", "Name:", "Events:", "Warning", "BackOff", "pod/web-1"),
        *(
            "(NotFound): ",
            '"x" not found',
            "Conditions:",
            "Containers:",
            "State:",
            "é",
            "\ud800",
            "٣",
        ),
        *("NAMESPACE", "Output: ", "---", "items:", "alertname", "REASON   OBJECT   MESSAGE", "|"),
    ]
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map("".join))
COMMANDS = st.sampled_from(
    [
        *(PODS, "kubectl get all -A", "kubectl describe pod web-1", "kubectl get events -n shop"),
        *("kubectl get deploy web -n shop -o yaml", "curl http://prom/api/v1/alerts", "helm list"),
        *("kubectl rollout status deploy/web", "kubectl delete pod web-1 -n shop", "./x.sh"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(COMMANDS, TEXTS)
def test_no_text_breaks_it(command: str, text: str) -> None:
    """Whatever a tool returns, there is a ledger, and every value is a short one."""
    ledger = after(Ledger(), command, text)
    assert msgspec.json.decode(msgspec.json.encode(ledger), type=Ledger) == ledger
    for fact in everything(ledger):
        assert len(fact.value) <= VALUE_LIMIT
        assert fact.name


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "kind",
                        "metadata",
                        "name",
                        "status",
                        "spec",
                        "items",
                        "containerStatuses",
                        "labels",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=25,
    )
)
def test_no_json_breaks_it(value: object) -> None:
    """Objects of any shape, with keys that mean something elsewhere."""
    ledger = after(Ledger(), "kubectl get pods -n shop -o json", json.dumps(value))
    assert msgspec.json.decode(msgspec.json.encode(ledger), type=Ledger) == ledger


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(COMMANDS, st.lists(st.sampled_from("abcdef"), max_size=4)), max_size=12))
def test_it_is_a_value(calls: list[tuple[str, list[str]]]) -> None:
    """It survives being stored, entering the same again changes nothing, and nothing is lost."""
    ledger = Ledger()
    for step, (command, names) in enumerate(calls, start=1):
        stored = msgspec.json.encode(ledger)
        text = HEAD + "".join(row(name + "1") for name in names)
        once = after(ledger, command, text, step=step)
        assert msgspec.json.encode(ledger) == stored
        assert msgspec.json.decode(msgspec.json.encode(once), type=Ledger) == once
        assert after(once, command, text, step=step) == once or "delete" in command
        ledger = once


def test_a_session_of_before_has_an_empty_one() -> None:
    """The ledger is new in the state of a session; what was stored without it is readable."""
    assert msgspec.json.decode(b"{}", type=Ledger) == Ledger()


def test_calls_that_say_nothing_of_a_cluster_cost_nothing() -> None:
    """They are not followed at all."""
    for tool, arguments in [
        ("bash", '{"command": "kubectl logs web-1"}'),
        ("bash", '{"command": "cat README.md | grep x"}'),
        ("read_runbook", '{"page": "crash loops"}'),
        ("submit", '{"answer": "done"}'),
    ]:
        action = classify(tool, arguments)
        kinds = evidence_kinds(action, tool=tool, arguments=arguments)
        assert followed(action, kinds=kinds) is None


def test_a_ledger_that_nothing_changes_is_the_same_value() -> None:
    """No copy is made for a call without facts."""
    ledger = after(Ledger(), PODS, HEAD + row("web-1"))
    action = classify("bash", json.dumps({"command": "kubectl get deploy web -n shop"}))
    assert noted(ledger, action, "nothing to read", step=2) is ledger
    assert written(ledger, action, step=2) is ledger
