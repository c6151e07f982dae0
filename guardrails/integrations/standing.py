"""Which session a hook of the middleware belongs to.

Under an owner it is the owner's. Otherwise each invocation of the agent gets a key of its own in a
private state channel, so that a second turn on a thread has fresh budgets, a resumed run finds
its session again, and threads that share one middleware never meet.
"""

import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from weakref import WeakKeyDictionary

from langgraph.config import get_config

from guardrails.core.decisions import Reason
from guardrails.core.events import EndRequested, ExitKind, PauseReason, RunPaused, RunResumed
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, Session, SessionKey
from guardrails.errors import UsageError
from guardrails.integrations.owner import current_owner

ADAPTER = "create_agent"
TOOLS_ADAPTER = "tools"

_log = logging.getLogger("guardrails")

REVIVALS = 5
"""How often an invocation may go on after an error that seemed to end it (a retry outside the
guard, a resumption from a checkpoint). Each starts with fresh budgets, so there must be an end;
retry middleware gives up after two or three attempts by default."""

_begin_lock = threading.Lock()
_revivals: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A guard at work in one run."""

    guard: Guard
    session: Session
    owned: bool
    """True when the end of the run is not this adapter's to settle: an adapter outside owns it."""
    key: SessionKey | None = None
    """What the middleware finds the session by; None for everyone else."""
    agent: str = ""
    """Name of the agent, if `create_agent` was given one."""
    alone: bool = False
    """True when only tools are guarded: nothing stands around the agent that could end its run."""

    @property
    def shadow(self) -> bool:
        """True when nothing may be held back."""
        return self.session.state.shadow

    @property
    def stopped(self) -> bool:
        """True when the agent may run no further call."""
        state = self.session.state
        return not state.shadow and (state.stop is not None or state.ended)

    @property
    def silenced(self) -> bool:
        """True when the model may not even speak: after an accepted end it may still say so."""
        outcome = self.session.outcome
        return self.stopped and not (outcome is not None and outcome.accepted)

    async def prepare(self) -> None:
        """Let the gate note the world, once, before the agent acts."""
        if self._unprepared:
            await self.guard.prepare(self.session)

    def prepare_sync(self) -> None:
        """Do `prepare` in synchronous code; only the first time costs an event loop."""
        if self._unprepared:
            self.guard.prepare_sync(self.session)

    @property
    def _unprepared(self) -> bool:
        return self.guard.gate is not None and self.session.gate_run is None

    def resumed(self) -> None:
        """Note that a paused run goes on, if it was paused."""
        if not self.owned and self.session.state.paused_at is not None:
            self.session.observe(RunResumed(), agent=self.agent)

    def paused(self, reason: PauseReason, detail: str = "") -> None:
        """Note that the run stands still; the owner of an owned run sees that for itself."""
        if not self.owned and self.session.outcome is None:
            self.session.observe(RunPaused(reason=reason, detail=detail), agent=self.agent)

    def cancelled(self, where: str) -> None:
        """Note that the run was broken off from outside."""
        if not self.owned:
            end = EndRequested(exit=ExitKind.CANCELLED, detail=f"cancelled in {where}")
            self.session.observe(end, agent=self.agent)


def fresh_key(thread_id: str | None, checkpoint_ns: str) -> SessionKey:
    """Return a new key for one invocation of an agent.

    Args:
        thread_id: LangGraph's thread, if there is a checkpointer.
        checkpoint_ns: Where in the graph the agent stands: `task:id|task:id`, the hook's own last.
    """
    inside = checkpoint_ns.rpartition("|")[0]
    thread = thread_id or f"run-{uuid.uuid4().hex}"
    return SessionKey(f"{thread}{f'/{inside}' if inside else ''}#{uuid.uuid4().hex[:12]}")


