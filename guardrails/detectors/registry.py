"""The shipped detectors, run side by side over one event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

import msgspec

from guardrails.core.events import (
    AnyFact,
    ContextFiltered,
    EndRequested,
    Event,
    Fact,
    GateReported,
    MessagePassed,
    ModelReplied,
    PlanStated,
    QuestionAnswered,
    QuestionAsked,
    RunResumed,
    RunStarted,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.findings import Found
from guardrails.core.toolaction import ToolAction
from guardrails.detectors import (
    assumed_figures,
    clarification,
    concluding,
    cycles,
    derailment,
    disregard,
    forgetting,
    impersonation,
    overrun,
    repetition,
    restart,
    restating,
    roles,
    specification,
    termination,
    unrun,
    verification,
    withholding,
)
from guardrails.detectors import scene as scenes
from guardrails.detectors.assumed_figures import AssumedFiguresState
from guardrails.detectors.base import Detector
from guardrails.detectors.clarification import ClarificationState
from guardrails.detectors.concluding import ConcludingState
from guardrails.detectors.cycles import CycleState
from guardrails.detectors.derailment import DerailmentState
from guardrails.detectors.disregard import DisregardState
from guardrails.detectors.forgetting import ForgettingState
from guardrails.detectors.impersonation import ImpersonationState
from guardrails.detectors.overrun import OverrunState
from guardrails.detectors.repetition import RepetitionState
from guardrails.detectors.restart import RestartState
from guardrails.detectors.restating import RestatingState
from guardrails.detectors.roles import RolesState
from guardrails.detectors.scene import Scene
from guardrails.detectors.specification import SpecificationState
from guardrails.detectors.termination import TerminationState
from guardrails.detectors.unrun import UnrunState
from guardrails.detectors.verification import VerificationState
from guardrails.detectors.withholding import WithholdingState


class DetectorStates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The scene, and the states of all shipped detectors."""

    scene: Scene = Scene()
    repetition: RepetitionState = RepetitionState()
    cycles: CycleState = CycleState()
    restating: RestatingState = RestatingState()
    forgetting: ForgettingState = ForgettingState()
    overrun: OverrunState = OverrunState()
    restart: RestartState = RestartState()
    specification: SpecificationState = SpecificationState()
    roles: RolesState = RolesState()
    impersonation: ImpersonationState = ImpersonationState()
    clarification: ClarificationState = ClarificationState()
    assumed_figures: AssumedFiguresState = AssumedFiguresState()
    derailment: DerailmentState = DerailmentState()
    withholding: WithholdingState = WithholdingState()
    disregard: DisregardState = DisregardState()
    termination: TerminationState = TerminationState()
    verification: VerificationState = VerificationState()
    concluding: ConcludingState = ConcludingState()
    unrun: UnrunState = UnrunState()
    others: dict[str, Any] = {}
    """States of detectors of others, by name: as they made them, or as JSON from a stored
    session."""

    @property
    def broken(self) -> dict[str, str]:
        """Detectors of others that raised, and what."""
        return {
            name: str(getattr(state, "error", "") or cast("dict[str, object]", state)["error"])
            for name, state in self.others.items()
            if _is_broken(state)
        }


