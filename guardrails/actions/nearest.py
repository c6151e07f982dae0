"""The valid name that a wrong one most likely means: by letters, by words, or by abbreviation.

A suggestion is only shown to the model and never acted on, so the nearest one need not be right.
"""

from collections.abc import Iterable

from guardrails.actions.names import words_of_name

_LEAST = 0.3
"""Likeness below which nothing is suggested: `kubectl_exec` and `kubectl_get` share one word of
three, and `get_logs` and `get_pods` too."""
_HELD, _PER_WORD = 0.7, 0.2
"""Likeness of `kubectl` and `kubectl_exec`, which holds it whole, and what its share adds."""
_ABBREVIATED = 0.5
"""Likeness of `ns` and `namespace`."""
_SAME = 0.99
"""Likeness of names that differ in case and separators only."""
_LONGEST = 80
"""Characters compared. Longer ones are no names."""


def nearest(name: str, among: Iterable[str]) -> str | None:
    """Return the name that is most like this one, or None if none is.

    >>> nearest("kubectl_get_pods", ["kubectl", "kubectl_get", "get_logs"])
    'kubectl_get'
    >>> nearest("ns", ["name", "namespace"])
    'namespace'
    """
    best, most = None, 0.0
    for other in among:
        likeness = _likeness(name[:_LONGEST], other[:_LONGEST])
        if likeness > most:
            best, most = other, likeness
    return best if most >= _LEAST else None


def _likeness(name: str, other: str) -> float:
    ours, theirs = _plain(name), _plain(other)
    if not ours or not theirs:
        return 0.0
    if ours == theirs:
        return 1.0 if name == other else _SAME
    letters = 1 - distance(ours, theirs) / max(len(ours), len(theirs))
    mine, its = set(words_of_name(name)), set(words_of_name(other))
    words = len(mine & its) / len(mine | its) if mine | its else 0.0
    if its and its < mine:
        words = _HELD + _PER_WORD * len(its) / len(mine)
    short = _ABBREVIATED if abbreviates(ours, theirs) or abbreviates(theirs, ours) else 0.0
    # Letters alone mislead short names: half of them agree by chance.
    return max(letters if letters > _ABBREVIATED else 0.0, words, short)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def abbreviates(short: str, long: str) -> bool:
    """Tell whether a word is made of another's letters in order, its first one included.

    >>> abbreviates("cmd", "command")
    True
    """
    if not 1 < len(short) < len(long) or short[0] != long[0]:
        return False
    letters = iter(long)
    return all(letter in letters for letter in short)


def distance(one: str, other: str) -> int:
    """Count the letters to add, drop, change or swap with their neighbours (Damerau).

    >>> distance("namepsace", "namespace")
    1
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        row = [place]
        for at, theirs in enumerate(other, start=1):
            cost = min(last[at] + 1, row[at - 1] + 1, last[at - 1] + (letter != theirs))
            if place > 1 and at > 1 and letter == other[at - 2] and one[place - 2] == theirs:
                cost = min(cost, before[at - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
