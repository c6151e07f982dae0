"""ConfigMaps, accounts and claims that templates name."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.configuration import CONFIGURATION_PRESENT as CHECK

NEEDS: dict[str, Any] = {
    "key": {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "a"}}}]},
    "whole": {"envFrom": [{"configMapRef": {"name": "cfg"}}]},
}


def shop(net: Any, *, container: Any = None, maps: Any = (), **spec: Any) -> Any:
    """The shop, in which the web needs something."""
    now = net.shop()
    template = net.part(now, "Deployment", "web")["spec"]["template"]
    template["spec"].update(spec)
    template["spec"]["containers"][0].update(container or {})
    now["ConfigMap"] = [{"metadata": net.world.metadata("cfg"), "data": m} for m in maps]
    return now


@pytest.mark.parametrize("how", NEEDS)
def test_a_config_map_that_is_there(net: Any, how: str) -> None:
    """As a key and as a whole."""
    found = net.judged(CHECK, shop(net, container=NEEDS[how], maps=[{"a": "1"}]))
    assert [(e.state, e.subject.name) for e in found] == [(EvidenceState.SATISFIED, "web")]


@pytest.mark.parametrize("how", NEEDS)
def test_a_config_map_that_is_gone(net: Any, how: str) -> None:
    """Running pods hide it; their successors cannot start."""
    (said,) = net.wrong(CHECK, shop(net, container=NEEDS[how]))
    assert "there is no ConfigMap cfg" in said


def test_a_key_that_is_gone(net: Any) -> None:
    """The ConfigMap is there and says something else."""
    (said,) = net.wrong(CHECK, shop(net, container=NEEDS["key"], maps=[{"b": "1"}]))
    assert "ConfigMap cfg with key a" in said


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"volumes": [{"name": "v", "configMap": {"name": "cfg"}}]}, "ConfigMap cfg"),
        ({"serviceAccountName": "robot"}, "ServiceAccount robot"),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
            "PersistentVolumeClaim data",
        ),
    ],
)
def test_volumes_and_accounts(net: Any, spec: Any, kind: str) -> None:
    """Whatever the kubelet waits for."""
    (said,) = net.wrong(CHECK, shop(net, **spec))
    assert f"there is no {kind}" in said


def test_what_is_optional_is_not_missed(net: Any) -> None:
    """The pod starts without it."""
    optional = {
        "env": [
            {
                "name": "A",
                "valueFrom": {"configMapKeyRef": {"name": "x", "key": "a", "optional": True}},
            }
        ],
        "envFrom": [{"configMapRef": {"name": "x", "optional": True}}],
    }
    volumes = [{"name": "v", "configMap": {"name": "x", "optional": True}}]
    assert net.wrong(CHECK, shop(net, container=optional, volumes=volumes)) == []


def test_what_was_missing_in_the_reference_is_set_aside(net: Any) -> None:
    """A need that is new is not."""
    now = shop(net, container=NEEDS["whole"])
    assert net.wrong(CHECK, now, before=now) == []
    assert len(net.aside(CHECK, now, before=now)) == 1
    assert len(net.wrong(CHECK, now, before=net.shop())) == 1


def test_config_maps_that_may_not_be_read_are_not_missed(net: Any, world: Any) -> None:
    """A refusal is named and held against nobody; other failures are unknown."""
    now = shop(net, container=NEEDS["whole"])
    refused = world.judge(CHECK, world.look(now, failed={"ConfigMap": world.FORBIDDEN}))
    assert [e.counts for e in refused] == [False]
    late = world.judge(CHECK, world.look(now, failed={"ConfigMap": world.TIMEOUT}))
    assert [(e.state, e.counts) for e in late] == [(EvidenceState.UNKNOWN, True)]
