"""The kit for detectors: the shipped ones hold, and one that breaks a promise is told which."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from guardrails.core.events import Event, ToolRequested
from guardrails.core.findings import Finding, FindingWithdrawn, Found
from guardrails.core.mast import FailureMode
from guardrails.detectors import registry, repetition, termination, verification
from guardrails.detectors.alone import findings_of, steps_of
from guardrails.detectors.base import finding
from guardrails.detectors.registry import DetectorStates
from guardrails.detectors.scene import Scene
from guardrails.testing.conformance.detectors import FACTS, DetectorUnderTest, hold, run_fact
from guardrails.testing.conformance.streams import event_streams, events_of, random_events


class Shipped:
    """A shipped detector, which is a module, as the protocol has it."""

    def __init__(self, module: ModuleType, state: Any, *modes: FailureMode) -> None:
        self.name: str = module.DETECTOR
        self.modes = frozenset(modes)
        self._state, self._observe = state, module.observe

    def begin(self) -> Any:
        return self._state

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        return self._observe(state, event, scene)


SHIPPED = {
    "repetition": Shipped(repetition, repetition.RepetitionState(), FailureMode.STEP_REPETITION),
    "termination": Shipped(
        termination,
        termination.TerminationState(),
        FailureMode.PREMATURE_TERMINATION,
        FailureMode.UNAWARE_OF_TERMINATION,
    ),
    "verification": Shipped(
        verification,
        verification.VerificationState(),
        FailureMode.INCOMPLETE_VERIFICATION,
        FailureMode.INCORRECT_VERIFICATION,
    ),
}
"""Detectors that find something in made runs."""


class Listed:
    """Any shipped detector, by its row in the registry; it may find any mode."""

    modes = frozenset(FailureMode)

    def __init__(self, row: registry.Shipped) -> None:
        self.name = row.field.title().replace("_", "")
        self._state, self._row = getattr(DetectorStates(), row.field), row

    def begin(self) -> Any:
        return self._state

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        state, found = self._row.observe(state, event, scene)
        # Each file of a family signs with a name of its own; here they are one.
        return state, tuple(msgspec.structs.replace(one, detector=self.name) for one in found)


OF_ALL = [fact for fact in FACTS if fact.__name__ != "it_has_something_to_say"]
"""Many find nothing in made runs; their own tests show that they do in written ones."""


def telling_runs(detector: Any) -> tuple[tuple[Event, ...], ...]:
    """Return a made run in which the detector finds something."""
    loop = tuple(events_of([(2, 0, 0), (3, 0, 0)] * 6))
    if any(step.found for step in steps_of(detector, loop)):
        return (loop,)
    for seed in range(40):
        run = tuple(random_events(seed, 120))
        if any(step.found for step in steps_of(detector, run)):
            return (run,)
    raise AssertionError(f"{detector.name} finds nothing in any made run")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_detectors_hold(name: str, fact: Any) -> None:
    """What is asked of others is kept here."""
    detector = SHIPPED[name]
    run_fact(fact, DetectorUnderTest(detector=detector, runs=telling_runs(detector)))


@pytest.mark.parametrize("fact", OF_ALL, ids=lambda fact: fact.__name__)
@pytest.mark.parametrize("row", registry.SHIPPED, ids=lambda row: row.field)
def test_every_shipped_detector_holds(row: registry.Shipped, fact: Any) -> None:
    """Pure, bounded, quiet about what is broken, the same after a restart, and with quotes."""
    run_fact(fact, DetectorUnderTest(detector=Listed(row), runs=()))


class Calls(msgspec.Struct, frozen=True):
    """How many calls there were."""

    count: int = 0


class EveryThirdCall:
    """Finds something in every third call, soundly."""

    name = "EveryThirdCall"
    modes = frozenset({FailureMode.TASK_DERAILMENT})

    def begin(self) -> Any:
        return Calls()

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        if not isinstance(event.fact, ToolRequested):
            return state, ()
        state = Calls(state.count + 1)
        return state, self.found(event) if state.count % 3 == 0 else ()

    def found(self, event: Event) -> tuple[Found, ...]:
        return (one(event),)


def one(event: Event, **changed: Any) -> Finding:
    """Make a sound finding, changed."""
    mode = FailureMode.TASK_DERAILMENT
    sound = finding(event, mode, "EveryThirdCall", why="it calls", evidence=("a call",))
    return msgspec.structs.replace(sound, **changed)


def finding_of(**changed: Any) -> Callable[[Any, Event], tuple[Found, ...]]:
    return lambda _self, event: (one(event, **changed),)


class Impure(EveryThirdCall):
    """Remembers outside of its state."""

    def __init__(self) -> None:
        self._seen = 0

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        self._seen += 1
        return state, (one(event),) if self._seen % 5 == 0 else ()


class Mutable(msgspec.Struct):
    """A state that can be changed."""

    seen: list[int]


class Changing(EveryThirdCall):
    """Changes the state that it was given."""

    def begin(self) -> Any:
        return Mutable([])

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        state.seen.append(event.seq)
        return state, (one(event),) if len(state.seen) % 5 == 0 else ()


class Forgetful(EveryThirdCall):
    """Keeps something in its state that storing loses."""

    class Kept(msgspec.Struct, frozen=True):
        """Half of it goes into JSON, as msgspec's tuples of unknown kind become lists."""

        seen: Any = ()

    def begin(self) -> Any:
        return self.Kept()

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        told = isinstance(state.seen, tuple) and len(state.seen) % 4 == 3
        seen = (*state.seen, event.seq)[-9:]
        return self.Kept(seen), (one(event),) if told else ()