Observe = Callable[[Any, Event, Scene], tuple[Any, tuple[Found, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A shipped detector, and when it has to be asked."""

    field: str
    """Where `DetectorStates` has its state."""
    observe: Observe
    facts: frozenset[type[Fact]]
    """Events of any other type leave its state as it is and give no finding, so that it need not
    be asked: most detectors listen to a few of the twenty types."""
    news: bool = False
    """True when it listens besides to words between agents, whatever event brought them: a call
    may give a task, and come back with a report."""


def _shipped(field: str, observe: Observe, *facts: type[Fact], news: bool = False) -> Shipped:
    return Shipped(field=field, observe=observe, facts=frozenset(facts), news=news)


SHIPPED: Final = (
    _shipped("repetition", repetition.observe, ToolReturned, MessagePassed),
    _shipped("cycles", cycles.observe, ToolReturned),
    _shipped("restating", restating.observe, ModelReplied, ToolReturned),
    _shipped(
        "forgetting",
        forgetting.observe,
        *(ModelReplied, ToolReturned, ContextFiltered, QuestionAsked, QuestionAnswered),
    ),
    _shipped("overrun", overrun.observe, ToolReturned, MessagePassed, RunResumed),
    # A plan is stated by itself or by a call.
    _shipped("restart", restart.observe, PlanStated, ToolRequested, ToolReturned),
    _shipped(
        "specification",
        specification.observe,
        *(RunStarted, ToolRequested, EndRequested),
        news=True,
    ),
    _shipped("roles", roles.observe, MessagePassed, ToolRequested),
    _shipped("impersonation", impersonation.observe, ModelReplied),
    # Doubts arise and end with results and questions, and when a person speaks.
    _shipped(
        "clarification",
        clarification.observe,
        *(ToolRequested, ToolReturned, MessagePassed, QuestionAsked, QuestionAnswered),
        EndRequested,
    ),
    _shipped(
        "assumed_figures",
        assumed_figures.observe,
        *(RunStarted, ModelReplied, ToolRequested, ToolReturned, MessagePassed, EndRequested),
    ),
    _shipped("derailment", derailment.observe, ToolReturned, EndRequested),
    _shipped("withholding", withholding.observe, EndRequested, news=True),
    _shipped("disregard", disregard.observe, EndRequested, news=True),
    _shipped("termination", termination.observe, ToolRequested, ToolReturned, EndRequested),
    _shipped("verification", verification.observe, ToolReturned, EndRequested, GateReported),
    _shipped("concluding", concluding.observe, MessagePassed, EndRequested, GateReported),
    _shipped("unrun", unrun.observe, ModelReplied, ToolReturned, EndRequested),
)
"""What folds each field of `DetectorStates`. Findings come in this order."""

_Asked = Mapping[type[Fact], tuple[tuple[str, Observe], ...]]


def _asked(*, news: bool) -> _Asked:
    """Return whom each type of event concerns, in the order of `SHIPPED`.

    Args:
        news: For events that brought words between agents.
    """
    return {
        fact: tuple(
            (one.field, one.observe) for one in SHIPPED if fact in one.facts or (news and one.news)
        )
        for fact in get_args(AnyFact)
    }


_ASKED: Final = _asked(news=False)
_ASKED_OF_NEWS: Final = _asked(news=True)


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A detector of others that raised: it is not asked again in this run."""

    error: str


def observe_all(
    states: DetectorStates,
    event: Event,
    *,
    action: ToolAction | None = None,
    extra: tuple[Detector[Any], ...] = (),
    skipped: frozenset[str] = frozenset(),
) -> tuple[DetectorStates, tuple[Found, ...]]:
    """Fold one event into the scene and into every detector.

    Args:
        states: States before the event.
        event: The event.
        action: What the call means, when the event is a `ToolRequested`.
        extra: Detectors of others, run after the shipped ones.
        skipped: Names of detectors whose findings are dropped.

    Returns:
        The states after the event, and what was found, in a fixed order.
    """
    scene = scenes.on(states.scene, event, action=action)
    changed: dict[str, Any] = {"scene": scene}
    found: tuple[Found, ...] = ()
    concerned = _ASKED if scene.news(event) is None else _ASKED_OF_NEWS
    for name, observe in concerned[type(event.fact)]:
        before = getattr(states, name)
        after, fresh = observe(before, event, scene)
        if after is not before:
            changed[name] = after
        if fresh:
            found += fresh
    if extra:
        changed["others"], fresh = _observe_others(states.others, event, scene, extra)
        found += fresh
    if skipped and found:
        found = tuple(one for one in found if one.detector not in skipped)
    return msgspec.structs.replace(states, **changed), found


def _observe_others(
    states: Mapping[str, Any], event: Event, scene: Scene, extra: tuple[Detector[Any], ...]
) -> tuple[dict[str, Any], tuple[Found, ...]]:
    """Fold one event into the detectors of others. One that raises harms nothing but itself."""
    after = dict(states)
    found: tuple[Found, ...] = ()
    for detector in extra:
        before = after.get(detector.name)
        if _is_broken(before):
            continue
        try:
            state = detector.begin() if before is None else _typed(before, detector)
            after[detector.name], fresh = detector.observe(state, event, scene)
            found += tuple(fresh)
        except Exception as error:  # noqa: BLE001  # whatever others raise, the run goes on
            after[detector.name] = Broken(error=f"{type(error).__name__}: {error}")
    return after, found


def _is_broken(state: object) -> bool:
    """Tell whether a detector raised before, in this process or before the session was stored."""
    if isinstance(state, dict):
        return cast("dict[str, object]", state).get("type") == Broken.__name__
    return isinstance(state, Broken)


def _typed(state: object, detector: Detector[Any]) -> object:
    """Return a state as the detector made it: a stored session has its JSON."""
    kind = cast("type[object]", type(detector.begin()))
    return state if isinstance(state, kind) else msgspec.convert(state, type=kind)
