"""The production readers that our gate judges with, noting what they were asked.

A recording asks the same again for each of its looks, so that a replay can answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guardrails.gates.alerts.alertmanager import Alertmanager
from guardrails.gates.alerts.prometheus import Prometheus
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.snapshot import PrometheusState

TIMEOUT_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class NotedPrometheus:
    """Prometheus, and the instant queries that it was asked."""

    source: Prometheus
    queries: dict[str, None] = field(default_factory=dict[str, None])

    async def read(self, *, queries: Sequence[str] = ()) -> PrometheusState:
        """Read as the source does."""
        self.queries.update(dict.fromkeys(queries))
        return await self.source.read(queries=queries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """The sources of one case."""

    cluster: KubernetesReader
    prometheus: NotedPrometheus
    alertmanager: Alertmanager

    def close(self) -> None:
        """Close the connections."""
        self.cluster.close()


def sources_of(kubeconfig: Path, prometheus_url: str, alertmanager_url: str) -> Noted:
    """Return the sources of one case."""
    return Noted(
        cluster=KubernetesReader.connect(kubeconfig, timeout_seconds=TIMEOUT_SECONDS),
        prometheus=NotedPrometheus(
            source=Prometheus(prometheus_url, timeout_seconds=TIMEOUT_SECONDS)
        ),
        alertmanager=Alertmanager(alertmanager_url, timeout_seconds=TIMEOUT_SECONDS),
    )
