"""One pass of a graph under watch: streamed, told to the session, and its way out named.

The guarded graph and the outer loop both run agents this way; they differ only in what stands
around the pass.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langgraph.errors import (
    GraphBubbleUp,
    GraphDrained,
    GraphInterrupt,
    GraphRecursionError,
    ParentCommand,
)
from langgraph.types import Command

from guardrails.core.events import EndRequested, ExitKind, PauseReason, RunPaused, RunResumed
from guardrails.engine import Guard, Session
from guardrails.hygiene.redact import clipped
from guardrails.integrations.callbacks import GuardCallbacks
from guardrails.integrations.claiming import Passed
from guardrails.integrations.langgraph.shape import Graph, Shape
from guardrails.integrations.owner import own
from guardrails.integrations.updates import Namespace, StateReader
from guardrails.integrations.watch import CallHeld, Halt, Watch

OnPart = Callable[[Namespace, str, Any], None]
"""Told of a part of a stream: its place, its mode, its payload."""


class Way(StrEnum):
    """How a pass came to its end."""

    ENDED = "ended"
    """The graph had nothing left to run."""
    HALTED = "halted"
    """The guard stopped it."""
    HELD = "held"
    """A call that the policy blocks broke it off."""
    LEFT = "left"
    """A hand-off to a parent graph."""
    RECURSION = "recursion"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Exit:
    """The way out of one pass."""

    way: Way = Way.ENDED
    error: Exception | None = None
    held: CallHeld | None = None
    command: Command[Any] | None = None


@dataclass(slots=True, kw_only=True)
class Pass:
    """One pass of a graph.

    Args:
        graph: The graph, as `prepared`.
        shape: Its shape.
        guard: The guard.
        session: The run.
        adapter: Which adapter owns the run.
        before: The state that the agent began with; None for the first that the pass shows.
        newest: The newest state that is known without the pass.
        on_part: Told of every part of the streams.
        notes_cancellation: Whether a cancellation is recorded here, or by whoever stands around.
    """

    graph: Graph
    shape: Shape
    guard: Guard
    session: Session
    adapter: str
    before: dict[str, Any] | None = None
    newest: dict[str, Any] = field(default_factory=dict[str, Any])
    on_part: OnPart | None = None
    notes_cancellation: bool = True
    exit: Exit = field(default_factory=Exit)
    watch: Watch = field(init=False)
    reader: StateReader = field(init=False)
    top: Namespace | None = None

    def __post_init__(self) -> None:
        self.watch = Watch(self.session)
        opaque = self.shape.messages is None and not self.shape.talks
        self.reader = StateReader(self.watch, opaque=opaque)

    @property
    def begun(self) -> dict[str, Any]:
        """The state that the agent began with."""
        return self.reader.first if self.before is None else self.before

    @property
    def after(self) -> dict[str, Any]:
        """The newest state that was seen; what was known before if there was none."""
        return self.reader.values or self.newest or self.begun

    @property
    def passed(self) -> Passed:
        """What the pass did to the state."""
        return Passed(
            before=self.begun,
            after=self.after,
            messages=self.shape.messages,
            final=self.reader.final,
            spoken=self.watch.said,
            callbacks_fire=self.watch.callbacks_fire,
        )

    def run(self, given: object, config: RunnableConfig, **options: Any) -> None:  # noqa: ANN401  # LangGraph's own options
        """Run the graph; `exit` says afterwards how it came out.

        Raises:
            GraphBubbleUp: The run is paused (inside a parent graph).
            BaseException: The run was broken off from outside; recorded.
        """
        with self._recorded(), own(self.guard, self.session, adapter=self.adapter):
            self.watch.halt_if_told()
            parts = self.graph.stream(
                cast("Any", given), self._watched(config), **self._options(options)
            )
            with closing(cast("Any", parts)):
                for part in parts:
                    self._take(part)

    async def arun(self, given: object, config: RunnableConfig, **options: Any) -> None:  # noqa: ANN401  # as above
        """Do `run` from asynchronous code.

        Raises:
            GraphBubbleUp: As `run`.
            BaseException: As `run`.
        """
        with self._recorded(), own(self.guard, self.session, adapter=self.adapter):
            self.watch.halt_if_told()
            parts = self.graph.astream(
                cast("Any", given), self._watched(config), **self._options(options)
            )
            async with aclosing(cast("Any", parts)):
                async for part in parts:
                    self._take(part)

    @contextmanager
    def _recorded(self) -> Generator[None]:
        """Turn whatever comes out of the graph into an `Exit`, and tell the session of a pause."""
        if self.session.state.paused_at is not None:
            self.session.observe(RunResumed())
        try:
            yield
        except Halt:
            self.exit = Exit(way=Way.HALTED)
        except CallHeld as held:
            self.exit = Exit(way=Way.HELD, held=held)
        except GraphRecursionError as error:
            self.exit = Exit(way=Way.RECURSION, error=error)
        except ParentCommand as left:
            self.exit = Exit(way=Way.LEFT, command=cast("Command[Any]", left.args[0]))
        except GraphBubbleUp as pause:
            self.session.observe(_paused(pause))
            raise
        except Exception as error:  # noqa: BLE001  # an agent's error of any kind is a way out
            self.exit = Exit(way=Way.FAILED, error=error)
        except BaseException as signal:
            if self.notes_cancellation:
                end = EndRequested(exit=ExitKind.CANCELLED, detail=_said(signal))
                self.session.observe(end)
            raise

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **options,
            "stream_mode": ["updates", "values", *options.get("stream_mode", ())],
            "subgraphs": True,
            "output_keys": self.shape.keys,
        }

    def _watched(self, config: RunnableConfig) -> RunnableConfig:
        watched = config.copy()
        handler = GuardCallbacks(self.watch)
        match config.get("callbacks"):
            case None:
                watched["callbacks"] = [handler]
            case BaseCallbackManager() as manager:
                watched["callbacks"] = _with_handler(manager, handler)
            case handlers:
                watched["callbacks"] = [*handlers, handler]
        return watched

    def _take(self, part: object) -> None:
        namespace, mode, payload = cast("tuple[Namespace, str, object]", part)
        if self.top is None:
            self.top = namespace
        if self.on_part is not None:
            self.on_part(namespace, mode, payload)
        self.reader.take(namespace, mode, payload, top=namespace == self.top)


@contextmanager
def accountable(guard: Guard, session: Session, *, where: str) -> Generator[None]:
    """See to it that a run has its outcome also when code around the agent breaks.

    Args:
        guard: The guard.
        session: The run.
        where: For the trace.
    """
    try:
        yield
    except GraphBubbleUp:
        raise
    except Exception as error:
        guard.fail(session, error, where=where)
        raise
    except BaseException as signal:
        session.observe(EndRequested(exit=ExitKind.CANCELLED, detail=_said(signal)))
        raise


def _with_handler(
    manager: BaseCallbackManager, handler: BaseCallbackHandler
) -> BaseCallbackManager:
    """Return a copy with one more handler; the manager itself belongs to the caller."""
    own_copy = manager.copy()
    own_copy.add_handler(handler, inherit=True)
    return own_copy


def _paused(pause: GraphBubbleUp) -> RunPaused:
    match pause:
        case GraphDrained():
            return RunPaused(reason=PauseReason.DRAIN, detail=pause.reason)
        case GraphInterrupt():
            return RunPaused(reason=PauseReason.INTERRUPT, detail=question_in(pause.args))
        case _:
            return RunPaused(reason=PauseReason.INTERRUPT, detail=type(pause).__name__)


def question_in(interrupts: object) -> str:
    """Return what an interrupt asks, in words."""
    match interrupts:
        case list() | tuple():
            rows = cast("list[object] | tuple[object, ...]", interrupts)
            return clipped("; ".join(filter(None, map(question_in, rows))), 500)
        case _:
            value: object = getattr(interrupts, "value", interrupts)
            return clipped(str(value), 500)


def _said(signal: BaseException) -> str:
    if isinstance(signal, asyncio.CancelledError):
        return "cancelled"
    return type(signal).__name__
