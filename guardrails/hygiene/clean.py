"""All filters in their order: what is sent in place of the messages as they are.

Some always apply, because what they take out helps nobody: secrets, instructions in data, thought
of earlier turns, results that a newer one stands in for. The others make room, gently first: older
results are compressed step by step, and whole turns go last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from guardrails.hygiene.compression.compress import Compressed, compressed
from guardrails.hygiene.compression.mentions import SHARE, mentions_left_out
from guardrails.hygiene.instructions import labelled
from guardrails.hygiene.left import Left, Removal, pointer_of
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.pairs import paired
from guardrails.hygiene.plain import plain
from guardrails.hygiene.quarantine import TAKEN_BACK, without_quarantined
from guardrails.hygiene.redact import redacted
from guardrails.hygiene.repeats import Cleaned, without_repeats
from guardrails.hygiene.thought import without_thought
from guardrails.hygiene.tokens import Measure, characters_of, size_of
from guardrails.hygiene.window import NOTE, windowed
from guardrails.policy.models import FilterName, HygieneSettings

LIMITS = tuple(round(128_000 * 0.85**step) for step in range(40))
"""Characters that results are compressed to, from the most to the least: 128,000 to 226. A kubectl
table of 30 pods has 2,000; with 250 there is room for what is wrong and little else."""

RECENT = 4
"""How much more the newest turns may have."""


def cleaned(
    messages: Sequence[Message],
    settings: HygieneSettings,
    *,
    taken_back: Mapping[str, str] | None = None,
    measure: Measure | None = None,
    memo: Memo | None = None,
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
    """
    work = _Work(settings=settings, measure=measure or Measure(), memo=memo or Memo())
    clean = without_quarantined(paired(messages), taken_back or {})
    found, removals = _pinned(clean.messages), [*clean.removals]
    for name in settings.filters:
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


def _plain(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    return Cleaned(_results(messages, work.memo.once("plain", plain)))


def _redact(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    """Hide secrets in every text: what is said, thought, called with, and returned."""
    change = work.memo.once("redact", redacted)
    return Cleaned(tuple(_changed(message, change) for message in messages))


def _label(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    return Cleaned(_results(messages, work.memo.once("label", labelled)))


def _repeats(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    del work
    return without_repeats(messages)


def _thought(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    return without_thought(messages, recent=work.settings.recent)


def _window(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    settings = work.settings
    return windowed(messages, tokens=settings.tokens, recent=settings.recent, measure=work.measure)


def _pinned(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Pin the instructions and the task: the first words of whoever asked."""
    task = next(
        (m for m in messages if m.role is Role.USER and not m.text.startswith((NOTE, TAKEN_BACK))),
        None,
    )
    return tuple(
        replace(m, pinned=True) if not m.pinned and (m.role is Role.SYSTEM or m is task) else m
        for m in messages
    )


def _changed(message: Message, change: Callable[[str], str]) -> Message:
    text, reasoning = change(message.text), change(message.reasoning)
    calls = tuple(_call(call, change) for call in message.calls)
    same = all(one is other for one, other in zip(calls, message.calls, strict=True))
    if text is message.text and reasoning is message.reasoning and same:
        return message
    return replace(message, text=text, reasoning=reasoning, calls=calls)


def _call(call: Call, change: Callable[[str], str]) -> Call:
    arguments = change(call.arguments)
    return call if arguments is call.arguments else replace(call, arguments=arguments)


def _results(messages: tuple[Message, ...], change: Callable[[str], str]) -> tuple[Message, ...]:
    found: list[Message] = []
    for message in messages:
        text = change(message.text) if message.role is Role.TOOL else message.text
        found.append(message if text is message.text else replace(message, text=text))
    return tuple(found)


def _compress(messages: tuple[Message, ...], work: _Work) -> Cleaned:
    """Compress results until all fits, no more than that takes, or as far as it goes."""
    tokens, measure = work.settings.tokens, work.measure

    def fits(found: Sequence[Message]) -> bool:
        return measure.tokens(characters_of(found), messages=len(found)) <= tokens

    if fits(messages):
        return Cleaned(messages)
    last = _recent_from(messages, work.settings.recent)
    # Each limit makes the list smaller, so half of them need no look. Between two of them, the
    # newest messages have the larger one.
    step = _first(len(LIMITS) - 1, lambda at: fits(_limited(messages, at, 0, last, work)[0]))
    newest = 0
    if step > 0:
        total = len(messages)
        newest = total - _first(
            total, lambda gone: fits(_limited(messages, step, total - gone, last, work)[0])
        )
    shrunk, said = _limited(messages, step, newest, last, work)
    removals = tuple(
        Removal(
            why=Left.COMPRESSED,
            at=now.at,
            pointer=pointer_of(now),
            characters=size_of(before) - size_of(now),
            said=left,
        )
        for before, now, left in zip(messages, shrunk, said, strict=True)
        if now is not before
    )
    return Cleaned(shrunk, removals)


def _first(last: int, holds: Callable[[int], bool]) -> int:
    """Return the first place from 0 to `last` where a condition holds that then goes on to hold."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _limited(
    messages: tuple[Message, ...], step: int, newest: int, last: int, work: _Work
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Return the messages with shorter results, and what that left out.

    Args:
        messages: In order.
        step: Place of the limit in `LIMITS`.
        newest: How many messages from the end have the limit before it.
        last: Place from which on messages belong to the newest turns, which have more.
        work: For what is remembered.
    """
    shrunk: list[Message] = []
    said: list[str] = []
    for at, message in enumerate(messages):
        limit = LIMITS[step - (at >= len(messages) - newest)]
        # The newest turns are what the agent works on.
        allowed = limit if at < last else RECENT * limit
        if message.role is not Role.TOOL or message.pinned or len(message.text) <= allowed:
            shrunk.append(message)
            said.append("")
            continue
        found = work.memo.twice(_shorter, message.text, allowed)
        shrunk.append(replace(message, text=found.text))
        said.append(found.left_out)
    return tuple(shrunk), tuple(said)


def _shorter(text: str, *, limit: int) -> Compressed:
    """Compress a result, and name what else is in it."""
    room = int(limit * SHARE)
    found = compressed(text, limit=limit - room)
    if not found.left_out:
        return found
    mentions = mentions_left_out(text, found.text, room=room)
    if not mentions or len(found.text) + len(mentions) + len(_ALSO) > len(text):
        return found
    return replace(found, text=f"{found.text}\n{_ALSO}{mentions}]")


_ALSO = "[left out: also named in it are "


def _recent_from(messages: Sequence[Message], recent: int) -> int:
    """Return the place from which on messages belong to the newest turns."""
    heads = [at for at, message in enumerate(messages) if message.role is not Role.TOOL]
    return heads[-recent] if 0 < recent <= len(heads) else 0


_FILTERS: Mapping[FilterName, Callable[[tuple[Message, ...], _Work], Cleaned]] = {
    "plain": _plain,
    "redact": _redact,
    "label": _label,
    "repeats": _repeats,
    "thought": _thought,
    "compress": _compress,
    "window": _window,
}
