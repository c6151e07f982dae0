"""Other tools' ideas of "healthy", written anew from their published logic, for comparison.

Each file holds one tool as a pure function over raw object lists and says where its rules are
published. They are judged as they are documented, known defects included: that is what a pipeline
that trusts them would get.
"""

from __future__ import annotations

from benchmarks.gates.peers.aiopslab import AIOPSLAB
from benchmarks.gates.peers.argocd import ARGOCD
from benchmarks.gates.peers.helm import HELM
from benchmarks.gates.peers.k8sgpt import K8SGPT
from benchmarks.gates.peers.kstatus import KSTATUS
from benchmarks.gates.peers.rollout import ROLLOUT_STATUS
from benchmarks.gates.peers.sregym import SREGYM
from benchmarks.gates.peers.stratus import STRATUS
from benchmarks.gates.world import Peer

SIX = (KSTATUS, ROLLOUT_STATUS, ARGOCD, HELM, K8SGPT, SREGYM)
"""The tools that people trust to say that a rollout went well."""

PEERS: tuple[Peer, ...] = (*SIX, STRATUS, AIOPSLAB)
"""Every gate that ours is compared with."""
