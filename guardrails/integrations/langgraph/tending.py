"""Nodes that find no wrong step in their state, and take those that were taken back out of it.

A graph of one's own has no hook before its model, so each of its nodes gets one: what it is given
is clean, and its own update is preceded by the one that cleans the graph's state.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# ruff: noqa: A002, ANN401  # the signatures are LangChain's

import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.types import Command

from guardrails.engine import Session
from guardrails.integrations.owner import current_owner
from guardrails.integrations.surgery import Surgery, surgery_on

_lock = threading.Lock()
"""Two nodes of one superstep must not both take the same messages out: LangGraph refuses that."""


class Tended(Runnable[Any, Any]):
    """A node's work, with wrong steps taken out before it.

    Args:
        work: What the node does.
        key: The state key of the conversation, which must merge like `add_messages`.
    """

    def __init__(self, work: Runnable[Any, Any], *, key: str) -> None:
        self._work = work
        self._key = key

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Do the work."""
        session, rows = self._begun(input)
        if session is None or (found := surgery_on(session, rows)) is None:
            return self._work.invoke(input, config, **kwargs)
        done = self._work.invoke(self._given(input, found), config, **kwargs)
        return self._ended(session, rows, done)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Do `invoke` in asynchronous graphs."""
        session, rows = self._begun(input)
        if session is None or (found := surgery_on(session, rows)) is None:
            return await self._work.ainvoke(input, config, **kwargs)
        done = await self._work.ainvoke(self._given(input, found), config, **kwargs)
        return self._ended(session, rows, done)

    def _begun(self, given: Any) -> tuple[Session | None, Sequence[BaseMessage]]:
        """Return the run's session, if steps were taken back, and the conversation."""
        owner = current_owner.get()
        if owner is None or not owner.session.state.early.taken_back:
            return None, ()
        rows = cast("Mapping[str, Any]", given).get(self._key) if isinstance(given, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, BaseMessage) for row in rows):
            return None, ()
        return owner.session, cast("list[BaseMessage]", rows)

    def _given(self, given: dict[str, Any], found: Surgery) -> dict[str, Any]:
        return {**given, self._key: found.messages}

    def _ended(self, session: Session, rows: Sequence[BaseMessage], done: Any) -> Any:
        """Put the cleaning update before the node's own, unless another node has done it.

        A node that raised or was interrupted has not cleaned anything; its next run does.
        """
        with _lock:
            found = surgery_on(session, rows)
            if found is None:
                return done
            session.observe(found.fact)
        clean: Command[Any] = Command(update={self._key: found.update(rows)})
        if isinstance(done, (list, tuple)) and any(isinstance(one, Command) for one in done):
            return [clean, *done]
        return [clean] if done is None else [clean, done]
