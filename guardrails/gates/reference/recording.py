"""Taking one snapshot for later runs to be judged against, and judging it at once.

What is wrong in it is told to whoever records: a baseline of a sick cluster helps nobody.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from guardrails.core.evidence import Evidence, EvidenceState
from guardrails.core.incident import Incident
from guardrails.errors import BaselineError
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.look import Sources, take_look
from guardrails.gates.reference.health import evidence_of
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import Snapshot, write_snapshot


async def record_baseline(  # one keyword per source
    reader: ClusterReader,
    *,
    namespaces: Sequence[str],
    path: Path,
    at: datetime,
    prometheus: PrometheusSource | None = None,
    alertmanager: AlertmanagerSource | None = None,
) -> tuple[Snapshot, list[Evidence]]:
    """Take a snapshot and write it as a baseline file.

    Returns:
        The snapshot, and what our checks find unwell or unread in it, for the person to see.

    Raises:
        BaselineError: No namespace, or the file cannot be written.
    """
    sources = Sources(cluster=reader, prometheus=prometheus, alertmanager=alertmanager)
    snapshot = await look_at(sources, namespaces=namespaces, at=at)
    write_snapshot(snapshot, path)
    wrong = [
        e
        for e in evidence_of(snapshot, scope_of(namespaces))
        if e.counts and e.state is not EvidenceState.SATISFIED
    ]
    return snapshot, wrong


async def look_at(sources: Sources, *, namespaces: Sequence[str], at: datetime) -> Snapshot:
    """Take the snapshot that every check could be run on.

    Raises:
        BaselineError: No namespace.
    """
    if not namespaces:
        raise BaselineError("a baseline needs at least one namespace (-n)")
    return await take_look(
        sources, namespaces=namespaces, kinds=lists_of(DEFAULT_CHECKS), queries=(), at=at
    )


def scope_of(namespaces: Sequence[str]) -> Incident:
    """Return the scope of a recording: namespaces, and no incident."""
    return Incident(task="", namespaces=tuple(namespaces))
