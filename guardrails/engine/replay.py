"""Folds a stored trace again. The same events give the same findings and decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardrails.core.decisions import Decision
from guardrails.core.events import Event, RunStarted
from guardrails.core.findings import Finding, Found
from guardrails.core.ids import RunId
from guardrails.engine.extras import Extra
from guardrails.engine.fold import fold
from guardrails.engine.reading import read_up
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState
from guardrails.errors import TraceError
from guardrails.policy.models import Settings
from guardrails.policy.stored import settings_of_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a trace leads to."""

    state: SessionState
    """With every result read."""
    decisions: tuple[Decision, ...]
    found: tuple[Found, ...]
    """What the detectors said, in order."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that hold at the end."""
        return self.state.findings


def settings_in(events: Iterable[Event]) -> Settings:
    """Return the settings that a run was decided by.

    Raises:
        TraceError: The events hold none, or some that this version does not know.
    """
    for event in events:
        if isinstance(event.fact, RunStarted) and event.fact.policy:
            return settings_of_text(event.fact.policy)
    raise TraceError("the trace does not hold the policy of its run; give one")


def rules_of(
    events: Sequence[Event],
    *,
    settings: Settings | None = None,
    detectors: Sequence[Extra] = (),
) -> Rules:
    """Return what to decide by: the run's own settings and machine, unless others are given.

    Raises:
        TraceError: No settings are given, and the events hold none that can be read.
    """
    started = next((e.fact for e in events if isinstance(e.fact, RunStarted)), None)
    if settings is None:
        return Rules.of(settings_in(events), machine=_machine_in(events), detectors=detectors)
    if started is None or not started.policy:
        return Rules.of(settings, detectors=detectors)
    own = settings_of_text(started.policy).fsm
    same = (settings.fsm.machine, settings.fsm.settle) == (own.machine, own.settle)
    machine = _machine_in(events) if same else None
    return Rules.of(settings, machine=machine, detectors=detectors)


def _machine_in(events: Iterable[Event]) -> str:
    started = (event.fact for event in events if isinstance(event.fact, RunStarted))
    return next((fact.machine for fact in started), "")


def replay(
    events: Iterable[Event],
    *,
    settings: Settings | None = None,
    detectors: Sequence[Extra] = (),
) -> Replay:
    """Fold events from the beginning.

    Args:
        events: One run's events, in order.
        settings: What to decide by, for "what if". None: what the run itself was decided by.
        detectors: Those that the run's guard was given besides the shipped ones.

    Raises:
        TraceError: No settings are given, and the events hold none that can be read.
    """
    events = tuple(events)
    rules = rules_of(events, settings=settings, detectors=detectors)
    state = SessionState(run=RunId(""))
    decisions: list[Decision] = []
    found: list[Found] = []
    for event in events:
        if state.seq == 0:
            state = SessionState(run=event.run)
        folded = fold(state, event, rules)
        state = folded.state
        decisions.append(folded.decision)
        found.extend(folded.found)
    return Replay(state=read_up(state), decisions=tuple(decisions), found=tuple(found))
