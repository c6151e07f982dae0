"""The picture of "healthy" that a run is judged against: recording, keeping and choosing one.

A snapshot from when an incident had begun may hold the fault, and so may one from shortly before
its alert fired, because alerts fire late. A run's own start only tells what is new.
"""

from guardrails.gates.reference.choice import choose_among, choose_reference
from guardrails.gates.reference.folder import Baselines, find_snapshots, load_snapshots
from guardrails.gates.reference.health import evidence_of
from guardrails.gates.reference.history import HISTORY_LISTS
from guardrails.gates.reference.manifests import read_manifests
from guardrails.gates.reference.recorder import BaselineRecorder, Recorded, RecordedAs
from guardrails.gates.reference.recording import record_baseline
from guardrails.gates.reference.retention import Retention

__all__ = [
    "HISTORY_LISTS",
    "BaselineRecorder",
    "Baselines",
    "Recorded",
    "RecordedAs",
    "Retention",
    "choose_among",
    "choose_reference",
    "evidence_of",
    "find_snapshots",
    "load_snapshots",
    "read_manifests",
    "record_baseline",
]
