"""Names that nobody gave, and changes to what was never looked at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.classify import classify
from guardrails.actions.invented import invented_reads, invented_targets
from guardrails.actions.unread import never_read
from guardrails.core.toolaction import Target, ToolAction

KNOWN = {"checkout-7d4b9-x2x", "cart-5f6bc8d7f9-bzxkw", "db-0", "payment", "front-end-1", "shop"}
SAID = "The Product Catalog is slow, and so is ad-service in shop."


def line(command: str) -> ToolAction:
    """The meaning of a command line."""
    return classify("bash", json.dumps({"command": command}))


def invented(command: str) -> list[str]:
    """Names that a command would change and nobody gave."""
    return [t.name for t in invented_targets(line(command), known=KNOWN, said=SAID)]


@pytest.mark.parametrize(
    "command",
    [
        "kubectl delete pod checkout-7d4b9-x2x",
        "kubectl scale deploy/checkout --replicas=3 -n shop",
        "kubectl rollout restart deploy cart",
        "kubectl delete statefulset db",
        "kubectl patch svc payment -p '{}'",
        "kubectl scale deploy/product-catalog --replicas=2",
        "kubectl delete deploy ad-service",
        "kubectl patch svc payment.shop.svc -p '{}'",
        "kubectl delete ns kube-system",
        "kubectl delete pods -l app=nobody",
        "kubectl delete pod $POD",
        "kubectl get pod nowhere-1",
        "kubectl delete pod nowhere-1 --dry-run=client",
        "kubectl label pod db-0 never=seen",
        "kubectl annotate deploy payment brand/new=1",
        "rm /tmp/nothing.yaml",
    ],
)
def test_names_that_somebody_gave_are_no_inventions(command: str) -> None:
    """A tool, the task, or every cluster; a workload also by its pods, in words or as DNS."""
    assert invented(command) == []


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("kubectl delete pod checkout-7d4b9-abc", ["checkout-7d4b9-abc"]),
        ("kubectl delete rs cart-5f6bc8d7f9-other", ["cart-5f6bc8d7f9-other"]),
        ("kubectl scale deploy/chekcout --replicas=3", ["chekcout"]),
        ("kubectl scale deploy/front --replicas=3", ["front"]),
        ("kubectl delete pod db-0 db-1", ["db-1"]),
        ("kubectl patch svc payment.shopp -p '{}'", ["payment.shopp"]),
        ("kubectl rollout restart deploy/orders && kubectl get pods", ["orders"]),
        ("kubectl expose deploy orders --port=80", ["orders"]),
        ("helm rollback orders 2", ["orders"]),
    ],
)
def test_names_that_nobody_gave_are_told(command: str, names: list[str]) -> None:
    """A pod's name counts only as a whole, and a workload's only up to what a controller adds."""
    assert invented(command) == names


@pytest.mark.parametrize(
    "command",
    [
        "kubectl create deploy web --image=web",
        "kubectl run probe --image=busybox",
        "kubectl create configmap fresh --from-literal=a=b",
        "kubectl apply -f - <<'E'\nkind: Service\nmetadata: {name: fresh}\nE",
        "helm install fresh ./chart",
        "helm upgrade --install fresh ./chart",
        "kubectl run probe --image=busybox && kubectl delete pod probe",
    ],
)
def test_what_a_call_makes_is_not_invented(command: str) -> None:
    """New things have new names, also for the rest of the line."""
    assert invented(command) == []
    assert never_read(line(command), seen=[]) == ()


def test_reads_of_unknown_names_are_told_apart() -> None:
    """A read is harmless: the cluster says that there is no such thing."""
    action = line("kubectl describe pod checkout-7d4b9-x2x nowhere-1; kubectl delete pod gone-1")
    reads = invented_reads(action, known=KNOWN, said=SAID)
    assert [target.name for target in reads] == ["nowhere-1"]
    changes = invented_targets(action, known=KNOWN, said=SAID)
    assert [target.name for target in changes] == ["gone-1"]


def test_function_tools_are_judged_alike() -> None:
    """What `scale_deployment` takes is a name as well."""
    action = classify("scale_deployment", '{"name": "orders", "replicas": 2}')
    assert [t.name for t in invented_targets(action, known=KNOWN, said="")] == ["orders"]
    made = classify("create_deployment", '{"name": "orders"}')
    assert invented_targets(made, known=KNOWN, said="") == ()


NAMES = st.from_regex(r"[a-z][a-z0-9]{2,8}(-[a-z0-9]{2,6})?", fullmatch=True)


@given(NAMES, st.lists(NAMES))
def test_a_name_that_was_seen_or_said_is_never_invented(name: str, others: list[str]) -> None:
    """Whatever else is known."""
    action = line(f"kubectl delete deploy {name}")
    assert invented_targets(action, known={name, *others}, said="") == ()
    assert invented_targets(action, known=others, said=f"look at {name}, please") == ()


@given(NAMES)
def test_with_nothing_known_every_change_is_invented(name: str) -> None:
    """There is no other source of names."""
    found = invented_targets(line(f"kubectl delete deploy {name}"), known=(), said="")
    assert [target.name for target in found] == (
        [] if name in {"default", "kubernetes"} else [name]
    )


POD = Target(kind="pod", name="checkout-7d4b9-x2x", namespace="shop")


@pytest.mark.parametrize(
    ("command", "seen", "names"),
    [
        ("kubectl scale deploy/checkout --replicas=3 -n shop", [POD], []),
        ("kubectl scale deploy/cart --replicas=3 -n shop", [POD], ["cart"]),
        ("kubectl scale deploy/cart --replicas=3 -n shop", [], ["cart"]),
        ("kubectl delete svc cart -n shop", [Target(kind="all", namespace="shop")], []),
        ("kubectl delete svc cart -n bank", [Target(kind="all", namespace="shop")], ["cart"]),
        ("kubectl delete cm cart -n shop", [Target(kind="all", namespace="shop")], ["cart"]),
        ("kubectl delete cm cart -n shop", [Target(kind="configmap", every_namespace=True)], []),
        ("kubectl get pods -n shop", [], []),
    ],
)
def test_changes_to_what_was_never_looked_at_are_told(
    command: str, seen: list[Target], names: list[str]
) -> None:
    """A list, a pod of it or the thing itself is a look; `get all` lists workloads and Services."""
    assert [target.name for target in never_read(line(command), seen=seen)] == names


@pytest.mark.parametrize(
    ("looked", "command", "shown"),
    [
        ("pod", "delete networkpolicy geo", False),
        ("deployment", "delete hpa geo", False),
        ("service", "patch endpoints geo -p '{}'", True),
        ("deployment", "delete pod geo", True),
        ("", "delete networkpolicy geo", True),
    ],
)
def test_an_object_of_the_same_name_is_another_object(
    looked: str, command: str, *, shown: bool
) -> None:
    """A look at one kind shows the kinds that belong to it; one of no known kind may show any."""
    found = never_read(line(f"kubectl {command}"), seen=[Target(kind=looked, name="geo")])
    assert (found == ()) is shown
