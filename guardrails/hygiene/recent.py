"""Redaction that remembers the newest texts: what was recorded a moment ago is now sent."""

import threading
from collections import OrderedDict
from collections.abc import Callable

RECENT = 64
"""Texts that a run hands over between two turns: arguments and results of some thirty calls."""
RECENT_CHARACTERS = 20_000
"""The most of them, together: what a service holds for each of a thousand runs. What is longer is
read again: 0.1 ms for 100 kB."""


class Recent:
    """A change of texts that remembers the newest: what was recorded a moment ago is now sent.

    Belongs to one session; threads may share it.
    """

    def __init__(self, change: Callable[[str], str]) -> None:
        self._change = change
        self._known: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def __call__(self, text: str) -> str:
        """Return the text, changed."""
        known = self._known.get(text)
        if known is not None:
            return text if known == text else known
        made = self._change(text)
        if len(text) > SHORT:
            self._remember(text, made)
        return made

    def unchanged(self, text: str) -> None:
        """Take note of a text that is known to stay as it is."""
        if len(text) > SHORT:
            self._remember(text, text)

    def _remember(self, text: str, made: str) -> None:
        with self._lock:
            if text in self._known:
                return
            self._known[text] = made
            self._characters += len(text)
            while len(self._known) > RECENT or self._characters > RECENT_CHARACTERS:
                gone, _ = self._known.popitem(last=False)
                self._characters -= len(gone)


SHORT = 500
"""Characters up to which a text is read again as quickly as it is looked up."""
