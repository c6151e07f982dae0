"""A small typed client of the Kubernetes API for the suite's own components.

The node simulator, the exporter and the traffic model poll a handful of lists several times a
second; decoding straight into structs keeps that cheap on a machine that also runs the cluster.
"""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import TypeVar

import httpx2
import msgspec
import yaml

from e2e.objects import ListOf

T = TypeVar("T")

REQUEST_TIMEOUT_SECONDS = 5.0
"""All servers are on loopback; one that needs longer is down."""

NOT_FOUND = 404
MERGE_PATCH = "application/merge-patch+json"


class _ClusterInfo(msgspec.Struct, frozen=True, rename="kebab"):
    server: str
    certificate_authority_data: str = ""
    certificate_authority: str = ""


class _NamedCluster(msgspec.Struct, frozen=True):
    cluster: _ClusterInfo


class _UserInfo(msgspec.Struct, frozen=True, rename="kebab"):
    token: str = ""


class _NamedUser(msgspec.Struct, frozen=True):
    user: _UserInfo


class Kubeconfig(msgspec.Struct, frozen=True):
    """A kubeconfig file with one cluster and one user, which is all that the suite writes."""

    clusters: list[_NamedCluster]
    users: list[_NamedUser]

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.clusters[0].cluster.server

    @property
    def authority_pem(self) -> str:
        """The certificate authority the API server's certificate is signed by."""
        cluster = self.clusters[0].cluster
        if cluster.certificate_authority_data:
            return base64.b64decode(cluster.certificate_authority_data).decode()
        return Path(cluster.certificate_authority).read_text(encoding="utf-8")


def read_kubeconfig(path: Path) -> Kubeconfig:
    """Read a kubeconfig file."""
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Kubeconfig)


class KubernetesApi:
    """HTTP calls as the user of one kubeconfig, who has a token."""

    def __init__(self, kubeconfig: Path) -> None:
        config = read_kubeconfig(kubeconfig)
        token = config.users[0].user.token
        context = ssl.create_default_context(cadata=config.authority_pem)
        self._http = httpx2.Client(
            base_url=config.server,
            headers={"Authorization": f"Bearer {token}"},
            verify=context,
            timeout=REQUEST_TIMEOUT_SECONDS,
            trust_env=False,  # a proxy has no business between loopback ports
        )

    def list(self, path: str, item: type[T], **query: str) -> list[T]:
        """Return the items under `path`, for example `/api/v1/pods`.

        `resourceVersion=0` asks for the server's cache: these components look several times a
        second, so the newest state is at most one look away.
        """
        answer = self._http.get(path, params={"resourceVersion": "0", **query})
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=ListOf[item]).items or []

    def get(self, path: str, kind: type[T]) -> T | None:
        """Return one object, or `None` when there is none."""
        answer = self._http.get(path)
        if answer.status_code == NOT_FOUND:
            return None
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=kind)

    def create(self, path: str, body: object) -> int:
        """POST an object and return the status code."""
        return self._http.post(
            path,
            content=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        ).status_code

    def merge_patch(self, path: str, body: object) -> int:
        """PATCH an object or a subresource and return the status code."""
        return self._http.patch(
            path,
            content=msgspec.json.encode(body),
            headers={"Content-Type": MERGE_PATCH},
        ).status_code

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
