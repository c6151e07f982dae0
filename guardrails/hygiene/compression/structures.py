"""JSON: fields of little use go rank by rank, then long series, lists and texts are told in short.

The result is JSON again. What it lacks is said under `left_out`, so that nobody takes the shorter
object for the whole.
"""

from dataclasses import dataclass
from typing import Final, cast

from guardrails.hygiene.compression.alike import Seen, columns
from guardrails.hygiene.compression.briefs import briefs, holds_objects
from guardrails.hygiene.compression.caps import BARE, DEEPEST, GENEROUS, STEPS, Caps, Shorten
from guardrails.hygiene.compression.fields import RANKS, TELLING, is_fine
from guardrails.hygiene.compression.jsontext import Json
from guardrails.hygiene.compression.jsontext import written as as_text
from guardrails.hygiene.compression.pieces import MARK, NOTE_ROOM, Compressed
from guardrails.hygiene.compression.series import with_series_told

LEFT_OUT: Final = "left_out"


def shorter_object(text: str, value: Json, *, limit: int, shorten: Shorten) -> Compressed | None:
    """Make a JSON object or list smaller.

    Args:
        text: The JSON as it came.
        value: What it says.
        limit: Characters aimed at.
        shorten: For texts inside, such as a log in a field.

    Returns:
        JSON, or nothing if even the barest outline is longer than twice the limit.
    """
    if len(dense := as_text(value)) <= limit:
        return Compressed(text=dense)
    room, wide = limit - NOTE_ROOM, 2 * limit - NOTE_ROOM
    walk = _Walk()
    shorter = _unwrapped(value, walk, shorten, room=room)
    if shorter is not value and len(as_text(shorter)) <= wide:
        return _told(shorter, gone=walk.gone, whole=len(text))
    for rank in RANKS:
        shorter = walk.without(shorter, rank)
        if len(as_text(shorter)) <= room:
            return _told(shorter, gone=walk.gone, whole=len(text))
    plain = with_series_told(shorter)
    walk.gone += plain != shorter
    shorter = columns(Seen().once(plain))
    if len(as_text(shorter)) <= room:
        return _told(shorter, gone=walk.gone, whole=len(text))
    attempt, gone = _capped(shorter, plain, shorten, room=room, wide=wide)
    if len(as_text(attempt)) <= wide:
        return _told(attempt, gone=walk.gone + gone, whole=len(text))
    return None


def _capped(
    shorter: Json, plain: Json, shorten: Shorten, *, room: int, wide: int
) -> tuple[Json, int]:
    """Cap lists and texts, after lists of objects became briefs if that is needed."""
    caps = Caps(shorten)
    if holds_objects(plain):
        fitting = caps.fitting(shorter, STEPS[:GENEROUS], room=room)
        if fitting is not None:
            return fitting, caps.gone
        shorter, caps = briefs(plain), Caps(shorten)
    most = wide if caps.masks.weight(as_text(shorter)) else room
    attempt = (
        caps.fitting(shorter, STEPS[:BARE], room=room)
        or caps.fitting(shorter, STEPS[:BARE], room=most)
        or caps.fitting(shorter, STEPS[BARE:], room=room)
        or caps.at(shorter, STEPS[-1])
    )
    return attempt, caps.gone + (shorter is not plain)


@dataclass(slots=True)
class _Walk:
    """Counts what goes."""

    gone: int = 0

    def without(self, value: Json, rank: frozenset[str], *, depth: int = 0) -> Json:
        """Drop the fields of a rank, empty maps and lists, and what is as it should be."""
        if depth > DEEPEST:
            return value
        match value:
            case dict():
                return self._fields(value, rank, depth)
            case list():
                kept = [
                    self.without(each, rank, depth=depth + 1) for each in value if not _well(each)
                ]
                self.gone += len(value) - len(kept)
                return kept
            case _:
                return value

    def _fields(self, value: dict[str, Json], rank: frozenset[str], depth: int) -> dict[str, Json]:
        kept: dict[str, Json] = {}
        for key, inner in value.items():
            if key in rank:
                self.gone += 1
                continue
            shorter = self.without(inner, rank, depth=depth + 1)
            if shorter in ({}, [], None, "") and key not in TELLING:
                self.gone += 1
            else:
                kept[key] = shorter
        return kept


def _well(value: Json) -> bool:
    """Tell whether an element is a condition that is fine, or the token volume of every pod."""
    if not isinstance(value, dict):
        return False
    kind, status = value.get("type"), value.get("status")
    if isinstance(kind, str) and status in {"True", "False"}:
        return is_fine(kind, str(status))
    name = value.get("name")
    if isinstance(name, str) and name.startswith("kube-api-access"):
        return True
    return value.get("mountPath") == "/var/run/secrets/kubernetes.io/serviceaccount"


def _unwrapped(value: Json, walk: _Walk, shorten: Shorten, *, room: int) -> Json:
    """Make the one text smaller that is most of an object, as tool servers wrap their outputs."""
    match value:
        case [dict(one)]:
            inner = _unwrapped(one, walk, shorten, room=room - 2)
            return value if inner is one else [inner]
        case dict():
            texts = [key for key, inner in value.items() if isinstance(inner, str)]
            if not texts:
                return value
            key = max(texts, key=lambda key: len(str(value[key])))
            frame = len(as_text({**value, key: ""}))
            text = str(value[key])
            if len(text) < 2 * frame:
                return value
            # Quotes and line ends take two characters within JSON.
            swollen = len(as_text(text)) / len(text)
            walk.gone += 1
            return {**value, key: shorten(text, int((room - frame) / swollen))}
        case _:
            return value


def _told(value: Json, *, gone: int, whole: int) -> Compressed:
    """Say in the object itself what it lacks."""
    if not gone:
        return Compressed(text=as_text(value))
    left_out = f"{gone} fields or elements; {whole} characters in full"
    note = f"{MARK}{left_out}]"
    if isinstance(value, dict):
        return Compressed(text=as_text({**value, LEFT_OUT: note}), left_out=left_out)
    return Compressed(text=as_text([*cast("list[Json]", value), note]), left_out=left_out)
