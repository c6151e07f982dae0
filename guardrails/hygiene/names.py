"""Names that compression took out of sight: each is told once, where it stood, as room allows.

A name that any other message still shows needs no telling, and one that stood in many results is
told with the newest. So a little room holds nearly all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest

from guardrails.hygiene.compression.mentions import ALSO, names_in, words_in
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message

GROUP = 8
"""Messages of which the words are remembered together."""

_FRAME = len(ALSO) + 1


def names_told(
    whole: Mapping[int, str],
    shown: Iterable[Message],
    rooms: Mapping[int, int],
    *,
    room: int,
    memo: Memo,
) -> dict[int, str]:
    """Choose names for results that were made shorter.

    Results take turns, the newest first, so that none fills the room with its own.

    Args:
        whole: What stood in these results, by their places.
        shown: All messages as they are sent without the lines.
        rooms: Most characters of the line of each result, by its place.
        room: Characters of all lines together.
        memo: Remembers which names a text has.

    Returns:
        Lines by place.
    """
    told: dict[int, list[str]] = {}
    left = dict(rooms)
    for at, name in missing(whole, shown, memo=memo):
        cost = len(name) + 2 if at in told else len(name) + _FRAME
        if cost > left[at]:
            continue
        if cost > room:
            break
        told.setdefault(at, []).append(name)
        left[at] -= cost
        room -= cost
    return {at: f"{ALSO}{', '.join(each)}]" for at, each in told.items()}


def missing(
    whole: Mapping[int, str], shown: Iterable[Message], *, memo: Memo
) -> Iterator[tuple[int, str]]:
    """Yield names that are not shown, each once: the first of each place, then the second of each.

    Args:
        whole: Texts by their places; the last places come first.
        shown: Messages that show names.
        memo: Remembers which names a text has.
    """
    names = memo.once("names", names_in)
    seen = words_shown(shown, memo)
    rows = {
        at: [name for name in names(text) if name not in seen]
        for at, text in sorted(whole.items(), reverse=True)
    }
    for row in zip_longest(*rows.values()):
        for at, name in zip(rows, row, strict=True):
            if name and name not in seen:
                seen.add(name)
                yield at, name


def words_shown(messages: Iterable[Message], memo: Memo) -> set[str]:
    """Return the words that messages show, calls with their arguments among them.

    They are joined by groups of messages: when a history grows by a turn, few groups change.
    """
    words = memo.once("words", words_in)

    def joined(group: tuple[str, ...]) -> frozenset[str]:
        return frozenset(chain.from_iterable(map(words, group)))

    groups_words = memo.once("words of a group", joined)
    texts = [(message.text, *(call.arguments for call in message.calls)) for message in messages]
    groups = (
        tuple(chain.from_iterable(texts[at : at + GROUP])) for at in range(0, len(texts), GROUP)
    )
    return set(chain.from_iterable(map(groups_words, groups)))
