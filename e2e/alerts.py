"""What Prometheus and Alertmanager say about alerts, read over their HTTP APIs.

Answers that are not what the API documents raise: an empty list must mean that nothing fires.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import msgspec

from e2e.clusters.cluster import Cluster

REQUEST_TIMEOUT_SECONDS = 5.0

WATCHDOG = "Watchdog"
"""The alert that always fires; its presence proves that alerts arrive."""


class PrometheusAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as Prometheus tells it: pending or firing."""

    labels: dict[str, str]
    state: str


class _AlertList(msgspec.Struct, frozen=True, kw_only=True):
    alerts: list[PrometheusAlert]


class _AlertsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    data: _AlertList


class _AlertmanagerStatus(msgspec.Struct, frozen=True, kw_only=True):
    state: str


class AlertmanagerAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as Alertmanager tells it: active or suppressed."""

    labels: dict[str, str]
    status: _AlertmanagerStatus


def in_prometheus(cluster: Cluster) -> list[PrometheusAlert]:
    """Return the alerts that are pending or firing."""
    answer = _get(f"{cluster.prometheus_url}/api/v1/alerts")
    return msgspec.json.decode(answer, type=_AlertsAnswer).data.alerts


def in_alertmanager(cluster: Cluster) -> list[AlertmanagerAlert]:
    """Return the alerts that Alertmanager holds, suppressed ones too."""
    answer = _get(f"{cluster.alertmanager_url}/api/v2/alerts")
    return msgspec.json.decode(answer, type=list[AlertmanagerAlert])


def fires(cluster: Cluster, labels: Mapping[str, str]) -> bool:
    """Tell whether an alert with these labels fires in Prometheus."""
    return any(
        alert.state == "firing" and labels.items() <= alert.labels.items()
        for alert in in_prometheus(cluster)
    )


def arrived(cluster: Cluster, labels: Mapping[str, str]) -> bool:
    """Tell whether an alert with these labels is held by Alertmanager."""
    return any(labels.items() <= alert.labels.items() for alert in in_alertmanager(cluster))


def names(cluster: Cluster) -> set[str]:
    """Return the names of all alerts that either server knows, pending ones too, less Watchdog."""
    known = {alert.labels["alertname"] for alert in in_prometheus(cluster)}
    known |= {alert.labels["alertname"] for alert in in_alertmanager(cluster)}
    return known - {WATCHDOG}


def quiet(cluster: Cluster) -> bool:
    """Tell whether nothing but the watchdog is known, and the watchdog arrives."""
    return not names(cluster) and arrived(cluster, {"alertname": WATCHDOG})


def _get(url: str) -> bytes:
    answer = httpx2.get(url, timeout=REQUEST_TIMEOUT_SECONDS, trust_env=False)
    answer.raise_for_status()
    return answer.content