class Hoarder(EveryThirdCall):
    """Keeps every call."""

    class Kept(msgspec.Struct, frozen=True):
        """It grows with the run."""

        seen: tuple[int, ...] = ()

    def begin(self) -> Any:
        return self.Kept()

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        if not isinstance(event.fact, ToolRequested):
            return state, ()
        return self.Kept((*state.seen, event.seq)), (one(event),)


class Brittle(EveryThirdCall):
    """Takes every call's arguments for JSON."""

    def observe(self, state: Any, event: Event, scene: Scene, /) -> tuple[Any, tuple[Found, ...]]:
        if isinstance(event.fact, ToolRequested):
            msgspec.json.decode(event.fact.arguments)
        return super().observe(state, event, scene)


def broken(**members: Any) -> Any:
    """Make a detector that differs from the sound one in these members."""
    return type("Broken", (EveryThirdCall,), members)()


def withdrawing(_self: Any, event: Event) -> tuple[Found, ...]:
    gone = one(event)
    return (
        FindingWithdrawn(
            run=gone.run, seq=gone.seq, mode=gone.mode, detector=gone.detector, why="it is well"
        ),
    )


BROKEN: dict[str, tuple[Any, str]] = {
    "no name": (broken(name=""), "it_says_who_it_is: it has no name"),
    "no noun": (broken(name="my detector"), "is no noun"),
    "no mode": (broken(modes=frozenset()), "it declares no mode"),
    "silent": (broken(found=lambda _s, _e: ()), "it finds nothing in run 0"),
    "brittle": (Brittle(), "it_never_raises: event"),
    "impure": (Impure(), "two answers differ"),
    "changing": (Changing(), "it_is_pure"),
    "forgetful": (Forgetful(), "a stored state"),
    "undeclared": (
        broken(found=finding_of(mode=FailureMode.STEP_REPETITION)),
        "FM-1.3 is not declared",
    ),
    "signed by another": (broken(found=finding_of(detector="X")), "signed 'X'"),
    "of another event": (broken(found=finding_of(seq=0)), "of another event"),
    "no reason": (broken(found=finding_of(why=" ")), "does not say why"),
    "no evidence": (broken(found=finding_of(evidence=())), "no evidence"),
    "long quote": (broken(found=finding_of(evidence=("x" * 400,))), "a quote of 400 characters"),
    "too sure": (broken(found=finding_of(confidence=1.5)), "confidence 1.5"),
    "no step": (broken(found=finding_of(steps=())), "no step"),
    "ahead of time": (broken(found=finding_of(steps=(10_000,))), "a step that has not been"),
    "withdraws nothing": (broken(found=withdrawing), "it never found"),
    "hoarder": (Hoarder(), "it_stays_small"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_named(case: str) -> None:
    """The message says which fact, of which detector, at which event."""
    detector, said = BROKEN[case]
    under_test = DetectorUnderTest(detector=detector, runs=[tuple(random_events(1, 60))])
    with pytest.raises(AssertionError) as raised:
        hold(under_test)
    assert said in str(raised.value)


def test_a_sound_detector_holds() -> None:
    """The kit asks for nothing that a simple detector cannot give."""
    hold(DetectorUnderTest(detector=EveryThirdCall(), runs=[tuple(random_events(1, 60))]))


def test_a_detector_without_runs_is_asked_for_one() -> None:
    """With nothing found, nothing is shown."""
    with pytest.raises(AssertionError, match="give at least one run"):
        hold(DetectorUnderTest(detector=EveryThirdCall(), runs=[]))


def sound(events: Iterable[Event]) -> None:
    """See that events are a run: numbered without gaps, steps and times in order."""
    listed = list(events)
    assert [event.seq for event in listed] == list(range(1, len(listed) + 1))
    assert [e.step for e in listed] == sorted(e.step for e in listed)
    assert [e.at for e in listed] == sorted(e.at for e in listed)


@settings(max_examples=60)
@given(events=event_streams())
def test_any_moves_make_a_run(events: tuple[Event, ...]) -> None:
    """Numbers, steps and times are in order, and every event survives JSON."""
    sound(events)
    stored = msgspec.json.encode(events)
    assert msgspec.json.decode(stored, type=tuple[Event, ...]) == events


@settings(max_examples=40)
@given(events=event_streams())
def test_the_shipped_detectors_together_take_any_run(events: tuple[Event, ...]) -> None:
    """The registry's state, scene included, goes into JSON and out again after any of them."""
    from guardrails.detectors.registry import observe_all  # noqa: PLC0415  # beside its state

    states = DetectorStates()
    for event in events:
        states, _ = observe_all(states, event)
    assert msgspec.json.decode(msgspec.json.encode(states), type=DetectorStates) == states


def test_a_seed_gives_the_same_run() -> None:
    """So that a failure can be looked at again."""
    assert tuple(random_events(3, 50)) == tuple(random_events(3, 50))
    assert tuple(random_events(3, 50)) != tuple(random_events(4, 50))


def test_sound_runs_return_only_what_was_called() -> None:
    """Broken ones also hold results that nobody asked for."""
    called: set[str] = set()
    for event in random_events(5, 400):
        if isinstance(event.fact, ToolRequested):
            called.add(event.fact.call_id)
        else:
            assert getattr(event.fact, "call_id", None) in {None, *called}


def test_findings_alone_are_those_that_stand() -> None:
    """One that grew is one."""
    calls = [(2, 0, at) for at in range(9)]
    (found,) = findings_of(EveryThirdCall(), events_of(calls))
    assert len(found.evidence) == 1
