"""Caps on the lists, texts and depth of JSON, from generous to bare."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from guardrails.actions.tables import tokens
from guardrails.hygiene.compression.alike import SAME
from guardrails.hygiene.compression.fields import GOOD_REASONS, VITAL
from guardrails.hygiene.compression.jsontext import Json, written
from guardrails.hygiene.compression.masks import Masks
from guardrails.hygiene.compression.pieces import LEAST, cut

Shorten = Callable[[str, int], str]
"""Makes a text inside of an object smaller, given the characters that it may have."""

DEEPEST: Final = 60
"""Levels of nesting that are walked; deeper ones are cut as text. Kubernetes objects have 15."""

_HELD: Final = tokens(
    "metadata spec status template containers initContainers containerStatuses conditions items"
    " initContainerStatuses metric values result series labels alerts columns rows each count first"
    " last min max output text left_out subsets addresses endpoints targetRef involvedObject"
    " resources involvedObject rules http paths backend"
)
"""Names of fields that hold vital ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """How much is kept at one attempt."""

    most: int
    """Longest list."""
    longest: int
    """Longest text; those that speak of failures may have four times as much."""
    vital: bool = False
    """Whether only fields that a diagnosis rests on stay in Kubernetes objects."""
    deepest: int = DEEPEST
    """Levels that are kept."""


STEPS: Final = (
    Step(40, 2_000),
    Step(20, 800),
    Step(10, 400, vital=True),
    Step(6, 250, vital=True),
    Step(4, 160, vital=True),
    Step(3, 100, vital=True),
    Step(2, 60, vital=True, deepest=12),
    Step(1, 60, vital=True, deepest=9),
    Step(1, 40, vital=True, deepest=6),
    Step(1, 40, vital=True, deepest=3),
    Step(1, 30, vital=True, deepest=1),
)
"""From generous to bare; the first that fits is taken."""
GENEROUS: Final = 2
"""Steps tried before lists of objects become briefs."""
BARE: Final = 6
"""Steps from here on lose facts; what speaks of failures takes twice the limit before them."""


@dataclass(slots=True)
class Caps:
    """Caps lists, texts and depth."""

    shorten: Shorten
    gone: int = 0
    """Fields and elements that went at the attempt that was taken."""
    masks: Masks = field(default_factory=Masks)
    wrong: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """Places of elements that speak of failures, by the list's identity."""

    weights: dict[str, int] = field(default_factory=dict[str, int])
    """Weights of long texts."""

    def fitting(self, value: Json, steps: Sequence[Step], *, room: int) -> Json | None:
        """Give the value at the most generous step that fits, found by halves."""
        least, most = 0, len(steps)
        best: Json | None = None
        gone = 0
        while least < most:
            middle = (least + most) // 2
            attempt = self.at(value, steps[middle])
            if len(written(attempt)) <= room:
                best, most, gone = attempt, middle, self.gone
            else:
                least = middle + 1
        self.gone = gone
        return best

    def at(self, value: Json, step: Step) -> Json:
        """Give the value at one step."""
        self.gone = 0
        return self._capped(value, step)

    def _capped(self, value: Json, step: Step, *, depth: int = 0, kube: bool = False) -> Json:
        match value:
            case str() if len(value) > step.longest:
                return self._text(value, step)
            case dict() | list() if depth > step.deepest and value:
                self.gone += 1
                return cut(written(value), limit=step.longest)
            case dict():
                return self._map(value, step, depth=depth, kube=kube or "metadata" in value)
            case list():
                return self._list(value, step, depth=depth, kube=kube)
            case _:
                return value

    def _text(self, value: str, step: Step) -> str:
        if value.startswith(SAME):
            return value
        heavy = self.weights.get(value)
        if heavy is None:
            heavy = self.weights[value] = self.masks.weight(value)
        longest = step.longest * (4 if heavy else 1)
        if len(value) <= longest:
            return value
        self.gone += 1
        if "\n" in value and longest >= LEAST:
            return self.shorten(value, longest)
        return cut(value, limit=longest)

    def _map(self, value: dict[str, Json], step: Step, *, depth: int, kube: bool) -> Json:
        if kube and step.vital:
            told = {key: inner for key, inner in value.items() if key in VITAL or key in _HELD}
            self.gone += len(value) - len(told)
            value = told or value
        rows, columns = value.get("rows"), value.get("columns")
        if isinstance(rows, list) and isinstance(columns, list):
            shorter = self._list(rows, step, depth=depth, kube=kube, cells=True)
            return {**value, "rows": shorter}
        # A map is long because its keys are data, as labels or the files of a ConfigMap.
        most = max(step.most * 3, 12)
        shown = list(value.items())[:most]
        shorter = {
            key: self._capped(inner, step, depth=depth + 1, kube=kube) for key, inner in shown
        }
        if len(shown) < len(value):
            self.gone += len(value) - most
            names = ", ".join(list(value)[most:])
            shorter["…"] = cut(f"{len(value) - most} more: {names}", limit=4 * step.longest)
        return shorter

    def _list(
        self, value: list[Json], step: Step, *, depth: int, kube: bool, cells: bool = False
    ) -> list[Json]:
        def each(element: Json) -> Json:
            if cells and isinstance(element, list):
                return [self._capped(cell, step, depth=depth + 2, kube=kube) for cell in element]
            return self._capped(element, step, depth=depth + 1, kube=kube)

        if len(value) <= step.most:
            return [each(element) for element in value]
        wrong = self._wrong(value)
        chosen = _first_and_last(wrong, step.most + 1)
        calm = sorted({*range(len(value))}.difference(wrong))
        chosen += _first_and_last(calm, max(step.most - len(chosen), 0))
        shown = set(chosen)
        hidden = [element for at, element in enumerate(value) if at not in shown]
        if not hidden:
            return [each(element) for element in value]
        self.gone += len(hidden)
        names = ", ".join(dict.fromkeys(name for one in hidden for name in _names(one)))
        note = f"{len(hidden)} more" + (f": {names}" if names else "")
        return [
            *(each(value[at]) for at in sorted(shown)),
            cut(note, limit=max(2 * step.longest, 48 * step.most, 160)),
        ]

    def _wrong(self, value: list[Json]) -> list[int]:
        known = self.wrong.get(id(value))
        if known is None:
            known = [at for at, each in enumerate(value) if _is_bad(each, self.masks)]
            self.wrong[id(value)] = known
        return known


def _is_bad(value: Json, masks: Masks) -> bool:
    match value:
        case dict() | list():
            reason = value.get("reason") if isinstance(value, dict) else None
            if isinstance(reason, str) and reason in GOOD_REASONS and isinstance(value, dict):
                return value.get("type") == "Warning"
            return masks.weight(written(value)) > 0
        case str():
            return masks.weight(value) > 0
        case _:
            return False


def _first_and_last(places: list[int], most: int) -> list[int]:
    if len(places) <= most:
        return list(places)
    tail = most // 3
    return places[: most - tail] + (places[-tail:] if tail else [])


def _names(value: Json) -> Iterator[str]:
    """Yield the name of an object that was left out of a list."""
    match value:
        case {"metadata": {"name": str(name)}} | {"name": str(name)} | {"alertname": str(name)}:
            yield name
        case [str(name), *_] if len(name) <= 63:  # noqa: PLR2004  # as names of objects
            yield name
        case str() if len(value) <= 63:  # noqa: PLR2004
            yield value
        case _:
            return
