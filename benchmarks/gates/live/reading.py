"""Raw object lists of one namespace, and what alerting says: what peers judge and recordings keep.

Lists are read as the guard, who may read and nothing else, so a right that a case takes away is
gone for peers too; a list that may not be read is absent.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from benchmarks.gates.world import Thing, World
from e2e.api import read_kubeconfig

TIMEOUT_SECONDS = 5.0

CONNECTIONS = 4
"""To the API server: a handshake costs it more than a list of a small namespace."""

NAMESPACED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("pods", "services", "events", "persistentvolumeclaims", "resourcequotas"),
            *("limitranges", "configmaps", "replicationcontrollers", "serviceaccounts"),
        ),
        "/api/v1",
    ),
    **dict.fromkeys(
        ("deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"),
        "/apis/apps/v1",
    ),
    **dict.fromkeys(("jobs", "cronjobs"), "/apis/batch/v1"),
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "poddisruptionbudgets": "/apis/policy/v1",
    **dict.fromkeys(("networkpolicies", "ingresses"), "/apis/networking.k8s.io/v1"),
    **dict.fromkeys(("roles", "rolebindings"), "/apis/rbac.authorization.k8s.io/v1"),
    "endpointslices": "/apis/discovery.k8s.io/v1",
    **dict.fromkeys(("authorizationpolicies", "peerauthentications"), "/apis/security.istio.io/v1"),
    "networkchaos": "/apis/chaos-mesh.org/v1alpha1",
}
"""API root by plural."""

CLUSTER: Mapping[str, str] = {
    **dict.fromkeys(("nodes", "namespaces", "persistentvolumes"), "/api/v1"),
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "ingressclasses": "/apis/networking.k8s.io/v1",
    "priorityclasses": "/apis/scheduling.k8s.io/v1",
    "storageclasses": "/apis/storage.k8s.io/v1",
    **dict.fromkeys(
        ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
        "/apis/admissionregistration.k8s.io/v1",
    ),
}

FOR_PEERS = (
    *("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs", "pods"),
    *("services", "endpointslices", "events", "persistentvolumeclaims"),
    *("horizontalpodautoscalers", "poddisruptionbudgets", "nodes"),
)
"""The lists that some peer reads."""

EVERYTHING = (*NAMESPACED, *CLUSTER)
"""What a recording keeps, whether or not a check reads it today."""


class _List(msgspec.Struct, frozen=True):
    items: list[dict[str, Any]] | None = None


class _Alerts(msgspec.Struct, frozen=True):
    alerts: list[dict[str, Any]]


class _AlertsAnswer(msgspec.Struct, frozen=True):
    data: _Alerts


class _Sample(msgspec.Struct, frozen=True):
    value: tuple[float, str]


class _Vector(msgspec.Struct, frozen=True):
    result: list[_Sample]


class _QueryAnswer(msgspec.Struct, frozen=True):
    data: _Vector


class RawReader:
    """Reads lists as one user. Use within one event loop; close at the end."""

    def __init__(self, kubeconfig: Path, *, prometheus_url: str) -> None:
        config = read_kubeconfig(kubeconfig)
        self._http = httpx2.AsyncClient(
            base_url=config.server,
            headers={"Authorization": f"Bearer {config.users[0].user.token}"},
            verify=ssl.create_default_context(cadata=config.authority_pem),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx2.Limits(max_connections=CONNECTIONS),
        )
        self._plain = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._prometheus_url = prometheus_url

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._plain.aclose()

    async def look(self, namespace: str, plurals: Iterable[str] = FOR_PEERS) -> World:
        """Read lists and alerts at once."""
        wanted = list(plurals)
        lists, alerts = await asyncio.gather(
            asyncio.gather(*(self._list(plural, namespace) for plural in wanted)), self._alerts()
        )
        return World(
            at=time.time(),
            lists={p: found for p, found in zip(wanted, lists, strict=True) if found is not None},
            alerts=alerts,
        )

    async def query(self, expression: str) -> float | None:
        """Return the first value of an instant query, or nothing."""
        body = await self.text(f"{self._prometheus_url}/api/v1/query", params={"query": expression})
        found = [] if body is None else msgspec.json.decode(body, type=_QueryAnswer).data.result
        return float(found[0].value[1]) if found else None

    async def text(self, url: str, params: Mapping[str, str] | None = None) -> bytes | None:
        """Return the body of a plain GET, or nothing when there is no good answer."""
        try:
            answer = await self._plain.get(url, params=dict(params) if params else None)
        except httpx2.TransportError:
            return None
        return answer.content if answer.is_success else None

    async def _list(self, plural: str, namespace: str) -> list[Thing] | None:
        if plural in CLUSTER:
            path, query = f"{CLUSTER[plural]}/{plural}", dict[str, str]()
            if plural == "namespaces":  # those of other lanes are none of its concern
                query = {"fieldSelector": f"metadata.name={namespace}"}
        else:
            path, query = f"{NAMESPACED[plural]}/namespaces/{namespace}/{plural}", {}
        try:
            answer = await self._http.get(path, params=query)
        except httpx2.TransportError:
            return None
        if not answer.is_success:
            return None
        return list[Thing](msgspec.json.decode(answer.content, type=_List).items or [])

    async def _alerts(self) -> list[Thing] | None:
        body = await self.text(f"{self._prometheus_url}/api/v1/alerts")
        if body is None:
            return None
        return list[Thing](msgspec.json.decode(body, type=_AlertsAnswer).data.alerts)
