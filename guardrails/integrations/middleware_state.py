"""What the middleware keeps in the agent's state: plain JSON and keys, none of our own types."""

from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.types import (
    AgentState,
    OmitFromInput,
    PrivateStateAttr,
    ResponseT,
)
from langgraph.channels import UntrackedValue
from langgraph.managed.is_last_step import (  # pyright: ignore[reportMissingTypeStubs]  # typed, but not marked so
    RemainingStepsManager,
)

SESSIONS_KEY = "guardrails_sessions"
LIVE_KEY = "guardrails_live"
ROOM_KEY = "guardrails_room"


class GuardrailState(AgentState[ResponseT]):
    """The agent's state, with the guard's private channels and its outcome."""

    guardrails_sessions: NotRequired[Annotated[dict[str, str], PrivateStateAttr]]
    """Key of the newest run's session, by middleware name; it outlives a pause."""
    guardrails_live: NotRequired[Annotated[dict[str, str], UntrackedValue, PrivateStateAttr]]
    """The same, kept for this invocation only: what stands here is not of an earlier run."""
    guardrails_room: NotRequired[Annotated[int | None, PrivateStateAttr]]
    """Supersteps that were left when the model last replied."""
    remaining_steps: NotRequired[Annotated[int, PrivateStateAttr, RemainingStepsManager]]
    """Supersteps that LangGraph's recursion limit leaves; LangGraph fills it in."""
    guardrails_outcome: NotRequired[Annotated[dict[str, Any] | None, OmitFromInput]]
    """The typed outcome: `guardrails.integrations.replies.OutcomeState`."""
