"""Facts that every detector must hold: pure, stored at any time, bounded, and never in the way.

Give it runs in which your detector finds something; the facts add made ones, sound and broken, of
one agent and of several. Each is a function, for `pytest.mark.parametrize`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from guardrails.core.events import Event
from guardrails.core.findings import (
    QUOTE_LIMIT,
    STEPS_LIMIT,
    Finding,
    FindingWithdrawn,
    Found,
    Key,
)
from guardrails.core.mast import FailureMode
from guardrails.detectors.alone import onward, steps_of
from guardrails.detectors.base import Detector
from guardrails.detectors.scene import Scene
from guardrails.testing.conformance.moves import LONG
from guardrails.testing.conformance.streams import random_events

Struct = TypeVar("Struct")

SEEDS: Final = range(12)
"""Made runs that each fact is held to; every other one is broken."""

MOVES: Final = 150
"""Length of each. A run of a public SRE agent has 20 to 60 turns."""

LONG_MOVES: Final = 80_000
"""More than it takes: about two moves in five are turns."""
LONG_STEPS: Final = 10_000
"""Model turns of the run that shows whether a state stays small: the guard's own budget."""

STATE_LIMIT: Final = 64_000
"""Bytes of a state as JSON after that. All sessions of 10,000 steps keep below 2 MB, of which the
scene takes the most; a dozen detectors share the rest."""

GROWTH: Final = 1.25
SMALL: Final = 4_096
"""How much larger a state may be after all turns than after half of them: what is bounded is full
by then, but for digits of counters. Below 4 kB nothing is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorUnderTest:
    """A detector, and what it is held to its facts on."""

    detector: Detector[Any]
    runs: Sequence[Sequence[Event]]
    """Runs in which it finds something; at least one."""
    state_limit: int = STATE_LIMIT
    """Bytes that its state may have as JSON, at any length of a run."""


DetectorFact = Callable[[DetectorUnderTest], None]


def it_says_who_it_is(under_test: DetectorUnderTest) -> None:
    """It has a name, and declares modes of MAST."""
    detector = under_test.detector
    assert detector.name, "it has no name"
    assert detector.name.isidentifier(), f"{detector.name!r} is no noun that a metric can carry"
    assert detector.modes, "it declares no mode"
    assert all(isinstance(mode, FailureMode) for mode in detector.modes), "a mode is none of MAST"


def it_has_something_to_say(under_test: DetectorUnderTest) -> None:
    """It finds something in each of the runs given; else nothing below would show anything."""
    assert under_test.runs, "give at least one run"
    for number, run in enumerate(under_test.runs):
        assert _all_found(under_test.detector, run), f"it finds nothing in run {number}"


def it_never_raises(under_test: DetectorUnderTest) -> None:
    """No event breaks it, however odd; an exception here would break somebody's run."""
    for run in _runs(under_test):
        given: list[Event] = []
        try:
            for _ in steps_of(under_test.detector, _noting(run, given)):
                pass
        except Exception as error:
            said = f"{_at(given[-1])}: {type(error).__name__}: {error}"
            raise AssertionError(said) from error


def it_is_pure(under_test: DetectorUnderTest) -> None:
    """The same state, event and scene give the same again, and nothing given is changed."""
    detector = under_test.detector
    assert detector.begin() == detector.begin(), "two beginnings differ"
    for run in _runs(under_test):
        for step in steps_of(detector, run):
            given = msgspec.json.encode((step.before, step.event, step.scene))
            again = detector.observe(step.before, step.event, step.scene)
            assert again == (step.after, step.found), f"{_at(step.event)}: two answers differ"
            same = msgspec.json.encode((step.before, step.event, step.scene))
            assert same == given, f"{_at(step.event)}: it changed what it was given"


def it_goes_on_from_what_was_stored(under_test: DetectorUnderTest) -> None:
    """Wherever a run is cut and stored, it goes on as if it had not been."""
    detector = under_test.detector
    for run in _runs(under_test):
        scene, state = Scene(), detector.begin()
        for step in steps_of(detector, run):
            scene = onward(_stored(scene), step.event)
            state, found = detector.observe(_stored(state), step.event, scene)
            assert found == step.found, f"{_at(step.event)}: a stored state finds something else"
            assert state == step.after, f"{_at(step.event)}: a stored state goes another way"


def it_says_what_it_found(under_test: DetectorUnderTest) -> None:
    """A finding has a declared mode, a reason, a quote, and the steps in which it shows."""
    for run in _runs(under_test):
        for step in steps_of(under_test.detector, run):
            for one in step.found:
                _check_found(one, step.event, under_test.detector)


