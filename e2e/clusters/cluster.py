"""What a test holds: a running cluster, whichever provider brought it up.

Identities are real ServiceAccounts with real tokens, commands run the real kubectl, and the parts
that a test may break on purpose (API server, Prometheus) can be stopped and started again.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from e2e.api import read_kubeconfig
from e2e.clusters.errors import ClusterError

KUBECTL_TIMEOUT_SECONDS = 60.0
"""For one kubectl call; `--wait` and `rollout status` are given their own limits below it."""


class KubectlError(ClusterError):
    """A kubectl call failed; the message holds the command and what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlResult:
    """What one kubectl call gave."""

    code: int
    stdout: str
    stderr: str


class Cluster(ABC):
    """A running cluster with Prometheus and Alertmanager.

    Args:
        kubectl_program: The kubectl that fits the cluster's version.
        admin_kubeconfig: Credentials that may do everything; for the suite, never for an agent.
        folder: Where files of this run go.
        prometheus_url: Base URL, on loopback.
        alertmanager_url: Base URL, on loopback.
    """

    def __init__(
        self,
        *,
        kubectl_program: Path,
        admin_kubeconfig: Path,
        folder: Path,
        prometheus_url: str,
        alertmanager_url: str,
    ) -> None:
        self.kubectl_program = kubectl_program
        self.admin_kubeconfig = admin_kubeconfig
        self.folder = folder
        self.prometheus_url = prometheus_url
        self.alertmanager_url = alertmanager_url

    @property
    def kubernetes_url(self) -> str:
        """The API server's URL."""
        return read_kubeconfig(self.admin_kubeconfig).server

    def kubectl(
        self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run kubectl and return what it printed.

        Raises:
            KubectlError: It failed.
        """
        result = self.try_kubectl(*arguments, stdin=stdin, kubeconfig=kubeconfig)
        if result.code != 0:
            raise KubectlError(
                f"`kubectl {' '.join(arguments)}` exited with {result.code}: "
                f"{result.stderr.strip() or result.stdout.strip()}"
            )
        return result.stdout

    def try_kubectl(
        self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> KubectlResult:
        """Run kubectl and return how it ended, also when it failed."""
        done = subprocess.run(
            [
                str(self.kubectl_program),
                f"--kubeconfig={kubeconfig or self.admin_kubeconfig}",
                f"--cache-dir={self.folder / 'kubectl-cache'}",
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=KUBECTL_TIMEOUT_SECONDS,
            check=False,
        )
        return KubectlResult(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def kubeconfig_for(self, service_account: str, namespace: str, *, duration: str = "1h") -> Path:
        """Write a kubeconfig that holds a fresh token of a ServiceAccount.

        Args:
            service_account: Its name; it must exist.
            namespace: Its namespace, which becomes the default namespace of the file.
            duration: How long the token is valid; the API server grants 10 minutes at least.
        """
        token = self.kubectl(
            "create", "token", service_account, "-n", namespace, f"--duration={duration}"
        ).strip()
        admin = read_kubeconfig(self.admin_kubeconfig)
        path = self.folder / f"{namespace}-{service_account}.kubeconfig"
        write_kubeconfig(
            path,
            server=admin.server,
            authority_pem=admin.authority_pem,
            token=token,
            namespace=namespace,
        )
        return path

    @abstractmethod
    def stop_api_server(self) -> None:
        """Stop the API server; returns when nothing answers on its port."""

    @abstractmethod
    def start_api_server(self) -> None:
        """Start the API server again; returns when it is ready."""

    @abstractmethod
    def stop_prometheus(self) -> None:
        """Stop Prometheus; returns when nothing answers on its port."""

    @abstractmethod
    def start_prometheus(self) -> None:
        """Start Prometheus again with the data it had; returns when it is ready."""


MONITORING = ("monitoring", "sre")
"""Name and namespace of the identity that exporter and traffic model read with."""

WHOLE_RUN = "24h"
"""How long that identity's token holds: longer than any run."""


class ClusterProvider(Protocol):
    """Brings a cluster up and takes it down."""

    def up(self) -> Cluster:
        """Return a cluster that is ready for the app."""
        ...

    def down(self) -> None:
        """Stop and remove everything that `up` made; harmless when called again."""
        ...


def write_kubeconfig(
    path: Path, *, server: str, authority_pem: str, token: str, namespace: str = "default"
) -> None:
    """Write a kubeconfig with one cluster, one token user and one context."""
    authority = path.with_suffix(".ca.crt")
    authority.write_text(authority_pem, encoding="utf-8")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "e2e",
                "cluster": {"server": server, "certificate-authority": str(authority)},
            }
        ],
        "users": [{"name": "e2e", "user": {"token": token}}],
        "contexts": [
            {"name": "e2e", "context": {"cluster": "e2e", "user": "e2e", "namespace": namespace}}
        ],
        "current-context": "e2e",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
