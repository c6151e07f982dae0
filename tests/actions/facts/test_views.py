"""Questions to the ledger, and how facts are told in few words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.facts.fact import Fact
from guardrails.actions.facts.views import about, brief, knows, seen_as, standing, wrong
from guardrails.actions.facts.wrongs import DOUBTFUL, WRONG, gravity

PODS = (
    "NAME    READY   STATUS             RESTARTS      AGE\n"
    "web-1   0/1     CrashLoopBackOff   5 (20s ago)   9m\n"
    "web-2   1/1     Running            0             9m\n"
    "job-1   0/1     Completed          0             9m\n"
)


def test_what_is_wrong_comes_newest_first(say) -> None:
    """What did its work is well, though it is not ready."""
    nodes = "NAME   STATUS     ROLES    AGE   VERSION\nn1     NotReady   <none>   9d    v1.36.2\n"
    found = wrong(say(("kubectl get pods -n shop", PODS), ("kubectl get nodes", nodes)))
    assert [(f.name, f.what, f.value) for f in found] == [
        ("n1", "status", "NotReady"),
        ("web-1", "ready", "0/1"),
        ("web-1", "status", "CrashLoopBackOff"),
        ("web-1", "restarts", "5 (20s ago)"),
    ]


def test_a_later_word_without_a_namespace_speaks_for_the_same_object(say) -> None:
    """Agents name the namespace in one command, and set it as the default before the next."""
    well = "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          9m\n"
    ledger = say(("kubectl get pods -n shop", PODS), ("kubectl get pod web-1", well))
    assert wrong(ledger) == ()
    assert {f.namespace for f in about(ledger, "web-1")} == {"shop", ""}


def test_who_is_known(say) -> None:
    """Fields that are left open fit any; a name must be the whole name."""
    ledger = say(("kubectl get pods -n shop", PODS))
    assert knows(ledger, kind="pod", name="web-1", namespace="shop")
    assert knows(ledger, name="web-1")
    assert not knows(ledger, kind="service", name="web-1")
    assert not knows(ledger, name="web-1", namespace="other")
    assert not knows(ledger, name="web")


def test_how_something_was_seen(say) -> None:
    """The worst that is newest, of the object or of what it made; names alone say nothing."""
    described = "Name: web-7d4b9c5f6-x2x5q\nNamespace: shop\nStatus: Pending\n"
    names = "NAME   DATA   AGE\nweb    3      9m\n"
    ledger = say(
        ("kubectl describe pod web-7d4b9c5f6-x2x5q -n shop", described),
        ("kubectl get pods -n shop -l app=job", PODS),
        ("kubectl get cm -n shop", names),
    )
    assert seen_as(ledger, "web") == "CrashLoopBackOff at step 2 (pod web-1)"
    assert seen_as(ledger, "job", namespace="shop") == "well at step 2"
    assert seen_as(ledger, "job", namespace="other") == ""
    assert seen_as(ledger, "we") == ""


def test_alerts_are_about_what_they_name(say) -> None:
    """By the alert's own name, and by an object in its labels."""
    alert = '[{"labels": {"alertname": "Down", "pod": "web-1"}, "state": "firing"}]'
    ledger = say(("curl http://am:9093/api/v2/alerts", alert))
    assert [f.value for f in about(ledger, "web-1")] == ["firing"]
    assert about(ledger, "web-1") == about(ledger, "Down") == standing(ledger)


@pytest.mark.parametrize(
    ("what", "value", "expected"),
    [
        ("status", "Running", 0),
        ("status", "gone", 0),
        ("status", "Pending", WRONG),
        ("status", "ImagePullBackOff", WRONG),
        ("status", "ErrImagePull", WRONG),
        ("status", "Init:CrashLoopBackOff", WRONG),
        ("status", "ContainerCreating", DOUBTFUL),
        ("status", "Ready,SchedulingDisabled", DOUBTFUL),
        ("status", "NotReady", WRONG),
        ("status", "Bound", 0),
        ("ready", "0/1", WRONG),
        ("ready", "0/0", DOUBTFUL),
        ("ready", "3/3", 0),
        ("restarts", "0", 0),
        ("restarts", "57 (3d ago)", DOUBTFUL),
        ("restarts", "3 (86s ago)", WRONG),
        ("reason", "OOMKilled", WRONG),
        ("reason", "Completed", 0),
        ("exit-code", "0", 0),
        ("exit-code", "137", WRONG),
        ("endpoints", "<none>", WRONG),
        ("endpoints", "10.0.0.1:80", 0),
        ("condition:Ready", "False (ContainersNotReady)", WRONG),
        ("condition:MemoryPressure", "False", 0),
        ("condition:MemoryPressure", "True", WRONG),
        ("event:BackOff", "Back-off", WRONG),
        ("event:Unhealthy", "probe failed", DOUBTFUL),
        ("alert-state", "firing", WRONG),
        ("alert-state", "pending", DOUBTFUL),
        ("alert-state", "inactive", 0),
        ("rollout", "complete", 0),
        ("rollout", "failed", WRONG),
        ("targets", "<unknown>/80%", DOUBTFUL),
        ("image", "backoff-error:1", 0),
    ],
)
def test_how_wrong_a_fact_is(what: str, value: str, expected: int) -> None:
    """By the words of kubelets and controllers."""
    assert gravity(what, value) == expected


def test_a_replica_set_that_is_short_is_wrong(say) -> None:
    """Where wanted and ready stand in two columns."""
    table = "NAME   DESIRED   CURRENT   READY   AGE\nweb    2         2         1       9m\n"
    (fact,) = wrong(say(("kubectl get rs -n shop", table)))
    assert (fact.what, fact.value) == ("ready", "1")


def test_a_brief_tells_the_worst_first(say) -> None:
    """One line for each object; doubt is said."""
    ledger = say(("kubectl get pods -n shop", PODS), ("kubectl delete pod web-2 -n shop", ""))
    told = brief([*about(ledger, "web-2"), *about(ledger, "web-1")], room=400)
    assert told == (
        "pod shop/web-1: CrashLoopBackOff, ready 0/1, restarts 5 (20s ago) (step 1)\n"
        "pod shop/web-2: Running, ready 1/1, restarts 0 (step 1, changed since)"
    )


FACTS = st.builds(
    Fact,
    kind=st.sampled_from(["pod", "node"]),
    namespace=st.sampled_from(["", "shop"]),
    name=st.text("ab", min_size=1, max_size=4),
    what=st.sampled_from(["status", "ready", "image"]),
    value=st.text(max_size=20),
    step=st.integers(0, 9),
)


@given(st.lists(FACTS, max_size=12), st.integers(0, 300))
def test_a_brief_keeps_to_its_room(facts: list[Fact], room: int) -> None:
    """Whole lines that a terminal can show, and no more characters than there is room for."""
    told = brief(facts, room=room)
    assert len(told) <= room
    assert all(line.isprintable() for line in told.split("\n"))
