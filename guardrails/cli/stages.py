"""What a run needs, put together by a plan (for TARGET or a demo) and used by `running`."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from guardrails.core.incident import Incident

if TYPE_CHECKING:
    from guardrails.cli.graphs import Built
    from guardrails.cli.guards import GuardMaker
    from guardrails.engine import Guard

Say = Callable[[str], None]
"""Tells the person something beside the run."""

Build = Callable[["Guard", AsyncExitStack], Coroutine[Any, Any, "Built"]]
"""Makes the graph; called once, in the event loop of the run. The stack closes what it opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything around an agent, ready for it to start."""

    incident: Incident
    guard: "GuardMaker"
    build: Build
    graph_input: str = ""
    claim: Callable[[Any], Any] | None = None
    on_refusal: Callable[..., Any] | None = None


class Plan(Protocol):
    """How a stage is set up and taken down."""

    @property
    def target(self) -> str:
        """The agent, as the person named it."""
        ...

    @property
    def model(self) -> str:
        """`provider:name`, or empty."""
        ...

    @property
    def trace(self) -> Path | None:
        """Where the trace goes."""
        ...

    def staged(self, say: Say) -> AbstractContextManager[Stage]:
        """Set the stage up for the time of a `with` block."""
        ...
