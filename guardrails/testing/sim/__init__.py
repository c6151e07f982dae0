"""SimCluster: a Kubernetes API server, Prometheus and Alertmanager on loopback, in one process.

A verified fake: the conformance kit states the facts that it shares with the real servers.
"""

from guardrails.testing.sim.cluster import SimCluster
from guardrails.testing.sim.faults import Match, Respond
from guardrails.testing.sim.rules import AlertRule
from guardrails.testing.sim.time import ClusterTime
from guardrails.testing.sim.traffic import Flow

__all__ = ["AlertRule", "ClusterTime", "Flow", "Match", "Respond", "SimCluster"]
