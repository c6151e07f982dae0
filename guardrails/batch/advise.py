"""What a measured failure vector calls for: the class it is like, and the settings that answer it.

The published study has one signature for each class of models. A vector is held against each; how
sure the nearest is comes from drawing the failed runs again. With few failed runs nothing is said.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from random import Random
from types import MappingProxyType
from typing import Final

import msgspec

from guardrails.batch.lines import short_id
from guardrails.batch.vectors import ModeShares, Tally, Vector
from guardrails.core.mast import MODES, FailureMode
from guardrails.core.signatures import SIGNATURES, TELLING, Signature
from guardrails.policy.load import explain_settings

ENOUGH: Final = 10
"""Failed runs from which on a vector is compared. A share of ten runs has a standard error of up to
16 points; the classes lie 11 to 29 points apart (`distance`)."""

DRAWS: Final = 1_000
"""Draws of the failed runs: the share of draws is then good to three points."""

COMMON: Final = 0.2
"""Share of successful runs from which on a mode that tells nothing is called structural; rarer, it
is merely unclear."""

ANSWERS: Final[Mapping[FailureMode, tuple[str, ...]]] = MappingProxyType(
    {
        FailureMode.DISOBEY_TASK: ("effects.destructive", "gate.require"),
        FailureMode.DISOBEY_ROLE: ("fsm.machine", "effects.write"),
        FailureMode.STEP_REPETITION: ("hygiene.filters", "budgets.tool_calls"),
        FailureMode.LOSS_OF_HISTORY: ("hygiene.tokens", "hygiene.recent", "cascade.tokens"),
        FailureMode.UNAWARE_OF_TERMINATION: ("fsm.machine", "budgets.steps", "budgets.wall_time"),
        FailureMode.CONVERSATION_RESET: ("hygiene.tokens", "cascade.modes"),
        FailureMode.NO_CLARIFICATION: ("fsm.questions", "fsm.answer_within"),
        FailureMode.TASK_DERAILMENT: ("fsm.machine", "budgets.steps"),
        FailureMode.INFORMATION_WITHHOLDING: (),
        FailureMode.IGNORED_INPUT: (),
        FailureMode.REASONING_ACTION_MISMATCH: ("fsm.alignment", "hygiene.early"),
        FailureMode.PREMATURE_TERMINATION: ("gate.require", "budgets.refusals", "fsm.machine"),
        FailureMode.INCOMPLETE_VERIFICATION: ("gate.require", "fsm.machine"),
        FailureMode.INCORRECT_VERIFICATION: ("gate.require", "gate.stable_for", "gate.watch_for"),
    }
)
"""Keys of the policy that answer a mode. Nothing that a guard sets mends what agents do not tell
each other (2.4, 2.5): that is the graph's own hand-over."""


class Class(msgspec.Struct, frozen=True, kw_only=True):
    """How near a published class is."""

    profile: str
    model: str
    """The model that the study ran for it."""
    distance: float
    """Root mean square of the differences of the modes' shares in failed runs: 0 alike, 1 not."""
    sure: float
    """Share of draws of the failed runs in which no other class is nearer."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that answer one mode."""

    mode: str
    name: str
    settings: dict[str, object]
    """By policy key, as the profile has them; empty: no setting does."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of runs calls for."""

    name: str
    refused: str
    """Why nothing is said of the class; empty when something is."""
    profile: str
    """The profile to begin with; empty when refused."""
    classes: tuple[Class, ...]
    """Nearest first."""
    fatal: tuple[str, ...]
    """Modes that failed runs surely show more often: the interval of their ratio lies above 1."""
    structural: tuple[str, ...]
    """Modes that are as common in successful runs."""
    unclear: tuple[str, ...]
    """Modes that were seen, in too few runs to tell."""
    answers: tuple[Answer, ...]
    """For the fatal modes, or the decisive ones seen where none is fatal yet."""


def advise(vector: Vector, tally: Tally) -> Advice:
    """Return what a group's vector calls for.

    Args:
        vector: The group's vector.
        tally: What it was made of.
    """
    refused, classes = _compared(vector, tally)
    profile = classes[0].profile if classes and not refused else ""
    fatal = tuple([one.mode for one in vector.modes if one.ratio and one.ratio.low > 1])
    structural = tuple([one.mode for one in vector.modes if _is_structural(one)])
    seen = [one.mode for one in vector.modes if one.shown]
    return Advice(
        name=vector.name,
        refused=refused,
        profile=profile,
        classes=classes,
        fatal=fatal,
        structural=structural,
        unclear=tuple([mode for mode in seen if mode not in {*fatal, *structural}]),
        answers=answers_of(fatal, profile=profile) if profile else (),
    )


