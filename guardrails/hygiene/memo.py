"""What filters made of texts, remembered: a history grows at its end, and the rest was seen before.

Texts never change, so what is remembered stays true; only its size is bounded.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
V = TypeVar("V")

MOST = 8_192
"""Entries of a generation: about eight a message, so histories of 1,000 messages are remembered
whole. Two generations are kept."""


@dataclass(slots=True)
class Memo:
    """Results by filter and text. Belongs to one session; its threads may share it.

    There are two generations: what is asked for again moves to the young one, and when that is
    full, it becomes the old one and what was old is forgotten. A cache that forgets the entry that
    was asked for longest ago would forget, for a history that is just too long, each entry right
    before it is needed.
    """

    _young: dict[Hashable, object] = field(default_factory=dict[Hashable, object])
    _old: dict[Hashable, object] = field(default_factory=dict[Hashable, object])

    def once(self, name: str, change: Callable[[K], V]) -> Callable[[K], V]:
        """Return a function that does its work once for each text, or whatever it is given.

        Args:
            name: Tells functions apart.
            change: The work; pure.
        """
        young = self._young

        def remembered(given: K) -> V:
            key = (name, given)
            known = young.get(key)
            return cast("V", known) if known is not None else self._made(key, change, given)

        return remembered

    def _made(self, key: Hashable, change: Callable[[T], V], given: T) -> V:
        known = self._old.get(key)
        made = change(given) if known is None else cast("V", known)
        self._young[key] = made
        return made

    def once_each(self, name: str, change: Callable[[T], V]) -> Callable[[T], V]:
        """Return a function that does its work once for each object, told apart by identity.

        For what takes long to compare. An object that is remembered lives on, so that no other
        gets its identity.
        """
        young = self._young

        def remembered(given: T) -> V:
            key = (name, id(given))
            known = young.get(key)
            if known is None:
                known = self._made(key, lambda given: (given, change(given)), given)
            return cast("tuple[T, V]", known)[1]

        return remembered

    @property
    def size(self) -> int:
        """How much is remembered."""
        return len(self._young) + len(self._old)

    def settle(self) -> None:
        """Forget what was not asked for lately, if there is much. Done between two requests."""
        if len(self._young) > MOST:
            self._old, self._young = self._young, {}
