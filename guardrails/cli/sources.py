"""Opens the sources of evidence, and finds out before the run whether they answer.

A run whose evidence cannot be read could only end by calling a person; better to say so before
the agent touches anything. What is merely forbidden is a warning: the gate will name it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guardrails.core.incident import Incident
from guardrails.errors import PermanentSourceError, TemporarySourceError, UsageError
from guardrails.gates.alerts.alertmanager import AlertmanagerReader
from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.alerts.prometheus import PrometheusReader
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus

SCOPE_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Service")
"""Kinds asked for before a run: one of them in a namespace means that there is something to judge,
and all of them are needed to judge it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Where the evidence comes from, as the command line says it."""

    kubeconfig: Path | None = None
    context: str | None = None
    prometheus: str | None = None
    alertmanager: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The sources, opened; nothing has been asked yet."""

    cluster: KubernetesReader
    prometheus: PrometheusReader | None = None
    alertmanager: AlertmanagerReader | None = None

    def close(self) -> None:
        """Close the connections."""
        self.cluster.close()


def open_sources(options: SourceOptions, *, timeout_seconds: float) -> Opened:
    """Open the sources.

    Args:
        options: Where they are.
        timeout_seconds: Limit of one list or query.

    Raises:
        UsageError: No kubeconfig, no such context, or something that is no URL.
        PermanentSourceError: The credentials cannot be loaded.
    """

    def http(url: str, name: str) -> HttpReader:
        return HttpReader(url, name=name, timeout_seconds=timeout_seconds)

    prometheus, alertmanager = options.prometheus, options.alertmanager
    # URLs first: they fail without leaving a connection open.
    alerts = PrometheusReader(http(prometheus, "--prometheus")) if prometheus else None
    routed = AlertmanagerReader(http(alertmanager, "--alertmanager")) if alertmanager else None
    cluster = connect(options.kubeconfig, options.context, timeout_seconds=timeout_seconds)
    return Opened(cluster=cluster, prometheus=alerts, alertmanager=routed)


def in_scope(incident: Incident, sources: Opened) -> Incident:
    """Give an incident that names no namespace the one of the context, as kubectl would."""
    if incident.namespaces:
        return incident
    named = tuple(dict.fromkeys(w.namespace for w in incident.workloads if w.namespace))
    return Incident(
        task=incident.task,
        goal=incident.goal,
        namespaces=named or (sources.cluster.namespace or "default",),
        workloads=incident.workloads,
        alerts=incident.alerts,
        slo=incident.slo,
    )


async def preflight(sources: Opened, incident: Incident, *, has_baseline: bool) -> tuple[str, ...]:
    """Ask every source one question.

    Args:
        sources: The sources.
        incident: Its namespaces are looked at.
        has_baseline: With a baseline even an empty namespace can be judged.

    Returns:
        Warnings: what is forbidden, and what the gate will therefore not be able to read.

    Raises:
        PermanentSourceError: The credentials are refused.
        TemporarySourceError: A source cannot be reached.
        UsageError: A namespace does not exist or is empty.
    """
    warnings: list[str] = []
    read, _ = await sources.cluster.version()
    if not read.ok and read.status is not ReadStatus.FORBIDDEN:
        raise _cannot_ask_kubernetes(sources, read)
    for namespace in incident.namespaces:
        warnings += await _look_at(sources, namespace, has_baseline=has_baseline)
    if sources.prometheus is not None:
        state = await sources.prometheus.read()
        _insist(
            f"Prometheus at {sources.prometheus.place}",
            (state.alerts_read, state.rules_read),
            option="--prometheus",
        )
    if sources.alertmanager is not None:
        routed = await sources.alertmanager.read()
        _insist(
            f"Alertmanager at {sources.alertmanager.place}",
            (routed.alerts_read, routed.silences_read),
            option="--alertmanager",
        )
    return tuple(warnings)


async def _look_at(sources: Opened, namespace: str, *, has_baseline: bool) -> list[str]:
    lists = await list_all(sources, namespace, SCOPE_KINDS)
    for found in lists:
        if found.read.status in {ReadStatus.UNAUTHORIZED, ReadStatus.UNREACHABLE}:
            raise _cannot_ask_kubernetes(sources, found.read)
    unread = [found.read.message for found in lists if not found.read.ok]
    if unread:
        return [f"the gate cannot judge by {message}" for message in unread]
    if has_baseline or any(found.objects for found in lists):
        return []
    exists = await sources.cluster.list(
        ListKey(kind="Namespace", namespace=namespace, name=namespace)
    )
    if exists.read.ok and not exists.objects:
        raise UsageError(f"namespace {namespace!r} does not exist; name another with -n")
    raise UsageError(
        f"namespace {namespace!r} is empty, so nothing in it can be judged; name another with -n, "
        f"or give a --baseline of the time when it was not"
    )


async def list_all(sources: Opened, namespace: str, kinds: Sequence[str]) -> list[ObjectList]:
    """Read one list of each kind, all at once."""
    return list(
        await asyncio.gather(
            *(sources.cluster.list(ListKey(kind=kind, namespace=namespace)) for kind in kinds)
        )
    )


def _insist(name: str, reads: Sequence[Read], *, option: str) -> None:
    for read in reads:
        if not read.ok:
            raise _cannot(name, read, way_out=f"check {option}, its base URL")


def _cannot_ask_kubernetes(
    sources: Opened, read: Read
) -> PermanentSourceError | TemporarySourceError:
    refused = read.status is ReadStatus.UNAUTHORIZED
    way_out = "log in again, or choose" if refused else "choose"
    return _cannot(
        f"Kubernetes at {sources.cluster.server}",
        read,
        way_out=f"{way_out} another cluster with --kubeconfig or --context",
    )


def _cannot(what: str, read: Read, *, way_out: str) -> PermanentSourceError | TemporarySourceError:
    kind = TemporarySourceError if read.temporary else PermanentSourceError
    said = {
        ReadStatus.UNREACHABLE: "cannot be reached",
        ReadStatus.TIMEOUT: "does not answer in time",
        ReadStatus.UNAUTHORIZED: "refuses the credentials",
        ReadStatus.FORBIDDEN: "forbids reading",
    }.get(read.status, "does not answer as it should")
    return kind(f"{what} {said}: {read.message}; {way_out}")
