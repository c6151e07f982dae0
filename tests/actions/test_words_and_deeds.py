"""What an agent says: its hypotheses, what it is about to do, and whether its call is that."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.classify import classify
from guardrails.actions.hypotheses import SUSPECTS, hypotheses_in
from guardrails.actions.intents import Deed, intents_in, mismatch
from guardrails.actions.overlap import shows
from guardrails.core.toolaction import Target

KNOWN = {"checkout", "payment", "web"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I suspect that deployment `checkout` got a bad image.", ("deployment/checkout",)),
        ("Hypothesis: the Service web-api selects nothing.", ("service/web-api",)),
        ("The root cause is deployment `web`, which was scaled.", ("deployment/web",)),
        ("Deployment checkout-v2 is failing because of its probe.", ("deployment/checkout-v2",)),
        ("I look at deployment `checkout`.", ()),
        ("I suspect something is wrong.", ()),
        ("", ()),
    ],
)
def test_a_hypothesis_names_an_object_and_blames_it(text: str, named: tuple[str, ...]) -> None:
    """Naming alone is a look; blaming without a name is a feeling."""
    assert hypotheses_in(text) == named


@given(st.from_regex(SUSPECTS, fullmatch=True).filter(lambda words: "\n" not in words))
def test_no_word_of_suspicion_is_passed_over(words: str) -> None:
    """Sentences are sorted out by letters first; that must lose nothing that the pattern finds."""
    assert hypotheses_in(f"deployment `web` {words} it") == ("deployment/web",)


@pytest.mark.parametrize(
    ("text", "deeds"),
    [
        ("I'll restart the deployment.", [Deed.RESTART]),
        ("Let me check the pods, then I will scale it.", [Deed.LOOK, Deed.SCALE]),
        ("Checking the logs of payment.", [Deed.LOOK]),
        ("Now scaling deployment web.", [Deed.SCALE]),
        ("I should not delete anything.", []),
        ("Fetching the logs will show why.", []),
        ("The pods are running.", []),
        ("I believe it is the image.", []),
    ],
)
def test_plans_are_found_and_nothing_else(text: str, deeds: list[Deed]) -> None:
    """What is denied, hoped for or believed is no plan."""
    assert [intent.deed for intent in intents_in(text)] == deeds


@pytest.mark.parametrize(
    ("text", "names", "namespace"),
    [
        ("I'll restart Deployment `Checkout` in the SHOP namespace.", ("checkout",), "shop"),
        ("Restarting the PODS 'geo' NOW.", ("geo",), ""),
        ("Let me check pod 'a' AND pod 'b' of namespace Shop.", (), "shop"),
        ("Let me check pod 'a', pod 'b'.", (), ""),
        ("I will delete pod `a` TO free pod `b`.", ("a",), ""),
        ("I'll scale service '\u0130x' for namespace shop.", ("i\u0307x",), "shop"),
    ],
)
def test_names_and_places_are_read_in_any_case(
    text: str, names: tuple[str, ...], namespace: str
) -> None:
    """Patterns look at small letters of the same length; names are taken from where they stand."""
    assert [(one.names, one.namespace) for one in intents_in(text)] == [(names, namespace)]


def test_a_long_s_hides_no_suspicion() -> None:
    """Letters are looked for in the text that the pattern reads."""
    assert hypotheses_in("I \u017fuspect deployment `web`.") == ("deployment/web",)


@pytest.mark.parametrize(
    ("text", "command", "fits"),
    [
        ("I'll restart deployment `checkout`.", "rollout restart deploy/checkout -n shop", True),
        ("I'll restart deployment `checkout`.", "delete pod checkout-7d-x2 -n shop", True),
        ("I'll restart deployment `checkout`.", "rollout restart deploy/payment -n shop", False),
        ("I'll restart the payment deployment.", "rollout restart deploy/web -n shop", False),
        ("I'll restart deployment `checkout`.", "scale deploy/checkout --replicas=0", False),
        ("I'll restart deployment `checkout`.", "delete deploy checkout -n shop", False),
        ("I'll check deployment `web`.", "describe pod -n shop -l app=web", True),
        ("I will scale web to three.", "patch deploy web -p '{}' -n shop", True),
        ("Let me check the logs.", "delete deployment web -n shop", False),
        ("Let me check the pods in namespace shop.", "get pods -n prod", False),
        ("Let me check the pods in that namespace.", "get pods -n prod", True),
        ("I'll fetch the logs of web and payment.", "logs deploy/web -n shop", True),
        ("I'll scale web.", "get deploy web -n shop", True),
        ("I fix it now.", "delete deployment web -n shop", True),
        ("", "delete deployment web -n shop", True),
    ],
)
def test_a_call_fits_what_was_said_or_does_not(text: str, command: str, *, fits: bool) -> None:
    """Where words leave room, they fit; looking before a change fits any plan."""
    action = classify("kubectl", json.dumps({"command": command}))
    assert (mismatch(intents_in(text, known=KNOWN), action) is None) is fits


@pytest.mark.parametrize(
    ("command", "fits"),
    [
        ("delete pod mongodb-geo-7d4b9c-x2x5q", True),
        ("rollout restart deploy/mongodb-geo", True),
        ("rollout restart deploy/geo", False),
    ],
)
def test_a_name_in_another_is_another_name(command: str, *, fits: bool) -> None:
    """Once both objects were seen; a pod still stands for its workload."""
    action = classify("kubectl", json.dumps({"command": command}))
    known = {"geo", "mongodb-geo"}
    said = intents_in("I'll restart deployment `mongodb-geo`.", known=known)
    assert (mismatch(said, action, known=known) is None) is fits


def test_a_mismatch_quotes_both_sides() -> None:
    """Whoever is asked which is meant sees what was said and what would run."""
    action = classify("kubectl", json.dumps({"command": "delete deploy web -n shop"}))
    assert mismatch(intents_in("Let me check the logs."), action) == (
        "what was said is \u201cLet me check the logs\u201d, and the call is "
        "`kubectl delete deployment/web`"
    )


DEPLOYMENT = Target(kind="deployment", name="web", namespace="shop")


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (DEPLOYMENT, True),
        (Target(kind="pod", namespace="shop"), True),
        (Target(kind="pod", name="web-7d4-x2", namespace="shop"), True),
        (Target(kind="pod", every_namespace=True), True),
        (Target(kind="deployment", name="web"), True),
        (Target(kind="query", name="up{service='web'}"), True),
        (Target(kind="pod", name="cart-7d4-x2", namespace="shop"), False),
        (Target(kind="pod", namespace="prod"), False),
        (Target(kind="configmap", namespace="shop"), False),
        (Target(kind="query", name="up"), False),
    ],
)
def test_a_look_shows_what_was_changed_or_does_not(seen: Target, *, shown: bool) -> None:
    """Lists of pods show workloads; another object, or another namespace, does not."""
    assert shows(seen, DEPLOYMENT) is shown
