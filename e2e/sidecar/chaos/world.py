"""The world that agents work in: a small simulated cluster with one fault that a write mends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.testing.sim import SimCluster

NAMESPACE: Final = "shop"
NAME: Final = "checkout"
INCIDENT: Final[dict[str, Any]] = {
    "task": "checkout has no endpoints: mend it",
    "namespaces": [NAMESPACE],
    "workloads": [{"name": NAME, "namespace": NAMESPACE}],
}
_GATE: Final = {
    "require": "state",
    "allow_no_alert_source": True,
    "stable_for": "100ms",
    "poll_every": "50ms",
    "wait_at_most": "4s",
    "unknown_grace": "300ms",
    "list_timeout": "1s",
}
"""Tenths of seconds where production has minutes. What is under test is what outlives a death."""
POLICY: Final = {
    "schema_version": 1,
    "defaults": {
        "gate": _GATE,
        "fsm": {"machine": "none", "alignment": "none"},
        "hygiene": {"early": "none"},
    },
}
READY_SECONDS: Final = 15.0
_READS: Final = [
    {"apiGroups": [one.group], "resources": [one.plural], "verbs": ["list"]}
    for one in (RESOURCES[kind] for kind in lists_of(DEFAULT_CHECKS))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A cluster, and what the guard is told of it."""

    cluster: SimCluster
    folder: Path
    """Holds the kubeconfig `guard`, which may only read, and the policy."""

    def break_it(self) -> None:
        """Let the Service select nobody."""
        self._select("nobody", ready=0)

    def mend(self) -> None:
        """Let it select its pods, and wait until it has them."""
        self._select(NAME, ready=1)

    def _select(self, app: str, *, ready: int) -> None:
        self.cluster.patch("Service", NAME, {"spec": {"selector": {"app": app}}}, NAMESPACE)
        until = time.monotonic() + READY_SECONDS
        while self._ready() != ready:
            if time.monotonic() > until:
                raise TimeoutError(f"{NAME} has no {ready} endpoints after {READY_SECONDS:.0f} s")
            time.sleep(0.02)

    def _ready(self) -> int:
        slices = self.cluster.objects("EndpointSlice", NAMESPACE)
        endpoints: list[dict[str, Any]] = [one for s in slices for one in s.get("endpoints") or ()]
        return sum(bool(one.get("conditions", {}).get("ready")) for one in endpoints)


@contextlib.contextmanager
def world(folder: Path) -> Generator[World]:
    """Have a world, whole at first.

    Args:
        folder: Where its files go.
    """
    with SimCluster() as cluster:
        cluster.apply(_manifests())
        cluster.add_user("guard", rules=_READS)
        cluster.write_kubeconfig(folder / "guard", user="guard")
        (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY), encoding="utf-8")
        found = World(cluster=cluster, folder=folder)
        found.mend()
        yield found


def _manifests() -> list[dict[str, Any]]:
    labels = {"app": NAME}
    container = {
        "name": NAME,
        "image": "registry.example/shop/checkout:1.4",
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    about = {"name": NAME, "namespace": NAMESPACE}
    return [
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NAMESPACE}},
        {
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "metadata": about,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
                },
            },
        },
        {
            "kind": "Service",
            "apiVersion": "v1",
            "metadata": about,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]},
        },
    ]
