"""What depends on what: a graph over one look, by which a fault in one object explains another."""

from guardrails.gates.topology.build import topology_of, topology_seen
from guardrails.gates.topology.graph import Edge, Reach, Spread, Thing, Topology, spread

__all__ = [
    "Edge",
    "Reach",
    "Spread",
    "Thing",
    "Topology",
    "spread",
    "topology_of",
    "topology_seen",
]
