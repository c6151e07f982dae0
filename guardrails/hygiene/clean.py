"""All filters in their order: what is sent in place of the messages as they are.

Some always apply, because what they take out helps nobody: secrets, instructions in data, thought
of earlier turns, results that a newer one stands in for. The others make room, gently first: older
results are compressed step by step, and whole turns go last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from guardrails.hygiene.left import NOTE, TAKEN_BACK
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.pairs import paired
from guardrails.hygiene.quarantine import without_quarantined
from guardrails.hygiene.redact import redacted
from guardrails.hygiene.repeats import Cleaned, without_repeats
from guardrails.hygiene.room import with_room
from guardrails.hygiene.texts import TEXT_FILTERS, with_texts
from guardrails.hygiene.thought import without_thought
from guardrails.hygiene.tokens import Measure
from guardrails.hygiene.window import Known, nothing_known, windowed
from guardrails.policy.models import FilterName, HygieneSettings


def cleaned(
    messages: Sequence[Message],
    settings: HygieneSettings,
    *,
    taken_back: Mapping[str, str] | None = None,
    measure: Measure | None = None,
    memo: Memo | None = None,
    redact: Callable[[str], str] = redacted,
    ledger: Known = nothing_known,
    recall: bool = True,
) -> Cleaned:
    """Return what is sent, and what was left out.

    Valid for every list that comes in: each call has its result, in order. Doing it again changes
    nothing, and with more room nothing is left out that was there with less.

    Args:
        messages: The whole history, as it is.
        settings: Which filters apply, in which order, and how much room there is.
        taken_back: Why, by the id of each call whose step was taken back.
        measure: How many tokens a text is, as far as the provider's counts tell.
        memo: Remembers what the filters made of a text, so that only new ones cost something.
        redact: Hides the secrets of a text.
        ledger: What tools said of objects, for the line that stands where turns went.
        recall: Whether the model can ask for what was left out; it is told how, then.
    """
    work = _Work(
        settings=settings,
        measure=measure or Measure(),
        memo=memo or Memo(),
        ledger=ledger,
        recall=recall,
    )
    clean = without_quarantined(paired(messages), taken_back or {})
    found, removals = _pinned(clean.messages, work.memo), [*clean.removals]
    for alone, names in groupby(settings.filters, key=TEXT_FILTERS.__contains__):
        if alone:
            found = with_texts(found, tuple(names), memo=work.memo, redact=redact)
            continue
        for name in names:
            step = _FILTERS[name](found, work)
            found = step.messages
            removals += step.removals
    return Cleaned(found, tuple(removals))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What filters work with besides the messages."""

    settings: HygieneSettings
    measure: Measure
    memo: Memo
    ledger: Known
    recall: bool


def _repeats(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    return without_repeats(messages, memo=work.memo, recall=work.recall)


def _thought(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    return without_thought(messages, recent=work.settings.recent)


def _window(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    settings = work.settings
    return windowed(
        messages,
        tokens=settings.tokens,
        recent=settings.recent,
        measure=work.measure,
        memo=work.memo,
        ledger=work.ledger,
    )


def _pinned(messages: tuple[Message, ...], memo: Memo) -> tuple[Message, ...]:
    """Pin the instructions and the task: the first words of whoever asked.

    Each time the same object, by which the filters that follow know it again.
    """
    pin = memo.once_each("pinned", _pin)
    task = next(
        (m for m in messages if m.role is Role.USER and not m.text.startswith((NOTE, TAKEN_BACK))),
        None,
    )
    return tuple(
        [pin(m) if not m.pinned and (m.role is Role.SYSTEM or m is task) else m for m in messages]
    )


def _pin(message: Message) -> Message:
    return replace(message, pinned=True)


def _compress(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    settings = work.settings
    return with_room(
        messages,
        tokens=settings.tokens,
        recent=settings.recent,
        measure=work.measure,
        memo=work.memo,
        recall=work.recall,
    )


_FILTERS: Mapping[FilterName, Callable[[tuple[Message, ...], _Work], Cleaned]] = {
    "repeats": _repeats,
    "thought": _thought,
    "compress": _compress,
    "window": _window,
}
