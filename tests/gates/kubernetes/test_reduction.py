"""What is kept of objects: nothing that may be a secret, everything that checks compare."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.gates.kubernetes.objects import ConfigMap, Deployment, ReplicaSet
from guardrails.gates.kubernetes.reduction import (
    addresses,
    digest,
    reduced,
    slim,
    without_old_templates,
)


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("CATALOG_URL", "http://catalog", "http://catalog"),
        ("CATALOG_ADDR", "catalog:7070", "catalog:7070"),
        ("DB_HOST", "mysql", "mysql"),
        ("REPLICAS", "3", "3"),
        ("DEBUG", "true", "true"),
        ("EMPTY", "", ""),
    ],
)
def test_addresses_numbers_and_switches_stay(name: str, text: str, kept: str) -> None:
    """What tells where a workload connects to, and holds no secret, is kept as it is."""
    assert reduced(text, name=name) == kept


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MODE", "hunter2"),
        ("DB_PASSWORD", "mysql"),
        ("API_KEY", "12345"),
        ("TOKEN_URL_SECRET", "a"),
    ],
)
def test_other_literals_become_digests(name: str, text: str) -> None:
    """A bare word may be a password, and what is named like one always is."""
    assert reduced(text, name=name) == digest(text)


def test_credentials_in_an_address_are_cut_out() -> None:
    """User, password, path and query go; host and port stay beside the digest."""
    url = "postgres://app:hunter2@db.prod.svc:5432/orders?sslpassword=x"
    assert reduced(url, name="DATABASE_URL") == f"{digest(url)} postgres://db.prod.svc:5432"


def test_addresses_in_a_script_are_found() -> None:
    """A shell line tells what it talks to; its words are no addresses."""
    script = "wget -q http://catalog/items && nc cache:6379; ping payment.shop.svc.cluster.local"
    assert addresses(script) == (
        "http://catalog",
        "cache:6379",
        "payment.shop.svc.cluster.local",
    )


@given(secret=st.text(alphabet="abcdefghXYZ0123456789!$%", min_size=8, max_size=40))
def test_no_secret_survives(secret: str) -> None:
    """Whatever it is called, a text that is no address is not in what is kept."""
    for name in ("PASSWORD", "MODE", "OPTIONS"):
        kept = reduced(secret, name=name)
        assert secret not in kept


def template(**env: str) -> dict[str, Any]:
    """A template with one container."""
    variables = [{"name": k, "value": v} for k, v in env.items()]
    probe = {"exec": {"command": ["check", "--password=hunter2"]}}
    container = {
        "name": "app",
        "image": "app:1",
        "args": ["--token=hunter2"],
        "env": variables,
        "livenessProbe": probe,
        "lifecycle": {"preStop": {"exec": {"command": ["hunter2"]}}},
    }
    return {"spec": {"containers": [container], "initContainers": [container]}}


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet"])
def test_templates_are_kept_without_literals(kind: str) -> None:
    """Everywhere in a template: variables, arguments, probes and hooks."""
    type_ = {"Deployment": Deployment, "ReplicaSet": ReplicaSet}[kind]
    raw = {"spec": {"template": template(MODE="hunter2", URL="http://catalog")}}
    kept = msgspec.json.encode(slim(msgspec.json.decode(msgspec.json.encode(raw), type=type_)))
    assert b"hunter2" not in kept
    assert b"http://catalog" in kept


def test_config_maps_keep_digests_by_key() -> None:
    """A changed value shows, and no value does."""
    item = slim(ConfigMap(data={"currency": "EUR", "mode": "fast"}))
    assert isinstance(item, ConfigMap)
    assert item.data == {"currency": digest("EUR"), "mode": digest("fast")}


def test_old_revisions_lose_their_templates(world: Any) -> None:
    """The newest three and whatever still has pods stay whole."""
    raw = [
        {
            "metadata": world.metadata(
                f"web-{n}",
                annotations={"deployment.kubernetes.io/revision": str(n)},
                ownerReferences=world.owned_by("Deployment", "web"),
            ),
            "spec": {"replicas": 1 if n == 1 else 0, "template": template()},
        }
        for n in range(1, 7)
    ]
    decoded = [msgspec.json.decode(msgspec.json.encode(x), type=ReplicaSet) for x in raw]
    kept = [
        item.metadata.name
        for item in without_old_templates(decoded)
        if isinstance(item, ReplicaSet) and item.spec.template.spec.containers
    ]
    assert kept == ["web-1", "web-4", "web-5", "web-6"]
