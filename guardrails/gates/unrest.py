"""What the gate notices of a run by itself, over all of its looks: changes, and times of unrest.

An alert may fire for as long as its rule looks back on the last of either. An agent's writes are
known from its tools; but a node of a hand-built graph writes without any, and people help.
"""

from dataclasses import dataclass, field
from datetime import datetime

from guardrails.core.evidence import Sample
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS
from guardrails.gates.snapshot import ListKey, Snapshot

SPECIFIED = (*WORKLOAD_LISTS, "Service")
"""Kinds that change when somebody changes them. Pods, ReplicaSets and slices follow from these."""


@dataclass(slots=True)
class Unrest:
    """The memory of one run's gate, kept between its evaluations."""

    at: datetime | None = None
    """When things were last not good, or could not be told."""
    changed_at: datetime | None = None
    """When a look first showed the last change to what people specify."""
    passed: tuple[Sample, ...] = ()
    """The trail of the last pass, which a watch goes on with."""
    _versions: dict[ListKey, dict[str, str]] = field(default_factory=dict[ListKey, dict[str, str]])

    def note_changes(self, look: Snapshot) -> None:
        """Compare a look with the one before; a list that was not read says nothing."""
        for listed in look.lists:
            if listed.key.kind not in SPECIFIED or not listed.read.ok:
                continue
            versions = {item.metadata.name: _version(item) for item in listed.objects}
            before = self._versions.get(listed.key)
            if before is not None and before != versions:
                self.changed_at = look.at
            self._versions[listed.key] = versions


def _version(item: KubeObject) -> str:
    """Return what changes with the spec: a Service has no generation, and hardly any status."""
    metadata = item.metadata
    return f"{metadata.uid} {metadata.generation or metadata.resource_version}"
