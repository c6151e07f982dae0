"""Faults of the app: how each is brought about, what shows it, which alerts it raises, its cure.

A fault is a file in `catalogue/`. It changes specs only, by kubectl; what then goes wrong follows
from the spec, and is over when the spec is mended, by these commands or by an agent's own.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import yaml

from e2e.clusters.cluster import Cluster

NAMESPACE = "shop"
"""Where the suite's own app is."""

CATALOGUE = Path(__file__).resolve().parent / "catalogue"


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kubectl call, written as in a shell."""

    run: str
    stdin: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kubectl call and a text in its output that is there while the fault is, and only then."""

    run: str
    shows: str
    """Empty means that the call prints nothing."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of the catalogue, as far as this suite needs it.

    The files hold more, for `benchmarks/gates`, which reads them strictly.
    """

    name: str
    summary: str
    inject: list[Command]
    mend: list[Command]
    evidence: Evidence
    alerts: list[dict[str, str]]
    """Labels that a firing alert has; every entry is raised by the fault."""

    def bring_about(self, cluster: Cluster) -> None:
        """Change the specs."""
        for command in self.inject:
            cluster.kubectl(*shlex.split(command.run), stdin=command.stdin)

    def cure(self, cluster: Cluster, *, kubeconfig: Path | None = None) -> None:
        """Mend the specs, by default as the administrator."""
        for command in self.mend:
            cluster.kubectl(*shlex.split(command.run), stdin=command.stdin, kubeconfig=kubeconfig)

    def shows(self, cluster: Cluster) -> bool:
        """Tell whether the cluster's objects show it."""
        printed = cluster.try_kubectl(*shlex.split(self.evidence.run)).stdout.strip()
        return self.evidence.shows in printed if self.evidence.shows else not printed


def load(name: str, *, namespace: str = NAMESPACE) -> Fault:
    """Return one fault of the catalogue, for the app in a namespace.

    Raises:
        KeyError: There is none of this name; the message lists those there are.
    """
    catalogue = {fault.name: fault for fault in load_all(namespace=namespace)}
    if name not in catalogue:
        raise KeyError(f"no fault {name!r} in {CATALOGUE}; there are {', '.join(catalogue)}")
    return catalogue[name]


def load_all(*, namespace: str = NAMESPACE) -> list[Fault]:
    """Return every fault of the catalogue, by name."""
    return [_read(path, namespace=namespace) for path in sorted(CATALOGUE.glob("*.yaml"))]


def _read(path: Path, *, namespace: str) -> Fault:
    text = path.read_text(encoding="utf-8").replace("{namespace}", namespace)
    return msgspec.convert(yaml.safe_load(text), Fault)
