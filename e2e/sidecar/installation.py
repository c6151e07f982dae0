"""Installs the rendered chart on the cluster, as `helm install` would, and takes it away again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.api import read_kubeconfig
from e2e.clusters.cluster import Cluster, write_kubeconfig
from e2e.sidecar.charts import RELEASE, Manifest, Rendered

FULL_NAME = f"{RELEASE}-guarded-agent"
"""What the chart calls its objects in these tests."""

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
"""Lets the API server refuse pods that the Pod Security Standard `restricted` would."""

NOT_INSTALLED = frozenset({"Pod"})
"""The pod of `helm test` is none of the installation."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The chart, installed."""

    cluster: Cluster
    rendered: Rendered
    namespace: str

    def apply(self, *manifests: Manifest) -> None:
        """Apply manifests as the API server itself merges them; an unknown field is an error."""
        options = ("--server-side", "--force-conflicts", "--validate=strict")
        text = yaml.safe_dump_all(manifests)
        self.cluster.kubectl("apply", *options, "-f", "-", stdin=text)

    def objects(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind in the release's namespace."""
        options = ("-l", selector) if selector else ()
        found = self.cluster.kubectl("get", kind, "-n", self.namespace, "-o", "yaml", *options)
        return yaml.safe_load(found)["items"]


@contextmanager
def installed(cluster: Cluster, rendered: Rendered, namespace: str) -> Generator[Installation]:
    """Install what was rendered, and remove it at the end."""
    made = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"
    cluster.kubectl("apply", "-f", "-", stdin=made)
    cluster.kubectl("label", "--overwrite", "namespace", namespace, RESTRICTED)
    wanted = rendered.but(*NOT_INSTALLED)
    installation = Installation(cluster, wanted, namespace)
    try:
        installation.apply(*wanted.manifests)
        yield installation
    finally:
        options = ("--wait=false", "--ignore-not-found", "-f", "-")
        cluster.kubectl("delete", *options, stdin=wanted.text())


def kubeconfig_of_token(cluster: Cluster, token: str, path: Path) -> Path:
    """Write a kubeconfig that holds a token that somebody else has made."""
    admin = read_kubeconfig(cluster.admin_kubeconfig)
    write_kubeconfig(path, server=admin.server, authority_pem=admin.authority_pem, token=token)
    return path
