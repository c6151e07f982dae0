"""Addresses in templates, and the Services that they mean."""

from typing import Any

import msgspec
import pytest

from guardrails.gates.kubernetes.mentions import calls_in, mentions_of, resolve
from guardrails.gates.kubernetes.objects import Deployment, Service
from guardrails.gates.kubernetes.reduction import slim


def template_of(**container: Any) -> Any:
    """A template as it is kept."""
    pod = {"spec": {"containers": [{"name": "app", **container}]}}
    raw = {"kind": "Deployment", "spec": {"template": pod}}
    made: Any = slim(msgspec.json.decode(msgspec.json.encode(raw), type=Deployment))
    return made.spec.template


def env(**values: str) -> Any:
    """A template with these variables."""
    return template_of(env=[{"name": k, "value": v} for k, v in values.items()])


@pytest.mark.parametrize(
    ("value", "said", "plain"),
    [
        ("http://payment", "payment", True),
        ("http://user:pw@payment:8080/pay?x=1", "payment:8080", True),
        ("payment:8080", "payment:8080", True),
        ("jdbc:postgresql://db.shop.svc:5432/orders", "db.shop.svc:5432", True),
        ("one and cache.shop.svc.cluster.local", "cache.shop.svc.cluster.local", True),
        ("retry cache:6379", "cache:6379", False),
    ],
)
def test_addresses_are_found_in_values(value: str, said: str, plain: bool) -> None:  # noqa: FBT001
    """Whole values and parts of longer ones."""
    (found,) = mentions_of(env(X=value))
    assert (str(found), found.plain) == (said, plain)
    assert found.field == "containers[app].env[X]"


@pytest.mark.parametrize(
    "value", ["s3://bucket/x", "10.0.0.1:80", "true", "8080", "http://localhost:80", "a secret"]
)
def test_what_is_no_network_name_is_no_mention(value: str) -> None:
    """Buckets, numbers, addresses, and the pod itself."""
    assert mentions_of(env(TARGET=value)) == ()


def test_a_port_beside_a_host_belongs_to_it() -> None:
    """Many programs take the two in two variables."""
    found = mentions_of(env(PAYMENT_HOST="payment", PAYMENT_PORT="8080"))
    assert [str(m) for m in found] == ["payment:8080"]


def test_a_secret_is_never_a_mention() -> None:
    """A bare word may be a password."""
    assert mentions_of(env(DB_PASSWORD="payment")) == ()


def test_arguments_name_services_too() -> None:
    """With less certainty when nothing marks them as an address."""
    found = mentions_of(template_of(args=["--to", "http://payment:80", "user:1000"]))
    assert [(str(m), m.plain) for m in found] == [("payment:80", True), ("user:1000", False)]


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("payment", "payment.shop"),
        ("payment.bank", "payment.bank"),
        ("payment.bank.svc.cluster.local", "payment.bank"),
        ("db-0.db", "db.shop"),
        ("db-0.db.shop.svc", "db.shop"),
        ("example.com", None),
        ("a.elsewhere.svc", None),
        ("kafka.example.com", None),
    ],
)
def test_names_are_completed_as_a_pod_would(host: str, meant: str | None) -> None:
    """Short names, names with a namespace, and pods of headless Services."""
    found = resolve(host, namespace="shop", services={"shop": {"db": Service()}, "bank": {}})
    assert (None if found is None else str(found)) == meant


def test_edges_lead_to_services_that_exist(world: Any) -> None:
    """What is named and not there is no edge."""
    shop = world.join(world.app("web"), world.app("cart"))
    shop["Deployment"][0]["spec"]["template"] = {
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "env": [
                        {"name": "CART", "value": "http://cart"},
                        {"name": "GONE", "value": "http://gone"},
                    ],
                }
            ]
        }
    }
    (call,) = calls_in(world.look(shop), ("shop",))
    assert (call.owner.name, str(call.service), call.mention.port) == ("web", "cart.shop", 80)
