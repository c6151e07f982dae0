"""What a container is given: its files, variables and arguments, as a kubelet would mount them.

Mount paths become folders below one root, and every text that names such a path is written anew.
What the suite does not know it refuses, so that no part of a pod is left out in silence.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.clusters.cluster import Cluster, write_kubeconfig
from e2e.clusters.errors import ClusterError

Manifest = dict[str, Any]

IDENTITY = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a client of Kubernetes looks for its token."""

MOVED = ("/etc/guarded-agent", "/var/lib/guarded-agent", "/var/run/secrets")
"""Paths of a pod that settings and variables name."""


class MountError(ClusterError):
    """A volume or a variable that cannot be given."""


class NotYetError(MountError):
    """What a controller has still to write; a kubelet asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A container, ready to be started."""

    root: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """Gives the containers of one pod what its spec says.

    Args:
        cluster: Where ConfigMaps, Secrets and tokens come from.
        namespace: Of the pod.
        root: Becomes the root of its files.
        spec: The pod's.
        renamed: Text by what stands in its place, such as the address of a Service.
    """

    cluster: Cluster
    namespace: str
    root: Path
    spec: Manifest
    renamed: Mapping[str, str]

    def give(self, container: Manifest) -> Given:
        """Write a container's files, and return how it is started.

        Raises:
            NotYetError: A Secret has no token yet.
            MountError: Its spec holds what this cannot do.
        """
        volumes = {volume["name"]: volume for volume in self.spec.get("volumes", [])}
        root = self.root / container["name"]
        for mount in container.get("volumeMounts", []):
            folder = root / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in self._files(volumes[mount["name"]]):
                (path := folder / name).touch(mode=0o600)
                path.write_text(self.text(text, root), encoding="utf-8")
        environment = {
            one["name"]: self.text(self._value(one), root) for one in container.get("env", [])
        }
        if (root / IDENTITY.lstrip("/")).is_dir():
            environment["KUBECONFIG"] = str(self._kubeconfig(root))
        if container.get("envFrom"):
            raise MountError(f"container {container['name']}: envFrom is not simulated")
        arguments = tuple(self.text(one, root) for one in container.get("args", []))
        return Given(root=root, arguments=arguments, environment=environment)

    def text(self, text: str, root: Path) -> str:
        """Return a text with paths and addresses as they are here."""
        for path in MOVED:
            text = text.replace(path, f"{root}{path}")
        for name, here in self.renamed.items():
            text = text.replace(name, here)
        return text

    def _files(self, volume: Manifest) -> Iterator[tuple[str, str]]:
        match volume:
            case {"emptyDir": _} | {"persistentVolumeClaim": _}:
                return
            case {"configMap": {"name": name} as source}:
                yield from _chosen(self._data("configmap", name), source.get("items")).items()
            case {"secret": {"secretName": name} as source}:
                yield from _chosen(self._data("secret", name), source.get("items")).items()
            case {"projected": {"sources": sources}}:
                for source in sources:
                    yield from self._projected(source)
            case _:
                raise MountError(f"volume {volume['name']}: {sorted(volume)} is not simulated")

    def _projected(self, source: Manifest) -> Iterator[tuple[str, str]]:
        match source:
            case {"serviceAccountToken": {"path": path} as token}:
                yield path, self._token(token.get("audience", ""))
            case {"configMap": {"name": name} as held}:
                yield from _chosen(self._data("configmap", name), held.get("items")).items()
            case {"secret": {"name": name} as held}:
                yield from _chosen(self._data("secret", name), held.get("items")).items()
            case {"downwardAPI": {"items": [{"path": path}]}}:
                yield path, self.namespace
            case _:
                raise MountError(f"a projected volume of {sorted(source)} is not simulated")

    def _token(self, audience: str) -> str:
        options = (f"--audience={audience}",) if audience else ()
        name = self.spec["serviceAccountName"]
        return self.cluster.kubectl("create", "token", name, *options, "-n", self.namespace).strip()

    def _data(self, kind: str, name: str) -> Mapping[str, str]:
        found = json.loads(
            self.cluster.kubectl("get", kind, name, "-n", self.namespace, "-o", "json")
        )
        data: dict[str, str] = found.get("data", {})
        if not data and found.get("type") == "kubernetes.io/service-account-token":
            raise NotYetError(f"Secret {name}: no token was written yet")
        if kind == "secret":
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        return data

    def _value(self, variable: Manifest) -> str:
        match variable:
            case {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}:
                return self._data("secret", name)[key]
            case {"valueFrom": other}:
                raise MountError(f"variable {variable['name']}: {sorted(other)} is not simulated")
            case _:
                return str(variable.get("value", ""))

    def _kubeconfig(self, root: Path) -> Path:
        """Write what the client finds by itself in a pod: the mounted token and authority."""
        folder = root / IDENTITY.lstrip("/")
        write_kubeconfig(
            root / "kubeconfig",
            server=self.cluster.kubernetes_url,
            authority_pem=(folder / "ca.crt").read_text(encoding="utf-8"),
            token=(folder / "token").read_text(encoding="utf-8"),
            namespace=(folder / "namespace").read_text(encoding="utf-8"),
        )
        return root / "kubeconfig"


def _chosen(data: Mapping[str, str], items: list[dict[str, str]] | None) -> dict[str, str]:
    """Return files by name: all keys, or those that are named."""
    return {i["path"]: data[i["key"]] for i in items} if items else dict(data)