def stand(
    guard: Guard, key: SessionKey | None, *, incident: Incident | None, model: str = ""
) -> Standing:
    """Return the owner's session, the one under the key, or a new one.

    A new session can also be found under the thread's id, with `guard.find(SessionKey(thread))`.

    Args:
        guard: The guard.
        key: The session's key. None for a run whose beginning the guard did not see: it began
            before the guard was put around it, or another middleware jumped past the beginning.
        incident: What a new session is about.
        model: `provider:name`, for a new session.
    """
    owner = current_owner.get()
    if owner is not None:
        return Standing(guard=owner.guard, session=owner.session, owned=True, agent=_agent_name())
    late, key = key is None, key or _late_key()
    with _begin_lock:
        session = guard.find(key)
        # A late run is told from the one before it on the thread by that one's end only.
        if session is None or (late and session.outcome is not None):
            session = _begin(guard, key, incident=incident, model=model)
    return Standing(guard=guard, session=session, owned=False, key=key, agent=_agent_name())


def _late_key() -> SessionKey:
    return SessionKey(f"{_thread_id() or f'run-{uuid.uuid4().hex}'}#late")


def stand_at_tool(using: Guard | None, *, spare: SessionKey, tool: str) -> Standing:
    """Return the owner's session, or the one of the thread that a guarded tool runs in.

    Without an owner the tool's guard has one session per thread, begun at the first call; it ends
    by a finish tool, by a budget, or when the next one begins.

    Args:
        using: The guard that the tool was given.
        spare: The key to use where there is no thread.
        tool: The tool's name, for the error.

    Raises:
        UsageError: There is neither an owner nor a guard.
    """
    owner = current_owner.get()
    if owner is not None:
        return Standing(guard=owner.guard, session=owner.session, owned=True, agent=_agent_name())
    if using is None:
        raise UsageError(
            f"guarded tool {tool!r} runs outside of any guarded run, so nothing can judge its "
            f"call: put guard(graph) or GuardrailMiddleware around the agent, or pass "
            f"guard_tools(tools, using=guard)"
        )
    thread = _thread_id()
    key = SessionKey(thread) if thread else spare
    with _begin_lock:
        session = using.find(key)
        if session is None:
            session = using.begin(key, adapter=TOOLS_ADAPTER)
            _log.info("run %s holds guarded tools only: nothing judges its final answer", key)
    return Standing(guard=using, session=session, owned=True, agent=_agent_name(), alone=True)


def revive(standing: Standing, *, incident: Incident | None, model: str = "") -> Standing:
    """Give a run that goes on after its session was aborted a new session.

    An exception that reached the guard ends the session, because nothing of the agent runs after
    it. When the model is asked again all the same, somebody outside dealt with it.
    """
    session = standing.session
    broken = session.outcome is Outcome.ABORTED and session.state.reason in _MENDABLE
    count = _revivals.get(session, 0)
    if standing.owned or standing.key is None or not broken or count >= REVIVALS:
        return standing
    with _begin_lock:
        again = _begin(standing.guard, standing.key, incident=incident, model=model)
    _revivals[again] = count + 1
    return replace(standing, session=again)


_MENDABLE = frozenset({Reason.ERROR, Reason.CANCELLED})


def _agent_name() -> str:
    metadata = cast("Mapping[str, object]", _config().get("metadata") or {})
    return str(metadata.get("lc_agent_name") or "")


def _thread_id() -> str:
    configurable = cast("Mapping[str, object]", _config().get("configurable") or {})
    return str(configurable.get("thread_id") or "")


def _config() -> Mapping[str, object]:
    """Return the configuration of the running node; a tool called by hand has none."""
    try:
        return cast("Mapping[str, object]", get_config())
    except RuntimeError:
        return {}


def _begin(guard: Guard, key: SessionKey, *, incident: Incident | None, model: str) -> Session:
    thread = SessionKey(key.partition("#")[0])
    return guard.begin(thread, adapter=ADAPTER, incident=incident, model=model, also=key)
