"""The tools of the demo's agent: real LangChain tools that speak HTTP to a cluster.

They know nothing of the guard. The agent has a token of its own, with rights of its own, as an
agent in production would.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx2
import msgspec
import yaml

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_PATHS = {
    "pods": "/api/v1",
    "services": "/api/v1",
    "events": "/api/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
}
"""Resources that the agent's tools know, and where they live."""

AGENT_RULES: list[dict[str, Any]] = [
    {
        "apiGroups": ["", "apps", "discovery.k8s.io"],
        "resources": ["*"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "apiGroups": ["", "apps"],
        "resources": ["services", "deployments"],
        "verbs": ["patch", "update"],
    },
]
"""What the agent may do: look at everything, change Services and Deployments."""

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTools:
    """Where the tools reach out to.

    Args:
        kubernetes_url: Base URL of the API server.
        token: The agent's bearer token.
        prometheus_url: Base URL of Prometheus.
        namespace: The namespace that the agent works in.
    """

    kubernetes_url: str
    token: str
    prometheus_url: str
    namespace: str

    def all(self) -> "list[BaseTool]":
        """Return the tools as an agent takes them."""
        # Where LangChain is left out, whoever asks for a demo is told so before this.
        from langchain_core.tools import StructuredTool  # noqa: PLC0415

        functions: tuple[Callable[..., str], ...] = (
            self.kubectl_get,
            self.kubectl_patch,
            self.prometheus_alerts,
            self.prometheus_query,
            self.wait,
        )
        return [StructuredTool.from_function(function) for function in functions]

    def kubectl_get(self, resource: str, name: str = "") -> str:
        """List resources of a kind, or show one of them as YAML."""
        path = self._path(resource, name)
        if path is None:
            return f'error: the server doesn\'t have a resource type "{resource}"'
        if name:
            return self._one(path)
        answer = self._kubernetes("GET", path, headers={"accept": _TABLE})
        return _table(answer.content) if answer.is_success else _error(answer)

    def kubectl_patch(self, resource: str, name: str, patch: dict[str, Any]) -> str:
        """Change a resource by a strategic merge patch."""
        path = self._path(resource, name)
        if path is None:
            return f'error: the server doesn\'t have a resource type "{resource}"'
        answer = self._kubernetes(
            "PATCH",
            path,
            json=patch,
            headers={"content-type": "application/strategic-merge-patch+json"},
        )
        return f"{resource}/{name} patched" if answer.is_success else _error(answer)

    def prometheus_alerts(self) -> str:
        """List the alerts that are pending or firing."""
        answer = self._prometheus("/api/v1/alerts", {})
        alerts = cast("list[dict[str, Any]]", answer["data"]["alerts"])
        lines = [
            f"{a['state']:<8} {a['labels'].get('alertname')} {_labels(a['labels'])}"
            for a in alerts
            if a["labels"].get("alertname") != "Watchdog"
        ]
        return "\n".join(lines) or "no alert is pending or firing"

    def prometheus_query(self, query: str) -> str:
        """Evaluate a PromQL expression now."""
        answer = self._prometheus("/api/v1/query", {"query": query})
        if answer.get("status") != "success":
            return f"error: {answer.get('error', 'no answer')}"
        result = answer["data"]["result"]
        if not isinstance(result, list):
            return str(result)
        series = cast("list[dict[str, Any]]", result)
        return "\n".join(f"{_labels(s['metric'])} {s['value'][1]}" for s in series) or "(empty)"

    def wait(self, seconds: float) -> str:
        """Do nothing for some seconds, at most five."""
        spent = max(0.0, min(seconds, 5.0))
        time.sleep(spent)
        return f"waited {spent:g}s"

    def _one(self, path: str) -> str:
        answer = self._kubernetes("GET", path)
        if not answer.is_success:
            return _error(answer)
        found = cast("dict[str, Any]", answer.json())
        where = f"{found['metadata'].get('namespace')}/{found['metadata']['name']}"
        shown = {f"{found.get('kind')} {where}": found.get("spec")}
        return yaml.safe_dump(shown, sort_keys=False)

    def _path(self, resource: str, name: str) -> str | None:
        root = _PATHS.get(resource)
        if root is None:
            return None
        return f"{root}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def _kubernetes(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        with httpx2.Client(timeout=_TIMEOUT_SECONDS) as client:
            content = None if json is None else msgspec.json.encode(json)
            return client.request(
                method, f"{self.kubernetes_url}{path}", content=content, headers=sent
            )

    def _prometheus(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        with httpx2.Client(timeout=_TIMEOUT_SECONDS) as client:
            answer = client.get(f"{self.prometheus_url}{path}", params=dict(params))
        return cast("dict[str, Any]", answer.json())


class _Column(msgspec.Struct, frozen=True):
    name: str
    priority: int = 0


class _Row(msgspec.Struct, frozen=True):
    cells: list[Any]


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    column_definitions: list[_Column]
    rows: list[_Row] | None = None


def _table(body: bytes) -> str:
    """Write a Table as kubectl does: columns of priority 0, padded."""
    table = msgspec.json.decode(body, type=_Table)
    columns = [(at, c.name.upper()) for at, c in enumerate(table.column_definitions)]
    shown = [(at, name) for at, name in columns if not table.column_definitions[at].priority]
    lines = [[name for _, name in shown]]
    lines += [[str(row.cells[at]) for at, _ in shown] for row in table.rows or ()]
    if len(lines) == 1:
        return "No resources found."
    widths = [max(len(line[at]) for line in lines) for at in range(len(shown))]
    return "\n".join(
        "   ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _error(answer: httpx2.Response) -> str:
    try:
        body = cast("dict[str, Any]", answer.json())
    except ValueError:
        return f"Error from server: HTTP {answer.status_code}"
    return f"Error from server ({body.get('reason', answer.status_code)}): {body.get('message')}"


def _labels(labels: Mapping[str, str]) -> str:
    shown = {k: v for k, v in labels.items() if k not in {"alertname", "__name__"}}
    return "{" + ", ".join(f'{k}="{v}"' for k, v in sorted(shown.items())) + "}"
