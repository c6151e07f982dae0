"""What filters made of texts, remembered: a history grows at its end, and the rest was seen before.

Texts never change, so what is remembered stays true; only its size is bounded.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

V = TypeVar("V")

MOST = 4_096
"""Texts remembered for each filter: some 1,000 turns of several results."""


@dataclass(slots=True)
class Memo:
    """Results by filter and text. Belongs to one session; threads may share it."""

    _known: OrderedDict[Hashable, object] = field(default_factory=OrderedDict[Hashable, object])

    def once(self, name: str, change: Callable[[str], str]) -> Callable[[str], str]:
        """Return a filter of texts that does its work once for each."""

        def remembered(text: str) -> str:
            return self._get((name, text), lambda: change(text)) if text else text

        return remembered

    def twice(self, change: Callable[..., V], text: str, limit: int) -> V:
        """Return what a filter with a limit makes of a text."""
        return self._get((change, limit, text), lambda: change(text, limit=limit))

    def _get(self, key: Hashable, make: Callable[[], V]) -> V:
        known = self._known
        if key in known:
            return cast("V", known[key])
        made = make()
        known[key] = made
        if len(known) > MOST:
            known.popitem(last=False)
        return made
