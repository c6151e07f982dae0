"""Builders for the network path: workloads that call others, policies, ingresses."""

import copy
from typing import Any

import pytest

from guardrails.core.evidence import Evidence, EvidenceState
from guardrails.gates.checks import Check

HTTP = [{"name": "http", "containerPort": 8080}]


class Net:
    """What tests of the network path build their looks from."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def template(self, app: str, *, args: Any = None, env: Any = None, **values: str) -> Any:
        """A pod template with literal variables."""
        variables = [{"name": k, "value": v} for k, v in values.items()] + list(env or ())
        container = {"name": "app", "image": f"{app}:1", "ports": HTTP, "env": variables}
        if args is not None:
            container["args"] = args
        return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}}

    def caller(self, name: str = "web", **values: str) -> Any:
        """An application whose variables name others."""
        found = self.world.app(name)
        found["Deployment"][0]["spec"]["template"] = self.template(name, **values)
        return found

    def shop(self, **values: str) -> Any:
        """The web calls the cart; the mailer calls nobody."""
        return self.world.join(
            self.caller("web", **(values or {"CART_URL": "http://cart"})),
            self.caller("cart"),
            self.caller("mailer"),
        )

    def policy(self, name: str = "wall", app: str = "cart", **spec: Any) -> Any:
        """A NetworkPolicy over one application's pods."""
        return {
            "metadata": self.world.metadata(name),
            "spec": {"podSelector": {"matchLabels": {"app": app}}, **spec},
        }

    def allowing(self, *apps: str, name: str = "allow", to: str = "cart") -> Any:
        """A NetworkPolicy that lets some applications in."""
        peers = [{"podSelector": {"matchLabels": {"app": app}}} for app in apps]
        return self.policy(name, to, policyTypes=["Ingress"], ingress=[{"from": peers}])

    def ingress(self, name: str = "front", **spec: Any) -> Any:
        """An Ingress."""
        return {"metadata": self.world.metadata(name), "spec": spec}

    def rule(
        self, service: str, *, host: str = "shop.example", path: str = "/", **port: Any
    ) -> Any:
        """One host, one path, one backend."""
        backend = {"service": {"name": service, "port": port or {"number": 80}}}
        paths = [{"path": path, "pathType": "Prefix", "backend": backend}]
        return {"host": host, "http": {"paths": paths}}

    def with_(self, objects: Any, kind: str, *items: Any) -> Any:
        """The same objects and more."""
        more = copy.deepcopy(objects)
        more[kind] = [*more.get(kind, ()), *items]
        return more

    def part(self, objects: Any, kind: str, name: str) -> Any:
        """One raw object by name."""
        return next(x for x in objects[kind] if x["metadata"]["name"] == name)

    def judged(
        self, check: Check, objects: Any, *, before: Any = None, start: Any = None, **scope: Any
    ) -> list[Evidence]:
        """Judge objects, against a reference if there was one."""
        world = self.world
        healthy = None if before is None else world.look(before, at=-3600)
        began = None if start is None else world.look(start, at=-60)
        reference = world.reference(healthy, start=began) if before or start else None
        found: list[Evidence] = world.judge(
            check, world.look(objects), reference=reference, **scope
        )
        return found

    def wrong(self, check: Check, objects: Any, **more: Any) -> list[str]:
        """What is held against somebody, in words."""
        return [
            f"{getattr(e.subject, 'name', '')}: {e.observed}"
            for e in self.judged(check, objects, **more)
            if e.counts and e.state is EvidenceState.VIOLATED
        ]

    def aside(self, check: Check, objects: Any, **more: Any) -> list[str]:
        """What is reported and held against nobody, in words."""
        return [
            f"{getattr(e.subject, 'name', '')}: {e.observed}"
            for e in self.judged(check, objects, **more)
            if not e.counts
        ]


@pytest.fixture(scope="session")
def net(world: Any) -> Net:
    """Return the builders."""
    return Net(world)
