"""A shop of which every part calls the next, and diagnoses of what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import Evidence
from guardrails.core.incident import AlertMatcher
from guardrails.gates.checks import View
from guardrails.gates.diagnosis import ALERTS_ACCOUNTED_FOR
from guardrails.gates.snapshot import FiringAlert, Snapshot
from guardrails.gates.topology import Topology, topology_of

CALLS = {
    "frontend": ("checkout", "catalog"),
    "checkout": ("payment",),
    "catalog": (),
    "payment": (),
}


class Shop:
    """Builds the shop's objects, its alerts, and what is said about them."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        """The whole shop, raw, to be changed by a test."""
        whole = self.world.join(*(self.world.app(name, 1) for name in CALLS))
        for deployment in whole["Deployment"]:
            name = deployment["metadata"]["name"]
            env = [{"name": f"{n.upper()}_URL", "value": f"http://{n}:80"} for n in CALLS[name]]
            deployment["spec"]["template"] = self.template(name, env=env)
        return whole

    def template(self, name: str, **container: Any) -> dict[str, Any]:
        """The pods of one part."""
        return {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": f"{name}-server", "image": "x:1", **container}]},
        }

    def container(self, objects: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The first container of a Deployment's template."""
        found = next(d for d in objects["Deployment"] if d["metadata"]["name"] == name)
        return found["spec"]["template"]["spec"]["containers"][0]

    def graph(self, objects: Mapping[str, Any]) -> Topology:
        """The graph of one look."""
        return topology_of(self.look(objects))

    def look(self, objects: Mapping[str, Any], *alerts: FiringAlert, **more: Any) -> Snapshot:
        """A look at them, with what fires."""
        prometheus = more.pop("prometheus", None) or self.world.alerts(*alerts)
        return self.world.look(objects, prometheus=prometheus, **more)

    def alert(self, name: str = "HighRequestErrorRate", **labels: str) -> FiringAlert:
        """A firing alert in the shop."""
        return self.world.firing(name, **{"namespace": self.world.NS, **labels})

    def claim(self, *causes: str, victims: Sequence[str] = ()) -> Claim:
        """A diagnosis that blames `Kind/name`, and names others."""
        entities = [
            NamedEntity(kind=kind, name=name, root_cause=blamed)
            for names, blamed in ((causes, True), (victims, False))
            for kind, _, name in (n.partition("/") for n in names)
        ]
        return Claim(kind=ClaimKind.DIAGNOSED, entities=tuple(entities))

    def view(self, look: Snapshot, claim: Claim, **more: Any) -> View:
        """What a check sees of a diagnosis, in an incident about every firing error alert."""
        reference = more.pop("reference", None) or self.world.reference()
        alerts = (AlertMatcher(labels={"alertname": "HighRequestErrorRate"}),)
        incident = self.world.incident(**{"alerts": alerts, **more})
        scope = self.world.scope(incident=incident, claim=claim)
        return View(reference=reference, history=(look,), scope=scope)

    def judge(self, look: Snapshot, *causes: str, **more: Any) -> list[Evidence]:
        """Judge whether causes account for the alerts."""
        return ALERTS_ACCOUNTED_FOR.judge(self.view(look, self.claim(*causes), **more))


@pytest.fixture
def shop(world: Any) -> Shop:
    """Return the builder."""
    return Shop(world)
