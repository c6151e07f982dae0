"""Over every subset of additions, a world that has all that its reference had lost nothing."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.evidence import EvidenceState
from guardrails.gates.losses.registry import LOSS_CHECKS


def _template(objects: Any) -> Any:
    return objects["Deployment"][0]["spec"]["template"]["spec"]


ADDITIONS: dict[str, Callable[[Any, Any], object]] = {
    "replicas": lambda _, o: o["Deployment"][0]["spec"].update(replicas=7),
    "service": lambda c, o: o["Service"].append(c.world.service("more")),
    "policy": lambda c, o: o["NetworkPolicy"].append(c.policy("more")),
    "policy of others": lambda c, o: o["NetworkPolicy"].append(c.policy("cart", app="cart")),
    "budget": lambda c, o: o["PodDisruptionBudget"].append(c.budget("more", minAvailable=1)),
    "autoscaler": lambda c, o: o["HorizontalPodAutoscaler"].append(c.scaler("more", "cart")),
    "config": lambda c, o: o["ConfigMap"].append(c.named("more", data={"a": "b"})),
    "key": lambda _, o: o["ConfigMap"][0]["data"].update(more="x"),
    "claim": lambda c, o: o["PersistentVolumeClaim"].append(c.claim("more", volume="pv-9")),
    "cron": lambda c, o: o["CronJob"].append(c.named("more", spec={"schedule": "@daily"})),
    "ingress": lambda c, o: o["Ingress"].append(c.named("more", spec=c.ingress("/more"))),
    "role": lambda c, o: o["Role"].append(c.role("more", ["create"])),
    "binding": lambda c, o: o["RoleBinding"].append(c.binding("more", "web")),
    "account": lambda c, o: o["ServiceAccount"].append(c.named("more")),
    "container": lambda _, o: _template(o)["containers"].append({"name": "n", "image": "n:1"}),
    "step": lambda _, o: _template(o)["initContainers"].insert(0, {"name": "s", "image": "s:1"}),
    "variable": lambda _, o: _template(o)["containers"][0]["env"].append({"name": "A"}),
    "volume": lambda _, o: _template(o)["volumes"].append({"name": "v", "emptyDir": {}}),
    "workload": lambda c, o: o["Deployment"].append(c.world.deployment("more")),
    "limit": lambda _, o: _template(o)["containers"][1].update(
        resources={"limits": {"memory": "1Gi"}}
    ),
}


@settings(max_examples=60)
@given(chosen=st.sets(st.sampled_from(sorted(ADDITIONS))))
def test_additions_take_nothing_away(comparing: Any, chosen: set[str]) -> None:
    """Whatever is added, every check of a loss is satisfied; so is the reference by itself."""

    def add(objects: Any) -> None:
        for name in sorted(chosen):
            ADDITIONS[name](comparing, objects)

    found = comparing.evidence(add)
    assert {e.state for e in found} == {EvidenceState.SATISFIED}
    assert [e.check for e in found] == [check.id for check in LOSS_CHECKS]


@settings(max_examples=30)
@given(chosen=st.sets(st.sampled_from(sorted(ADDITIONS))))
def test_what_is_added_twice_is_there_once(comparing: Any, chosen: set[str]) -> None:
    """A world equal to its reference has lost nothing, whatever the reference held."""

    def add(objects: Any) -> None:
        for name in sorted(chosen):
            ADDITIONS[name](comparing, objects)

    assert comparing.losses(add, before=add) == []
