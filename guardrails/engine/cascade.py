"""The breaker of cascades: failures that come so thick that one follows from another.

Distinct modes are held against the published signature of the model's class, and every sign of
failure against the time in which they came. The breaker trips once to stricter rules, with the
count begun anew, and then to a person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

import msgspec

from guardrails.core.decisions import CascadeAct, Decision, Reason, Verdict
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode, Weight
from guardrails.core.signatures import SIGNATURES, Signature
from guardrails.engine import words
from guardrails.policy.models import CascadeSettings

replace = msgspec.structs.replace

WRONG_CALLS: Final = frozenset({Reason.BAD_CALL, Reason.INVENTED, Reason.UNREAD})
"""Refusals that are signs of failure though MAST has no mode for them."""

SIGNS: Final = 64
"""Signs remembered, newest last; more than any policy counts within its turns."""


class Sign(msgspec.Struct, frozen=True, array_like=True):
    """Something that speaks for failure."""

    step: int
    mode: FailureMode | None = None
    """None for a wrong call."""


class Cascade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found since the run began, or since its rules were tightened."""

    modes: tuple[FailureMode, ...] = ()
    """Distinct ones that count, in the order in which they were found."""
    signs: tuple[Sign, ...] = ()
    tightened_at: int = 0
    """Step at which stricter rules began to apply; 0 before."""
    told: bool = False
    """Whether a cascade was reported that nothing else is done about."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """The breaker, when it trips."""

    act: CascadeAct
    said: str
    """For the operator."""


def noted(
    cascade: Cascade,
    *,
    step: int,
    decision: Decision,
    found: tuple[Found, ...],
    settings: CascadeSettings,
) -> tuple[Cascade, Tripped | None]:
    """Count what one event showed, and tell whether that is too much."""
    fresh = tuple(_signs(step, decision, found, SIGNATURES[settings.signature]))
    if not fresh:
        return cascade, None
    modes = dict.fromkeys([*cascade.modes, *(sign.mode for sign in fresh if sign.mode)])
    cascade = replace(cascade, modes=tuple(modes), signs=(*cascade.signs, *fresh)[-SIGNS:])
    why = _full(cascade, step, settings)
    return (cascade, None) if why is None else _tripped(cascade, step, settings, why)


def _signs(
    step: int, decision: Decision, found: tuple[Found, ...], signature: Signature
) -> Iterator[Sign]:
    """Yield what speaks for failure, by the signature of the class.

    A finding that its detector calls structural is as common in runs that succeed.
    """
    for one in found:
        if not isinstance(one, Finding) or one.severity is Weight.STRUCTURAL:
            continue
        if signature.tells(one.mode):
            yield Sign(step, one.mode)
    if decision.reason in WRONG_CALLS:
        yield Sign(step)


def _full(cascade: Cascade, step: int, settings: CascadeSettings) -> str | None:
    """Tell what makes it a cascade; None while nothing does."""
    if settings.modes is not None and len(cascade.modes) >= settings.modes:
        return words.cascade_of_modes(cascade.modes)
    recent = sum(1 for sign in cascade.signs if sign.step > step - settings.within)
    if settings.signs is not None and recent >= settings.signs:
        return words.cascade_of_signs(recent, within=settings.within)
    return None


def _tripped(
    cascade: Cascade, step: int, settings: CascadeSettings, why: str
) -> tuple[Cascade, Tripped | None]:
    match settings.then:
        case "warn":
            seen = None if cascade.told else Tripped("reported", why)
            return replace(cascade, told=True), seen
        case "tighten" if not cascade.tightened_at:
            said = f"{why}; stricter rules from here on"
            return Cascade(tightened_at=max(1, step)), Tripped("tightened", said)
        case "tighten" | "escalate":
            return cascade, Tripped("stopped", f"{why}; a person is called")
        case _:
            assert_never(settings.then)


def told(decision: Decision, tripped: Tripped) -> Decision:
    """Return a decision that also says, for the operator, that the breaker tripped."""
    said = "; ".join(filter(None, (decision.to_person, tripped.said)))
    decision = replace(decision, to_person=said, cascade=tripped.act)
    if decision.reason is not Reason.NONE:
        return decision
    verdict = Verdict.ESCALATE if tripped.act == "stopped" else Verdict.WARN
    return replace(decision, verdict=verdict, reason=Reason.CASCADE)