def it_withdraws_what_it_found(under_test: DetectorUnderTest) -> None:
    """Only a finding that stands can be withdrawn, by mode, agent and subject."""
    for run in _runs(under_test):
        standing: set[Key] = set()
        for step in steps_of(under_test.detector, run):
            for one in step.found:
                if isinstance(one, FindingWithdrawn):
                    assert one.key in standing, f"{_at(step.event)}: it never found {one.key}"
                    standing.discard(one.key)
                else:
                    standing.add(one.key)


def it_stays_small(under_test: DetectorUnderTest) -> None:
    """After 10,000 turns its state is below its limit, and grew no more in the second half."""
    state: Any = under_test.detector.begin()
    turns = half = 0
    for step in steps_of(under_test.detector, random_events(7, LONG_MOVES, kinds=LONG)):
        state, turns = step.after, step.event.step
        if not half and turns >= LONG_STEPS // 2:
            half = len(msgspec.json.encode(state))
        if turns >= LONG_STEPS:
            break
    size = len(msgspec.json.encode(state))
    assert size <= under_test.state_limit, f"{size:,} bytes of state after {turns:,} turns"
    grown = f"{half:,} bytes of state after half of {turns:,} turns, {size:,} after all"
    assert size <= max(half * GROWTH, SMALL), grown


FACTS: tuple[DetectorFact, ...] = (
    it_says_who_it_is,
    it_never_raises,
    it_has_something_to_say,
    it_is_pure,
    it_goes_on_from_what_was_stored,
    it_says_what_it_found,
    it_withdraws_what_it_found,
    it_stays_small,
)
"""Every fact, for `pytest.mark.parametrize`."""


def run_fact(fact: DetectorFact, under_test: DetectorUnderTest) -> None:
    """Hold a detector to one fact.

    Raises:
        AssertionError: It does not hold; the message says of what.
    """
    try:
        fact(under_test)
    except AssertionError as error:
        name = under_test.detector.name
        raise AssertionError(f"{name}: {fact.__name__}: {error}") from error


def hold(under_test: DetectorUnderTest) -> None:
    """Hold a detector to every fact.

    Raises:
        AssertionError: One does not hold.
    """
    for fact in FACTS:
        run_fact(fact, under_test)


def _runs(under_test: DetectorUnderTest) -> Iterator[Iterable[Event]]:
    yield from under_test.runs
    for seed in SEEDS:
        yield tuple(random_events(seed, MOVES, sound=seed % 2 == 0))


def _all_found(detector: Detector[Any], run: Iterable[Event]) -> list[Found]:
    return [one for step in steps_of(detector, run) for one in step.found]


def _check_found(one: Found, event: Event, detector: Detector[Any]) -> None:
    where = _at(event)
    assert one.mode in detector.modes, f"{where}: {one.mode} is not declared"
    assert one.detector == detector.name, f"{where}: signed {one.detector!r}"
    assert (one.run, one.seq) == (event.run, event.seq), f"{where}: of another event"
    assert one.why.strip(), f"{where}: it does not say why"
    assert "\n" not in one.why, f"{where}: its reason is more than a sentence"
    assert _stored(one) == one, f"{where}: it does not survive JSON"
    if isinstance(one, Finding):
        _check_finding(one, event)


def _check_finding(one: Finding, event: Event) -> None:
    where = _at(event)
    assert one.evidence, f"{where}: no evidence"
    for quote in one.evidence:
        assert quote.strip(), f"{where}: an empty quote"
        assert len(quote) <= QUOTE_LIMIT, f"{where}: a quote of {len(quote)} characters"
    assert 0 < one.confidence <= 1, f"{where}: confidence {one.confidence}"
    assert one.steps, f"{where}: no step"
    assert len(one.steps) <= STEPS_LIMIT, f"{where}: {len(one.steps)} steps"
    assert max(one.steps) <= event.step, f"{where}: a step that has not been"
    assert min(one.steps) >= 0, f"{where}: a step before the run"


def _stored(value: Struct) -> Struct:
    return msgspec.json.decode(msgspec.json.encode(value), type=type(value))


def _noting(run: Iterable[Event], given: list[Event]) -> Iterator[Event]:
    """Yield events, and keep the newest."""
    for event in run:
        given[:] = [event]
        yield event


def _at(event: Event) -> str:
    return f"event {event.seq} ({type(event.fact).__name__})"
