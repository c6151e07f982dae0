"""`guard(graph)`: any compiled LangGraph graph, guarded, as a compiled graph again."""

from guardrails.integrations.claiming import OnRefusal, ReadClaim
from guardrails.integrations.langgraph.nodes import Errors
from guardrails.integrations.langgraph.shape import OUTCOME, Graph
from guardrails.integrations.langgraph.stream import GuardedGraph
from guardrails.integrations.langgraph.wrap import guard

__all__ = ["OUTCOME", "Errors", "Graph", "GuardedGraph", "OnRefusal", "ReadClaim", "guard"]
