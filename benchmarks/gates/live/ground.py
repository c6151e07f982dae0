"""The cluster under the lanes: brought up once, with what all lanes share, and taken down."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.gates.cases.load import DATA
from benchmarks.gates.live.app import FLOWS
from benchmarks.gates.live.lane import LaneSpec
from e2e.clusters.cluster import MONITORING, WHOLE_RUN, Cluster
from e2e.clusters.monitoring import RULES, python_child
from e2e.clusters.ports import free_ports
from e2e.clusters.processes import ProcessCluster, ProcessProvider
from e2e.lanes.monitoring import LanePorts

GROUND = DATA / "ground"
"""Manifests of what is there before any case: definitions of custom resources, rights."""

MORE_RULES = DATA / "rules.yaml"

CAPABILITIES = frozenset({"prometheus", "alertmanager", "crds", "configmaps", "nodes"})
"""What cases may need and the process cluster has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A cluster that is up, with a specification for each lane."""

    cluster: Cluster
    lanes: list[LaneSpec]


@contextlib.contextmanager
def ground(lanes: int, *, manifests: Mapping[str, Path], record: Path | None) -> Generator[Ground]:
    """Bring the cluster up for a number of lanes; it is taken down at the end of the block.

    Raises:
        ClusterUnavailableError: This machine lacks a program.
    """
    provider = ProcessProvider()
    try:
        cluster = provider.up()
        assert isinstance(cluster, ProcessCluster)
        for child in cluster.monitoring.children:
            child.stop()  # every lane has its own
        for path in sorted(GROUND.glob("*.yaml")):
            cluster.kubectl("apply", "-f", str(path))
        free = free_ports(1 + 2 * lanes)
        metrics = python_child(
            "lanes",
            module="e2e.lanes.metrics",
            arguments=[
                *(
                    "--kubeconfig",
                    str(cluster.folder / f"{MONITORING[1]}-{MONITORING[0]}.kubeconfig"),
                ),
                *("--port", str(free[0]), "--flows", str(FLOWS)),
            ],
            log=cluster.folder / "logs" / "lanes.log",
        )
        metrics.start()
        try:
            specs = [
                _spec(
                    number,
                    cluster,
                    ports=LanePorts(prometheus=free[2 * number - 1], alertmanager=free[2 * number]),
                    metrics_port=free[0],
                    manifests=manifests,
                    record=record,
                )
                for number in range(1, lanes + 1)
            ]
            yield Ground(cluster=cluster, lanes=specs)
        finally:
            metrics.stop(timeout=1.0)
    finally:
        provider.down()


def _spec(
    number: int,
    cluster: ProcessCluster,
    *,
    ports: LanePorts,
    metrics_port: int,
    manifests: Mapping[str, Path],
    record: Path | None,
) -> LaneSpec:
    name = f"guard-lane-{number}"
    rights = _rights(name)
    cluster.kubectl("apply", "-f", "-", stdin=rights)
    return LaneSpec(
        number=number,
        folder=cluster.folder / f"lane-{number}",
        kubectl=cluster.kubectl_program,
        admin=cluster.admin_kubeconfig,
        guard=cluster.kubeconfig_for(name, "sre", duration=WHOLE_RUN),
        guard_name=name,
        guard_rights=rights,
        ports=ports,
        metrics_port=metrics_port,
        rules=_rules(),
        manifests=manifests,
        capabilities=CAPABILITIES,
        record=record,
    )


def _rights(name: str) -> str:
    """Return a guard of a lane's own, whose rights a case may take away."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    account |= {"metadata": {"name": name, "namespace": "sre"}}
    bindings = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": binding},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
            },
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "sre"}],
        }
        for binding, role in ((name, "guard"), (f"{name}-more", "guard-more"))
    ]  # fmt: skip
    return yaml.safe_dump_all([account, *bindings])


def _rules() -> str:
    documents: list[dict[str, Any]] = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (RULES, MORE_RULES)
    ]
    return yaml.safe_dump({"groups": [g for d in documents for g in d["groups"]]}, sort_keys=False)