def _compared(vector: Vector, tally: Tally) -> tuple[str, tuple[Class, ...]]:
    """Return why no class is told, if so, and the classes where they could be compared."""
    if vector.failed < ENOUGH:
        return f"{vector.failed} failed runs; {ENOUGH} are needed to tell a class", ()
    if not any(tally.sets):
        return "no failed run shows any mode", ()
    classes = classes_of(tally)
    nearest, apart = classes[0], farthest()
    if nearest.distance > apart:
        said = (
            f"like none: {nearest.distance:.2f} from the nearest, {nearest.profile}; the classes "
            f"themselves lie at most {apart:.2f} apart"
        )
        return said, classes
    return "", classes


def farthest() -> float:
    """Return how far the two published classes that differ most lie from each other.

    >>> round(farthest(), 2)
    0.29
    """
    return max(
        distance(published_shares(one), other)
        for one in SIGNATURES.values()
        for other in SIGNATURES.values()
    )


def published_shares(signature: Signature) -> dict[str, float]:
    """Return the share of a class's failed runs by mode."""
    shown = signature.shown.items()
    return {short_id(mode): counts.failed / signature.failed for mode, counts in shown}


def classes_of(tally: Tally) -> tuple[Class, ...]:
    """Return the published classes, nearest first, with how sure the order is."""
    sets, times = list(tally.sets), list(tally.sets.values())
    number = sum(times)
    shares = _shares(sets, times)
    dice = Random(number)  # noqa: S311  # the same answer for the same runs
    first = dict.fromkeys(SIGNATURES, 0)
    for _ in range(DRAWS):
        drawn = dice.choices(sets, weights=times, k=number)
        of_draw = _shares(drawn, [1] * number)
        first[min(SIGNATURES, key=lambda name: distance(of_draw, SIGNATURES[name]))] += 1
    found = [
        Class(
            profile=name,
            model=signature.model,
            distance=distance(shares, signature),
            sure=first[name] / DRAWS,
        )
        for name, signature in SIGNATURES.items()
    ]
    return tuple(sorted(found, key=lambda one: one.distance))


def distance(shares: Mapping[str, float], signature: Signature) -> float:
    """Return how far the modes of failed runs lie from those of a class.

    The two modes that the study cannot have seen (2.5 and 3.2, by a bug of its parser) are left
    out.

    Args:
        shares: Share of failed runs by mode, such as `3.1`; 0 where a mode is missing.
        signature: The class.

    >>> open_ = SIGNATURES["open"]
    >>> distance(published_shares(open_), open_)
    0.0
    """
    studied = sorted({mode for one in SIGNATURES.values() for mode in one.shown})
    squares = 0.0
    for mode in studied:
        shown = signature.shown.get(mode)
        published = shown.failed / signature.failed if shown else 0.0
        squares += (shares.get(short_id(mode), 0.0) - published) ** 2
    return sqrt(squares / len(studied))


def answers_of(modes: Sequence[str], *, profile: str) -> tuple[Answer, ...]:
    """Return the settings that answer some modes, as a profile has them."""
    explained = explain_settings(profile=profile, environ={})
    settings = {one.key: one.value for one in explained}
    return tuple(
        [
            Answer(
                mode=short_id(mode),
                name=MODES[mode].name,
                settings={key: settings[key] for key in ANSWERS[mode]},
            )
            for mode in FailureMode
            if short_id(mode) in modes
        ]
    )


def _is_structural(shares: ModeShares) -> bool:
    if shares.ratio is None or shares.successful_rate is None:
        return False
    common = shares.successful_rate >= COMMON
    return common and shares.ratio.low <= 1 and shares.ratio.value < TELLING


def _shares(sets: Sequence[frozenset[str]], times: Sequence[int]) -> dict[str, float]:
    counted: dict[str, float] = {}
    for modes, number in zip(sets, times, strict=True):
        for mode in modes:
            counted[mode] = counted.get(mode, 0.0) + number
    whole = sum(times)
    return {mode: number / whole for mode, number in counted.items()}
