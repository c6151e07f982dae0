"""One result at every limit, from whole to a pointer; each form is made when it is first needed."""

from dataclasses import dataclass, field
from typing import Final

from guardrails.hygiene.compression.compress import Compressed, compressed
from guardrails.hygiene.compression.mentions import ALSO
from guardrails.hygiene.compression.pieces import MARK

LIMITS: Final = tuple(round(128_000 * 0.7**step) for step in range(19))
"""Characters that results are compressed to, from the most to the least: 128,000 to 208. A kubectl
table of 30 pods has 2,000; with 250 there is room for what is wrong and little else. With steps of
this size, four in a row are a quarter, and a growing history changes few older results a turn."""

WHOLE: Final = 0
"""The rung on which a result is as it came; those behind it are the limits."""
POINTER: Final = len(LIMITS) + 1
"""The last rung: nothing stays but where to find it."""


@dataclass(slots=True, eq=False)
class Forms:
    """The forms of one text. Which one is sent depends on how much room there is."""

    text: str
    pointer: str = ""
    """What `recall` takes to show it again; empty if it cannot."""
    floors: list[int] = field(init=False)
    """Per rung but the last, what is known to be the least size on it and on the next; 0 where a
    form was not made yet. Sums of them tell, without making any, that a rung leaves too much."""
    _sizes: list[int] = field(init=False)
    """Per rung; 0 where the form was not made yet."""
    _made: dict[int, Compressed] = field(default_factory=dict[int, Compressed])

    def __post_init__(self) -> None:
        size = len(self.text)
        # Some are as short as they get: pointers, and forms with their names.
        least = self.text.startswith(MARK) or ALSO in self.text
        whole = next((at for at, limit in enumerate(LIMITS, 1) if limit < size), POINTER)
        whole = POINTER + 1 if least else whole
        self._sizes = [size] * whole + [0] * (POINTER + 1 - whole)
        self.floors = [size] * max(whole - 1, 0) + [0] * min(POINTER + 1 - whole, POINTER)

    def at(self, rung: int) -> Compressed:
        """Return the form on a rung."""
        made = self._made.get(rung)
        if made is not None:
            return made
        if self._sizes[rung]:
            return Compressed(text=self.text)
        made = self._pointer() if rung == POINTER else compressed(self.text, limit=LIMITS[rung - 1])
        self._made[rung] = made
        self._sizes[rung] = len(made.text)
        for one in (rung - 1, rung):
            if one < POINTER and self._sizes[one] and self._sizes[one + 1]:
                self.floors[one] = min(self._sizes[one], self._sizes[one + 1])
        return made

    def size(self, rung: int) -> int:
        """Return the characters of the form on a rung."""
        return self._sizes[rung] or len(self.at(rung).text)

    def _pointer(self) -> Compressed:
        said = f"a result of {len(self.text):,} characters"
        asked = f'; recall("{self.pointer}") shows it' if self.pointer else ""
        text = f"{MARK}{said}{asked}]"
        if len(text) >= len(self.text):
            return Compressed(text=self.text)
        return Compressed(text=text, left_out=said)
